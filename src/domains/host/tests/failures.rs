//! Clones that fail while others are connected.

use super::peers::{Peer, filled};
use super::*;

#[tokio::test]
async fn a_clone_that_failed_while_others_are_connected_is_back_by_itself() {
    let mut world = World::running().await;
    let host = world.host().await;
    let tick = host.adds("before").await.tick;
    world.air.presence(&["other"]);
    while world.said.try_recv().is_ok() {}
    world.store.break_tables(true);
    let failed = soon(host.write(bob(), writing(Some(subject("lost"))))).await;
    assert!(matches!(failed, Err(HostError::Closed)), "{failed:?}");
    assert_eq!(world.hears().await, Said::Present(false));
    assert!(world.air.is_away());
    soon(host.ended()).await;
    drop(host);
    world.store.break_tables(false);
    let appears = world.hears().await;
    assert_eq!(appears, Said::Present(true), "without connecting again");
    assert!(!world.air.is_away());
    let host = world.host().await;
    assert!(host.state().await.unwrap().tick >= tick);
    host.adds("after").await;
}

#[tokio::test]
async fn what_is_said_while_a_clone_is_away_waits_for_it() {
    let (mut world, host, id) = filled(3).await;
    let mut peer = Peer::join(&world, &id);
    peer.joins(&mut world, &id).await;
    peer.is_heard(&mut world, (&host, &id)).await;
    world.store.break_tables(true);
    peer.write(&world, "lost by the clone");
    soon(host.ended()).await;
    drop(host);
    peer.write(&world, "while it was away");
    // It is tried while that is of no use, too.
    let refused = soon(world.hosts.get(&domain("todo"), false)).await;
    assert!(matches!(refused, Err(OpenError::Store(_))), "{refused:?}");
    assert!(world.air.is_away());
    world.store.break_tables(false);
    let back = async {
        loop {
            match world.hosts.opened(&domain("todo")).await {
                Some(host) if host.state().await.is_ok() => return host,
                _ => tokio::task::yield_now().await,
            }
        }
    };
    let host = soon(back).await;
    let mut updates = host.follow().unwrap();
    let mut found = Vec::new();
    while found.len() < 3 {
        found = host.past(1, 10).await.unwrap().unwrap();
        if found.len() < 3 {
            drop(peer.serves(&mut world, &id, updates.recv()).await.unwrap());
        }
    }
    let names = host.polled().await;
    let expected = ["heard", "lost by the clone", "while it was away"];
    assert_eq!(names, expected.map(|name| (name.to_owned(), 1)));
    assert!(!world.air.is_away());
}

#[tokio::test]
async fn a_clone_that_fails_where_nobody_else_is_leaves() {
    let mut world = World::running().await;
    let host = world.host().await;
    world.store.break_tables(true);
    assert!(
        host.write(bob(), writing(Some(subject("lost"))))
            .await
            .is_err()
    );
    world.hears_until(|said| *said == Said::Left).await;
    world.store.break_tables(false);
    soon(host.ended()).await;
    drop(host);
    world.host().await.adds("found").await;
}
