use serde_json::{Value as Json, json};

use super::World;

/// The value of an expression; null if it is an error.
fn value(expression: &Json) -> Json {
    let world = World::of(&json!({ "@id": "fred", "age": 40, "name": "Fred" }));
    let query = json!({
        "@select": "?x",
        "@where": {
            "@graph": { "@id": "fred", "age": "?age", "name": "?name" },
            "@values": [{ "?wilma": { "@id": "wilma" } }],
            "@bind": { "?x": expression },
        },
    });
    world.read(&query)[0].get("?x").cloned().unwrap_or_default()
}

fn typed(lexical: &str, name: &str) -> Json {
    json!({ "@value": lexical, "@type": format!("http://www.w3.org/2001/XMLSchema#{name}") })
}

#[test]
fn arithmetic_promotes_to_the_wider_type() {
    assert_eq!(value(&json!({ "@plus": ["?age", 2] })), json!(42));
    assert_eq!(value(&json!({ "@plus": ["?age", 0.5] })), json!(40.5));
    assert_eq!(
        value(&json!({ "@times": [2, typed("1.5", "decimal")] })),
        typed("3", "decimal")
    );
    assert_eq!(
        value(&json!({ "@minus": [typed("1.5", "float"), 1] })),
        typed("0.5", "float")
    );
    assert_eq!(
        value(&json!({ "@plus": [typed("3", "byte"), 1] })),
        json!(4)
    );
}

#[test]
fn integers_divide_to_a_decimal() {
    assert_eq!(
        value(&json!({ "@divide": [1, 4] })),
        typed("0.25", "decimal")
    );
    assert_eq!(value(&json!({ "@divide": [1.5, 0.5] })), json!(3));
}

#[test]
fn a_double_without_a_fraction_is_an_integer() {
    // So it would be to every receiver.
    assert_eq!(value(&json!({ "@plus": [0.5, 0.5] })), json!(1));
    assert_eq!(value(&json!({ "@times": [1e200, 1e200] })), Json::Null);
}

#[test]
fn arithmetic_that_fails_has_no_value() {
    let failures = [
        json!({ "@divide": [1, 0] }),
        json!({ "@plus": ["?name", 1] }),
        json!({ "@plus": ["?nothing", 1] }),
        json!({ "@times": [9_007_199_254_740_992_i64, 9_007_199_254_740_992_i64] }),
    ];
    for failure in failures {
        assert_eq!(value(&failure), Json::Null, "{failure}");
    }
}

#[test]
fn values_are_compared_and_not_their_texts() {
    assert_eq!(
        value(&json!({ "@eq": ["?age", typed("40.0", "decimal")] })),
        json!(true)
    );
    assert_eq!(value(&json!({ "@lt": ["?age", 100] })), json!(true));
    assert_eq!(value(&json!({ "@lt": ["Fred", "Wilma"] })), json!(true));
    assert_eq!(value(&json!({ "@gte": [true, false] })), json!(true));
    assert_eq!(
        value(&json!({ "@neq": ["?wilma", { "@id": "wilma" }] })),
        json!(false)
    );
    assert_eq!(value(&json!({ "@eq": ["?age", "40"] })), json!(false));
    let noon = typed("2020-01-01T12:00:00Z", "dateTime");
    let same = typed("2020-01-01T13:00:00+01:00", "dateTime");
    assert_eq!(value(&json!({ "@eq": [noon, same] })), json!(true));
    let later = typed("2020-01-01T12:00:00.5Z", "dateTime");
    assert_eq!(value(&json!({ "@gt": [later, noon] })), json!(true));
}

#[test]
fn what_is_not_understood_is_not_compared() {
    let hat = json!({ "@value": "bowler", "@type": "http://ex.org/Hat" });
    let cap = json!({ "@value": "flat", "@type": "http://ex.org/Hat" });
    assert_eq!(value(&json!({ "@eq": [hat, hat] })), json!(true));
    assert_eq!(value(&json!({ "@eq": [hat, cap] })), Json::Null);
    assert_eq!(value(&json!({ "@lt": [hat, cap] })), Json::Null);
    assert_eq!(value(&json!({ "@lt": ["?wilma", "?wilma"] })), Json::Null);
    assert_eq!(value(&json!({ "@lt": [1, "2"] })), Json::Null);
}

#[test]
fn truth_is_decided_in_spite_of_errors() {
    assert_eq!(
        value(&json!({ "@or": [{ "@divide": [1, 0] }, true] })),
        json!(true)
    );
    assert_eq!(
        value(&json!({ "@and": [{ "@divide": [1, 0] }, false] })),
        json!(false)
    );
    assert_eq!(
        value(&json!({ "@or": [{ "@divide": [1, 0] }, false] })),
        Json::Null
    );
    assert_eq!(
        value(&json!({ "@in": [2, { "@divide": [1, 0] }, 2] })),
        json!(true)
    );
    assert_eq!(
        value(&json!({ "@notin": [2, { "@divide": [1, 0] }, 3] })),
        Json::Null
    );
}

#[test]
fn values_are_worth_a_truth() {
    for (worth, truth) in [
        (json!(""), true),
        (json!("a"), false),
        (json!(0), true),
        (json!(0.5), false),
        (typed("0.0", "decimal"), true),
        (typed("x", "decimal"), true),
    ] {
        assert_eq!(value(&json!({ "@not": worth })), json!(truth), "{worth}");
    }
    assert_eq!(value(&json!({ "@not": "?wilma" })), Json::Null);
}

#[test]
fn strings_are_found_made_and_matched() {
    assert_eq!(
        value(&json!({ "@str": "?wilma" })),
        json!("http://ex.org/wilma")
    );
    assert_eq!(value(&json!({ "@str": "?age" })), json!("40"));
    assert_eq!(value(&json!({ "@concat": ["?name", "!"] })), json!("Fred!"));
    assert_eq!(value(&json!({ "@concat": ["?name", 1] })), Json::Null);
    assert_eq!(
        value(&json!({ "@regex": ["?name", "^f.*D$", "i"] })),
        json!(true)
    );
    assert_eq!(value(&json!({ "@regex": ["?name", "^f"] })), json!(false));
    assert_eq!(
        value(&json!({ "@regex": ["a.b", "a.b", "q"] })),
        json!(true)
    );
    assert_eq!(
        value(&json!({ "@regex": ["axb", "a.b", "q"] })),
        json!(false)
    );
    assert_eq!(value(&json!({ "@regex": ["?name", "("] })), Json::Null);
    assert_eq!(value(&json!({ "@regex": ["?name", "F", "z"] })), Json::Null);
    assert_eq!(value(&json!({ "@lang": "?name" })), json!(""));
    assert_eq!(value(&json!({ "@lang": "?wilma" })), Json::Null);
}

#[test]
fn languages_are_matched_by_range() {
    for (tag, range, matches) in [
        ("en-GB", "en", true),
        ("EN", "en", true),
        ("english", "en", false),
        ("e", "en", false),
        ("", "*", false),
        ("de", "*", true),
    ] {
        let expression = json!({ "@langmatches": [tag, range] });
        assert_eq!(value(&expression), json!(matches), "{expression}");
    }
}

#[test]
fn an_expression_that_grows_beyond_its_size_is_refused() {
    let large = "(a{1000}){1000}";
    assert_eq!(value(&json!({ "@regex": ["?name", large] })), Json::Null);
    let deep = format!("{}{}", "(".repeat(1000), ")".repeat(1000));
    assert_eq!(value(&json!({ "@regex": ["?name", deep] })), Json::Null);
}
