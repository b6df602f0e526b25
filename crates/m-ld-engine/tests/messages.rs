use m_ld_engine::wire::{Limits, Operation, WireError, judge};
use serde_json::{Value as Json, json};

use crate::common::{Message, WITH_MESSAGES, base64, first, message, messages, value, vectors};
use m_ld_engine::msgpack::Value;

fn all() -> Vec<Message> {
    WITH_MESSAGES
        .iter()
        .flat_map(|file| messages(&vectors(file)))
        .collect()
}

#[test]
fn every_message_of_the_vectors_is_accepted_and_known() {
    let all = all();
    assert!(all.len() > 200, "only {} messages", all.len());
    for Message { bytes, decoded } in all {
        let operation = &decoded["operation"];
        let envelope =
            judge(&bytes, &Limits::default()).unwrap_or_else(|e| panic!("{e}: {decoded}"));
        assert_eq!(envelope.prev, decoded["prev"]);
        assert_eq!(envelope.version, operation["version"]);
        assert_eq!(envelope.from, operation["from"]);
        assert_eq!(envelope.ticks, operation["ticks"]);
        assert_eq!(envelope.tid().unwrap().as_str(), operation["tid"]);
        assert_eq!(json!(envelope.principal), operation["principalId"]);
        assert_eq!(json!(envelope.agreed), operation["agreed"][0]);
        assert_eq!(
            json!(envelope.attribution.map(|attr| attr.principal)),
            decoded["attr"]["pid"]
        );
        let secure = operation["encoding"]
            .as_array()
            .unwrap()
            .contains(&json!(3));
        assert_eq!(envelope.secure, secure);
        assert_operation(&bytes, operation);
    }
}

fn assert_operation(bytes: &[u8], expected: &Json) {
    let (operation, _) = Operation::decode(bytes, &Limits::default()).unwrap();
    assert_eq!(
        format!("{:?}", operation.time),
        expected["time"].to_string()
    );
    let (Some(update), Some(json)) = (operation.update, expected.get("updateJson")) else {
        return;
    };
    let mut members = vec![update.deletes, update.inserts];
    members.extend(update.updates);
    assert!(same(&Value::Array(members), json), "{json}");
}

/// Whether a value is what a vector says. Numbers are compared as such, and maps without order,
/// since the vectors are JSON.
fn same(mine: &Value, json: &Json) -> bool {
    match (mine, json) {
        (Value::Array(items), Json::Array(expected)) => {
            items.len() == expected.len() && items.iter().zip(expected).all(|(a, b)| same(a, b))
        }
        (Value::Map(map), Json::Object(expected)) => {
            map.len() == expected.len()
                && map
                    .iter()
                    .all(|(key, item)| expected.get(key).is_some_and(|e| same(item, e)))
        }
        (Value::Float(number), Json::Number(expected)) => Some(*number) == expected.as_f64(),
        _ => *mine == value(json),
    }
}

#[test]
fn every_operation_that_was_fused_or_cut_is_accepted() {
    for case in vectors("fusion")["cases"].as_array().unwrap() {
        let operations = case["operations"].as_array().unwrap();
        for operation in operations.iter().chain([&case["result"]]) {
            let Some(encoded) = operation["encoded"].as_str() else {
                continue;
            };
            let from = operation["from"].as_u64().unwrap();
            let bytes = message(from - 1, &base64(encoded));
            let envelope =
                judge(&bytes, &Limits::default()).unwrap_or_else(|e| panic!("{e}: {case}"));
            assert_eq!(envelope.from, from);
            assert_eq!(envelope.tid().unwrap().as_str(), operation["tid"]);
            assert_operation(&bytes, operation);
        }
    }
}

#[test]
fn every_operation_on_text_is_accepted() {
    for scenario in vectors("text")["scenarios"].as_array().unwrap() {
        for step in scenario["steps"].as_array().unwrap() {
            for name in ["operation", "result", "state"] {
                let content = &step[name];
                if content.is_array() {
                    assert_accepted(&first(&text_update(content)));
                } else if content.is_object() {
                    assert_accepted(&first(&text_insert(content)));
                }
            }
        }
    }
}

fn assert_accepted(bytes: &[u8]) {
    if let Err(error) = judge(bytes, &Limits::default()) {
        panic!(
            "{error}: {:?}",
            Operation::decode(bytes, &Limits::default())
        );
    }
}

fn text_update(operation: &Json) -> Value {
    value(&json!([{}, {}, {
        "@id": "_:b1", "s": "doc", "p": "#text",
        "o": { "@value": "t1", "@type": "http://ext.m-ld.org/tseq/TSeq" },
        "op": { "@value": operation, "@type": "@json", "@id": "\u{0}" }
    }]))
}

fn text_insert(state: &Json) -> Value {
    value(&json!([{}, { "@id": "doc", "text": {
        "@value": state, "@type": "http://ext.m-ld.org/tseq/TSeq", "@id": "t1"
    } }]))
}

#[test]
fn a_message_cut_short_anywhere_is_refused() {
    for Message { bytes, .. } in all().iter().step_by(7) {
        for end in 0..bytes.len() {
            assert!(judge(&bytes[..end], &Limits::default()).is_err());
        }
    }
}

#[test]
fn a_message_with_any_byte_changed_does_no_harm() {
    for Message { bytes, .. } in all().iter().step_by(7) {
        let mut bytes = bytes.clone();
        for at in 0..bytes.len() {
            for flip in [0x01, 0x80, 0xff, 0x5a] {
                bytes[at] ^= flip;
                let judged = judge(&bytes, &Limits::default()).map(|envelope| envelope.ticks);
                let decoded = Operation::decode(&bytes, &Limits::default());
                assert_eq!(judged.is_ok(), decoded.is_ok());
                bytes[at] ^= flip;
            }
        }
    }
}

#[test]
fn a_message_with_more_after_it_is_refused() {
    for Message { mut bytes, .. } in all() {
        bytes.push(0xc0);
        assert!(matches!(
            judge(&bytes, &Limits::default()),
            Err(WireError::Pack(_))
        ));
    }
}
