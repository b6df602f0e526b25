//! Operations decoded to the triples that the JavaScript engine makes of them, and encoded again.

use std::collections::BTreeSet;

use m_ld_engine::clock::TreeClock;
use m_ld_engine::context::domain_base;
use m_ld_engine::msgpack::{Limits as PackLimits, Value};
use m_ld_engine::operation::{
    Codec, Datum, Operation, SharedUpdate, Tagged, encode_past_operation, message as write_message,
};
use m_ld_engine::rdf::{Iri, Literal, Term, Triple};
use m_ld_engine::wire::{Limits, WireError, judge};
use serde_json::{Value as Json, json};

use crate::common::{
    Message, WITH_MESSAGES, base64, first, message, messages, sent_in, value, vectors,
};

pub(crate) fn codec(file: &Json) -> Codec {
    Codec::new(&domain_base(file["domain"].as_str().unwrap())).unwrap()
}

fn term(json: &Json) -> Term {
    let text = |name: &str| json[name].as_str().map(str::to_owned);
    if let Some(iri) = text("iri") {
        return Iri::new(iri).into();
    }
    let mut literal = Literal::typed(text("literal").unwrap(), text("datatype").unwrap());
    literal.language = text("language").map(Into::into);
    literal.into()
}

fn triple(json: &Json) -> Triple {
    let iri = |name: &str| Iri::new(json[name].as_str().unwrap());
    Triple::new(iri("s"), iri("p"), term(&json["o"]))
}

/// A triple of a vector, with its data if `data` is kept.
fn tagged(json: &Json, data: bool) -> Tagged {
    let tids = json["tids"].as_array().into_iter().flatten();
    let mut tids: Vec<_> = tids
        .map(|tid| m_ld_engine::clock::Tid::parse(tid.as_str().unwrap()).unwrap())
        .collect();
    tids.sort();
    Tagged {
        triple: triple(json),
        tids,
        data: json["o"].get("data").filter(|_| data).map(value),
    }
}

/// Triples as a set; data as it is encoded.
fn set(
    triples: impl IntoIterator<Item = Tagged>,
) -> BTreeSet<(Triple, Vec<String>, Option<Vec<u8>>)> {
    let tids = |tagged: &Tagged| tagged.tids.iter().map(ToString::to_string).collect();
    let data = |tagged: &Tagged| tagged.data.as_ref().map(canonical);
    triples
        .into_iter()
        .map(|tagged| (tagged.triple.clone(), tids(&tagged), data(&tagged)))
        .collect()
}

/// The encoding of a value with the keys of its maps in order, as vectors in JSON have them.
fn canonical(data: &Value) -> Vec<u8> {
    fn sorted(data: &Value) -> Value {
        match data {
            Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
            Value::Map(map) => {
                let entries = map.iter().map(|(key, item)| (key.to_owned(), sorted(item)));
                let mut entries: Vec<_> = entries.collect();
                entries.sort_by(|(a, _), (b, _)| a.cmp(b));
                Value::Map(entries.into_iter().collect())
            }
            other => other.clone(),
        }
    }
    sorted(data).encode()
}

fn array<'a>(json: &'a Json, name: &str) -> impl Iterator<Item = &'a Json> {
    json[name].as_array().into_iter().flatten()
}

/// Asserts that an operation is what a vector says.
pub(crate) fn assert_operation(operation: &Operation, expected: &Json) {
    assert_eq!(expected["from"], operation.from);
    assert_eq!(expected["ticks"], operation.ticks());
    assert_eq!(expected["tid"], operation.tid().as_str());
    assert_eq!(
        expected["principal"].as_str(),
        operation.principal.as_ref().map(Iri::as_str)
    );
    let agreed = operation.agreed.as_ref();
    assert_eq!(expected["agreed"].is_null(), agreed.is_none());
    if let Some(agreed) = agreed {
        assert_eq!(expected["agreed"][0], agreed.tick);
        assert_eq!(
            canonical(&value(&expected["agreed"][1])),
            canonical(&agreed.proof)
        );
    }
    let expect = |name, data| set(array(expected, name).map(|json| tagged(json, data)));
    assert_eq!(set(operation.deletes.clone()), expect("deletes", false));
    assert_eq!(set(operation.inserts.clone()), expect("inserts", true));
    let updates: Vec<_> = array(expected, "updates")
        .map(|json| SharedUpdate {
            triple: triple(json),
            operation: value(&json["operation"]),
        })
        .collect();
    assert_eq!(operation.updates, updates);
}

