//! Letters that nobody wrote, and requests of an application.

use serde_json::{Value as Json, json};

use super::super::script::Script;
use super::known::Known;
use super::member::{Parcel, TEXT};
use crate::datatype;
use crate::msgpack::Value;
use crate::operation::{
    Agreement, Codec, Operation, SharedUpdate, Tagged, encode_past_operation, message,
};
use crate::rdf::{Iri, Literal, Term, Triple, vocab};
use crate::wire::control::{ACK, Notification, Request, Response, wrap};

const BASE: &str = "http://fuzz.example.org/";
/// Subjects, and objects that are such.
const NAMES: [&str; 6] = ["fred", "wilma", "list", "slot1", "slot2", "shape"];
/// The identity of the text.
const DATA: &str = "text-of-fred";

/// An operation, and the tick that is said to be the one before it.
pub(super) fn operation(known: &Known, script: &mut Script<'_>) -> (u64, Operation) {
    let time = known.clock(script);
    let from = match script.below(4) {
        0 => script.ticks().min(time.ticks()),
        back => time
            .ticks()
            .saturating_sub(u64::try_from(back - 1).unwrap_or(0)),
    };
    let prev = match script.below(4) {
        0 => script.ticks(),
        back => from.saturating_sub(u64::try_from(back).unwrap_or(0)),
    };
    let own = time.tid();
    let mut operation = Operation {
        from,
        deletes: tagged(known, script),
        inserts: tagged(known, script),
        updates: updates(script),
        principal: (script.below(4) == 1).then(|| iri("fred")),
        agreed: None,
        time,
    };
    if !operation.is_fusion() {
        for insert in &mut operation.inserts {
            insert.tids = vec![own];
        }
    }
    if script.below(4) == 1 {
        operation.agreed = Some(Agreement {
            tick: operation.ticks(),
            proof: Value::from("proof"),
        });
    }
    (prev, operation)
}

fn tagged(known: &Known, script: &mut Script<'_>) -> Vec<Tagged> {
    (0..script.below(4))
        .map(|_| {
            let (triple, data) = triple(script);
            let tids = (0..script.below(3)).map(|_| known.tid(script)).collect();
            Tagged { triple, tids, data }
        })
        .collect()
}

fn updates(script: &mut Script<'_>) -> Vec<SharedUpdate> {
    (0..script.below(3))
        .filter_map(|_| {
            let state = datatype::create("flintstone", "a").ok()?;
            let splice = json!({ "@splice": [script.below(12), script.below(4), "xyz"] });
            let edited = datatype::edit(&state, &splice, script.one_of(&["a", "b", "x"])?);
            let operation = match script.below(3) {
                0 => Value::decode(script.bytes(), crate::msgpack::Limits::default()).ok()?,
                _ => edited.ok()?.operation,
            };
            Some(SharedUpdate {
                triple: Triple::new(iri("fred"), Iri::new(TEXT), text()),
                operation,
            })
        })
        .collect()
}

fn iri(name: &str) -> Iri {
    Iri::new([BASE, name].concat())
}

fn text() -> Literal {
    Literal::typed(DATA, vocab::TSEQ)
}

/// A triple, and the data of its object: of those that mean something to constraints too.
fn triple(script: &mut Script<'_>) -> (Triple, Option<Value>) {
    let name = |script: &mut Script<'_>| iri(script.one_of(&NAMES).copied().unwrap_or("fred"));
    let subject = name(script);
    let position = [vocab::LSEQ_POSITION, "5x_______________"].concat();
    let other = [vocab::LSEQ_POSITION, "7b_______________"].concat();
    let (predicate, object): (&str, Term) = match script.below(12) {
        0 => (vocab::RDF_TYPE, Iri::new(vocab::RDF_LSEQ).into()),
        1 => (&position, name(script).into()),
        2 => (&other, name(script).into()),
        3 => (vocab::JRQL_ITEM, name(script).into()),
        4 => (
            vocab::JRQL_INDEX,
            Literal::integer(i64::from(script.byte())).into(),
        ),
        5 => {
            let state = datatype::create("flintstone", "a").ok();
            return (Triple::new(iri("fred"), Iri::new(TEXT), text()), state);
        }
        6 => (vocab::SH_MAX_COUNT, Literal::integer(1).into()),
        7 => (vocab::SH_PATH, iri("#name").into()),
        8 => ("http://fuzz.example.org/#single", literal(script).into()),
        9 => {
            let bytes = Value::Bin(script.bytes().to_vec());
            let data = Literal::typed("data-1", vocab::XS_BASE64_BINARY);
            return (Triple::new(subject, iri("#photo"), data), Some(bytes));
        }
        10 => ("http://fuzz.example.org/#knows", name(script).into()),
        _ => ("http://fuzz.example.org/#name", literal(script).into()),
    };
    (Triple::new(subject, Iri::new(predicate), object), None)
}

