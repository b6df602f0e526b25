//! Clones that make room for others.

use super::peers::{Peer, filled};
use super::*;

impl World {
    /// A clone of a domain where nobody else is.
    async fn other(&self, name: &str) -> Result<Host, OpenError> {
        let domain = domain(name);
        self.air.quieten(domain.clone());
        soon(self.hosts.get(&domain, false)).await
    }

    /// Whether a domain's clone is open.
    async fn has_open(&self, name: &str) -> bool {
        self.hosts.opened(&domain(name)).await.is_some()
    }
}

#[tokio::test]
async fn the_clone_that_was_idle_longest_makes_room() {
    let world = World::new().await;
    world.hosts.limit_open(2);
    for name in ["a", "b"] {
        world.other(name).await.unwrap().adds(name).await;
        world.hand.advance(Duration::from_secs(1));
    }
    world.other("a").await.unwrap().adds("again").await;
    world.hand.advance(Duration::from_secs(1));
    world.other("c").await.unwrap().adds("c").await;
    assert!(world.has_open("a").await && world.has_open("c").await);
    assert!(!world.has_open("b").await);
    let b = world.other("b").await.unwrap();
    assert_eq!(b.past(0, 10).await.unwrap().unwrap().len(), 1);
    assert!(!world.has_open("a").await);
}

#[tokio::test]
async fn a_clone_that_is_in_use_makes_no_room() {
    let world = World::new().await;
    world.hosts.limit_open(1);
    let is_full = async || matches!(world.other("late").await, Err(OpenError::Full));
    let asked = world.other("a").await.unwrap();
    assert!(is_full().await, "somebody is about to ask it");
    asked.write(ann(), locking(None)).await.unwrap();
    drop(asked);
    assert!(is_full().await, "it is locked");
    world.hand.advance(LEASE);
    let followed = world.other("a").await.unwrap().follow().unwrap();
    assert!(is_full().await, "it is followed");
    drop(followed);
    assert!(!is_full().await);
    assert!(!world.has_open("a").await);
}

#[tokio::test]
async fn the_gateways_own_domain_needs_no_place_and_makes_no_room() {
    let world = World::new().await;
    world.hosts.limit_open(1);
    world.air.quieten(DomainId::Gateway);
    soon(world.hosts.get(&DomainId::Gateway, false))
        .await
        .unwrap();
    drop(world.other("a").await.unwrap());
    drop(world.other("b").await.unwrap());
    assert!(world.hosts.opened(&DomainId::Gateway).await.is_some());
}

#[tokio::test]
async fn who_is_connected_notices_nothing_of_a_clone_that_makes_room() {
    let (mut world, host, id) = filled(3).await;
    let mut peer = Peer::join(&world, &id);
    peer.joins(&mut world, &id).await;
    peer.is_heard(&mut world, (&host, &id)).await;
    drop(host);
    world.hosts.limit_open(1);
    while world.said.try_recv().is_ok() {}
    drop(world.other("other").await.unwrap());
    assert!(!world.has_open("todo").await);
    assert!(world.said.try_recv().is_err(), "it stays where it was");
    // Who is present wakes nobody.
    world.air.presence(&[&id, "peer"]);
    world.air.presence(&[&id, "peer", "third"]);
    assert!(!world.has_open("todo").await);
    // What is said does, and is not lost, though who said it leaves at once.
    peer.write(&world, "meanwhile");
    world.air.presence(&[&id]);
    let appears = world.hears().await;
    assert_eq!(appears, Said::Present(true), "without connecting again");
    assert!(!world.has_open("other").await);
    let host = world.host().await;
    let names = host.polled().await;
    assert_eq!(names, counted(&[("heard", 1), ("meanwhile", 1)]));
}

#[tokio::test]
async fn a_clone_that_made_room_answers_whoever_asks_it() {
    let (mut world, host, id) = filled(3).await;
    drop(host);
    world.air.others.store(1, Ordering::SeqCst);
    world.hosts.limit_open(1);
    drop(world.other("other").await.unwrap());
    assert!(!world.has_open("todo").await);
    let mut peer = Peer::join(&world, &id);
    peer.joins(&mut world, &id).await;
    let host = world.host().await;
    peer.is_heard(&mut world, (&host, &id)).await;
}

#[tokio::test]
async fn a_clone_that_makes_room_leaves_where_nobody_else_is() {
    let mut world = World::new().await;
    drop(world.host().await);
    world.hosts.limit_open(1);
    drop(world.other("other").await.unwrap());
    world.hears_until(|said| *said == Said::Left).await;
    // Nor does one stay when the others have gone.
    drop(world.host().await);
    world.air.presence(&["own", "else"]);
    drop(world.other("other").await.unwrap());
    assert!(!world.has_open("todo").await);
    world.air.others.store(0, Ordering::SeqCst);
    world.air.nudge();
    world.air.present.lock().unwrap().clear();
    world.air.nudge();
    world.hears_until(|said| *said == Said::Left).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_number_of_clones_can_be_used_where_few_are_open_at_a_time() {
    const DOMAINS: usize = 12;
    const WRITES: usize = 60;
    let world = Arc::new(World::running().await);
    for number in 0..DOMAINS {
        world.air.quieten(domain(&format!("d{number}")));
    }
    world.hosts.limit_open(3);
    let writers = (0..3).map(|writer| {
        let world = Arc::clone(&world);
        tokio::spawn(async move {
            let chance = Chance::seeded(writer);
            for number in 0..WRITES {
                let to = chance.below(u64::try_from(DOMAINS).unwrap());
                let host = world.other(&format!("d{to}")).await.unwrap();
                host.adds(&format!("w{writer}n{number}")).await;
            }
        })
    });
    for written in futures_util::future::join_all(writers).await {
        written.unwrap();
    }
    let mut found = 0;
    for number in 0..DOMAINS {
        let host = world.other(&format!("d{number}")).await.unwrap();
        found += host.past(0, 1000).await.unwrap().unwrap().len();
    }
    assert_eq!(found, 3 * WRITES);
    world.hosts.close().await;
}