/// Asserts that an operation is decoded to the same once it is encoded, and harms nobody.
fn assert_survives(codec: &Codec, operation: &Operation) {
    let encoded = codec.encode(operation);
    let message = message(operation.from - 1, &encoded);
    judge(&message, &Limits::default()).unwrap();
    let again = codec.receive(&message, &Limits::default()).unwrap();
    let again = again.operation.unwrap();
    assert_eq!(set(again.deletes.clone()), set(operation.deletes.clone()));
    assert_eq!(set(again.inserts.clone()), set(operation.inserts.clone()));
    let bare = |operation: &Operation| Operation {
        deletes: Vec::new(),
        inserts: Vec::new(),
        ..operation.clone()
    };
    assert_eq!(bare(&again), bare(operation));
    assert_eq!(codec.decode(&encoded, &Limits::default()), Ok(again));
}

#[test]
fn every_message_is_decoded_to_its_triples_and_survives_encoding() {
    let mut known = 0;
    for file in WITH_MESSAGES {
        let file = vectors(file);
        // Of one file every scenario is a domain.
        for part in sent_in(&file) {
            let codec = codec(&part);
            for Message { bytes, decoded } in messages(&part) {
                let expected = &decoded["operation"];
                let received = codec.receive(&bytes, &Limits::default()).unwrap();
                let envelope = received.envelope;
                let (encoded, attribution) = (envelope.operation, envelope.attribution);
                assert_eq!(write_message(envelope.prev, encoded, attribution), bytes);
                let Some(operation) = received.operation else {
                    assert!(envelope.secure);
                    continue;
                };
                if expected.get("inserts").is_some() {
                    assert_operation(&operation, expected);
                    known += 1;
                }
                assert_survives(&codec, &operation);
            }
        }
    }
    assert!(known > 150, "only {known} messages with triples");
}

#[test]
fn every_datum_of_a_snapshot_is_decoded_and_survives_encoding() {
    let (mut batches, mut operations) = (0, 0);
    for name in WITH_MESSAGES {
        let file = vectors(name);
        let Some(events) = file["events"].as_array() else {
            continue;
        };
        let codec = codec(&file);
        for event in events.iter().filter(|event| event["channel"] == "data") {
            let expected = &event["decoded"]["next"];
            let Some(datum) = datum(event) else { continue };
            match codec.decode_datum(&datum, &Limits::default()).unwrap() {
                Datum::Triples(triples) => {
                    let inserts = array(expected, "inserts").map(|json| tagged(json, true));
                    assert_eq!(set(triples.clone()), set(inserts));
                    let again = codec.encode_triples(&triples);
                    let again = codec.decode_datum(&again, &Limits::default()).unwrap();
                    assert_eq!(again, Datum::Triples(triples));
                    batches += 1;
                }
                Datum::Operation { operation, encoded } => {
                    assert_operation(&operation, &expected["operation"]);
                    assert_eq!(encode_past_operation(encoded), datum);
                    operations += 1;
                }
            }
        }
    }
    assert!(batches > 5 && operations > 5, "{batches} {operations}");
}

fn datum(event: &Json) -> Option<Vec<u8>> {
    let bytes = base64(event["args"][1]["$binary"].as_str()?);
    let notification = Value::decode(&bytes, PackLimits::default()).unwrap();
    match notification.as_map()?.get("next")? {
        Value::Bin(datum) => Some(datum.clone()),
        _ => None,
    }
}

fn example() -> Codec {
    Codec::new(&domain_base("d.example.org")).unwrap()
}

/// The object that a value of a property is decoded to.
fn object(json: &Json) -> Term {
    let bytes = first(&value(&json!([{}, { "@id": "x", "q": json }])));
    let received = example().receive(&bytes, &Limits::default()).unwrap();
    received.operation.unwrap().inserts[0].triple.object.clone()
}

