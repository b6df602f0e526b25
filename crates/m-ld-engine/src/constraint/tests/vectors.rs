//! What clones of the JavaScript engine did, done again as far as it depends on constraints.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::*;
use crate::msgpack::Map;

#[test]
fn constraints_decide_as_those_of_javascript_do() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/suset.json");
    let file: Json = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let mut done = 0;
    for scenario in file["scenarios"].as_array().unwrap() {
        let name = scenario["name"].as_str().unwrap();
        if ["lists: ", "text: concurrent init", "constraint: "]
            .iter()
            .any(|n| name.starts_with(n))
        {
            replay(scenario);
            done += 1;
        }
    }
    assert_eq!(done, 6);
}

fn replay(scenario: &Json) {
    let name = scenario["name"].as_str().unwrap();
    let mut clones: BTreeMap<&str, Replica> = BTreeMap::new();
    for step in scenario["steps"].as_array().unwrap() {
        match step["do"].as_str() {
            Some("join") => join(&mut clones, step, name),
            Some("write") => write(
                clones.get_mut(step["clone"].as_str().unwrap()).unwrap(),
                step,
                scenario,
            ),
            Some("deliver") => deliver(
                clones.get_mut(step["to"].as_str().unwrap()).unwrap(),
                step,
                scenario,
            ),
            _ => {}
        }
    }
    for (clone, expected) in scenario["final"].as_object().unwrap() {
        let replica = &clones[&**clone];
        assert_eq!(
            replica.graph(),
            triples(&expected["quads"]),
            "{name} at {clone}"
        );
        assert_eq!(
            with_tids(&replica.tids()),
            tagged(&expected["tids"]),
            "{name} at {clone}"
        );
    }
}

fn join<'a>(clones: &mut BTreeMap<&'a str, Replica>, step: &'a Json, scenario: &str) {
    let name = if step["clone"] == "A" { "A" } else { "B" };
    let mut clone = Replica::new(name);
    clone
        .configured
        .text
        .insert(Iri::new("http://set.example.org/#text"));
    if scenario.starts_with("constraint") {
        clone.configured.shapes.push(PropertyShape {
            path: Iri::new("http://set.example.org/#name"),
            min_count: Some(1),
            max_count: Some(1),
        });
    }
    if let Some(from) = step["from"].as_str() {
        clone.join(&clones[from]);
    }
    clones.insert(step["clone"].as_str().unwrap(), clone);
}

/// A write that asserts what was sent. Constraints add nothing to it, and find nothing wrong.
fn write(clone: &mut Replica, step: &Json, scenario: &Json) {
    for number in step["sent"].as_array().unwrap() {
        let message = &scenario["messages"][usize::try_from(number.as_u64().unwrap()).unwrap()];
        let sent = sent(message);
        let mut change = Change::default();
        for (triple, _) in &sent.deletes {
            change.delete(triple.clone());
        }
        for (triple, data) in &sent.inserts {
            change.insert(triple.clone(), data.clone());
        }
        let (deletes, inserts) = (change.deletes.clone(), change.inserts.clone());
        clone.write_as(change, &sent.id).unwrap();
        assert_eq!(clone.last.asserted.inserts, inserts, "{step}");
        // An index has no transaction, so it is in no operation.
        assert!(clone.last.asserted.deletes.is_superset(&deletes), "{step}");
    }
}

fn deliver(clone: &mut Replica, step: &Json, scenario: &Json) {
    let at =
        |number: &Json| &scenario["messages"][usize::try_from(number.as_u64().unwrap()).unwrap()];
    let answers: Vec<_> = step["sent"]
        .as_array()
        .unwrap()
        .iter()
        .map(|n| sent(at(n)))
        .collect();
    let own = answers.first().map_or("unused", |answer| &answer.id);
    let answer = clone.deliver_as(&sent(at(&step["message"])), own).unwrap();
    assert_eq!(answer.is_some(), !answers.is_empty(), "{step}");
    for (ours, theirs) in answer.iter().zip(&answers) {
        assert_eq!(
            with_tids(&ours.deletes),
            with_tids(&theirs.deletes),
            "{step}"
        );
        assert_eq!(ours.inserts, theirs.inserts, "{step}");
    }
}

fn sent(message: &Json) -> Sent {
    let operation = &message["operation"];
    let tids = |triple: &Json| {
        let tids = triple["tids"].as_array().unwrap().iter();
        tids.map(|tid| crate::clock::Tid::parse(tid.as_str().unwrap()).unwrap())
            .collect()
    };
    let deletes = operation["deletes"].as_array().unwrap().iter();
    let inserts = operation["inserts"].as_array().unwrap().iter();
    Sent {
        id: operation["tid"].as_str().unwrap().to_owned(),
        causes: BTreeSet::new(),
        principal: None,
        deletes: deletes.map(|triple| (read(triple), tids(triple))).collect(),
        inserts: inserts
            .map(|triple| (read(triple), data(&triple["o"]["data"])))
            .collect(),
    }
}

/// Any data will do.
fn data(data: &Json) -> Option<Value> {
    data.as_object().map(|_| Value::Map(Map::default()))
}

fn read(triple: &Json) -> Triple {
    let text = |json: &Json| json.as_str().unwrap().to_owned();
    let object = match triple["o"]["iri"].as_str() {
        Some(iri) => Term::Iri(Iri::new(iri)),
        None => Literal::typed(
            text(&triple["o"]["literal"]),
            text(&triple["o"]["datatype"]),
        )
        .into(),
    };
    Triple::new(
        Iri::new(text(&triple["s"])),
        Iri::new(text(&triple["p"])),
        object,
    )
}

fn triples(json: &Json) -> BTreeSet<Triple> {
    json.as_array().unwrap().iter().map(read).collect()
}

fn tagged(json: &Json) -> BTreeSet<(Triple, Vec<String>)> {
    let tids = |json: &Json| {
        let tids = json["tids"].as_array().unwrap().iter();
        let mut tids: Vec<_> = tids.map(|tid| tid.as_str().unwrap().to_owned()).collect();
        tids.sort();
        tids
    };
    json.as_array()
        .unwrap()
        .iter()
        .map(|json| (read(json), tids(json)))
        .collect()
}

fn with_tids(all: &[(Triple, Vec<crate::clock::Tid>)]) -> BTreeSet<(Triple, Vec<String>)> {
    let tids = |tids: &[crate::clock::Tid]| {
        let mut tids: Vec<_> = tids.iter().map(ToString::to_string).collect();
        tids.sort();
        tids
    };
    all.iter()
        .map(|(triple, all)| (triple.clone(), tids(all)))
        .collect()
}
