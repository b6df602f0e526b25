//! Shared text, as the JavaScript engine edits, applies, reverts, fuses and cuts it.

use m_ld_engine::datatype;
use m_ld_engine::msgpack::Value;
use serde_json::{Value as Json, json};

use crate::common::{value, vectors};

/// The engine cannot take back an insertion that is nested (m-ld protocol, Q11). We can.
const REVERTS: &str = "reversion of an insert in a nested branch has no effect";

#[test]
fn texts_are_edited_as_javascript_does() {
    each_step(|scenario, step, before| {
        let edited = match step["do"].as_str().unwrap() {
            "splice" => edit(step, before),
            _ => return,
        };
        let why = format!("{scenario}: {step}");
        assert_eq!(edited.operation, value(&step["operation"]), "{why}");
        assert_eq!(edited.reversion, value(&step["revert"]), "{why}");
        same_state(&edited.state, step, &why);
    });
}

fn edit(step: &Json, before: &Json) -> datatype::Edited {
    let pid = step["pid"].as_str().unwrap();
    let splice = step["splice"].as_array().unwrap();
    let expression = if splice[0] == "end" {
        json!({ "@concat": splice[2] })
    } else {
        json!({ "@splice": splice })
    };
    datatype::edit(&value(before), &expression, pid).unwrap()
}

#[test]
fn operations_are_applied_as_javascript_does() {
    each_step(|scenario, step, before| {
        if step["do"] != "apply" {
            return;
        }
        let why = format!("{scenario}: {step}");
        let reversions = pairs(&step["reversions"]);
        let operation = Some(&step["operation"]).filter(|operation| !operation.is_null());
        let operation = operation.map(value);
        let applied = datatype::apply(&value(before), &reversions, operation.as_ref()).unwrap();
        let old = datatype::text(&value(before)).unwrap();
        let new = datatype::text(&applied.state).unwrap();
        assert_eq!(spliced(&old, &applied.expression), new, "{why}");
        if scenario == REVERTS && !reversions.is_empty() {
            assert_eq!(new, "State");
            return;
        }
        assert_eq!(applied.reversion, value(&step["revert"]), "{why}");
        same_state(&applied.state, step, &why);
        // What JavaScript reports of fused operations is not always what happened.
        let reported: Json = expressions(&step["splices"]);
        if spliced(&old, &reported) == new {
            assert_eq!(applied.expression, reported, "{why}");
        }
    });
}

#[test]
fn operations_are_fused_and_cut_as_javascript_does() {
    let mut done = 0;
    each_step(|scenario, step, _| {
        let why = format!("{scenario}: {step}");
        if step["do"] == "fuse" {
            let mut operations = pairs(&step["operations"]).into_iter();
            let first = operations.next().unwrap();
            let fused = operations.fold(first, |one, two| datatype::fuse(&one, &two).unwrap());
            assert_eq!(fused.0, value(&step["operation"]), "{why}");
            assert_eq!(fused.1, value(&step["revert"]), "{why}");
            done += 1;
        } else if step["do"] == "cut" {
            let cut = datatype::cut(&value(&step["prefix"]), &value(&step["operation"])).unwrap();
            assert_eq!(cut.unwrap(), value(&step["result"]), "{why}");
            done += 1;
        }
    });
    assert_eq!(done, 5);
}

#[test]
fn a_replica_of_ours_among_those_of_javascript_has_their_text() {
    for scenario in vectors("text")["scenarios"].as_array().unwrap() {
        if scenario["name"] == REVERTS {
            continue;
        }
        for pid in ["p1", "p2", "p3"] {
            let mut state = value(&json!({ "tick": 0, "rest": [] }));
            for step in scenario["steps"].as_array().unwrap() {
                if step["pid"] != pid || step.get("state").is_none() {
                    continue;
                }
                let operation = step
                    .get("operation")
                    .filter(|operation| !operation.is_null());
                let operation = operation.map(value);
                let reversions = pairs(&step["reversions"]);
                state = match step["do"].as_str().unwrap() {
                    "join" => value(&step["state"]),
                    // As if received, so that our own choice of places has no part in it.
                    _ => {
                        datatype::apply(&state, &reversions, operation.as_ref())
                            .unwrap()
                            .state
                    }
                };
                let text = datatype::text(&state).unwrap();
                assert_eq!(text, step["text"].as_str().unwrap(), "{step}");
            }
        }
    }
}