fn literal(lexical: &str, datatype: &str) -> Term {
    Literal::typed(
        lexical,
        datatype.replace("xs:", "http://www.w3.org/2001/XMLSchema#"),
    )
    .into()
}

#[test]
fn values_are_understood_as_in_javascript() {
    for (json, expected) in [
        (
            json!({ "@value": "x", "@type": "Hat" }),
            literal("x", "http://d.example.org/Hat"),
        ),
        (
            json!({ "@value": "x", "@language": "en" }),
            literal("x", "xs:string"),
        ),
        (
            json!({ "@value": 5.0, "@type": "xs:double" }),
            literal("5", "xs:double"),
        ),
        (
            json!({ "@value": "5", "@type": "xs:double" }),
            literal("5.0E0", "xs:double"),
        ),
        (
            json!({ "@value": 5, "@type": "xs:decimal" }),
            literal("5", "xs:decimal"),
        ),
        (
            json!({ "@value": "05", "@type": "xs:integer" }),
            literal("05", "xs:integer"),
        ),
        (
            json!({ "@value": true, "@type": "xs:string" }),
            literal("true", "xs:string"),
        ),
        (json!(5.0), literal("5", "xs:integer")),
        (json!(1e-7), literal("0", "xs:integer")),
        (json!(1.5e-7), literal("1.5E-7", "xs:double")),
        (
            json!(u64::MAX),
            literal("18446744073709551616", "xs:integer"),
        ),
        (
            json!({ "$binary": "AAE=" }),
            literal("AAE=", "xs:base64Binary"),
        ),
        (
            json!({ "@vocab": "Open" }),
            Iri::new("http://d.example.org/#Open").into(),
        ),
        (
            json!({ "@set": [{ "@id": "y" }] }),
            Iri::new("http://d.example.org/y").into(),
        ),
        (
            json!([[{ "@id": "y" }]]),
            Iri::new("http://d.example.org/y").into(),
        ),
    ] {
        assert_eq!(object(&json), expected, "{json}");
    }
}

#[test]
fn subjects_within_subjects_and_lists_of_a_kind_of_their_own_are_triples() {
    let bytes = first(&value(&json!([{}, [{
        "friend": { "@id": "y", "name": "Y", "@type": "T" },
        "@id": "x",
        "none": null,
        "s": "z",
        "@list": { "0": { "@id": "a" }, "1": [{ "@id": "b", "@item": 1 }, { "@id": "c" }] },
    }]])));
    let received = example().receive(&bytes, &Limits::default()).unwrap();
    let mut triples: Vec<_> = received.operation.unwrap().inserts;
    triples.sort_by(|a, b| a.triple.cmp(&b.triple));
    let triples = triples.iter().map(|Tagged { triple, .. }| {
        let object = match &triple.object {
            Term::Iri(iri) => iri.to_string(),
            Term::Literal(literal) => literal.lexical.to_string(),
        };
        format!("{} {} {object}", triple.subject, triple.predicate)
            .replace("http://d.example.org/", "")
    });
    assert_eq!(
        triples.collect::<Vec<_>>(),
        [
            "b http://json-rql.org/#item 1",
            "x data:application/mld-li,0 a",
            "x data:application/mld-li,1,0 b",
            "x data:application/mld-li,1,1 c",
            "x #friend y",
            "x http://www.w3.org/1999/02/22-rdf-syntax-ns#subject z",
            "y #name Y",
            "y http://www.w3.org/1999/02/22-rdf-syntax-ns#type #T",
        ]
    );
}

