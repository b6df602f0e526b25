//! Vectors, and what they contain.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use m_ld_engine::msgpack::{Limits, Value, Writer};
use serde_json::Value as Json;

/// The file in `tests/vectors` with this name.
pub(crate) fn vectors(name: &str) -> Json {
    let path = format!("{}/tests/vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The files that have whole operation messages in them.
pub(crate) const WITH_MESSAGES: [&str; 7] = [
    "operations",
    "suset",
    "security",
    "wire-join",
    "wire-fused",
    "wire-outdated",
    "wire-errors",
];

pub(crate) fn base64(text: &str) -> Vec<u8> {
    STANDARD.decode(text).unwrap()
}

/// A value as vectors write it: tagged binary, undefined and special numbers.
pub(crate) fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(truth) => Value::Bool(*truth),
        Json::Number(number) => number
            .as_i64()
            .map(Value::Int)
            .or(number.as_u64().map(Value::UInt))
            .unwrap_or_else(|| Value::Float(number.as_f64().unwrap())),
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => Value::Array(items.iter().map(value).collect()),
        Json::Object(map) => tagged(map).unwrap_or_else(|| {
            // In the order of `k9` and `k10`, on which one vector depends.
            let mut entries: Vec<_> = map.iter().map(|(k, v)| (k.clone(), value(v))).collect();
            entries.sort_by_key(|(key, _)| (key.len(), key.clone()));
            Value::Map(entries.into_iter().collect())
        }),
    }
}

fn tagged(map: &serde_json::Map<String, Json>) -> Option<Value> {
    let (tag, content) = map.iter().next().filter(|_| map.len() == 1)?;
    match tag.as_str() {
        "$binary" => Some(Value::Bin(base64(content.as_str()?))),
        "$undefined" => Some(Value::Undefined),
        "$number" => Some(Value::Float(content.as_str()?.parse().ok()?)),
        _ => None,
    }
}

/// An operation message, and how its vector decodes it.
pub(crate) struct Message {
    pub(crate) bytes: Vec<u8>,
    pub(crate) decoded: Json,
}

/// Every operation message in a file, wherever it is.
pub(crate) fn messages(file: &Json) -> Vec<Message> {
    let mut found = Vec::new();
    collect(file, &mut found);
    found
}

/// The parts of a file that are of one domain each.
pub(crate) fn sent_in(file: &Json) -> Vec<Json> {
    if file.get("domain").is_some() {
        return vec![file.clone()];
    }
    file["scenarios"].as_array().unwrap().clone()
}

fn collect(json: &Json, found: &mut Vec<Message>) {
    match json {
        Json::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Json::Object(map) => {
            found.extend(alone(json));
            found.extend(sent(json));
            found.extend(streamed(json));
            map.values().for_each(|item| collect(item, found));
        }
        _ => {}
    }
}

/// `{message, prev, attr, operation}`.
fn alone(json: &Json) -> Option<Message> {
    let message = json.get("message")?.as_str()?;
    json.get("prev")?;
    Some(Message {
        bytes: base64(message),
        decoded: json.clone(),
    })
}

/// A Socket.io event with a message as its argument.
fn sent(json: &Json) -> Option<Message> {
    if json.get("event")? != "operation" {
        return None;
    }
    let bytes = json.get("args")?.get(0)?.get("$binary")?.as_str()?;
    Some(Message {
        bytes: base64(bytes),
        decoded: json.get("decoded")?.clone(),
    })
}

/// A notification with a message as its datum.
fn streamed(json: &Json) -> Option<Message> {
    let next = json.get("decoded")?.get("next")?;
    next.get("prev")?;
    let bytes = base64(json.get("args")?.get(1)?.get("$binary")?.as_str()?);
    let Value::Map(notification) = Value::decode(&bytes, Limits::default()).unwrap() else {
        return None;
    };
    match notification.get("next")? {
        Value::Bin(bytes) => Some(Message {
            bytes: bytes.clone(),
            decoded: next.clone(),
        }),
        _ => None,
    }
}

/// The message that carries an encoded operation, without attribution.
pub(crate) fn message(prev: u64, operation: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut out = Writer::new(&mut bytes);
    out.map(3);
    out.str("prev");
    out.uint(prev);
    out.str("enc");
    out.bin(operation);
    out.str("attr");
    out.nil();
    bytes
}

/// The message of an operation at the first tick of a domain, with this update.
pub(crate) fn first(update: &Value) -> Vec<u8> {
    first_packed(&update.encode(), &[1])
}

/// The same, with the update already encoded.
pub(crate) fn first_packed(update: &[u8], encoding: &[u64]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut out = Writer::new(&mut bytes);
    out.array(7);
    out.uint(5);
    out.uint(1);
    out.array(1);
    out.uint(1);
    out.bin(update);
    out.array(encoding.len());
    encoding.iter().for_each(|code| out.uint(*code));
    out.nil();
    out.nil();
    message(0, &bytes)
}
