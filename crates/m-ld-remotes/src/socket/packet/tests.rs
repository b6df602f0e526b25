use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::socket::Limits;

fn reader() -> Reader {
    Reader::new(Limits {
        message: 100,
        text: 200_000,
        attachments: 3,
        ..Limits::default()
    })
}

/// Reads frames as they were written: text with its Engine.IO type, then attachments.
fn read(frames: &Frames) -> Result<Option<Packet>, Malformed> {
    let mut reader = Reader::new(Limits::default());
    let mut packet = reader.text(frames.text.strip_prefix('4').unwrap())?;
    for attachment in &frames.attachments {
        assert_eq!(packet, None, "whole before its attachments came");
        packet = reader.binary(attachment.clone())?;
    }
    Ok(packet)
}

fn event(arguments: Vec<Argument>, ack: Option<u64>) -> Packet {
    Packet::Event {
        name: "send".to_owned(),
        arguments,
        ack,
    }
}

#[test]
fn an_event_with_an_attachment_is_written_as_javascript_clients_write_it() {
    let arguments = vec![json!({"toId": "b"}).into(), Bytes::from_static(b"x").into()];
    let frames = event(arguments, Some(7)).into_frames();
    assert_eq!(
        frames.text,
        r#"451-7["send",{"toId":"b"},{"_placeholder":true,"num":0}]"#
    );
    assert_eq!(frames.attachments, [Bytes::from_static(b"x")]);
    assert_eq!(frames.len(), frames.text.len() + 1);
}

#[test]
fn packets_without_a_body_have_no_text_for_it() {
    assert_eq!(Packet::Connect(Value::Null).into_frames().text, "40");
    assert_eq!(
        Packet::Connect(json!({"jwt": "x"})).into_frames().text,
        r#"40{"jwt":"x"}"#
    );
    assert_eq!(Packet::Disconnect.into_frames().text, "41");
}

#[test]
fn what_servers_say_at_a_connection_is_read() {
    let read = |text| reader().text(text).unwrap().unwrap();
    assert_eq!(
        read(r#"0{"sid":"a"}"#),
        Packet::Connect(json!({"sid": "a"}))
    );
    assert_eq!(read("0/,{}"), Packet::Connect(json!({})));
    assert_eq!(read("1"), Packet::Disconnect);
    assert_eq!(read("1/"), Packet::Disconnect);
    assert_eq!(
        read(r#"4{"message":"Unauthorized"}"#),
        Packet::Refused(json!({"message": "Unauthorized"}))
    );
    assert_eq!(
        read("312[null]"),
        Packet::Ack {
            id: 12,
            arguments: vec![Value::Null.into()]
        }
    );
}

#[test]
fn what_is_no_packet_is_refused() {
    for text in [
        "",
        "7",
        "x",
        "2",
        "2{}",
        "2[]",
        "2[1]",
        r#"2["a""#,
        "3[]",
        "51",
        "5-[]",
        "5x-[]",
        "5+1-[]",
        r#"59-["a"]"#,
        "599999999999999999999999-[]",
        "299999999999999999999999[]",
        r#"2/other,["a"]"#,
        "0/other",
        r#"2["a",{"_placeholder":true,"num":0}]"#,
        r#"2["a",{"_placeholder":true,"num":-1}]"#,
        r#"2["a",{"_placeholder":true}]"#,
    ] {
        assert!(reader().text(text).is_err(), "{text}");
    }
    let deep = format!(r#"2["a",{}"#, "[".repeat(100_000));
    assert!(reader().text(&deep).is_err(), "nested beyond reason");
}

#[test]
fn attachments_come_after_their_packet_and_nowhere_else() {
    let one = Bytes::from_static(b"one");
    assert!(reader().binary(one.clone()).is_err());
    let mut waiting = reader();
    let text = r#"51-["a",{"_placeholder":true,"num":0}]"#;
    assert_eq!(waiting.text(text), Ok(None));
    assert!(waiting.text(r#"2["b"]"#).is_err());
    let mut missing = reader();
    assert_eq!(
        missing.text(r#"51-["a",{"_placeholder":true,"num":1}]"#),
        Ok(None)
    );
    assert!(missing.binary(one).is_err(), "no such attachment");
}

#[test]
fn attachments_are_limited_in_number_and_bytes() {
    assert!(reader().text(r#"54-["a"]"#).is_err());
    let mut heavy = reader();
    assert_eq!(heavy.text(r#"52-["a"]"#), Ok(None));
    assert_eq!(heavy.binary(vec![0; 40].into()), Ok(None));
    assert!(heavy.binary(vec![0; 60].into()).is_err());
}

fn argument() -> impl Strategy<Value = Argument> {
    prop_oneof![
        any::<i64>().prop_map(|number| Argument::Json(json!(number))),
        "[a-z\"\\\\]{0,5}".prop_map(|text| Argument::Json(json!({ "key": text }))),
        prop::collection::vec(any::<u8>(), 0..10).prop_map(|bytes| Argument::Binary(bytes.into())),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        arguments in prop::collection::vec(argument(), 0..4),
        ack in any::<Option<u64>>(),
        is_ack in any::<bool>(),
    ) {
        prop_assume!(arguments.iter().filter(|argument| argument.as_binary().is_some()).count() <= 3);
        let packet = match (is_ack, ack) {
            (true, Some(id)) => Packet::Ack { id, arguments },
            _ => event(arguments, ack),
        };
        prop_assert_eq!(read(&packet.clone().into_frames()), Ok(Some(packet)));
    }

    #[test]
    fn no_text_and_no_bytes_cause_a_panic(frames in prop::collection::vec((any::<bool>(), "[0-9/,\\-\\[\\]{}\"a:]{0,20}"), 0..6)) {
        let mut reader = reader();
        for (is_text, frame) in frames {
            if is_text { drop(reader.text(&frame)); } else { drop(reader.binary(frame.into_bytes().into())); }
        }
    }
}
