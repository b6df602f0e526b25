//! Following updates as they come.

use testkit::{Folder, Gateway, soon};

use super::*;

/// A stream of events.
struct Stream {
    https: Https,
    text: String,
    opened: Reply,
}

impl Stream {
    async fn open(app: &App<'_>, last: Option<u64>) -> Self {
        let mut https = app.gateway.https().await;
        let last = last.map(|tick| tick.to_string());
        let headers: Vec<_> = last.iter().map(|last| ("Last-Event-ID", &**last)).collect();
        let opened = app
            .ask_on(&mut https, ("GET", "/updates"), &headers, None)
            .await;
        assert_eq!(opened.status, 200, "{}", opened.text());
        assert_eq!(opened.header("content-type"), Some("text/event-stream"));
        Self {
            https,
            text: String::new(),
            opened,
        }
    }

    /// The next event: its id, and the name that the update inserts.
    async fn next(&mut self) -> (u64, String) {
        soon("an event", async {
            loop {
                if let Some((event, rest)) = self.text.split_once("\n\n") {
                    let (event, rest) = (event.to_owned(), rest.to_owned());
                    self.text = rest;
                    if let Some(id) = event.strip_prefix("id: ") {
                        let (id, data) = id.split_once("\ndata: ").unwrap();
                        let update: Value = serde_json::from_str(data).unwrap();
                        assert_eq!(update["@ticks"].to_string(), id);
                        let name = update["@insert"][0]["name"].as_str().unwrap();
                        return (id.parse().unwrap(), name.to_owned());
                    }
                } else {
                    let chunk = self.https.chunk().await.unwrap().unwrap();
                    self.text.push_str(std::str::from_utf8(&chunk).unwrap());
                }
            }
        })
        .await
    }

    /// Passes over what it says first, and reads that the state of some tick has to be read again.
    async fn resets(&mut self) -> u64 {
        soon("a reset", async {
            loop {
                let piece = self.piece().await;
                if let Some(reset) = piece.strip_prefix("event: reset\nid: ") {
                    let (id, data) = reset.split_once("\ndata: ").unwrap();
                    let tick = id.parse().unwrap();
                    let data: Value = serde_json::from_str(data).unwrap();
                    assert_eq!(data, json!({"@ticks": tick}));
                    return tick;
                }
                assert_eq!(piece, ": updates\n\n");
            }
        })
        .await
    }

    /// The next piece, as it came.
    async fn piece(&mut self) -> String {
        let chunk = soon("a piece", self.https.chunk()).await.unwrap();
        String::from_utf8(chunk.unwrap()).unwrap()
    }

    /// Reads on to the end, if there is one soon.
    async fn ends(&mut self) {
        soon("the stream's end", async {
            while self.https.chunk().await.flatten().is_some() {}
        })
        .await;
    }
}

#[tokio::test]
async fn updates_are_events_whose_ids_are_ticks_and_no_lock_is_taken() {
    let app = App::new("following").await;
    app.adds("before").await;
    let (mut one, mut two) = (
        Stream::open(&app, None).await,
        Stream::open(&app, None).await,
    );
    let a = tick(&app.adds("a").await);
    let b = tick(&app.adds("b").await);
    for stream in [&mut one, &mut two] {
        assert!(tick(&stream.opened) < a);
        assert_eq!(stream.next().await, (a, "a".to_owned()));
        assert_eq!(stream.next().await, (b, "b".to_owned()));
    }
    assert!(!app.is_locked().await);
}

#[tokio::test]
async fn a_stream_goes_on_after_the_last_event_that_was_seen() {
    let app = App::new("resuming").await;
    let mut ticks = Vec::new();
    for number in 0..20 {
        ticks.push(tick(&app.adds(&format!("n{number}")).await));
    }
    let mut stream = Stream::open(&app, Some(ticks[9])).await;
    for (number, tick) in ticks.iter().enumerate().skip(10) {
        assert_eq!(stream.next().await, (*tick, format!("n{number}")));
    }
    let live = tick(&app.adds("live").await);
    assert_eq!(stream.next().await, (live, "live".to_owned()));
    for bad in ["x", "-1", "1.5", ""] {
        let reply = app
            .ask(("GET", "/updates"), &[("Last-Event-ID", bad)], None)
            .await;
        assert_eq!(reply.status, 400, "{bad}");
    }
}

/// Whoever has seen what never was has seen another gateway, or a copy that was gone back to.
#[tokio::test]
async fn who_is_ahead_is_told_to_read_the_state_again_and_misses_nothing_after() {
    let app = App::new("ahead").await;
    let now = tick(&app.adds("before").await);
    for ahead in [now + 1, u64::MAX] {
        let mut stream = Stream::open(&app, Some(ahead)).await;
        let read = stream.resets().await;
        assert!(read >= now, "{read} after {now}");
        let next = tick(&app.adds("next").await);
        assert_eq!(stream.next().await, (next, "next".to_owned()));
    }
    let ahead = [("Last-Event-ID", "99999999999999999999999999")];
    let opened = app.ask(("GET", "/updates"), &ahead, None).await;
    assert_eq!(opened.status, 200);
}

#[tokio::test]
async fn a_stream_says_something_while_nothing_happens() {
    let app = App::new("quiet").await;
    let mut stream = Stream::open(&app, None).await;
    assert_eq!(stream.piece().await, ": updates\n\n");
    assert_eq!(
        stream.piece().await,
        ":\n\n",
        "a comment, which clients pass over"
    );
    let tick = tick(&app.adds("fred").await);
    assert_eq!(stream.next().await, (tick, "fred".to_owned()));
}

#[tokio::test]
async fn a_stream_ends_when_its_subdomain_is_deleted() {
    let app = App::new("ending").await;
    let mut stream = Stream::open(&app, None).await;
    assert_eq!(app.json("DELETE", "", None).await.status, 204);
    stream.ends().await;
}

#[tokio::test]
async fn a_stream_ends_when_the_key_that_it_was_opened_with_is_revoked() {
    let owner = App::new("revoking").await;
    let key = owner.gateway.mint("revoking").await;
    let app = App::with_key(owner.gateway, "revoking", &key);
    let mut stream = Stream::open(&app, None).await;
    let id = key.split(['.', ':']).nth(1).unwrap();
    owner
        .gateway
        .as_root(
            "PATCH",
            "/api/v1/user/revoking",
            Some(&json!({"@delete": {"key": id}}).to_string()),
        )
        .await;
    stream.ends().await;
}

#[tokio::test]
async fn a_stream_ends_when_the_gateway_stops_and_goes_on_at_the_next_one() {
    let folder = Folder::new();
    let gateway = Gateway::on(crate::bad_input::BINARY, &folder, "");
    let key = gateway.mint("moving").await;
    let app = App::with_key(&gateway, "moving", &key);
    assert_eq!(app.json("PUT", "", None).await.status, 200);
    let mut stream = Stream::open(&app, None).await;
    let a = tick(&app.adds("a").await);
    assert_eq!(stream.next().await, (a, "a".to_owned()));
    let b = tick(&app.adds("b").await);
    let (code, ()) = tokio::join!(gateway.stop(), stream.ends());
    assert_eq!(code, Some(0));
    let gateway = Gateway::on(crate::bad_input::BINARY, &folder, "");
    let app = App::with_key(&gateway, "moving", &key);
    let mut stream = Stream::open(&app, Some(a)).await;
    assert_eq!(stream.next().await, (b, "b".to_owned()));
}
