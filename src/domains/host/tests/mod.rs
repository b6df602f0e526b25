//! Hosted clones over a store in memory and a relay that is the test.

mod crashes;
mod failures;
mod lives;
mod locks;
mod peers;
mod polls;
mod presence;
mod room;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::*;
use crate::accounts::fixture::{accounts_over, config};
use crate::clock::{Chance, Clock, Hand, Timestamp};
use crate::domains::relay::{Arriving, Inbox, InboxFull, Line, Relay, Unicast};
use crate::ids::{CloneId, DomainId, Name};
use crate::notify::Webhooks;
use crate::store::Store;
use std::time::Duration;

const LEASE: Duration = Duration::from_secs(30);
const PATIENCE: Duration = Duration::from_secs(10);
const IDLE: Duration = Duration::from_mins(10);
/// What is not there by then will not be.
const SOON: Duration = Duration::from_secs(20);

/// What a hosted clone said to the relay.
#[derive(Clone, Debug, PartialEq)]
enum Said {
    Connected(String),
    Present(bool),
    Operation(Bytes),
    Unicast(String, Unicast),
    Left,
}

/// A relay of which the test is everybody else.
#[derive(Debug)]
struct Air {
    said: UnboundedSender<Said>,
    inbox: Mutex<Option<Arc<dyn Inbox>>>,
    others: Arc<AtomicUsize>,
    room: Arc<AtomicBool>,
    /// Who is present when the clone connects.
    present: Mutex<Vec<String>>,
    /// Domains of which nothing is heard, and where nobody else is.
    quiet: Mutex<BTreeSet<DomainId>>,
}

impl Air {
    fn new() -> (Arc<Self>, UnboundedReceiver<Said>) {
        let (said, hear) = unbounded_channel();
        let air = Self {
            said,
            inbox: Mutex::default(),
            others: Arc::default(),
            room: Arc::new(AtomicBool::new(true)),
            present: Mutex::default(),
            quiet: Mutex::default(),
        };
        (Arc::new(air), hear)
    }

    fn deliver(&self, arriving: Arriving) -> Result<(), InboxFull> {
        let inbox = self.inbox.lock().unwrap();
        inbox.as_ref().unwrap().deliver(arriving)
    }

    /// As a hub does with whoever falls behind.
    fn cut(&self) {
        self.inbox.lock().unwrap().take().unwrap().cut();
    }

    /// Nothing is heard of a domain.
    fn quieten(&self, domain: DomainId) {
        self.quiet.lock().unwrap().insert(domain);
    }

    /// Whether the hosted clone has failed, and is not back.
    fn is_away(&self) -> bool {
        self.inbox.lock().unwrap().as_ref().unwrap().is_away()
    }

    /// These are connected, and present.
    fn presence(&self, ids: &[&str]) {
        let ids: Vec<_> = ids.iter().map(|&id| id.to_owned()).collect();
        self.others.store(ids.len(), Ordering::SeqCst);
        ids.clone_into(&mut self.present.lock().unwrap());
        self.deliver(Arriving::Presence(ids)).unwrap();
    }

    /// Something that changes nothing, but has a clone look at the time.
    fn nudge(&self) {
        let present = self.present.lock().unwrap().clone();
        self.deliver(Arriving::Presence(present)).unwrap();
    }
}

impl Relay for Air {
    fn connect(
        &self,
        domain: &DomainId,
        clone: &CloneId,
        inbox: Arc<dyn Inbox>,
    ) -> Option<Box<dyn Line>> {
        if self.quiet.lock().unwrap().contains(domain) {
            inbox.deliver(Arriving::Presence(Vec::new())).unwrap();
            return Some(Box::new(Wire {
                said: unbounded_channel().0,
                others: Arc::default(),
                room: Arc::new(AtomicBool::new(true)),
            }));
        }
        let present = self.present.lock().unwrap().clone();
        inbox.deliver(Arriving::Presence(present)).unwrap();
        *self.inbox.lock().unwrap() = Some(inbox);
        let said = self.said.clone();
        said.send(Said::Connected(clone.as_str().to_owned())).ok()?;
        Some(Box::new(Wire {
            said,
            others: Arc::clone(&self.others),
            room: Arc::clone(&self.room),
        }))
    }
}

#[derive(Debug)]
struct Wire {
    said: UnboundedSender<Said>,
    others: Arc<AtomicUsize>,
    room: Arc<AtomicBool>,
}

impl Wire {
    fn say(&self, said: Said) {
        // An error means that the test is over.
        drop(self.said.send(said));
    }
}

impl Line for Wire {
    fn present(&self, present: bool) {
        self.say(Said::Present(present));
    }

    fn operation(&self, message: Bytes) {
        self.say(Said::Operation(message));
    }

    fn unicast(&self, to: &str, message: Unicast) {
        self.say(Said::Unicast(to.to_owned(), message));
    }

    fn has_room(&self, _: &str) -> bool {
        self.room.load(Ordering::SeqCst)
    }

