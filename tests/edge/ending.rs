//! Ends and beginnings: what is under way is finished, what was confirmed is there again.

use testkit::{Auth, Folder, Gateway, Https, Poller, Socket, basic};

use super::{fresh, on};

const DOMAIN: &str = "todo.acme.gw.local";

/// A request that is under way, and whose body is not there yet.
async fn begin(gateway: &Gateway) -> Https {
    let key = basic("root", &gateway.ready.root_key);
    let head = format!(
        "PUT /api/v1/domain/acme/late HTTP/1.1\r\nHost: localhost\r\nAuthorization: {key}\r\n\
         Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    );
    let mut https = gateway.https().await;
    let go_on = https.raw(head.as_bytes()).await.unwrap();
    assert_eq!(go_on.status, 100, "{go_on:?}");
    https
}

#[tokio::test]
async fn on_sigterm_requests_finish_and_sockets_are_told_to_come_back() {
    let gateway = fresh("[http]\ndrain-timeout = \"15s\"\n");
    gateway.mint("acme").await;
    gateway
        .as_root("PUT", "/api/v1/domain/acme/todo", None)
        .await;
    let root = Auth::Key("root".into(), gateway.ready.root_key.clone());
    let mut socket = Socket::join(&gateway, "socket", DOMAIN, &root)
        .await
        .unwrap();
    let poller = Poller::join(&gateway, "poller", DOMAIN, &root)
        .await
        .unwrap();
    let mut polls = gateway.https().await;
    let poll = format!(
        "/socket.io/?EIO=4&transport=polling&sid={}",
        poller.session()
    );
    let poll = format!("GET {poll} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    polls.send(poll.as_bytes()).await;
    let mut idle = gateway.https().await;
    assert_eq!(idle.json("GET", "/readyz", None, None).await.status, 200);
    let mut late = begin(&gateway).await;

    gateway.signal("TERM");
    // After a DISCONNECT a clone would not reconnect.
    assert!(!socket.ended().await, "the socket was sent a DISCONNECT");
    assert!(idle.is_closed().await);
    // Whatever its poll is answered, if it is.
    if let Some(reply) = polls.reply().await {
        assert!(
            !reply.text().split('\u{1e}').any(|packet| packet == "41"),
            "{reply:?}"
        );
    }
    let refused = Https::try_connect(gateway.port(), &gateway.tls).await;
    assert!(refused.is_err());
    late.send(b"{}").await;
    let reply = late.reply().await.unwrap();
    assert_eq!(reply.status, 200, "{reply:?}");
    assert!(late.is_closed().await);
    gateway.logged("all connections are finished").await;
    assert_eq!(gateway.end().await, Some(0));
}

#[tokio::test]
async fn who_never_finishes_is_not_waited_for_for_ever() {
    let gateway = fresh("[http]\ndrain-timeout = \"300ms\"\n");
    gateway.mint("acme").await;
    let mut late = begin(&gateway).await;
    gateway.signal("TERM");
    gateway
        .logged("some connections did not finish in time")
        .await;
    assert!(late.is_closed().await);
    assert_eq!(gateway.end().await, Some(0));
}

#[tokio::test]
async fn what_was_confirmed_is_there_after_a_restart_and_after_a_crash() {
    let folder = Folder::new();
    let gateway = on(&folder, "");
    let (ready, key) = (gateway.ready.clone(), gateway.mint("acme").await);
    gateway
        .allow(
            "acme",
            r#"{"email":"a@example.org","naming":"uuid","remotesAuth":"key"}"#,
        )
        .await;
    gateway
        .as_root(
            "PUT",
            "/api/v1/domain/acme/todo",
            Some(r#"{"useSignatures":false}"#),
        )
        .await;
    let own = basic("acme", &key);
    let details = async |gateway: &Gateway| {
        let mut https = gateway.https().await;
        let own = https
            .json("GET", "/api/v1/user/acme", Some(&own), None)
            .await;
        let root = https.json("GET", "/api/v1/publicKey", None, None).await;
        assert_eq!((own.status, root.status), (200, 200), "{own:?}");
        (own.value(), root.text())
    };
    let before = details(&gateway).await;
    assert_eq!(before.0["subdomain"][0], "todo");
    assert_eq!(gateway.stop().await, Some(0));

    let gateway = on(&folder, "");
    assert_eq!(gateway.ready.root_key, ready.root_key);
    assert_eq!(details(&gateway).await, before);
    let more = gateway
        .as_root("PUT", "/api/v1/domain/acme/more", None)
        .await;
    assert_eq!(more.status, 200);
    gateway.kill().await;

    let gateway = on(&folder, "");
    let after = details(&gateway).await;
    assert_eq!(after.0["subdomain"], serde_json::json!(["more", "todo"]));
    assert_eq!((&after.0["key"], after.1), (&before.0["key"], before.1));
    let auth = Auth::Key("acme".into(), key);
    let joined = Socket::join(&gateway, "a", DOMAIN, &auth).await;
    assert!(joined.is_ok(), "{joined:?}");
}

#[tokio::test]
async fn a_second_gateway_on_the_same_data_is_refused_and_says_why() {
    let folder = Folder::new();
    let gateway = on(&folder, "");
    let (code, said) = Gateway::refused(crate::bad_input::BINARY, &folder, "");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("is in use by another process"), "{said}");
    assert!(
        said.contains(&folder.path().join("data/store").display().to_string()),
        "{said}"
    );
    assert_eq!(gateway.as_root("GET", "/readyz", None).await.status, 200);
    gateway.mint("acme").await;
}
