//! Rates and counts. Each test has sources (addresses of the loopback interface) and accounts of its own, so that one
//! gateway serves them all.

use std::sync::OnceLock;
use std::time::Duration;

use testkit::{Auth, Gateway, Https, Socket, basic, soon};

use super::{fresh, too_many, until};

const CONFIG: &str = r#"
[limits]
connections-per-source = 6
sessions-per-source = 4
requests-per-source = "30 per 30s"
requests-per-account = "8 per 80s"
activations-per-source = "2 per 1h"
activations-per-address = "1 per 1h"
mints-per-account = "2 per 1h"
connects-per-source = "3 per 1h"
"#;

fn gateway() -> &'static Gateway {
    static GATEWAY: OnceLock<Gateway> = OnceLock::new();
    GATEWAY.get_or_init(|| fresh(CONFIG))
}

async fn from(last: u8) -> Https {
    gateway().https_from([127, 0, 0, last]).await
}

#[tokio::test]
async fn a_source_that_asks_too_often_is_told_when_to_come_back_and_then_passes() {
    let mut https = from(10).await;
    let asks = ("GET", "/api/v1/context", None);
    let wait = too_many(&until(&mut https, asks, 200, 429).await);
    assert_eq!(wait, 1, "one request in each second");
    // Whatever is asked for; others are not concerned.
    for (path, before) in [
        ("/nothing", 404),
        ("/api/v1/user/acme", 401),
        ("/socket.io/", 400),
    ] {
        until(&mut https, ("GET", path, None), before, 429).await;
    }
    let other = from(11)
        .await
        .json("GET", "/api/v1/context", None, None)
        .await;
    assert_eq!(other.status, 200);
    tokio::time::sleep(Duration::from_secs(wait)).await;
    // The requests since took nothing: who is refused does not pay.
    let again = https.json("GET", "/api/v1/context", None, None).await;
    assert_eq!(again.status, 200, "{again:?}");
}

#[tokio::test]
async fn an_account_that_asks_too_often_is_refused_wherever_it_asks_from() {
    let key = basic("busy", &gateway().mint("busy").await);
    let asks = ("GET", "/api/v1/user/busy", Some(key.as_str()));
    let wait = too_many(&until(&mut from(20).await, asks, 200, 429).await);
    assert!(wait <= 10, "one request in each ten seconds, not {wait}");
    let elsewhere = from(21).await.json(asks.0, asks.1, asks.2, None).await;
    too_many(&elsewhere);
    let nobody = from(20)
        .await
        .json("GET", "/api/v1/context", None, None)
        .await;
    assert_eq!(nobody.status, 200);
}

#[tokio::test]
async fn codes_and_keys_have_rates_of_their_own() {
    let ask = async |last: u8, account: &str, email: &str| {
        let path = format!("/api/v1/user/{account}/activation");
        let body = format!(r#"{{"email":"{email}"}}"#);
        from(last)
            .await
            .json("POST", &path, None, Some(&body))
            .await
    };
    assert_eq!(ask(30, "one", "a@example.org").await.status, 200);
    // One mailbox, however it is written.
    for (last, email) in [
        (30, "a@example.org"),
        (31, "A@Example.org"),
        (32, "a+tag@example.org"),
    ] {
        assert!(too_many(&ask(last, "two", email).await) > 60, "{email}");
    }
    assert_eq!(ask(33, "one", "b@example.org").await.status, 200);
    assert_eq!(ask(33, "two", "c@example.org").await.status, 200);
    assert!(too_many(&ask(33, "three", "d@example.org").await) > 60);

    let key = basic("minter", &gateway().mint("minter").await);
    let path = "/api/v1/user/minter/key";
    let refused = until(&mut from(34).await, ("POST", path, Some(&key)), 200, 429).await;
    assert!(too_many(&refused) > 60);
    gateway().mint("minter").await; // root may
}

#[tokio::test]
async fn sockets_that_open_too_often_are_refused_as_such() {
    let domain = "ckzz0abcdefgh0123456789ab.opening.gw.local";
    gateway().mint("opening").await;
    gateway()
        .allow("opening", r#"{"remotesAuth":"anon"}"#)
        .await;
    let mut open = Vec::new();
    let refused = loop {
        let id = format!("clone{}", open.len());
        match Socket::join(gateway(), &id, domain, &Auth::None).await {
            Ok(socket) => open.push(socket),
            Err(refused) => break refused,
        }
    };
    assert_eq!((open.len(), refused.0.as_str()), (3, "TooManyRequests"));
    // Those that are open stay so.
    open[0].present(true).await;
    open[1].presence_becomes(&["clone0"]).await;
}

#[tokio::test]
async fn a_source_has_so_many_connections_and_no_more() {
    let mut held = Vec::new();
    for _ in 0..6 {
        held.push(from(40).await);
    }
    let gateway = gateway();
    let connect = || Https::try_connect_from([127, 0, 0, 40].into(), gateway.port(), &gateway.tls);
    assert!(connect().await.is_err());
    for https in &mut held {
        assert_eq!(https.json("GET", "/healthz", None, None).await.status, 200);
    }
    assert_eq!(
        from(41)
            .await
            .json("GET", "/healthz", None, None)
            .await
            .status,
        200
    );
    held.pop();
    soon("a free place", async { while connect().await.is_err() {} }).await;
}

#[tokio::test]
async fn a_source_has_so_many_sessions_and_no_more() {
    // One connection is enough for many sessions that poll.
    let mut https = from(50).await;
    let mut held = Vec::new();
    for id in ["one", "two", "three", "four"] {
        let path = opened(&mut https, id).await;
        assert_eq!(say(&mut https, &path, "3").await, 200);
        held.push(path);
    }
    let over = opened(&mut https, "five").await;
    assert_eq!(say(&mut https, &over, "3").await, 400);
    let other = opened(&mut from(51).await, "five").await;
    assert_eq!(say(&mut from(51).await, &other, "3").await, 200);
    // Those that are open stay so; one that ends makes room.
    for path in &held {
        assert_eq!(say(&mut https, path, "3").await, 200);
    }
    assert_eq!(say(&mut https, &held[0], "1").await, 200);
    let freed = async {
        for _ in 0..10 {
            let path = opened(&mut https, "five").await;
            if say(&mut https, &path, "3").await == 200 {
                return;
            }
        }
        panic!("no session ever made room");
    };
    soon("a free place", freed).await;
}

/// Opens a session that polls. Gives the path of its requests.
async fn opened(https: &mut Https, id: &str) -> String {
    let domain = "ckzz0abcdefgh0123456789ab.sessions.gw.local";
    let path = format!("/socket.io/?EIO=4&transport=polling&%40id={id}&%40domain={domain}");
    let reply = https.request("GET", &path, &[], &[]).await;
    let open: serde_json::Value = serde_json::from_str(&reply.text()[1..]).unwrap();
    format!("{path}&sid={}", open["sid"].as_str().unwrap())
}

/// Sends a payload; gives the status of the answer.
async fn say(https: &mut Https, path: &str, payload: &str) -> u16 {
    let kind = [("Content-Type", "text/plain;charset=UTF-8")];
    let reply = https.request("POST", path, &kind, payload.as_bytes());
    reply.await.status
}
