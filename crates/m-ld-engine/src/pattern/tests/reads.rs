use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value as Json, json};

use super::World;
use crate::dataset::Graph;
use crate::pattern::{Limits, PatternError};

/// Numbers that refer to the next.
fn chain(count: usize) -> World {
    let subjects = (0..count).map(
        |n| json!({ "@id": format!("n{n}"), "next": { "@id": format!("n{}", n + 1) }, "n": n }),
    );
    World::of(&json!({ "@graph": subjects.collect::<Json>() }))
}

#[test]
fn an_answer_begins_before_it_is_whole() {
    let world = chain(1000);
    let few = Limits {
        work: 200,
        ..Limits::default()
    };
    let view = world.view();
    let graph = Graph::new(&*view).unwrap();
    let query = json!({ "@select": "*", "@where": { "@id": "?n", "next": "?m" } });
    let mut results = crate::pattern::read(&graph, &world.context, &query, &few).unwrap();
    for _ in 0..50 {
        assert!(results.next().unwrap().is_ok());
    }
    let end = results.find_map(Result::err);
    assert!(matches!(end, Some(PatternError::TooMuchWork(200))));
    assert!(results.next().is_none());
}

#[test]
fn a_product_that_would_take_for_ever_ends() {
    let world = chain(100);
    let limits = Limits {
        work: 10_000,
        ..Limits::default()
    };
    let pattern: Vec<Json> = (0..6)
        .map(|n| json!({ "@id": format!("?s{n}"), "n": format!("?n{n}") }))
        .collect();
    for query in [
        json!({ "@describe": "?s0", "@where": pattern }),
        json!({ "@select": "?s0", "@where": { "@graph": pattern, "@filter": { "@eq": [{ "@plus": ["?n0", "?n5"] }, -1] } } }),
        json!({ "@construct": { "@id": "x", "n": "?n5" }, "@where": pattern }),
    ] {
        let answer = world.read_within(&query, &limits);
        assert!(
            matches!(answer, Err(PatternError::TooMuchWork(10_000))),
            "{query}"
        );
    }
}

#[test]
fn a_cancelled_read_ends() {
    let world = chain(100);
    let cancelled = Arc::new(AtomicBool::new(false));
    let limits = Limits {
        cancelled: Some(Arc::clone(&cancelled)),
        ..Limits::default()
    };
    let view = world.view();
    let graph = Graph::new(&*view).unwrap();
    let query = json!({ "@describe": "?n", "@where": { "@id": "?n", "n": "?" } });
    let mut results = crate::pattern::read(&graph, &world.context, &query, &limits).unwrap();
    assert!(results.next().unwrap().is_ok());
    cancelled.store(true, Ordering::Relaxed);
    assert!(matches!(results.next(), Some(Err(PatternError::Cancelled))));
    assert!(results.next().is_none());
}

#[test]
fn a_join_takes_work_for_what_it_finds_alone() {
    let world = chain(2000);
    let limits = Limits {
        work: 400,
        ..Limits::default()
    };
    // Whichever way round it is written.
    let (hop, start) = (
        json!({ "@id": "?a", "next": { "@id": "?b" } }),
        json!({ "@id": "?a", "n": 7 }),
    );
    for pattern in [json!([hop, start]), json!([start, hop])] {
        let query = json!({ "@select": "?b", "@where": pattern });
        let answer = world.read_within(&query, &limits).unwrap();
        assert_eq!(answer[0]["?b"], json!({ "@id": "n8" }));
    }
    let union = json!({ "@graph": hop, "@union": [start, { "@id": "?a", "n": 9 }] });
    let query = json!({ "@select": "?b", "@where": union });
    assert_eq!(world.read_within(&query, &limits).unwrap().len(), 2);
    let values = json!({ "@graph": hop, "@values": [{ "?a": { "@id": "n3" } }] });
    let query = json!({ "@select": "?b", "@where": values });
    assert_eq!(world.read_within(&query, &limits).unwrap().len(), 1);
}

#[test]
fn an_alternative_does_not_see_what_is_outside() {
    let world = World::of(&json!({ "@graph": [{ "@id": "a", "p": 1 }, { "@id": "b", "p": 2 }] }));
    // The filter has no `?x` of its own, so it is an error, and not true.
    let pattern = json!({
        "@graph": { "@id": "?x", "p": "?n" },
        "@union": [{ "@graph": { "@id": "?y", "p": 1 }, "@filter": { "@bound": "?x" } }],
    });
    assert_eq!(world.values("?x", &pattern), Vec::<String>::new());
}

