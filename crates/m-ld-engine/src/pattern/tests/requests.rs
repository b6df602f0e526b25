use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::World;
use crate::pattern::{Limits, PatternError};

fn nested(depth: usize) -> Json {
    let subject = |inner: Json, _| json!({ "p": inner });
    (0..depth).fold(json!({ "@id": "x" }), subject)
}

#[test]
fn a_request_is_as_deep_as_the_limits_allow() {
    let mut world = World::new();
    let limits = Limits::default();
    let most = limits.depth - 2;
    assert!(world.plan(&nested(most)).is_ok());
    let refused = world.plan(&nested(most + 1));
    assert!(matches!(
        refused,
        Err(PatternError::TooLarge { what: "levels", .. })
    ));
    // Far deeper than any stack.
    let mut deepest = Json::Null;
    for _ in 0..20_000 {
        deepest = Json::Array(vec![deepest]);
    }
    for query in [
        json!({ "@describe": "x", "@where": nested(1000) }),
        json!({ "@construct": nested(1000) }),
    ] {
        assert!(world.read_within(&query, &limits).is_err());
    }
    assert!(limits.admit(&deepest).is_err());
    // Dropping it takes as deep a recursion as it has levels, which is not ours to bound.
    while let Json::Array(mut inner) = deepest {
        deepest = inner.pop().unwrap_or_default();
    }
}

#[test]
fn a_request_is_as_large_as_the_limits_allow() {
    let world = World::new();
    let limits = Limits {
        values: 100,
        ..Limits::default()
    };
    let many: Json = (0..200).collect();
    let query = json!({ "@select": "*", "@where": { "@id": "x", "n": many } });
    let refused = world.read_within(&query, &limits);
    assert!(matches!(
        refused,
        Err(PatternError::TooLarge { what: "values", .. })
    ));
}

#[test]
fn a_template_has_so_many_properties() {
    let world = World::new();
    let many: Json = (0..5000).collect();
    let query = json!({ "@construct": { "@id": "x", "n": many } });
    assert!(world.error(&query).contains("4096"));
}

#[test]
fn what_is_no_request_is_said_to_be_none() {
    let world = World::new();
    for query in [
        json!({}),
        json!([]),
        json!("fred"),
        Json::Null,
        json!({ "@insert": { "@id": "fred" } }),
        json!({ "@select": "?x" }),
    ] {
        let limits = Limits::default();
        let refused = world.read_within(&query, &limits).unwrap_err();
        assert_eq!(refused.status(), Some(5011), "{query}");
    }
}

#[test]
fn what_is_malformed_is_refused_with_a_reason() {
    let world = World::new();
    for (pattern, reason) in [
        (json!({ "@id": 5, "p": "?x" }), "no identity: 5"),
        (
            json!({ "@id": "@nonsense", "p": "?x" }),
            "does not stand for an IRI",
        ),
        (
            json!({ "@id": "?x", "@reverse": "?y" }),
            "does not stand for an IRI",
        ),
        (
            json!({ "@id": "?x", "p": { "@value": "abc" } }),
            "no variable",
        ),
        (
            json!({ "@id": "?x", "p": { "@count": 1 } }),
            "not supported",
        ),
        (
            json!({ "@id": "?x", "p": { "@splice": [0, 1] } }),
            "shared data only",
        ),
        (json!({ "@id": "?x", "@list": { "-1": "a" } }), "no index"),
        (
            json!({ "@id": "?x", "@list": { "9007199254740992": "a" } }),
            "no index",
        ),
        (
            json!({ "@filter": { "@gt": ["?x"] } }),
            "that many arguments",
        ),
        (json!({ "@filter": "?x" }), "no filter"),
        (json!({ "@filter": { "@nonsense": 1 } }), "no operator"),
        (json!({ "@filter": {} }), "empty"),
        (json!({ "@values": [{ "x": 1 }] }), "no variable: x"),
        (json!({ "@values": [{ "?x": "?y" }] }), "is a variable"),
        (json!({ "@values": ["?x"] }), "no row"),
        (
            json!({ "@graph": { "@id": "?x", "p": 1 }, "@bind": { "?x": 1 } }),
            "already",
        ),
        (json!({ "@bind": { "?x": 1 } }), "@bind"),
        (json!("fred"), "no subject"),
    ] {
        let error = world.error(&json!({ "@select": "*", "@where": pattern }));
        assert!(error.contains(reason), "{pattern}: {error}");
    }
}

#[test]
fn a_context_elsewhere_is_not_fetched() {
    let world = World::new();
    let query = json!({ "@context": "http://ex.org/context", "@describe": "fred" });
    assert!(world.error(&query).contains("context"));
}

#[test]
fn a_text_is_a_variable_by_its_form_alone() {
    use crate::pattern::variable::name;
    for (text, expected) in [
        ("?", Some("")),
        ("?x", Some("x")),
        ("?1_é·", Some("1_é·")),
        ("?x-y", None),
        ("?x?", None),
        ("? x", None),
        ("x", None),
        ("", None),
    ] {
        assert_eq!(name(text), expected, "{text}");
    }
}

/// Keys of json-rql, and some that are none.
const KEYS: [&str; 44] = [
    "@id",
    "@type",
    "@value",
    "@language",
    "@vocab",
    "@set",
    "@list",
    "@item",
    "@index",
    "@context",
    "@describe",
    "@select",
    "@construct",
    "@where",
    "@graph",
    "@union",
    "@filter",
    "@values",
    "@bind",
    "@insert",
    "@delete",
    "@update",
    "@agree",
    "@eq",
    "@gt",
    "@not",
    "@and",
    "@or",
    "@plus",
    "@divide",
    "@bound",
    "@regex",
    "@in",
    "@str",
    "@concat",
    "@splice",
    "@count",
    "?x",
    "?y",
    "?",
    "0",
    "1,2",
    "name",
    "age",
];

/// Values that mean something somewhere.
const TEXTS: [&str; 16] = [
    "?x",
    "?y",
    "?",
    "*",
    "fred",
    "wilma",
    "list",
    "#age",
    "@id",
    "_:b",
    "http://x.org/#a",
    "^F",
    "http://www.w3.org/2001/XMLSchema#double",
    "1.0",
    "",
    "(a+)+",
];

fn any_request() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        4 => proptest::sample::select(&TEXTS[..]).prop_map(Json::from),
        1 => (-3..50_i64).prop_map(Json::from),
        1 => any::<f64>().prop_map(|number| json!(number)),
        1 => Just(json!(true)),
        1 => Just(Json::Null),
    ];
    leaf.prop_recursive(5, 40, 4, |inner| {
        let key = proptest::sample::select(&KEYS[..]);
        prop_oneof![
            1 => proptest::collection::vec(inner.clone(), 0..4).prop_map(Json::Array),
            3 => proptest::collection::vec((key, inner), 0..4).prop_map(|members| {
                let members = members.into_iter().map(|(key, value)| (key.to_owned(), value));
                Json::Object(members.collect())
            }),
        ]
    })
}

fn likely_request() -> impl Strategy<Value = Json> {
    let request = proptest::sample::select(
        &[
            "@describe",
            "@select",
            "@construct",
            "@insert",
            "@delete",
            "@update",
            "@graph",
        ][..],
    );
    let pattern = proptest::option::of(any_request());
    (request, any_request(), pattern).prop_map(|(key, value, pattern)| {
        let mut request = json!({ key: value });
        if let Some(pattern) = pattern {
            request["@where"] = pattern;
        }
        request
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_request_is_answered_or_refused(request in likely_request()) {
        crate::fuzzing::pattern(request.to_string().as_bytes());
    }
}