#[test]
fn what_is_odd_survives_being_sent() {
    let codec = example();
    let base = "http://d.example.org/";
    let subjects = ["x", "#x", "a:b", "", "#a:b", "a/../b", "@x"];
    let predicates = ["#p", "#s", "#a:b", "p", "#constructor", "#tid"];
    let objects = [
        literal("5", "xs:double"),
        literal("5.0E0", "xs:double"),
        literal("5.5E0", "xs:double"),
        literal("1.0E21", "xs:double"),
        literal("05", "xs:integer"),
        literal("-0", "xs:integer"),
        literal("9007199254740993", "xs:integer"),
        literal("-9007199254740991", "xs:integer"),
        literal("1", "xs:boolean"),
        literal("false", "xs:boolean"),
        literal("?x", "xs:string"),
        literal("fedora", "http://d.example.org/#Hat"),
        literal("fedora", "http://d.example.org/Hat"),
        literal("5", "http://www.w3.org/1999/02/22-rdf-syntax-ns#JSON"),
        Iri::new("http://d.example.org/#rdf:type").into(),
    ];
    let mut inserts = Vec::new();
    let time = m_ld_engine::clock::TreeClock::genesis().ticked().unwrap();
    for subject in subjects {
        for predicate in predicates {
            for object in &objects {
                let subject = Iri::new([base, subject].concat());
                let predicate = Iri::new([base, predicate].concat());
                inserts.push(Tagged {
                    triple: Triple::new(subject, predicate, object.clone()),
                    tids: vec![time.tid()],
                    data: None,
                });
            }
        }
    }
    let mut operation = Operation {
        from: 1,
        time,
        deletes: inserts.clone(),
        inserts,
        updates: Vec::new(),
        principal: Some(Iri::new("http://d.example.org/a:b")),
        agreed: None,
    };
    assert_survives(&codec, &operation);
    operation.time = operation.time.ticked().unwrap();
    assert_survives(&codec, &operation);
}

#[test]
fn an_operation_alone_that_is_encrypted_is_not_decoded() {
    let mut encoded = Vec::new();
    let operation = value(&json!([5, 1, [1], { "$binary": "" }, [1, 3], null, null]));
    operation.write(&mut m_ld_engine::msgpack::Writer::new(&mut encoded));
    let codec = example();
    let limits = Limits::default();
    assert_eq!(codec.decode(&encoded, &limits), Err(WireError::Secure));
    let datum = encode_past_operation(&encoded);
    assert_eq!(codec.decode_datum(&datum, &limits), Err(WireError::Secure));
}

#[test]
fn a_long_update_is_compressed() {
    let codec = example();
    let text = "what is long is compressed ".repeat(100);
    let bytes = first(&value(&json!([{}, { "@id": "x", "p": text }])));
    let received = codec.receive(&bytes, &Limits::default()).unwrap();
    let operation = received.operation.unwrap();
    let encoded = codec.encode(&operation);
    assert!(encoded.len() < 300, "{}", encoded.len());
    assert_eq!(codec.decode(&encoded, &Limits::default()), Ok(operation));
}

#[test]
fn no_two_operations_of_a_process_name_a_blank_node_alike() {
    let codec = Codec::new(&Iri::new("http://d.example.org/")).unwrap();
    let mut time = TreeClock::genesis();
    let mut named = BTreeSet::new();
    for _ in 0..20 {
        time = time.ticked().unwrap();
        let delete = |object: i64| Tagged {
            triple: Triple::new(
                Iri::new("http://d.example.org/fred"),
                Iri::new("http://d.example.org/#age"),
                Literal::integer(object),
            ),
            tids: vec![TreeClock::genesis().tid()],
            data: None,
        };
        let encoded = codec.encode(&Operation {
            from: time.ticks(),
            time: time.clone(),
            deletes: vec![delete(1), delete(2), delete(3)],
            inserts: Vec::new(),
            updates: Vec::new(),
            principal: None,
            agreed: None,
        });
        let blanks = blank_nodes(&encoded);
        assert_eq!(blanks.len(), 3);
        for blank in blanks {
            assert!(named.insert(blank.clone()), "{blank} is named twice");
        }
    }
}

/// The labels of blank nodes in an operation that is not compressed: short strings, after their lengths.
fn blank_nodes(encoded: &[u8]) -> Vec<String> {
    let found = encoded.windows(3).enumerate();
    let found = found.filter(|(_, at)| at[0] & 0xe0 == 0xa0 && &at[1..] == b"_:");
    let label = |(at, found): (usize, &[u8])| {
        let length = usize::from(found[0] & 0x1f);
        String::from_utf8(encoded[at + 1..=at + length].to_vec()).unwrap()
    };
    found.map(label).collect()
}
