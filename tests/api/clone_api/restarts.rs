//! What is there after a restart, and after a kill.

use std::sync::atomic::{AtomicUsize, Ordering};

use testkit::{Folder, Gateway};

use super::*;

const ROUNDS: &str = "CRASH_ROUNDS";
const DEFAULT_ROUNDS: usize = 3;
/// Writers at once, so that commits hold writes of several.
const WRITERS: usize = 4;

#[tokio::test]
async fn the_state_its_ticks_and_what_waits_outlive_a_restart() {
    let folder = Folder::new();
    let gateway = Gateway::on(crate::bad_input::BINARY, &folder, "");
    let key = gateway.mint("lasting").await;
    let app = App::with_key(&gateway, "lasting", &key);
    assert_eq!(app.json("PUT", "", None).await.status, 200);
    app.adds("a").await;
    let last = tick(&app.locks("b").await);
    drop(app);
    assert_eq!(gateway.stop().await, Some(0));
    let gateway = Gateway::on(crate::bad_input::BINARY, &folder, "");
    let app = App::with_key(&gateway, "lasting", &key);
    assert_eq!(app.names().await, ["a", "b"]);
    assert!(!app.is_locked().await, "a lock ends with its gateway");
    assert!(tick(&app.adds("c").await) > last);
    assert_eq!(emitted(&app.polls().await), [("b".to_owned(), 2)]);
    app.unlocks().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answered_write_is_there_after_a_kill_and_counts_go_on() {
    let rounds = std::env::var(ROUNDS).map_or(DEFAULT_ROUNDS, |rounds| rounds.parse().unwrap());
    let folder = Folder::new();
    let mut gateway = Gateway::on(crate::bad_input::BINARY, &folder, "");
    let key = gateway.mint("crashing").await;
    let app = App::with_key(&gateway, "crashing", &key);
    assert_eq!(app.json("PUT", "", None).await.status, 200);
    app.locks("waiting").await;
    gateway.kill().await;
    let mut all = Vec::new();
    for round in 0..rounds {
        gateway = Gateway::on(crate::bad_input::BINARY, &folder, "");
        let app = App::with_key(&gateway, "crashing", &key);
        all.extend(is_killed_while_it_writes(&app, round).await);
        drop(gateway);
        gateway = Gateway::on(crate::bad_input::BINARY, &folder, "");
        let app = App::with_key(&gateway, "crashing", &key);
        let there = app.names().await;
        for (name, _) in &all {
            let found = there.binary_search(name).is_ok();
            assert!(
                found,
                "{name} was answered, and is not there after round {round}"
            );
        }
        // What nobody acknowledges is handed out once more with each life; killed under the lock that this takes.
        let polled = emitted(&app.polls().await);
        let (name, count) = &polled[0];
        assert_eq!(
            (&**name, *count),
            ("waiting", round as u64 + 2),
            "{polled:?}"
        );
        for (name, _) in &polled[1..] {
            let answered = all.iter().any(|(other, _)| other == name);
            assert!(!answered, "{name} was answered, which acknowledges it");
        }
        gateway.kill().await;
    }
    let mut ticks: Vec<_> = all.iter().map(|(_, tick)| *tick).collect();
    ticks.sort_unstable();
    ticks.dedup();
    assert_eq!(ticks.len(), all.len(), "two writes had the same tick");
    assert!(ticks.len() >= rounds);
}

/// Has some write, and kills the gateway once it has answered so many times. Gives all that was answered.
async fn is_killed_while_it_writes(app: &App<'_>, round: usize) -> Vec<(String, u64)> {
    let wanted = 10 + round * 7 % 40;
    let answered = AtomicUsize::new(0);
    let writers = (0..WRITERS).map(|writer| {
        let answered = &answered;
        async move { writes(app, (round, writer), (answered, wanted)).await }
    });
    let written = futures_util::future::join_all(writers).await;
    written.into_iter().flatten().collect()
}

/// Writes until the gateway is gone; whoever gets the answer that is one too many kills it.
async fn writes(
    app: &App<'_>,
    (round, writer): (usize, usize),
    (count, wanted): (&AtomicUsize, usize),
) -> Vec<(String, u64)> {
    let mut answered = Vec::new();
    let mut https = app.gateway.https().await;
    for number in 0..10_000 {
        let name = format!("r{round:03}w{writer}n{number:04}");
        let body = subject(&name).to_string();
        let headers = [
            ("Authorization", &*app.authorization),
            ("Content-Type", "application/json"),
        ];
        let path = app.path("/state");
        let reply = https.try_request("POST", &path, &headers, body.as_bytes());
        match reply.await {
            Some(reply) if reply.status == 200 => answered.push((name, tick(&reply))),
            Some(reply) => panic!("{}", reply.text()),
            None => break,
        }
        if count.fetch_add(1, Ordering::SeqCst) == wanted {
            app.gateway.signal("KILL");
        }
    }
    answered
}
