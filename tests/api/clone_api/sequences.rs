//! The sequences that apps go through, each from its first request to its last.

use testkit::{Folder, Gateway};

use super::*;

/// Locks that end soon enough for a test.
const BRIEF: &str =
    "[domains]\nlock-lease = \"1s\"\nlock-wait = \"10s\"\n[webhooks]\ntimeout = \"1s\"\n";
/// Waits that do.
const IMPATIENT: &str = "[domains]\nlock-lease = \"10m\"\nlock-wait = \"1s\"\n";

#[tokio::test]
async fn a_basic_write_is_answered_with_its_update() {
    let app = App::new("basic").await;
    let before = app.json("GET", "/state?lock", None).await;
    let written = app.adds("fred").await;
    assert_eq!(written.header("content-type"), Some("application/json"));
    assert_eq!(written.header("cache-control"), Some("no-store"));
    assert!(tick(&written) > tick(&before));
    let update = written.value();
    assert_eq!(update["@insert"], json!([subject("fred")]));
    assert_eq!(update["@delete"], json!([]));
    assert_eq!(update["@ticks"], tick(&written));
    assert_eq!(update["@emitCount"], 1);
    assert!(!app.is_locked().await);
    assert_eq!(app.names().await, ["fred"]);
    let replaced = json!({
        "@delete": {"@id": "fred", "name": "fred"}, "@insert": {"@id": "fred", "name": "flint"},
    });
    let update = app.json("POST", "/state", Some(&replaced)).await.value();
    assert_eq!(update["@delete"], json!([subject("fred")]));
    assert_eq!(app.names().await, ["flint"]);
    assert!(lines(&app.polls().await).is_empty(), "both were answered");
}

#[tokio::test]
async fn polling_hands_out_what_waits_until_it_is_acknowledged() {
    let folder = Folder::new();
    let gateway = Gateway::on(crate::bad_input::BINARY, &folder, BRIEF);
    let app = App::at(&gateway, "polling").await;
    app.locks("fred").await;
    unlocked(&app).await;
    // The lease ended, so it was handed out once and not acknowledged.
    let polled = app.polls().await;
    assert_eq!(emitted(&polled), [("fred".to_owned(), 2)]);
    assert_eq!(polled.header("location"), Some(&*app.path("/state?lock")));
    assert!(app.is_locked().await);
    unlocked(&app).await;
    let again = app.polls().await;
    assert_eq!(emitted(&again), [("fred".to_owned(), 3)]);
    assert_eq!(tag(&again), tag(&polled));
    app.unlocks().await;
    assert!(lines(&app.polls().await).is_empty());
}

/// Waits until the lease has ended.
async fn unlocked(app: &App<'_>) {
    testkit::soon("the lease's end", async { while app.is_locked().await {} }).await;
}

#[tokio::test]
async fn a_multi_write_is_one_lock_for_many_writes_and_one_release() {
    let app = App::new("multi").await;
    let taken = app.json("POST", "/state?lock", None).await;
    assert_eq!((taken.status, taken.value()), (201, json!({})));
    let location = taken.header("location").unwrap();
    assert_eq!(location, app.path("/state?lock"));
    for name in ["a", "b"] {
        assert_eq!(app.adds(name).await.value()["@emitCount"], 1);
        assert!(app.is_locked().await, "a write under the lock keeps it");
    }
    let root = app.as_root();
    let other = subject("c");
    let waiting = root.json("POST", "/state", Some(&other));
    let (waited, ()) = tokio::join!(waiting, async {
        assert_eq!(app.names().await, ["a", "b"]);
        app.unlocks().await;
    });
    assert_eq!(waited.status, 200);
    assert_eq!(app.names().await, ["a", "b", "c"]);
    let twice = app.json("DELETE", "/state?lock", None).await;
    assert_eq!(twice.status, 404);
    assert!(lines(&app.polls().await).is_empty());
}

#[tokio::test]
async fn a_write_with_a_pending_update_acknowledges_it_by_naming_its_state() {
    let app = App::new("pending").await;
    let pending = app.locks("a").await;
    let stale = app
        .ask(
            ("POST", "/state"),
            &[("If-Match", "\"0\"")],
            Some(&subject("x")),
        )
        .await;
    assert_eq!(stale.status, 412);
    assert!(app.is_locked().await, "a failed write keeps the lock");
    let matching = [("If-Match", &*tag(&pending))];
    let next = app
        .ask(("POST", "/state"), &matching, Some(&subject("b")))
        .await;
    assert_eq!(next.status, 200, "{}", next.text());
    assert!(!app.is_locked().await);
    assert!(
        lines(&app.polls().await).is_empty(),
        "both were acknowledged"
    );
}

#[tokio::test]
async fn a_concurrent_write_waits_for_a_poll_and_both_are_done() {
    let app = App::new("concurrent").await;
    let polled = app.polls().await;
    let fred = subject("fred");
    let write = app.json("POST", "/state", Some(&fred));
    let (written, ()) = tokio::join!(write, async {
        assert!(app.names().await.is_empty(), "reads do not wait");
        assert!(app.is_locked().await);
        app.unlocks().await;
    });
    assert_eq!(written.status, 200);
    assert!(tick(&written) > tick(&polled));
}

#[tokio::test]
async fn who_waits_for_a_lock_too_long_is_told_and_changes_nothing() {
    let folder = Folder::new();
    let gateway = Gateway::on(crate::bad_input::BINARY, &folder, IMPATIENT);
    let app = App::at(&gateway, "waiting").await;
    app.polls().await;
    let late = subject("late");
    let (write, poll) = (
        app.json("POST", "/state", Some(&late)),
        app.json("POST", "/poll", None),
    );
    let (write, poll) = tokio::join!(write, poll);
    for refused in [write, poll] {
        assert_eq!(refused.status, 408, "{}", refused.text());
        assert_eq!(refused.value()["code"], "RequestTimeout");
    }
    assert!(app.is_locked().await);
    // What one subdomain waits for is nothing to another.
    let other = App::at(&gateway, "other").await;
    other.adds("fred").await;
    app.unlocks().await;
    assert!(app.names().await.is_empty());
}

#[tokio::test]
async fn concurrent_writes_all_succeed_each_with_a_tick_of_its_own() {
    let app = App::new("crowded").await;
    let writes = (0..40).map(|number| {
        let app = &app;
        async move { tick(&app.adds(&format!("n{number:02}")).await) }
    });
    let mut ticks = futures_util::future::join_all(writes).await;
    ticks.sort_unstable();
    ticks.dedup();
    assert_eq!(ticks.len(), 40);
    assert_eq!(app.names().await.len(), 40);
}
