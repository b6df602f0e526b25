//! Texts, case by case.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::datatype;
use crate::msgpack::Value;

fn text_of(content: &str) -> Text {
    let mut text = Text::default();
    text.splice("me", 0, 0, content).unwrap();
    text
}

fn run(path: &[(&str, i64)], content: &[(&str, u64)]) -> Value {
    let path = path
        .iter()
        .map(|(process, index)| Value::Array(vec![Value::from(*process), Value::Int(*index)]));
    let content = content
        .iter()
        .map(|(character, tick)| Value::Array(vec![Value::from(*character), Value::from(*tick)]));
    Value::Array(vec![
        Value::Array(path.collect()),
        Value::Array(content.collect()),
    ])
}

fn operation(runs: &[Value]) -> Operation {
    Operation::from_value(&Value::Array(runs.to_vec())).unwrap()
}

#[test]
fn a_character_of_two_units_becomes_two_replacements() {
    let state = datatype::create("a😀b", "me").unwrap();
    assert_eq!(datatype::text(&state).unwrap(), "a\u{fffd}\u{fffd}b");
}

#[test]
fn an_edit_is_notified_as_it_was_kept() {
    let mut text = text_of("ab");
    let (.., kept) = text
        .edit("me", &json!({ "@splice": [1, 0, "😀"] }))
        .unwrap();
    assert_eq!(kept, json!({ "@splice": [1, 0, "\u{fffd}\u{fffd}"] }));
    let (.., kept) = text.edit("me", &json!({ "@splice": [0, 1] })).unwrap();
    assert_eq!(kept, json!({ "@splice": [0, 1] }));
    let (.., kept) = text.edit("me", &json!({ "@concat": "é" })).unwrap();
    assert_eq!(kept, json!({ "@concat": "é" }));
    assert_eq!(text.to_string(), "\u{fffd}\u{fffd}bé");
}

#[test]
fn what_is_no_edit_changes_nothing() {
    let mut text = text_of("ab");
    for expression in [
        json!("text"),
        json!({ "@plus": 1 }),
        json!({ "@concat": 1 }),
        json!({ "@splice": [0] }),
        json!({ "@splice": [-1, 0, "x"] }),
        json!({ "@splice": [0.5, 0, "x"] }),
        json!({ "@splice": [0, 0, 1] }),
        json!({ "@splice": [0, 0, "x", "y"] }),
    ] {
        let refused = text.edit("me", &expression);
        assert!(
            matches!(refused, Err(DatatypeError::Expression(_))),
            "{expression}"
        );
    }
    assert_eq!(text.to_string(), "ab");
}

#[test]
fn beyond_the_end_is_the_end() {
    let mut text = text_of("ab");
    // The root's array of this process is not the last one.
    text.splice("a", 100, 100, "c").unwrap();
    assert_eq!(text.to_string(), "abc");
}

#[test]
fn an_empty_edit_does_not_tick() {
    let mut text = text_of("ab");
    let (operation, reversion) = text.splice("me", 1, 0, "").unwrap();
    assert!(operation.is_empty());
    assert_eq!(reversion, Reversion::default());
    assert_eq!(text.to_value(), text_of("ab").to_value());
}

#[test]
fn processes_are_in_the_order_of_utf_16() {
    let mut text = Text::default();
    // A surrogate is before the private use area and what follows it.
    let named = [("\u{ff5e}", "3"), ("😀", "2"), ("z", "1")];
    let runs: Vec<_> = named
        .iter()
        .map(|(process, c)| run(&[(process, 0)], &[(c, 1)]))
        .collect();
    text.apply(&[], Some(&operation(&runs))).unwrap();
    assert_eq!(text.to_string(), "123");
}

#[test]
fn a_delete_wins_over_the_set_that_it_deletes_but_no_later_one() {
    let mut text = Text::default();
    let set = |character, tick| operation(&[run(&[("p", 0)], &[(character, tick)])]);
    text.apply(&[], Some(&set("a", 2))).unwrap();
    text.apply(&[], Some(&set("", 1))).unwrap();
    assert_eq!(text.to_string(), "a");
    text.apply(&[], Some(&set("b", 2))).unwrap();
    assert_eq!(text.to_string(), "a");
    text.apply(&[], Some(&set("", 2))).unwrap();
    assert_eq!(text.to_string(), "");
}

