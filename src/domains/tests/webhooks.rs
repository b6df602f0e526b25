//! Subscriptions of hosted clones, with a receiver that is the test and time by hand.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::*;
use crate::domains::host::subscribing;
use crate::domains::{
    Arriving, Condition, Host, HostError, Inbox, Line, Owner, Relay, SubscriptionState, Unicast,
    Writing,
};
use crate::ids::{CloneId, DomainId};
use crate::notify::{HookUrl, Sending, Signed, Transport, WebhookError};

/// What is not there by then will not be.
const SOON: Duration = Duration::from_secs(20);
/// The lease of a lock, and a little.
const LEASE: Duration = Duration::from_secs(31);

/// A relay where nobody else is.
#[derive(Debug)]
struct Empty;

impl Relay for Empty {
    fn connect(&self, _: &DomainId, _: &CloneId, inbox: Arc<dyn Inbox>) -> Option<Box<dyn Line>> {
        inbox.deliver(Arriving::Presence(vec![])).ok()?;
        Some(Box::new(Held(inbox)))
    }
}

#[derive(Debug)]
struct Held(#[expect(dead_code, reason = "the line is cut when it is dropped")] Arc<dyn Inbox>);

impl Line for Held {
    fn present(&self, _: bool) {}

    fn operation(&self, _: Bytes) {}

    fn unicast(&self, _: &str, _: Unicast) {}

    fn has_room(&self, _: &str) -> bool {
        true
    }

    fn others(&self) -> usize {
        0
    }
}

type Post = (Signed, oneshot::Sender<u16>);

/// Hands each message to the test, which answers it.
#[derive(Debug)]
struct Receiver(mpsc::UnboundedSender<Post>);

impl Transport for Receiver {
    fn check<'a>(&'a self, url: &'a HookUrl) -> Sending<'a, ()> {
        let forbidden = url.host() == "forbidden.example";
        Box::pin(async move {
            if forbidden {
                Err(WebhookError::NotPermitted)
            } else {
                Ok(())
            }
        })
    }

    fn post<'a>(&'a self, message: &'a Signed) -> Sending<'a, u16> {
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            self.0.send((message.clone(), answer)).unwrap();
            answered.await.map_err(|_| WebhookError::TimedOut)
        })
    }
}

struct Scene {
    house: House,
    host: Host,
    posts: mpsc::UnboundedReceiver<Post>,
}

impl Scene {
    async fn new() -> Self {
        let world = World::new().await;
        let key = world.key("acme").await;
        let (house, posts) = House::over_webhooks(world, key);
        let (permit, todo) = (house.permit(), name("todo"));
        let request = Request::default();
        let made = house.domains.create(&permit, &todo, &request).await;
        made.unwrap();
        let host = house.domains.host(&permit, &todo).await.unwrap();
        Self { house, host, posts }
    }

    async fn subscribed() -> Self {
        let scene = Self::new().await;
        scene.subscribe("https://a.example/").await.unwrap();
        scene
    }

    async fn subscribe(&self, url: &str) -> Result<(), HostError> {
        let url = HookUrl::parse(url).unwrap();
        self.host.subscribe(acme(), url).await.map(drop)
    }

    /// Writes under a lock, whose lease then ends.
    async fn leaves_an_update(&self, id: &str) {
        let writing = Writing {
            request: Some(json!({"@id": id, "name": id})),
            condition: Condition::Any,
            lock: true,
        };
        soon(self.host.write(acme(), writing)).await.unwrap();
        self.pass(LEASE).await;
    }

    /// Lets time pass, and has the clone notice.
    async fn pass(&self, time: Duration) {
        self.house.world.hand.advance(time);
        soon(self.host.is_locked()).await.unwrap();
    }

    async fn is_locked(&self) -> bool {
        soon(self.host.is_locked()).await.unwrap()
    }

    async fn post(&mut self) -> Post {
        soon(self.posts.recv()).await.unwrap()
    }

    async fn state(&self) -> SubscriptionState {
        let shown = soon(self.host.subscription()).await.unwrap();
        shown.unwrap().state
    }

    /// A write by somebody else, which waits until the state is free.
    async fn another_writes(&self) {
        let writing = Writing {
            request: Some(json!({"@id": "other", "name": "other"})),
            condition: Condition::Any,
            lock: false,
        };
        soon(self.host.write(Owner::Root, writing)).await.unwrap();
    }
}

impl House {
    fn over_webhooks(world: World, key: AccountKey) -> (Self, mpsc::UnboundedReceiver<Post>) {
        let (sender, posts) = mpsc::unbounded_channel();
        let webhooks = Webhooks::over(Box::new(Receiver(sender)), SOON, &world.clock);
        let domains = Domains::open(
            world.store.clone(),
            &world.config,
            (&world.accounts, "https://gw.example.org/"),
            &webhooks,
            (&world.clock, &world.chance),
        );
        let domains = domains.unwrap();
        domains.join(Arc::new(Empty));
        let house = Self {
            world,
            domains,
            key,
        };
        (house, posts)
    }
}

