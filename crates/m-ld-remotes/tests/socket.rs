//! Connecting, speaking, acknowledging, coming back.

use std::time::Duration;

use bytes::Bytes;
use m_ld_remotes::socket::{Argument, Congested, Event, Limits, Lost, NotAcknowledged, Options};
use serde_json::json;

use crate::server::{OPEN, Server, client, connected, event, lost, soon};

#[tokio::test]
async fn it_says_who_it_is_and_is_let_in() {
    let server = Server::start().await;
    let (_client, mut events) = client(Options {
        auth: json!({"user": "a", "key": "k"}),
        ..server.options()
    });
    let mut peer = server.upgraded().await;
    peer.say(OPEN).await;
    assert_eq!(peer.heard().await, r#"40{"key":"k","user":"a"}"#);
    peer.say("2").await;
    assert_eq!(peer.heard().await, "3", "a heartbeat before it is let in");
    peer.say(r#"40{"sid":"t"}"#).await;
    connected(&mut events).await;
    peer.say("2").await;
    assert_eq!(peer.heard().await, "3");
}

#[tokio::test]
async fn events_go_both_ways_with_their_attachments() {
    let server = Server::start().await;
    let (mut client, mut events) = client(server.options());
    let mut peer = server.welcomed().await;
    let session = connected(&mut events).await;
    let bytes = Bytes::from_static(b"bytes");
    let arguments = vec![json!({"a": 1}).into(), bytes.clone().into()];
    client.emit(session, "say", arguments.clone()).unwrap();
    let text = r#"51-["say",{"a":1},{"_placeholder":true,"num":0}]"#;
    assert_eq!(peer.heard().await, format!("4{text}"));
    assert_eq!(peer.attached().await, b"bytes");
    peer.say(&format!("4{}", text.replace("1-", "1-9"))).await;
    peer.attach(b"bytes").await;
    let Event::Received {
        name,
        arguments: received,
        ack,
    } = event(&mut events).await
    else {
        panic!("no event");
    };
    assert_eq!((name.as_str(), received, ack), ("say", arguments, Some(9)));
    client
        .acknowledge(session, 9, vec![json!(null).into()])
        .unwrap();
    assert_eq!(peer.heard().await, "439[null]");
}

#[tokio::test]
async fn acknowledgements_come_back_once_and_to_what_asked_for_them() {
    let server = Server::start().await;
    let (mut client, mut events) = client(server.options());
    let mut peer = server.welcomed().await;
    let session = connected(&mut events).await;
    let asked = client.emit_acknowledged(session, "ask", vec![]).unwrap();
    assert_eq!(peer.heard().await, format!(r#"42{asked}["ask"]"#));
    for id in [asked + 7, asked, asked] {
        peer.say(&format!("43{id}[null,{id}]")).await;
    }
    peer.say(r#"42["end"]"#).await;
    let Event::Acknowledged { id, arguments } = event(&mut events).await else {
        panic!("no acknowledgement");
    };
    let expected: Vec<Argument> = vec![json!(null).into(), json!(asked).into()];
    assert_eq!((id, arguments), (asked, Ok(expected)));
    let next = event(&mut events).await;
    assert!(
        matches!(&next, Event::Received { name, .. } if name == "end"),
        "{next:?}"
    );
}

#[tokio::test]
async fn what_is_not_acknowledged_in_time_is_told() {
    let server = Server::start().await;
    let (mut client, mut events) = client(Options {
        ack_timeout: Duration::from_millis(30),
        ..server.options()
    });
    let _peer = server.welcomed().await;
    let session = connected(&mut events).await;
    let asked = client.emit_acknowledged(session, "ask", vec![]).unwrap();
    let Event::Acknowledged { id, arguments } = event(&mut events).await else {
        panic!("no acknowledgement");
    };
    assert_eq!((id, arguments), (asked, Err(NotAcknowledged)));
    assert_eq!(client.unsent(), 0, "its room is free again");
}

#[tokio::test]
async fn it_comes_back_and_what_was_for_the_lost_connection_is_not_sent() {
    let server = Server::start().await;
    let (mut client, mut events) = client(server.options());
    let peer = server.welcomed().await;
    let first = connected(&mut events).await;
    drop(peer);
    assert!(matches!(lost(&mut events).await, Lost::Ended(_)));
    client.emit(first, "late", vec![]).unwrap();
    let mut peer = server.welcomed().await;
    let second = connected(&mut events).await;
    assert_ne!(first, second);
    client.emit(first, "late", vec![]).unwrap();
    client.emit(second, "now", vec![]).unwrap();
    assert_eq!(peer.heard().await, r#"42["now"]"#);
}

#[tokio::test]
async fn a_refusal_ends_it_unless_it_is_of_the_moment() {
    let server = Server::start().await;
    let (_client, mut events) = client(Options {
        passing_refusals: vec!["TooManyRequests".to_owned()],
        ..server.options()
    });
    for (refusal, passing) in [("TooManyRequests", true), ("Forbidden", false)] {
        let mut peer = server.upgraded().await;
        peer.say(OPEN).await;
        peer.heard().await;
        peer.say(&format!("44{}", json!({"message": refusal})))
            .await;
        match event(&mut events).await {
            Event::Unreachable(why) if passing => assert_eq!(why, refusal),
            Event::Refused { message } if !passing => assert_eq!(message, refusal),
            other => panic!("{other:?}"),
        }
    }
    assert!(soon(events.next()).await.is_none());
}

#[tokio::test]
async fn a_server_that_sends_it_away_is_obeyed() {
    let server = Server::start().await;
    let (_client, mut events) = client(server.options());
    let mut peer = server.welcomed().await;
    peer.say("41").await;
    connected(&mut events).await;
    assert_eq!(lost(&mut events).await, Lost::ByServer);
    assert!(soon(events.next()).await.is_none());
}

#[tokio::test]
async fn a_refusal_that_comes_once_it_was_let_in_is_one_all_the_same() {
    let server = Server::start().await;
    let (_client, mut events) = client(Options {
        passing_refusals: vec!["TooManyRequests".to_owned()],
        ..server.options()
    });
    let mut peer = server.welcomed().await;
    connected(&mut events).await;
    peer.say(r#"44{"message":"TooManyRequests"}"#).await;
    let passing = Lost::Refused("TooManyRequests".to_owned());
    assert_eq!(lost(&mut events).await, passing);
    let mut peer = server.welcomed().await;
    connected(&mut events).await;
    peer.say(r#"44{"message":"Forbidden"}"#).await;
    let refused = Lost::Refused("Forbidden".to_owned());
    assert_eq!(lost(&mut events).await, refused);
    match event(&mut events).await {
        Event::Refused { message } => assert_eq!(message, "Forbidden"),
        other => panic!("{other:?}"),
    }
    assert!(soon(events.next()).await.is_none());
}

#[tokio::test]
async fn a_silent_server_is_left() {
    let server = Server::start().await;
    let (_client, mut events) = client(server.options());
    let mut peer = server.upgraded().await;
    peer.say(r#"0{"sid":"s","pingInterval":1,"pingTimeout":1}"#)
        .await;
    peer.heard().await;
    peer.say("40{}").await;
    connected(&mut events).await;
    assert_eq!(lost(&mut events).await, Lost::Silent);
}

#[tokio::test]
async fn dropped_it_sends_what_waits_and_takes_its_leave() {
    let server = Server::start().await;
    let (mut client, mut events) = client(server.options());
    let mut peer = server.welcomed().await;
    let session = connected(&mut events).await;
    client.emit(session, "last", vec![]).unwrap();
    drop(client);
    assert_eq!(peer.heard().await, r#"42["last"]"#);
    assert_eq!(peer.heard().await, "41");
    peer.is_left().await;
    assert_eq!(lost(&mut events).await, Lost::ByUs);
    assert!(soon(events.next()).await.is_none());
}

#[tokio::test]
async fn cut_it_comes_back() {
    let server = Server::start().await;
    let (client, mut events) = client(server.options());
    let mut peer = server.welcomed().await;
    let session = connected(&mut events).await;
    client.cut(session);
    assert_eq!(lost(&mut events).await, Lost::ByUs);
    peer.is_left().await;
    let _peer = server.welcomed().await;
    connected(&mut events).await;
}

#[tokio::test]
async fn what_a_server_does_not_take_is_held_within_a_limit() {
    let server = Server::start().await;
    let (mut client, mut events) = client(Options {
        limits: Limits {
            unsent: 1 << 20,
            ..Limits::default()
        },
        ..server.options()
    });
    let mut peer = server.welcomed().await;
    let session = connected(&mut events).await;
    let large = Bytes::from(vec![0; 100_000]);
    // The peer does not read.
    let mut sent = 0_u32;
    let congested = loop {
        let emitted = client.emit_acknowledged(session, "large", vec![large.clone().into()]);
        match emitted {
            Ok(_) => sent += 1,
            Err(congested) => break congested,
        }
        tokio::task::yield_now().await;
    };
    assert_eq!((congested, sent), (Congested, 10));
    for _ in 0..sent {
        peer.heard().await;
        peer.attached().await;
    }
    peer.say("430[null]").await;
    event(&mut events).await;
    client.emit(session, "large", vec![large.into()]).unwrap();
}
