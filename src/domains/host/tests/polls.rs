//! Updates that nobody has acknowledged.

use super::*;

/// An update of somebody else, which waits: a write under a lock whose lease ends before it is acknowledged counts as
/// handed out once, so it is made by whoever polls nothing.
async fn waits(world: &World, host: &Host, name: &str) {
    host.write(bob(), locking(Some(subject(name))))
        .await
        .unwrap();
    world.pass(LEASE);
    assert!(!host.is_locked().await.unwrap());
}

#[tokio::test]
async fn a_write_without_a_lock_is_acknowledged_by_its_answer() {
    let world = World::new().await;
    let host = world.host().await;
    host.adds("fred").await;
    assert_eq!(host.polled().await, []);
    assert!(
        host.is_locked().await.unwrap(),
        "polling locks, whatever comes of it"
    );
}

#[tokio::test]
async fn a_locked_write_is_acknowledged_by_the_release_of_its_lock() {
    let world = World::new().await;
    let host = world.host().await;
    host.write(ann(), locking(Some(subject("a"))))
        .await
        .unwrap();
    host.write(ann(), writing(Some(subject("b"))))
        .await
        .unwrap();
    host.released().await;
    assert_eq!(host.polled().await, []);
}

#[tokio::test]
async fn what_is_polled_comes_in_order_and_again_with_a_higher_count_when_the_lease_ends() {
    let world = World::new().await;
    let host = world.host().await;
    waits(&world, &host, "a").await;
    waits(&world, &host, "b").await;
    assert_eq!(host.polled().await, counted(&[("a", 2), ("b", 2)]));
    world.pass(LEASE);
    waits(&world, &host, "c").await;
    assert_eq!(
        host.polled().await,
        counted(&[("a", 3), ("b", 3), ("c", 2)])
    );
    world.pass(LEASE);
    assert_eq!(
        host.polled().await,
        counted(&[("a", 4), ("b", 4), ("c", 3)])
    );
    host.released().await;
    assert_eq!(host.polled().await, []);
}

#[tokio::test]
async fn a_write_that_names_the_state_acknowledges_what_its_lock_handed_out_and_itself() {
    let world = World::new().await;
    let host = world.host().await;
    let first = host
        .write(ann(), locking(Some(subject("a"))))
        .await
        .unwrap();
    let second = on_tick(first.tick, writing(Some(subject("b"))));
    let second = host.write(ann(), second).await.unwrap();
    assert!(second.tick > first.tick);
    assert!(!host.is_locked().await.unwrap());
    assert_eq!(host.polled().await, [], "both were answered");
}

#[tokio::test]
async fn a_write_that_names_the_state_and_locks_begins_a_new_lock() {
    let world = World::new().await;
    let host = world.host().await;
    let first = host
        .write(ann(), locking(Some(subject("a"))))
        .await
        .unwrap();
    let second = on_tick(first.tick, locking(Some(subject("b"))));
    host.write(ann(), second).await.unwrap();
    assert!(host.is_locked().await.unwrap());
    world.pass(LEASE);
    assert_eq!(
        host.polled().await,
        counted(&[("b", 2)]),
        "the first was acknowledged"
    );
}

#[tokio::test]
async fn a_write_that_names_no_state_keeps_its_lock_and_acknowledges_nothing() {
    let world = World::new().await;
    let host = world.host().await;
    host.write(ann(), locking(Some(subject("a"))))
        .await
        .unwrap();
    host.write(ann(), writing(Some(subject("b"))))
        .await
        .unwrap();
    assert!(host.is_locked().await.unwrap());
    world.pass(LEASE);
    assert_eq!(host.polled().await, counted(&[("a", 2), ("b", 2)]));
}

#[tokio::test]
async fn releasing_a_lock_leaves_what_was_not_handed_out_under_it() {
    let world = World::new().await;
    let host = world.host().await;
    waits(&world, &host, "unseen").await;
    host.write(ann(), locking(Some(subject("own"))))
        .await
        .unwrap();
    host.released().await;
    assert_eq!(host.polled().await, counted(&[("unseen", 2)]));
}

#[tokio::test]
async fn a_poll_within_a_write_lock_takes_it_over() {
    let world = World::new().await;
    let host = world.host().await;
    waits(&world, &host, "theirs").await;
    host.write(ann(), locking(Some(subject("own"))))
        .await
        .unwrap();
    assert_eq!(host.polled().await, counted(&[("theirs", 2), ("own", 2)]));
    let waiting = tokio::spawn({
        let host = host.clone();
        async move { host.write(ann(), writing(Some(subject("later")))).await }
    });
    tokio::task::yield_now().await;
    assert!(host.is_locked().await.unwrap());
    assert!(!waiting.is_finished(), "a poll lock delays its owner too");
    host.released().await;
    assert!(soon(waiting).await.unwrap().is_ok());
    assert_eq!(host.polled().await, []);
}

#[tokio::test]
async fn counts_and_order_outlive_a_restart() {
    let world = World::new().await;
    let host = world.host().await;
    for name in ["a", "b"] {
        waits(&world, &host, name).await;
    }
    assert_eq!(host.polled().await, counted(&[("a", 2), ("b", 2)]));
    drop(host);
    let world = world.restarted().await;
    let host = world.host().await;
    assert!(
        !host.is_locked().await.unwrap(),
        "a lock ends with its daemon"
    );
    assert_eq!(host.polled().await, counted(&[("a", 3), ("b", 3)]));
    host.released().await;
    drop(host);
    let world = world.restarted().await;
    assert_eq!(world.host().await.polled().await, []);
}

#[tokio::test]
async fn updates_can_be_read_again_after_any_that_was_seen() {
    let world = World::new().await;
    let host = world.host().await;
    let mut updates = host.follow().unwrap();
    let mut ticks = Vec::new();
    for name in ["a", "b", "c"] {
        ticks.push(host.adds(name).await.tick);
    }
    for (tick, name) in ticks.iter().zip(["a", "b", "c"]) {
        let followed = update(soon(updates.recv()).await.unwrap());
        assert_eq!(followed.tick, *tick);
        let json: Value = serde_json::from_str(&followed.text).unwrap();
        assert_eq!(json["@insert"][0]["name"], name);
        let past = host.past(*tick - 1, 1).await.unwrap().unwrap();
        assert_eq!(past[0].text, followed.text, "live and kept are the same");
    }
    let past = host.past(ticks[0], 10).await.unwrap().unwrap();
    let seen: Vec<_> = past.iter().map(|followed| followed.tick).collect();
    assert_eq!(seen, ticks[1..]);
    let past = host.past(ticks[2], 10).await.unwrap();
    assert!(past.unwrap().is_empty());
}

#[tokio::test]
async fn updates_that_are_forgotten_or_yet_to_come_are_not_passed_over_in_silence() {
    let world = World::new().await;
    let host = world.host().await;
    let first = host.adds("first").await.tick;
    let mut last = first;
    for number in 0..1200 {
        last = host.adds(&format!("n{number}")).await.tick;
    }
    assert!(host.past(first, 10).await.unwrap().is_none());
    let past = host.past(last - 10, 100).await.unwrap();
    assert_eq!(past.unwrap().len(), 10);
    assert!(host.past(last + 1, 10).await.unwrap().is_none());
    drop(host);
    let world = world.restarted().await;
    let host = world.host().await;
    assert!(host.past(first, 10).await.unwrap().is_none());
}
