//! A hosted clone as the relay sees it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;

use crate::accounts::fixture::{World, name};
use crate::domains::host::Hosts;
use crate::domains::relay::{Arriving, Inbox, Line, Relay, Unicast};
use crate::ids::{CloneId, DomainId};
use crate::notify::Webhooks;

/// How long the relay waits for somebody to come too early.
const HESITATION: Duration = Duration::from_millis(100);

/// A relay that is slow to show who is present.
#[derive(Clone, Debug)]
struct Slow {
    present: Arc<AtomicBool>,
    too_early: Arc<Mutex<Receiver<()>>>,
}

impl Slow {
    fn new() -> (Self, Sender<()>) {
        let (came, too_early) = channel();
        let relay = Self {
            present: Arc::default(),
            too_early: Arc::new(Mutex::new(too_early)),
        };
        (relay, came)
    }
}

impl Relay for Slow {
    fn connect(&self, _: &DomainId, _: &CloneId, inbox: Arc<dyn Inbox>) -> Option<Box<dyn Line>> {
        inbox.deliver(Arriving::Presence(Vec::new())).unwrap();
        Some(Box::new(Connected(self.clone(), inbox)))
    }
}

/// A connection to it.
#[derive(Debug)]
struct Connected(
    Slow,
    #[expect(dead_code, reason = "while it is there the line is not cut")] Arc<dyn Inbox>,
);

impl Line for Connected {
    fn present(&self, present: bool) {
        // That nobody comes is what should be.
        let _nobody = self.0.too_early.lock().unwrap().recv_timeout(HESITATION);
        self.0.present.store(present, Ordering::SeqCst);
    }

    fn operation(&self, _: Bytes) {}

    fn unicast(&self, _: &str, _: Unicast) {}

    fn has_room(&self, _: &str) -> bool {
        true
    }

    fn others(&self) -> usize {
        0
    }
}

async fn hosts(relay: &Slow) -> (World, Arc<Hosts>) {
    let world = World::new().await;
    let webhooks = Webhooks::new(&world.config.webhooks, &world.clock).unwrap();
    let hosts = Hosts::new(
        &world.config.gateway.domain,
        (&world.config.domains, None),
        (&world.config.webhooks, &webhooks),
        (&world.store, &world.accounts),
        (&world.clock, &world.chance),
    );
    hosts.join(Arc::new(relay.clone()));
    (world, hosts)
}

fn domain() -> DomainId {
    DomainId::Subdomain {
        account: name("acme"),
        name: name("notes"),
    }
}

/// A JavaScript clone that finds nobody present when it connects to join a domain gives up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_a_clone_finds_it_present() {
    let (relay, came) = Slow::new();
    let (_world, hosts) = hosts(&relay).await;
    hosts.get(&domain(), false).await.unwrap();
    came.send(()).unwrap();
    assert!(relay.present.load(Ordering::SeqCst));
    hosts.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clone_that_has_closed_is_opened_anew() {
    let (relay, _came) = Slow::new();
    let (_world, hosts) = hosts(&relay).await;
    let first = hosts.get(&domain(), false).await.unwrap();
    first.close().await;
    assert!(first.has_ended());
    let second = hosts.get(&domain(), false).await.unwrap();
    assert!(!second.has_ended());
    assert!(second.is_locked().await.is_ok_and(|locked| !locked));
    hosts.close().await;
}
