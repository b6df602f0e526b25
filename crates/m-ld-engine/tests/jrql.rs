//! json-rql against what the JavaScript engine answered: every write in turn, what it was notified
//! as, and every query after them.
//!
//! A clone is put together here from its parts, so that this tests requests and constraints, not
//! protocol.

mod canonical;
mod world;

use m_ld_engine::pattern::{self, Limits};
use serde_json::{Value as Json, json};

use crate::common::vectors;
use canonical::{canonical, untagged};
use world::World;

/// Cases in which this engine differs, and why.
const DIFFERENT: [(&str, &str); 2] = [
    (
        "insert JSON literal by context: number",
        "no JSON literal is written: the JavaScript engine closes on receiving most of them (Q3)",
    ),
    (
        "an extension which cannot be loaded is ignored",
        "the JavaScript engine fails after a write that it has committed (Q8); this one does not",
    ),
];

#[test]
fn every_case_is_as_the_javascript_engine_has_it() {
    let cases = vectors("jrql");
    let mut wrong = Vec::new();
    for case in cases["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let differences = differences(case);
        let expected = DIFFERENT.iter().any(|(different, _)| *different == name);
        if differences.is_empty() == expected {
            wrong.push(format!("{name}\n{}", differences.join("\n")));
        }
    }
    let all = cases["cases"].as_array().unwrap().len();
    assert!(
        wrong.is_empty(),
        "{} of {all} cases\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn an_array_of_subjects_is_a_group() {
    let subjects = json!([{ "@id": "fred", "age": 40 }, { "@id": "wilma", "age": 39 }]);
    let updates = [subjects.clone(), json!({ "@graph": subjects })].map(|write| {
        let update = World::new(&json!({})).write(&write).unwrap();
        update.unwrap()["@insert"].clone()
    });
    assert_eq!(updates[0].as_array().unwrap().len(), 2);
    assert_eq!(updates[0], updates[1]);
}

/// What is not as a case says.
fn differences(case: &Json) -> Vec<String> {
    let mut world = World::new(case);
    let mut differences = Vec::new();
    for write in case["writes"].as_array().unwrap() {
        let outcome = world.write(&untagged(&write["write"]));
        let found = match &outcome {
            Ok(update) => without_ticks(update.as_ref().unwrap_or(&Json::Null)),
            Err(error) => json!({ "error": error.clone() }),
        };
        let expected = match write.get("error") {
            None => without_ticks(&write["update"]),
            Some(expected) => error(&found, expected),
        };
        compare(
            &mut differences,
            &write["write"],
            &found,
            &expected,
            &Json::Null,
        );
    }
    for query in case["queries"].as_array().unwrap() {
        let request = untagged(&query["query"]);
        let found = match answer(&world, &request) {
            Ok(answer) => answer,
            Err(status) => json!({ "error": { "status": status } }),
        };
        let expected = match query.get("error") {
            None => query["result"].clone(),
            Some(expected) => error(&found, expected),
        };
        compare(
            &mut differences,
            &query["query"],
            &found,
            &expected,
            &request,
        );
    }
    differences
}

/// The error that is expected: any, if it has no status.
fn error(found: &Json, expected: &Json) -> Json {
    match (&expected["status"], found.get("error")) {
        (Json::Null, Some(any)) => json!({ "error": any }),
        (status, _) => json!({ "error": { "status": status } }),
    }
}

fn compare(
    differences: &mut Vec<String>,
    request: &Json,
    found: &Json,
    expected: &Json,
    query: &Json,
) {
    let (found, expected) = (canonical(found, query), canonical(expected, query));
    if found != expected {
        differences.push(format!(
            "  of {request}\n    found    {found}\n    expected {expected}"
        ));
    }
}

fn without_ticks(update: &Json) -> Json {
    let mut update = update.clone();
    if let Some(update) = update.as_object_mut() {
        update.remove("@ticks");
    }
    update
}

fn answer(world: &World, query: &Json) -> Result<Json, Option<u16>> {
    let limits = Limits::default();
    world.with_graph(|graph, context| {
        if let Some(ask) = query.get("@ask") {
            return pattern::ask(graph, context, ask, &limits)
                .map(Json::Bool)
                .map_err(|error| error.status());
        }
        if let Some(get) = query.get("@get") {
            let names: Vec<&str> = get
                .as_array()
                .unwrap()
                .iter()
                .map(|n| n.as_str().unwrap())
                .collect();
            return pattern::get(graph, context, names[0], &names[1..], &limits)
                .map(Json::from)
                .map_err(|error| error.status());
        }
        let results = pattern::read(graph, context, query, &limits);
        results
            .and_then(Iterator::collect::<Result<Json, _>>)
            .map_err(|error| error.status())
    })
}