fn literal(script: &mut Script<'_>) -> Literal {
    match script.below(4) {
        0 => Literal::string("Fred"),
        1 => Literal::integer(i64::from(script.byte())),
        2 => Literal::typed("true", vocab::XS_BOOLEAN),
        _ => Literal::string(String::from_utf8_lossy(script.bytes())),
    }
}

/// A request, reply or notification.
pub(super) fn control(known: &Known, codec: &Codec, script: &mut Script<'_>) -> Parcel {
    match script.below(4) {
        0 => {
            let request = match script.below(3) {
                0 => Request::Snapshot { new_clock: true },
                1 => Request::Snapshot { new_clock: false },
                _ => Request::Revup {
                    time: known.clock(script),
                },
            };
            Parcel::Request(known.id(script), wrap(&request.encode(), None))
        }
        1 => {
            let payload = match script.below(4) {
                0 => ACK.to_vec(),
                _ => wrap(&response(known, script).encode(), None),
            };
            // Under an id of its own, or one that is in use.
            let id = match script.below(2) {
                0 => "reply".to_owned(),
                _ => known.id(script),
            };
            Parcel::Reply(id, known.id(script), payload)
        }
        _ => Parcel::Notify(known.channel(script), notification(known, codec, script)),
    }
}

fn response(known: &Known, script: &mut Script<'_>) -> Response {
    match script.below(5) {
        0 => Response::Rejected {
            status: 5000 + u16::from(script.byte()),
        },
        1 | 2 => Response::Revup {
            gwc: (script.below(4) > 0).then(|| known.global(script)),
            updates_address: "updates".to_owned(),
        },
        _ => Response::Snapshot {
            clock: (script.below(4) > 0).then(|| known.clock(script)),
            gwc: known.global(script),
            agreed: known.clock(script),
            data_address: "data".to_owned(),
            updates_address: "updates".to_owned(),
        },
    }
}

fn notification(known: &Known, codec: &Codec, script: &mut Script<'_>) -> Vec<u8> {
    let datum = match script.below(6) {
        0 => return Notification::Complete.encode(),
        1 => {
            let error = Notification::Error {
                status: 4041,
                message: String::new(),
            };
            return error.encode();
        }
        2 => codec.encode_triples(&tagged(known, script)),
        3 => encode_past_operation(&codec.encode(&operation(known, script).1)),
        4 => script.bytes().to_vec(),
        _ => {
            let (prev, operation) = operation(known, script);
            message(prev, &codec.encode(&operation), None)
        }
    };
    Notification::Next(&datum).encode()
}

/// A write in json-rql.
pub(super) fn request(script: &mut Script<'_>) -> Json {
    let name = |script: &mut Script<'_>| script.one_of(&NAMES).copied().unwrap_or("fred");
    let value = |script: &mut Script<'_>| match script.below(3) {
        0 => json!(script.byte()),
        1 => json!({ "@id": name(script) }),
        _ => json!("Fred"),
    };
    let mut write = match script.below(10) {
        0 | 1 => json!({ "@id": name(script), "name": value(script) }),
        2 => json!({ "@delete": { "@id": name(script), "name": "?value" } }),
        3 => json!({ "@id": "list", "@list": { (script.below(5).to_string()): value(script) } }),
        4 => {
            json!({ "@delete": { "@id": "list", "@list": { (script.below(5).to_string()): "?value" } } })
        }
        5 => json!({ "@id": "fred", "text": "yabba" }),
        6 => json!({ "@update": { "@id": "fred",
            "text": { "@splice": [script.below(8), script.below(4), "dabba"] } } }),
        7 => json!({ "@update": { "@id": name(script), "name": value(script), "single": 1 } }),
        8 => json!({ "@id": name(script), "single": value(script) }),
        _ => serde_json::from_slice(script.bytes()).unwrap_or_default(),
    };
    if script.below(8) == 1
        && let Some(write) = write.as_object_mut()
    {
        write.insert("@agree".to_owned(), json!(true));
    }
    write
}