/// Each step of each scenario, with the state of its replica before it.
fn each_step(mut check: impl FnMut(&str, &Json, &Json)) {
    for scenario in vectors("text")["scenarios"].as_array().unwrap() {
        let mut states = std::collections::BTreeMap::new();
        for step in scenario["steps"].as_array().unwrap() {
            let pid = step["pid"].as_str().unwrap_or_default();
            let nothing = json!({ "tick": 0, "rest": [] });
            let before = states.get(pid).cloned().unwrap_or(nothing);
            check(scenario["name"].as_str().unwrap(), step, &before);
            states.insert(pid.to_owned(), step["state"].clone());
        }
    }
}

/// Pairs of an operation and its reversion.
fn pairs(json: &Json) -> Vec<(Value, Value)> {
    let pairs = json.as_array().into_iter().flatten();
    pairs
        .map(|pair| (value(&pair[0]), value(&pair[1])))
        .collect()
}

fn expressions(splices: &Json) -> Json {
    let splices = splices.as_array().unwrap().iter();
    let all: Vec<_> = splices.map(|splice| json!({ "@splice": splice })).collect();
    match &all[..] {
        [one] => one.clone(),
        _ => Json::from(all),
    }
}

/// A text with splices made whose indexes are in the text as it was.
fn spliced(text: &str, expression: &Json) -> String {
    let all = expression
        .as_array()
        .cloned()
        .unwrap_or(vec![expression.clone()]);
    let mut units: Vec<u16> = text.encode_utf16().collect();
    for splice in all.iter().rev() {
        let splice = splice["@splice"].as_array().unwrap();
        let from = usize::try_from(splice[0].as_u64().unwrap()).unwrap();
        let to = from + usize::try_from(splice[1].as_u64().unwrap()).unwrap();
        units.splice(from..to, splice[2].as_str().unwrap().encode_utf16());
    }
    String::from_utf16(&units).unwrap()
}

fn same_state(state: &Value, step: &Json, why: &str) {
    assert_eq!(
        datatype::text(state).unwrap(),
        step["text"].as_str().unwrap(),
        "{why}"
    );
    assert_eq!(
        without_empty(state),
        without_empty(&value(&step["state"])),
        "{why}"
    );
}

/// A state without empty nodes, which mean nothing (m-ld protocol, section 15.2).
fn without_empty(state: &Value) -> Value {
    let state = state.as_map().unwrap();
    let rest = state.get("rest").unwrap().as_array().unwrap();
    Value::Array(vec![
        state.get("tick").unwrap().clone(),
        Value::Array(rest.iter().filter_map(full_array).collect()),
    ])
}

fn full_array(array: &Value) -> Option<Value> {
    let [process, Value::Int(start), nodes @ ..] = array.as_array().unwrap() else {
        panic!("{array:?}");
    };
    let nodes = (*start..).zip(nodes).filter_map(|(index, node)| {
        let [character, tick, arrays @ ..] = node.as_array()? else {
            panic!("{node:?}");
        };
        let arrays: Vec<_> = arrays.iter().filter_map(full_array).collect();
        let empty = character.as_str() == Some("");
        // The tick of an empty node means nothing where all is in causal order.
        let tick = if empty { Value::Null } else { tick.clone() };
        let full = !empty || !arrays.is_empty();
        let index = Value::Int(index);
        full.then(|| Value::Array([vec![index, character.clone(), tick], arrays].concat()))
    });
    let nodes: Vec<_> = nodes.collect();
    (!nodes.is_empty()).then(|| Value::Array([vec![process.clone()], nodes].concat()))
}
