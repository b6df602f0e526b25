//! Whose turn it is, and what a turn leaves behind.

use super::*;

#[tokio::test]
async fn a_write_is_answered_with_its_update_and_the_tick_after_it() {
    let mut world = World::new().await;
    let host = world.host().await;
    let before = host.state().await.unwrap().tick;
    let written = host.adds("fred").await;
    assert!(written.tick > before);
    assert_eq!(written.update["@insert"], json!([subject("fred")]));
    assert_eq!(written.update["@delete"], json!([]));
    assert_eq!(written.update["@ticks"], written.tick);
    assert_eq!(names(std::slice::from_ref(&written.update))[0].1, 1);
    assert_eq!(host.state().await.unwrap().tick, written.tick);
    // Nobody is there to hear of it, and who joins gets it with all the rest.
    assert!(matches!(world.hears().await, Said::Connected(_)));
    assert_eq!(world.hears().await, Said::Present(true));
}

#[tokio::test]
async fn a_write_that_changes_nothing_has_an_empty_update_and_the_same_tick() {
    let world = World::new().await;
    let host = world.host().await;
    let tick = host.adds("fred").await.tick;
    for nothing in [None, Some(json!({"@delete": {"@id": "x", "?p": "?o"}}))] {
        let written = host.write(ann(), writing(nothing.clone())).await.unwrap();
        assert_eq!(
            (written.tick, written.update),
            (tick, json!({})),
            "{nothing:?}"
        );
    }
    assert!(!host.is_locked().await.unwrap());
    assert_eq!(host.polled().await, []);
}

#[tokio::test]
async fn others_wait_for_a_lock_and_are_told_when_that_takes_too_long() {
    let world = World::new().await;
    let host = world.host().await;
    host.write(ann(), locking(None)).await.unwrap();
    let (for_write, for_poll) = (
        tokio::spawn({
            let host = host.clone();
            async move { host.write(bob(), writing(Some(subject("late")))).await }
        }),
        tokio::spawn({
            let host = host.clone();
            async move { host.poll(bob()).await }
        }),
    );
    tokio::task::yield_now().await;
    // Its owner goes on meanwhile; that this is answered shows that those before were taken in.
    let own = host.write(ann(), writing(Some(subject("own")))).await;
    assert!(own.is_ok(), "{own:?}");
    assert!(!for_write.is_finished() && !for_poll.is_finished());
    world.pass(PATIENCE);
    let refused = soon(for_write).await.unwrap();
    assert!(matches!(refused, Err(HostError::Locked)), "{refused:?}");
    let refused = soon(for_poll).await.unwrap();
    assert!(matches!(refused, Err(HostError::Locked)), "{refused:?}");
    assert!(host.is_locked().await.unwrap());
    host.released().await;
    assert_eq!(host.polled().await, [], "nothing of the late one");
}

#[tokio::test]
async fn those_who_wait_go_on_when_the_lock_is_released_in_the_order_in_which_they_came() {
    let world = World::new().await;
    let host = world.host().await;
    host.poll(ann()).await.unwrap();
    let waiting: Vec<_> = ["a", "b", "c"]
        .map(|name| {
            let host = host.clone();
            tokio::spawn(async move { host.adds(name).await })
        })
        .into();
    tokio::task::yield_now().await;
    assert!(host.is_locked().await.unwrap());
    assert!(waiting.iter().all(|task| !task.is_finished()));
    host.released().await;
    let mut ticks = Vec::new();
    for task in waiting {
        ticks.push(soon(task).await.unwrap().tick);
    }
    assert!(ticks.is_sorted_by(|a, b| a < b), "{ticks:?}");
}

#[tokio::test]
async fn a_lock_ends_with_its_lease_and_those_who_wait_go_on() {
    let world = World::new().await;
    let host = world.host().await;
    host.write(ann(), locking(None)).await.unwrap();
    world.hand.advance(LEASE.checked_sub(PATIENCE / 2).unwrap());
    let waiting = tokio::spawn({
        let host = host.clone();
        async move { host.adds("next").await }
    });
    tokio::task::yield_now().await;
    assert!(host.is_locked().await.unwrap());
    world.pass(PATIENCE / 2);
    assert!(soon(waiting).await.unwrap().tick > 0);
    assert!(!host.is_locked().await.unwrap());
    let late = host.release(ann(), Condition::Any).await;
    assert!(matches!(late, Err(HostError::NotLocked)), "{late:?}");
}

