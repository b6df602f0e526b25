use serde_json::json;

use super::*;

fn bytes() -> Argument {
    Bytes::from_static(b"x").into()
}

#[test]
fn each_event_of_the_protocol_is_read() {
    let params = json!({
        "toId": "me", "fromId": "you", "messageId": "m", "sentMessageId": "s", "channelId": "c"
    });
    let (from, payload) = ("you".to_owned(), Bytes::from_static(b"x"));
    let read = |name| Message::read(name, &[params.clone().into(), bytes()], "me").unwrap();
    assert_eq!(
        read("send"),
        Message::Request {
            from: from.clone(),
            message_id: "m".to_owned(),
            payload: payload.clone()
        }
    );
    assert_eq!(
        read("reply"),
        Message::Reply {
            from: from.clone(),
            message_id: "m".to_owned(),
            sent_message_id: "s".to_owned(),
            payload: payload.clone()
        }
    );
    assert_eq!(
        read("notify"),
        Message::Notification {
            from,
            channel: "c".to_owned(),
            payload
        }
    );
}

#[test]
fn operations_and_presence_are_read_and_what_follows_them_is_passed_over() {
    let operation = Message::read("operation", &[bytes(), json!("offset").into()], "me");
    assert_eq!(
        operation,
        Some(Message::Operation(Bytes::from_static(b"x")))
    );
    let presence = Message::read("presence", &[json!(["b", "a"]).into()], "me");
    let ids = ["b", "a"].map(str::to_owned).to_vec();
    assert_eq!(presence, Some(Message::Presence(ids)));
}

#[test]
fn what_is_not_of_the_protocol_is_passed_over() {
    let params = json!({"toId": "me", "fromId": "you", "messageId": "m"});
    let for_another = json!({"toId": "another", "fromId": "you", "messageId": "m"});
    let json = |value: Value| Argument::from(value);
    let cases: [(&str, Vec<Argument>); 13] = [
        ("operation", vec![]),
        ("operation", vec![json(json!("text"))]),
        ("presence", vec![]),
        ("presence", vec![json(json!({"0": "a"}))]),
        ("presence", vec![json(json!(["a", 1]))]),
        ("presence", vec![bytes()]),
        ("send", vec![json(params.clone())]),
        ("send", vec![json(params.clone()), json(json!("x"))]),
        ("send", vec![bytes(), json(params.clone())]),
        ("send", vec![json(for_another), bytes()]),
        ("reply", vec![json(params.clone()), bytes()]),
        ("notify", vec![json(params.clone()), bytes()]),
        ("other", vec![json(params), bytes()]),
    ];
    for (name, arguments) in cases {
        assert_eq!(
            Message::read(name, &arguments, "me"),
            None,
            "{name} {arguments:?}"
        );
    }
}
