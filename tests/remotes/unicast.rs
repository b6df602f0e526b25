//! Messages to one clone: to exactly that one, as they were sent, and acknowledged.

use serde_json::{Value, json};
use testkit::{Event, Poller, Socket, Writer};

use super::world::{World, assert_reconnectable};

/// Sends a message and gives what its sender is told.
async fn ask(sender: &mut Socket, event: &str, params: &Value) -> Value {
    sender.unicast(event, 7, params, b"\x00payload\xff").await;
    let (id, arguments) = sender.next_ack().await;
    assert_eq!(id, 7);
    arguments
}

fn between(from: &str, to: &str) -> Value {
    json!({"toId": to, "fromId": from, "messageId": "m\u{e9} \"1\""})
}

/// What a clone hears next, of messages.
async fn next_message(socket: &mut Socket) -> (Value, Vec<u8>) {
    loop {
        match socket.next().await {
            Event::Event(arguments, Some(bytes)) => return (arguments, bytes.to_vec()),
            Event::Closed => panic!("{} was closed", socket.id),
            _ => {}
        }
    }
}

async fn next_message_polled(poller: &mut Poller) -> (Value, Vec<u8>) {
    loop {
        match poller.next().await {
            Event::Event(arguments, Some(bytes)) => return (arguments, bytes.to_vec()),
            Event::Closed => panic!("the poller was closed"),
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_reaches_the_one_it_is_for_as_it_was_sent() {
    let world = World::with("").await;
    let mut sender = world.socket("a").await;
    let mut other = world.socket("b").await;
    let mut third = world.socket("c").await;
    let mut polling = world.poller("p").await;
    for event in ["send", "reply", "notify"] {
        let params = between("a", "b");
        assert_eq!(ask(&mut sender, event, &params).await, json!([null]));
        let (arguments, payload) = next_message(&mut other).await;
        assert_eq!(arguments[0], event);
        assert_eq!(arguments[1], params);
        assert_eq!(payload, b"\x00payload\xff");
        let params = between("a", "p");
        assert_eq!(ask(&mut sender, event, &params).await, json!([null]));
        let (arguments, payload) = next_message_polled(&mut polling).await;
        assert_eq!(
            (&arguments[1], &payload[..]),
            (&params, &b"\x00payload\xff"[..])
        );
    }
    // To itself as well, as the room of its id says.
    sender.unicast("notify", 8, &between("a", "a"), b"me").await;
    assert_eq!(next_message(&mut sender).await.1, b"me");
    assert_eq!(sender.next_ack().await, (8, json!([null])));
    // The third one got none of them: an operation is the first that it hears.
    sender.operation(&Writer::default().next(10)).await;
    assert_eq!(next_message(&mut third).await.0[0], "operation");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_for_nobody_is_acknowledged_all_the_same() {
    let world = World::with("").await;
    let mut sender = world.socket("a").await;
    let mut elsewhere = world.socket_in(1, "far").await;
    for to in ["nobody", "far", "a/b", "present", ""] {
        assert_eq!(
            ask(&mut sender, "send", &between("a", to)).await,
            json!([null]),
            "{to}"
        );
    }
    let mut near = world.socket_in(1, "near").await;
    assert_eq!(
        ask(&mut near, "send", &between("near", "far")).await,
        json!([null])
    );
    assert_eq!(next_message(&mut elsewhere).await.0[1]["fromId"], "near");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_is_not_right_is_refused_to_its_sender_and_reaches_nobody() {
    let world = World::with("").await;
    let mut sender = world.socket("a").await;
    let mut other = world.socket("b").await;
    let many: serde_json::Map<String, Value> = (0..40)
        .map(|number| (format!("p{number}"), json!("x")))
        .collect();
    for (params, reason) in [
        (json!({"toId": "b", "fromId": "b"}), "Forbidden"),
        (json!({"toId": "b", "fromId": "A"}), "Forbidden"),
        (json!({"toId": "b"}), "Forbidden"),
        (json!({"fromId": "a"}), "Bad arguments"),
        (json!({}), "Forbidden"),
        (json!(null), "Bad arguments"),
        (json!([]), "Bad arguments"),
        (json!({"toId": "b", "fromId": 1}), "Bad arguments"),
        (json!({"toId": ["b"], "fromId": "a"}), "Bad arguments"),
        (
            json!({"toId": "b", "fromId": "a", "messageId": null}),
            "Bad arguments",
        ),
        (
            json!({"toId": "b", "fromId": "a", "messageId": "x".repeat(2000)}),
            "Bad arguments",
        ),
        (Value::Object(many), "Bad arguments"),
    ] {
        assert_eq!(
            ask(&mut sender, "send", &params).await,
            json!([reason]),
            "{params}"
        );
    }
    for (packet, reason) in [
        (r#"421["other",1]"#, "Unknown event"),
        (r#"421["presence",[]]"#, "Unknown event"),
        (r#"421["present"]"#, "Bad arguments"),
        (r#"421["present","yes"]"#, "Bad arguments"),
        (
            r#"421["send",{"toId":"b","fromId":"a"},"text"]"#,
            "Bad arguments",
        ),
        (r#"421["operation","text"]"#, "Bad arguments"),
        (r#"421["operation"]"#, "Bad arguments"),
        (r"421[]", "Bad arguments"),
    ] {
        sender.send_text(packet).await;
        assert_eq!(sender.next_ack().await, (1, json!([reason])), "{packet}");
    }
    let twice =
        r#"451-2["send",{"toId":"b","toId":"b","fromId":"a"},{"_placeholder":true,"num":0}]"#;
    sender.send_text(twice).await;
    sender.send_binary(b"x".to_vec()).await;
    assert_eq!(sender.next_ack().await, (2, json!(["Bad arguments"])));
    // An event that is right may be acknowledged though the protocol has no need of it.
    sender.send_text(r#"423["present",true]"#).await;
    assert_eq!(sender.next_ack().await, (3, json!([null])));
    assert_eq!(
        ask(&mut sender, "send", &between("a", "b")).await,
        json!([null])
    );
    assert_eq!(next_message(&mut other).await.0[1], between("a", "b"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_event_that_wants_no_acknowledgement_ends_its_sender_and_nobody_else() {
    let world = World::with("").await;
    let mut witness = world.socket("witness").await;
    for packet in [
        r#"42["other"]"#,
        r#"42["present",1]"#,
        r#"42["operation"]"#,
        r#"42{"no":"array"}"#,
        "42",
        r#"42["present",true"#,
        r#"452-["operation",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#,
        r#"42/other,["present",true]"#,
        "4",
        "49",
        "40",
        "x",
        "",
    ] {
        let mut sender = world.socket("sender").await;
        sender.send_text(packet).await;
        assert_reconnectable(&mut sender).await;
        if packet.starts_with('4') && packet.len() > 1 {
            let mut polling = world.poller("sender").await;
            polling.post(packet.as_bytes()).await;
            super::world::session_ends(&mut polling).await;
        }
    }
    let mut unannounced = world.socket("sender").await;
    unannounced.send_binary(b"x".to_vec()).await;
    assert_reconnectable(&mut unannounced).await;
    let mut unfinished = world.socket("sender").await;
    unfinished
        .send_text(r#"451-["operation",{"_placeholder":true,"num":0}]"#)
        .await;
    unfinished.present(true).await;
    assert_reconnectable(&mut unfinished).await;

    let mut sender = world.socket("sender").await;
    // The server asks for no acknowledgement, and minds none.
    sender.send_text(r#"4312["whatever"]"#).await;
    // In another namespace there is nobody, which is no reason to go.
    sender.send_text("40/other,").await;
    assert_eq!(
        sender.next().await,
        Event::Refused("Invalid namespace".to_owned())
    );
    sender.operation(&Writer::default().next(10)).await;
    super::world::hears(&mut witness, 1, 1).await;
}