#[test]
fn a_run_of_deletes_makes_nothing() {
    let mut text = text_of("a");
    let deletes = operation(&[run(&[("me", 0), ("x", 5)], &[("", 9), ("", 9)])]);
    let (reversion, splices) = text.apply(&[], Some(&deletes)).unwrap();
    assert_eq!(
        (reversion.to_value(), splices),
        (Value::Array(vec![]), vec![])
    );
    assert_eq!(text.to_value(), text_of("a").to_value());
}

#[test]
fn what_is_reported_is_in_the_order_of_the_text() {
    // JavaScript reports what is nested after its whole run, which is not where it is.
    let mut text = Text::default();
    let runs = [
        run(&[("p", 0)], &[("a", 1), ("d", 1)]),
        run(&[("p", 0), ("p", 0)], &[("b", 2), ("c", 2)]),
    ];
    let (_, splices) = text.apply(&[], Some(&operation(&runs))).unwrap();
    assert_eq!(expression(&splices), json!({ "@splice": [0, 0, "abcd"] }));
    let runs = [run(&[("p", 1)], &[("", 1)]), run(&[("p", -1)], &[("x", 3)])];
    let (_, splices) = text.apply(&[], Some(&operation(&runs))).unwrap();
    assert_eq!(
        expression(&splices),
        json!([{ "@splice": [0, 0, "x"] }, { "@splice": [3, 1, ""] }])
    );
    assert_eq!(text.to_string(), "xabc");
}

#[test]
fn a_nested_insertion_is_taken_back() {
    let mut text = text_of("State");
    let insert = operation(&[run(&[("me", 4), ("p2", 0)], &[("m", 2), ("e", 2)])]);
    let (reversion, _) = text.apply(&[], Some(&insert)).unwrap();
    assert_eq!(text.to_string(), "Stateme");
    let (_, splices) = text.apply(&[(insert, reversion)], None).unwrap();
    assert_eq!(text.to_value(), text_of("State").to_value());
    assert_eq!(expression(&splices), json!({ "@splice": [5, 2, ""] }));
}

#[test]
fn characters_far_apart_are_refused_without_filling_what_is_between() {
    let mut text = Text::default();
    let far = operation(&[
        run(&[("p", 0)], &[("a", 1)]),
        run(&[("p", 1 << 24)], &[("b", 1)]),
    ]);
    assert!(matches!(
        text.apply(&[], Some(&far)),
        Err(DatatypeError::Full(_))
    ));
    let beyond = Value::Array(vec![run(&[("p", i64::MAX)], &[("a", 1), ("b", 1)])]);
    assert!(Operation::from_value(&beyond).is_err());
}

#[test]
fn many_gaps_count_together() {
    let mut text = Text::default();
    let runs: Vec<_> = (0..200)
        .map(|number| {
            let process = format!("p{number}");
            [
                run(&[(&process, 0)], &[("a", 1)]),
                run(&[(&process, 10_000)], &[("b", 1)]),
            ]
        })
        .collect();
    let refused = text.apply(&[], Some(&operation(&runs.concat())));
    assert!(matches!(refused, Err(DatatypeError::Full(_))));
}

#[test]
fn a_path_is_only_so_long() {
    let path: Vec<_> = (0..513).map(|_| ("p", 0)).collect();
    let long = Value::Array(vec![run(&path, &[("a", 1)])]);
    assert!(Operation::from_value(&long).is_err());
    let mut text = Text::default();
    text.apply(&[], Some(&operation(&[run(&path[1..], &[("a", 1)])])))
        .unwrap();
    assert_eq!(text.to_string(), "a");
    let stored = text.to_value();
    assert_eq!(Text::from_value(&stored).unwrap().to_value(), stored);
    // An own insertion within it would be deeper than a message of the state may be.
    text.splice("q", 1, 0, "b").unwrap_err();
}