#[tokio::test]
async fn each_locked_write_renews_the_lease() {
    let world = World::new().await;
    let host = world.host().await;
    for step in 0..3 {
        let written = locking(Some(subject(&format!("n{step}"))));
        host.write(ann(), written).await.unwrap();
        world.hand.advance(LEASE * 2 / 3);
        assert!(host.is_locked().await.unwrap(), "{step}");
    }
    world.hand.advance(LEASE);
    assert!(!host.is_locked().await.unwrap());
}

#[tokio::test]
async fn a_failed_write_changes_nothing_and_leaves_no_lock() {
    let world = World::new().await;
    let host = world.host().await;
    let tick = host.adds("fred").await.tick;
    for (bad, what) in [
        (json!({"@select": "?s", "@where": {"@id": "?s"}}), "a query"),
        (json!({"@insert": 7}), "no subject"),
        (json!({"@id": "x", "@context": 7}), "no context"),
        (
            json!({"@id": "x", "n": 9_007_199_254_740_993_u64}),
            "a number beyond JavaScript",
        ),
    ] {
        let refused = host.write(ann(), locking(Some(bad))).await;
        assert!(
            matches!(refused, Err(HostError::Bad(_))),
            "{what}: {refused:?}"
        );
        assert!(!host.is_locked().await.unwrap(), "{what}");
    }
    let stale = on_tick(tick + 1, locking(Some(subject("x"))));
    let refused = host.write(ann(), stale).await;
    assert!(matches!(refused, Err(HostError::Stale)), "{refused:?}");
    let none = Writing {
        condition: Condition::None,
        ..writing(Some(subject("x")))
    };
    let refused = host.write(ann(), none).await;
    assert!(matches!(refused, Err(HostError::Stale)), "{refused:?}");
    assert!(!host.is_locked().await.unwrap());
    assert_eq!(host.state().await.unwrap().tick, tick);
}

#[tokio::test]
async fn a_failed_write_under_a_lock_keeps_it_and_what_was_handed_out() {
    let world = World::new().await;
    let host = world.host().await;
    let first = host
        .write(ann(), locking(Some(subject("a"))))
        .await
        .unwrap();
    let bad = on_tick(first.tick, writing(Some(json!({"@insert": 7}))));
    assert!(matches!(
        host.write(ann(), bad).await,
        Err(HostError::Bad(_))
    ));
    let stale = on_tick(first.tick + 7, writing(Some(subject("b"))));
    assert!(matches!(
        host.write(ann(), stale).await,
        Err(HostError::Stale)
    ));
    assert!(host.is_locked().await.unwrap());
    world.pass(LEASE);
    assert_eq!(host.polled().await, counted(&[("a", 2)]));
}

#[tokio::test]
async fn a_lock_is_released_by_its_owner_or_root_on_the_condition_that_they_name() {
    let world = World::new().await;
    let host = world.host().await;
    let none = host.release(Owner::Root, Condition::Any).await;
    assert!(matches!(none, Err(HostError::NotLocked)));
    let tick = host
        .write(ann(), locking(Some(subject("a"))))
        .await
        .unwrap()
        .tick;
    let other = host.release(bob(), Condition::Any).await;
    assert!(matches!(other, Err(HostError::NotLocked)));
    let stale = host.release(ann(), Condition::Tick(tick + 1)).await;
    assert!(matches!(stale, Err(HostError::Stale)));
    assert!(host.is_locked().await.unwrap());
    assert_eq!(
        host.release(Owner::Root, Condition::Tick(tick))
            .await
            .unwrap(),
        tick
    );
    assert!(!host.is_locked().await.unwrap());
}

#[tokio::test]
async fn writes_that_come_together_all_succeed_each_with_a_tick_of_its_own() {
    let world = World::new().await;
    let host = world.host().await;
    let tasks: Vec<_> = (0..200)
        .map(|number| {
            let host = host.clone();
            tokio::spawn(async move { host.adds(&format!("n{number}")).await.tick })
        })
        .collect();
    let mut ticks = Vec::new();
    for task in tasks {
        ticks.push(soon(task).await.unwrap());
    }
    ticks.sort_unstable();
    let all = ticks.len();
    ticks.dedup();
    assert_eq!(ticks.len(), all);
    assert_eq!(host.state().await.unwrap().tick, *ticks.last().unwrap());
}

#[tokio::test]
async fn one_subdomains_lock_is_none_of_anothers() {
    let world = World::new().await;
    let host = world.host().await;
    host.poll(ann()).await.unwrap();
    let other = soon(world.hosts.get(&domain("other"), false))
        .await
        .unwrap();
    assert!(!other.is_locked().await.unwrap());
    soon(other.adds("fred")).await;
    assert!(host.is_locked().await.unwrap());
}
