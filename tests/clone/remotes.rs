//! What clones say to one another, through the gateway.

use std::time::Duration;

use m_ld_remotes::remotes::{Ended, Message, Remotes};
use m_ld_remotes::socket::{Address, Backoff, Options};
use serde_json::{Value, json};
use testkit::{Gateway, Writer, soon};

use super::{gateway, subdomain};

/// Chance that is the same each time.
struct Even;

impl m_ld_engine::chance::Chance for Even {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(128);
    }
}

fn remotes(gateway: &Gateway, id: &str, domain: &str, auth: Value) -> Remotes {
    let options = Options {
        auth,
        tls: Some(gateway.tls.clone()),
        backoff: Backoff {
            first: Duration::from_millis(10),
            longest: Duration::from_millis(50),
            jitter_percent: 0,
        },
        ..Options::new(Address::parse(&gateway.ready.origin).unwrap())
    };
    Remotes::connect(id, domain, options, Box::new(Even))
}

/// The next message that is none of presence.
async fn next(remotes: &mut Remotes) -> Message {
    loop {
        match soon("a message", remotes.next()).await.unwrap() {
            Message::Presence(_) => {}
            message => return message,
        }
    }
}

async fn present(remotes: &mut Remotes, expected: &[&str]) {
    soon("presence", async {
        loop {
            if let Ok(Message::Presence(ids)) = remotes.next().await
                && ids == expected
            {
                return;
            }
        }
    })
    .await;
}

async fn domain_of(gateway: &Gateway) -> String {
    subdomain(gateway).await["@domain"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn clones_are_present_and_hear_what_is_meant_for_them() {
    let gateway = gateway().await;
    let domain = domain_of(&gateway).await;
    let [mut one, mut two, mut three] =
        ["one", "two", "three"].map(|id| remotes(&gateway, id, &domain, Value::Null));
    for clone in [&mut one, &mut two, &mut three] {
        assert_eq!(next(clone).await, Message::Connected);
    }
    one.present(true);
    present(&mut two, &["one"]).await;
    two.request("one", "m1", b"request".as_slice());
    let request = Message::Request {
        from: "two".to_owned(),
        message_id: "m1".to_owned(),
        payload: "request".into(),
    };
    assert_eq!(next(&mut one).await, request);
    one.reply("two", "m2", "m1", b"reply".as_slice());
    let reply = Message::Reply {
        from: "one".to_owned(),
        message_id: "m2".to_owned(),
        sent_message_id: "m1".to_owned(),
        payload: "reply".into(),
    };
    assert_eq!(next(&mut two).await, reply);
    one.notify("two", "c", b"notification".as_slice());
    let notification = Message::Notification {
        from: "one".to_owned(),
        channel: "c".to_owned(),
        payload: "notification".into(),
    };
    assert_eq!(next(&mut two).await, notification);
    let operation = Writer::after(1).next_of(100);
    three.operation(operation.clone());
    for clone in [&mut one, &mut two] {
        assert_eq!(
            next(clone).await,
            Message::Operation(operation.clone().into())
        );
    }
    one.close().await;
    present(&mut three, &[]).await;
}

#[tokio::test]
async fn who_is_refused_is_told_so_and_does_not_come_back() {
    let gateway = gateway().await;
    let domain = domain_of(&gateway).await;
    let auth = json!({"user": "ada", "key": "root.nokey:wrong"});
    let mut refused = remotes(&gateway, "one", &domain, auth);
    let ended = soon("the refusal", refused.next()).await;
    assert_eq!(ended, Err(Ended::Refused("Unauthorized".to_owned())));
}

#[tokio::test]
async fn who_has_its_key_revoked_is_sent_away() {
    let gateway = gateway().await;
    let domain = domain_of(&gateway).await;
    let key = gateway.mint("ada").await;
    let mut clone = remotes(&gateway, "one", &domain, json!({"user": "ada", "key": key}));
    assert_eq!(next(&mut clone).await, Message::Connected);
    let keyid = key.split([':', '.']).nth(1).unwrap();
    let revoke = json!({"@delete": {"key": keyid}}).to_string();
    let reply = gateway
        .as_root("PATCH", "/api/v1/user/ada", Some(&revoke))
        .await;
    assert_eq!(reply.status, 204, "{reply:?}");
    assert!(matches!(next(&mut clone).await, Message::Disconnected(_)));
    let ended = soon("the end", clone.next()).await;
    assert!(ended.is_err(), "{ended:?}");
}

#[tokio::test]
async fn clones_come_back_to_a_gateway_that_was_away() {
    let gateway = gateway().await;
    let domain = domain_of(&gateway).await;
    let [mut one, mut two] = ["one", "two"].map(|id| remotes(&gateway, id, &domain, Value::Null));
    assert_eq!(next(&mut one).await, Message::Connected);
    assert_eq!(next(&mut two).await, Message::Connected);
    one.cut();
    assert!(matches!(next(&mut one).await, Message::Disconnected(_)));
    assert_eq!(next(&mut one).await, Message::Connected);
    one.present(true);
    present(&mut two, &["one"]).await;
}