    fn others(&self) -> usize {
        self.others.load(Ordering::SeqCst)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.say(Said::Left);
    }
}

/// Everything that a hosted clone needs.
struct World {
    hosts: Arc<Hosts>,
    store: Store,
    air: Arc<Air>,
    said: UnboundedReceiver<Said>,
    clock: Clock,
    hand: Hand,
}

impl World {
    async fn new() -> Self {
        let (clock, hand) = Clock::manual(Timestamp::from_millis(0));
        Self::over(Store::memory(&Chance::seeded(1)), (clock, hand)).await
    }

    /// On a clock that goes by itself.
    async fn running() -> Self {
        let (_, hand) = Clock::manual(Timestamp::from_millis(0));
        Self::over(Store::memory(&Chance::seeded(1)), (Clock::system(), hand)).await
    }

    async fn over(store: Store, (clock, hand): (Clock, Hand)) -> Self {
        let (air, said) = Air::new();
        let mut domains = config().domains;
        (domains.lock_lease, domains.lock_wait) = (LEASE, PATIENCE);
        domains.idle_timeout = IDLE;
        let gateway = config().gateway.domain;
        let timeout = Some(Duration::from_secs(1));
        let chance = Chance::system();
        let webhooks = config().webhooks;
        let nowhere = Webhooks::new(&webhooks, &clock).unwrap();
        let accounts = accounts_over(&store, (&clock, &chance)).await;
        let hosts = Hosts::new(
            &gateway,
            (&domains, timeout),
            (&webhooks, &nowhere),
            (&store, &accounts),
            (&clock, &chance),
        );
        hosts.join(Arc::clone(&air) as Arc<dyn Relay>);
        Self {
            hosts,
            store,
            air,
            said,
            clock,
            hand,
        }
    }

    /// The daemon ends as it should, and another one begins on the same files.
    async fn restarted(self) -> Self {
        self.hosts.close().await;
        Self::over(self.store, (self.clock, self.hand)).await
    }

    async fn host(&self) -> Host {
        let host = soon(self.hosts.get(&domain("todo"), false)).await;
        host.unwrap()
    }

    /// Lets time pass, and has the clone notice.
    fn pass(&self, time: Duration) {
        self.hand.advance(time);
        self.air.nudge();
    }

    async fn hears(&mut self) -> Said {
        soon(self.said.recv()).await.unwrap()
    }

    /// Passes over what the clone says, up to something.
    async fn hears_until(&mut self, wanted: impl Fn(&Said) -> bool) -> Said {
        loop {
            let said = self.hears().await;
            if wanted(&said) {
                return said;
            }
        }
    }
}

fn update(following: Following) -> Followed {
    match following {
        Following::Update(followed) => followed,
        Following::Anew(tick) => panic!("the data came anew with tick {tick}"),
    }
}

async fn soon<T>(awaited: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, awaited)
        .await
        .expect("it should have happened by now")
}

fn domain(name: &str) -> DomainId {
    DomainId::Subdomain {
        account: Name::parse("acme").unwrap(),
        name: Name::parse(name).unwrap(),
    }
}

fn ann() -> Owner {
    Owner::Account(Name::parse("ann").unwrap())
}

fn bob() -> Owner {
    Owner::Account(Name::parse("bob").unwrap())
}

/// A subject of this name.
fn subject(name: &str) -> Value {
    json!({"@id": name, "name": name})
}

fn writing(request: Option<Value>) -> Writing {
    Writing {
        request,
        condition: Condition::Any,
        lock: false,
    }
}

fn locking(request: Option<Value>) -> Writing {
    Writing {
        lock: true,
        ..writing(request)
    }
}

fn on_tick(tick: u64, writing: Writing) -> Writing {
    Writing {
        condition: Condition::Tick(tick),
        ..writing
    }
}

impl Host {
    /// A plain write of a subject of this name.
    async fn adds(&self, name: &str) -> Written {
        let written = self.write(bob(), writing(Some(subject(name)))).await;
        written.unwrap()
    }

    /// Polls, and gives the names of what was inserted, each with its emit count.
    async fn polled(&self) -> Vec<(String, u64)> {
        let polled = soon(self.poll(ann())).await.unwrap();
        names(&polled.updates)
    }

    async fn released(&self) {
        soon(self.release(ann(), Condition::Any)).await.unwrap();
    }
}

/// What updates inserted, and how often each was handed out.
fn names(updates: &[Value]) -> Vec<(String, u64)> {
    let name = |update: &Value| update["@insert"][0]["name"].as_str().unwrap().to_owned();
    let count = |update: &Value| update["@emitCount"].as_u64().unwrap();
    let all = updates.iter().map(|update| (name(update), count(update)));
    all.collect()
}

fn counted(expected: &[(&str, u64)]) -> Vec<(String, u64)> {
    let all = expected
        .iter()
        .map(|&(name, count)| (name.to_owned(), count));
    all.collect()
}
