//! When clones open and close.

use super::*;

#[tokio::test]
async fn a_clone_is_live_before_anybody_gets_it_and_opened_once_for_all() {
    let mut world = World::new().await;
    let domain = domain("todo");
    let all = futures_util::future::join_all((0..20).map(|_| world.hosts.get(&domain, false)));
    for host in soon(all).await {
        assert!(host.unwrap().state().await.is_ok());
    }
    let Said::Connected(id) = world.hears().await else {
        panic!("it connects first")
    };
    assert_eq!(world.hears().await, Said::Present(true));
    assert!(world.said.try_recv().is_err(), "{id} alone");
    assert_eq!(world.hosts.len(), 1);
}

#[tokio::test]
async fn a_clone_that_nobody_uses_closes_and_is_opened_again_with_all_it_had() {
    let mut world = World::new().await;
    let host = world.host().await;
    let tick = host.adds("fred").await.tick;
    world.pass(IDLE);
    world.hears_until(|said| *said == Said::Left).await;
    soon(host.ended()).await;
    assert!(matches!(host.is_locked().await, Err(HostError::Closed)));
    let again = world.host().await;
    assert_eq!(again.state().await.unwrap().tick, tick);
    assert!(again.adds("wilma").await.tick > tick);
}

#[tokio::test]
async fn a_clone_that_somebody_uses_stays_open() {
    let mut world = World::new().await;
    let host = world.host().await;
    world.air.presence(&["other"]);
    world.pass(IDLE);
    assert!(host.is_locked().await.is_ok(), "another clone is connected");
    world.air.presence(&[]);
    let follower = host.follow().unwrap();
    world.pass(IDLE);
    assert!(host.is_locked().await.is_ok(), "updates are followed");
    drop(follower);
    world.hand.advance(IDLE.checked_sub(LEASE / 2).unwrap());
    host.write(ann(), locking(None)).await.unwrap();
    world.pass(LEASE / 2);
    assert!(host.is_locked().await.unwrap(), "it is locked");
    world.pass(IDLE);
    world.hears_until(|said| *said == Said::Left).await;
}

#[tokio::test]
async fn whoever_asks_while_a_clone_closes_gets_the_next_one() {
    let world = World::new().await;
    for round in 0..20 {
        let host = world.host().await;
        host.adds(&format!("n{round}")).await;
        world.pass(IDLE);
        // The clone is about to close, is closing, or has closed, as it happens.
        for _ in 0..round % 5 {
            tokio::task::yield_now().await;
        }
        let again = world.host().await;
        let past = again.past(0, 100).await.unwrap();
        assert_eq!(past.unwrap().len(), round + 1);
    }
}

#[tokio::test]
async fn a_destroyed_domain_leaves_nothing_for_who_has_it_open_or_asks_for_it_meanwhile() {
    let mut world = World::new().await;
    let host = world.host().await;
    host.adds("fred").await;
    let todo = domain("todo");
    let (gone, asked) = tokio::join!(world.hosts.destroy(&todo), world.hosts.get(&todo, false));
    gone.unwrap();
    assert!(matches!(host.is_locked().await, Err(HostError::Closed)));
    assert!(matches!(
        host.adds_or_fails("x").await,
        Err(HostError::Closed)
    ));
    world.hears_until(|said| *said == Said::Left).await;
    // Whether somebody had the right to ask is decided after this; nothing old is there for them.
    let asked = asked.unwrap();
    assert!(asked.past(0, 10).await.unwrap().unwrap().is_empty());
    soon(world.hosts.destroy(&todo)).await.unwrap();
    assert!(matches!(asked.is_locked().await, Err(HostError::Closed)));
    assert_eq!(world.hosts.len(), 0);
}

#[tokio::test]
async fn nothing_is_opened_once_the_gateway_closes_its_clones() {
    let mut world = World::new().await;
    let host = world.host().await;
    host.poll(ann()).await.unwrap();
    let waiting = tokio::spawn({
        let host = host.clone();
        async move { host.adds_or_fails("late").await }
    });
    tokio::task::yield_now().await;
    soon(world.hosts.close()).await;
    assert!(matches!(
        soon(waiting).await.unwrap(),
        Err(HostError::Closed)
    ));
    world.hears_until(|said| *said == Said::Left).await;
    let refused = world.hosts.get(&domain("todo"), false).await;
    assert!(matches!(refused, Err(OpenError::NotReady)), "{refused:?}");
}

#[tokio::test]
async fn more_clones_than_are_kept_open_can_be_used_one_after_the_other() {
    let mut world = World::new().await;
    let limit = config().domains.open_clones;
    world.hosts.limit_open(3);
    assert!(limit > 3);
    for number in 0..10 {
        let host = soon(world.hosts.get(&domain(&format!("d{number}")), false)).await;
        host.unwrap().adds("fred").await;
        world.pass(IDLE);
        world.hears_until(|said| *said == Said::Left).await;
    }
    assert!(world.hosts.len() <= 4, "{}", world.hosts.len());
}

impl Host {
    async fn adds_or_fails(&self, name: &str) -> Result<Written, HostError> {
        self.write(bob(), writing(Some(subject(name)))).await
    }
}