#[test]
fn insertions_within_insertions_end_before_a_message_is_too_deep() {
    let mut text = text_of("()");
    let mut nested = 0;
    while text.splice("me", nested + 1, 0, "()").is_ok() {
        nested += 1;
    }
    assert_eq!(nested, 479);
    let bytes = text.to_value().encode();
    let depth = crate::msgpack::Limits {
        max_depth: 990,
        max_elements: 100_000,
    };
    Value::decode(&bytes, depth).unwrap();
}

#[test]
fn a_damaged_state_is_refused() {
    let node = |members: &[Value]| Value::Array(members.to_vec());
    for rest in [
        vec![Value::Null],
        vec![node(&[])],
        vec![node(&[Value::from("p")])],
        vec![node(&[Value::Int(1), Value::Int(0)])],
        vec![node(&[Value::from("p"), Value::Float(0.5)])],
        vec![node(&[
            Value::from("p"),
            Value::Int(0),
            node(&[Value::from("ab"), Value::Int(1)]),
        ])],
        vec![node(&[
            Value::from("p"),
            Value::Int(0),
            node(&[Value::from("a"), Value::Int(-1)]),
        ])],
    ] {
        let mut state = crate::msgpack::Map::default();
        state.push("tick", Value::Int(1));
        state.push("rest", Value::Array(rest));
        let refused = Text::from_value(&Value::Map(state));
        assert!(matches!(refused, Err(DatatypeError::State(_))));
    }
}

#[test]
fn an_operation_that_names_a_node_twice_is_applied_in_turn() {
    let mut text = text_of("ab");
    let before = text.to_value();
    let twice = operation(&[
        run(&[("me", 0)], &[("x", 5)]),
        run(&[("me", 0)], &[("y", 6)]),
    ]);
    let (reversion, splices) = text.apply(&[], Some(&twice)).unwrap();
    assert_eq!(text.to_string(), "yb");
    assert_eq!(expression(&splices), json!({ "@splice": [0, 1, "y"] }));
    text.apply(&[(twice, reversion)], None).unwrap();
    assert_eq!(text.to_value(), before);
}

#[test]
fn a_large_text_is_edited_at_its_ends_and_in_the_middle() {
    let mut text = text_of(&"x".repeat(100_000));
    let mut other = Text::from_value(&text.to_value()).unwrap();
    for number in 0..1000 {
        let index = (number * 7919) % text.len();
        let (operation, _) = text.splice("me", index, number % 3, "ab").unwrap();
        other.apply(&[], Some(&operation)).unwrap();
    }
    text.tree.check_invariants();
    other.tree.check_invariants();
    assert_eq!(text.to_string(), other.to_string());
    let (operation, reversion) = text.splice("me", 0, 200_000, "").unwrap();
    assert!(text.is_empty());
    text.apply(&[(operation, reversion)], None).unwrap();
    assert_eq!(text.to_string(), other.to_string());
}

proptest! {
    #[test]
    fn no_value_makes_reading_or_applying_it_panic(runs in proptest::collection::vec(any_run(), 0..6)) {
        let value = Value::Array(runs);
        if let Ok(operation) = Operation::from_value(&value) {
            let mut text = text_of("hello");
            if let Ok((reversion, _)) = text.apply(&[], Some(&operation)) {
                text.tree.check_invariants();
                text.apply(&[(operation, reversion)], None).unwrap();
                prop_assert_eq!(text.to_string(), "hello");
                text.tree.check_invariants();
            }
        }
    }
}

fn any_run() -> impl Strategy<Value = Value> {
    let process = prop_oneof![Just("me"), Just("p"), Just("")];
    let step = (process, -3..8_i64);
    let character = prop_oneof![Just("a"), Just("b"), Just(""), Just("😀")];
    let marks = proptest::collection::vec((character, 0..4_u64), 0..5);
    let path = proptest::collection::vec(step, 0..4);
    (path, marks).prop_map(|(path, marks)| run(&path, &marks))
}
