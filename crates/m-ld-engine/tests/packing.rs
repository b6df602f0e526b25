use m_ld_engine::msgpack::{Error, Limits, Value};
use serde_json::Value as Json;

use crate::common::{value, vectors};

fn hex(json: &Json) -> Vec<u8> {
    let text = json.as_str().unwrap();
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

#[test]
fn every_vector_encodes_and_decodes() {
    for case in vectors("msgpack")["cases"].as_array().unwrap() {
        let (mine, bytes) = (number(value(&case["value"])), hex(&case["hex"]));
        assert_eq!(mine.encode(), bytes, "encoding {case}");
        let expected = case.get("decoded").map_or(mine, value);
        let decoded = Value::decode(&bytes, Limits::default()).unwrap();
        assert_eq!(number(decoded), number(expected), "decoding {case}");
    }
}

#[test]
fn what_the_engine_never_sends_is_decoded_all_the_same() {
    for case in vectors("msgpack")["decodeOnly"].as_array().unwrap() {
        let decoded = Value::decode(&hex(&case["hex"]), Limits::default()).unwrap();
        assert_eq!(decoded, value(&case["decoded"]), "{case}");
    }
}

/// Vectors write great integers in decimal, as JavaScript prints its floats.
fn number(value: Value) -> Value {
    match value {
        Value::UInt(number) => Value::Float(number as f64),
        Value::Int(number) if number.unsigned_abs() > 1 << 53 => Value::Float(number as f64),
        other => other,
    }
}

#[test]
fn a_length_that_the_input_cannot_hold_is_refused_at_once() {
    for lie in [
        &[0xdd, 0xff, 0xff, 0xff, 0xff][..],
        &[0xdf, 0xff, 0xff, 0xff, 0xff],
        &[0xc6, 0xff, 0xff, 0xff, 0xff],
        &[0xdb, 0xff, 0xff, 0xff, 0xff],
        &[0xc9, 0xff, 0xff, 0xff, 0xff],
    ] {
        assert_eq!(Value::decode(lie, Limits::default()), Err(Error::Truncated));
    }
}