#[test]
fn a_list_with_gaps_is_bounded() {
    let mut world = World::new();
    world
        .write(&json!({ "@id": "x", "n": 4_000_000_000_i64 }))
        .unwrap();
    let query = json!({
        "@construct": { "@id": "l", "@list": { "?i": "?s" } },
        "@where": { "@id": "?s", "n": "?i" },
    });
    assert!(world.error(&query).contains("gaps"));
}

#[test]
fn a_nested_template_merges_by_its_own_identity() {
    let world = World::of(&json!({ "@graph": [
        { "@id": "fred", "child": { "@id": "pebbles" } },
        { "@id": "wilma", "child": { "@id": "pebbles" } },
        { "@id": "pebbles", "name": ["Pebbles", "Pebs"] },
    ] }));
    let query = json!({ "@construct": { "@id": "?p", "child": { "@id": "?c", "name": "?n" } } });
    let mut results = world.read(&query);
    results.sort_by_key(|result| result["@id"].to_string());
    assert_eq!(results.len(), 2);
    for result in results {
        assert_eq!(result["child"]["@id"], json!("pebbles"));
        assert_eq!(result["child"]["name"].as_array().unwrap().len(), 2);
    }
}

#[test]
fn a_template_with_nothing_in_it_gives_nothing() {
    let world = World::of(&json!({ "@id": "fred", "name": "Fred" }));
    assert_eq!(
        world.read(&json!({ "@construct": { "@id": "fred" } })),
        Vec::<Json>::new()
    );
    let query =
        json!({ "@construct": [{ "@id": "fred", "name": "?" }, { "@id": "wilma", "name": "?" }] });
    assert_eq!(
        world.read(&query),
        vec![json!({ "@id": "fred", "name": "Fred" })]
    );
}

#[test]
fn get_has_a_whole_list() {
    let mut world = World::new();
    let slot = |n: usize, item: &str| json!({ "@id": format!("s{n}"), "@item": item, "@index": n });
    world
        .write(&json!({
            "@id": "l",
            "http://m-ld.org/RdfLseq/?=1a": slot(0, "first"),
            "http://m-ld.org/RdfLseq/?=2a": slot(1, "second"),
        }))
        .unwrap();
    let view = world.view();
    let graph = Graph::new(&*view).unwrap();
    let limits = Limits::default();
    let got = crate::pattern::get(&graph, &world.context, "l", &["@list"], &limits).unwrap();
    assert_eq!(
        got,
        Some(json!({ "@id": "l", "@list": ["first", "second"] }))
    );
}

#[test]
fn an_anonymous_variable_has_a_name_that_nothing_else_has() {
    let world = World::of(&json!({ "@id": "fred", "name": "Fred" }));
    let query = json!({ "@select": "*", "@where": { "@id": "?b1", "?b2": "?" } });
    let answer = world.read(&query);
    assert_eq!(answer[0].as_object().unwrap().len(), 4);
}

#[test]
fn planning_takes_work_too() {
    let world = chain(100);
    let limits = Limits {
        work: 1_000_000,
        ..Limits::default()
    };
    // Nothing connects them, so each is compared with each.
    let apart: Vec<Json> = (0..3000)
        .map(|n| json!({ "@id": format!("?s{n}"), "n": n % 100 }))
        .collect();
    let query = json!({ "@select": "?s0", "@where": apart });
    let answer = world.read_within(&query, &limits);
    assert!(matches!(answer, Err(PatternError::TooMuchWork(_))));
}

#[test]
fn a_string_does_not_grow_beyond_all_bounds() {
    let world = World::of(&json!({ "@id": "fred", "name": "Fred" }));
    let binds: Vec<Json> = (0..60)
        .map(|n| {
            let mut bind = json!({});
            let twice = format!("?x{n:02}");
            bind[format!("?x{:02}", n + 1)] = json!({ "@concat": [twice, twice] });
            bind
        })
        .collect();
    let query = json!({
        "@select": "?x60",
        "@where": { "@graph": { "@id": "fred", "name": "?x00" }, "@bind": binds },
    });
    let answer = world.read_within(&query, &Limits::default());
    assert!(matches!(answer, Err(PatternError::TooMuchWork(_))));
}