async fn soon<T>(awaited: impl Future<Output = T>) -> T {
    let awaited = tokio::time::timeout(SOON, awaited).await;
    awaited.expect("it should have happened by now")
}

fn acme() -> Owner {
    Owner::Account(name("acme"))
}

fn counts(message: &Signed) -> Vec<u64> {
    let body: Value = serde_json::from_slice(&message.body).unwrap();
    let updates = body["data"]["updates"].as_array().unwrap().iter();
    updates
        .map(|update| update["@emitCount"].as_u64().unwrap())
        .collect()
}

#[tokio::test]
async fn a_batch_holds_the_lock_until_it_is_acknowledged_and_the_next_comes_after() {
    let mut scene = Scene::subscribed().await;
    scene.leaves_an_update("one").await;
    let (message, answer) = scene.post().await;
    assert_eq!(counts(&message), [2]);
    assert!(scene.is_locked().await);
    answer.send(204).unwrap();
    soon(scene.host.release(acme(), Condition::Any))
        .await
        .unwrap();
    assert!(!scene.is_locked().await);
    scene.leaves_an_update("two").await;
    let (next, _answer) = scene.post().await;
    assert_eq!(counts(&next), [2]);
    assert_ne!(next.id, message.id);
}

#[tokio::test]
async fn a_failed_delivery_frees_the_state_and_goes_again_after_its_wait() {
    let mut scene = Scene::subscribed().await;
    scene.leaves_an_update("one").await;
    let (first, answer) = scene.post().await;
    answer.send(500).unwrap();
    scene.another_writes().await;
    assert!(!scene.is_locked().await);
    assert!(matches!(
        scene.state().await,
        SubscriptionState::Failing { deliveries: 1, .. }
    ));
    // The first wait is 5 s, less up to a half.
    scene.pass(Duration::from_secs(2)).await;
    assert!(scene.posts.try_recv().is_err());
    scene.pass(Duration::from_secs(3)).await;
    let (again, _answer) = scene.post().await;
    assert_eq!((counts(&again), again.id), (vec![3], first.id));
}

#[tokio::test]
async fn a_batch_whose_lease_ends_is_put_back_and_others_have_the_state_meanwhile() {
    let mut scene = Scene::subscribed().await;
    scene.leaves_an_update("one").await;
    let (_, answer) = scene.post().await;
    answer.send(200).unwrap();
    scene.pass(LEASE).await;
    scene.another_writes().await;
    assert!(matches!(
        scene.state().await,
        SubscriptionState::Failing { deliveries: 1, .. }
    ));
    scene.pass(Duration::from_secs(5)).await;
    let (again, _answer) = scene.post().await;
    assert_eq!(counts(&again), [3]);
}

#[tokio::test]
async fn what_waits_is_sent_when_the_gateway_starts_again() {
    let mut scene = Scene::subscribed().await;
    scene.leaves_an_update("one").await;
    let (first, _answer) = scene.post().await;
    let House {
        domains,
        world,
        key,
    } = scene.house;
    domains.close().await;
    let (house, mut posts) = House::over_webhooks(world, key);
    house.domains.resume_webhooks().await;
    let (again, _answer) = soon(posts.recv()).await.unwrap();
    assert_eq!((counts(&again), again.id), (vec![3], first.id));
}

#[tokio::test]
async fn a_subscription_that_ends_or_goes_with_its_subdomain_is_not_resumed() {
    let mut scene = Scene::subscribed().await;
    let recorded = |scene: &Scene| {
        subscribing::recorded(&scene.house.world.store)
            .unwrap()
            .len()
    };
    assert_eq!(recorded(&scene), 1);
    scene.leaves_an_update("one").await;
    let (_, _answer) = scene.post().await;
    scene.host.unsubscribe().await.unwrap();
    assert!(!scene.is_locked().await);
    assert_eq!(recorded(&scene), 0);
    let none = scene.host.unsubscribe().await;
    assert!(matches!(none, Err(HostError::NotSubscribed)), "{none:?}");
    scene.subscribe("https://a.example/").await.unwrap();
    assert_eq!(recorded(&scene), 1);
    let (permit, todo) = (scene.house.permit(), name("todo"));
    scene.house.domains.delete(&permit, &todo).await.unwrap();
    assert_eq!(recorded(&scene), 0);
}

#[tokio::test]
async fn a_host_that_may_not_be_sent_to_is_refused_and_changes_nothing() {
    let scene = Scene::subscribed().await;
    let before = scene.host.subscription().await.unwrap();
    let refused = scene.subscribe("https://forbidden.example/").await;
    assert!(matches!(refused, Err(HostError::Bad(_))), "{refused:?}");
    assert_eq!(scene.host.subscription().await.unwrap(), before);
}
