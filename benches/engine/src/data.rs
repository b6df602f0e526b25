//! What is written and asked in the measurements: the same for both engines.

use serde_json::{Value as Json, json};

/// The domain of all measurements.
pub(crate) const DOMAIN: &str = "bench.example.org";

/// Subjects in the measurements of reads, snapshots and memory, with ten triples each.
pub(crate) const SUBJECTS: usize = 10_000;

/// Triples of a [`subject`].
pub(crate) const TRIPLES: usize = 10;

/// Subjects in one request while data is loaded.
pub(crate) const AT_ONCE: usize = 100;

/// Requests before each measurement, for just-in-time compilers and caches.
const WARMUP: usize = 200;

/// A subject with ten triples: a type, texts, numbers, and links to others.
pub(crate) fn subject(number: usize) -> Json {
    let link = |by: usize| json!({ "@id": format!("subject-{}", number / by) });
    let text = |which: usize| format!("Value {which} of number {number}");
    json!({
        "@id": format!("subject-{number}"),
        "@type": "Person",
        "text1": text(1), "text2": text(2), "text3": text(3), "text4": text(4),
        "group": number % 1000, "number1": number % 100, "number2": number,
        "link1": link(8), "link2": link(9),
    })
}

/// A write of one triple.
pub(crate) fn insert_one(number: usize) -> Json {
    json!({ "@insert": { "@id": format!("thing-{number}"), "name": format!("Name of {number}") } })
}

/// A write of ten triples.
pub(crate) fn insert_ten(number: usize) -> Json {
    json!({ "@insert": subject(number) })
}

/// A write of so many subjects.
pub(crate) fn insert_many(first: usize, count: usize) -> Json {
    let subjects: Vec<Json> = (first..first + count).map(subject).collect();
    json!({ "@insert": subjects })
}

/// All of a subject, by its id. A step of this size visits the subjects in no order.
pub(crate) fn describe(number: usize, subjects: usize) -> Json {
    json!({ "@describe": format!("subject-{}", number * 7919 % subjects) })
}

/// Two patterns: who is in a group, and what they are called. Ten solutions of ten thousand subjects.
pub(crate) fn join(number: usize) -> Json {
    json!({ "@select": "?text", "@where": { "@id": "?who", "group": number * 7 % 1000, "text1": "?text" } })
}

/// What both engines do.
pub(crate) fn plan() -> Json {
    json!({
        "domain": DOMAIN,
        "writes": [
            { "triples": 1, "warmup": each(0, WARMUP, insert_one), "measured": each(WARMUP, 1000, insert_one) },
            { "triples": TRIPLES, "warmup": each(0, WARMUP, insert_ten), "measured": each(WARMUP, 500, insert_ten) },
        ],
        "much": {
            "subjects": SUBJECTS,
            "load": each(0, SUBJECTS / AT_ONCE, |at| insert_many(at * AT_ONCE, AT_ONCE)),
            "between": each(0, SUBJECTS / AT_ONCE, insert_one),
            "describe": {
                "warmup": each(0, WARMUP, |number| describe(number, SUBJECTS)),
                "measured": each(WARMUP, 500, |number| describe(number, SUBJECTS)),
            },
            "join": { "warmup": each(1, 50, join), "measured": each(51, 200, join) },
        },
    })
}

fn each(first: usize, count: usize, make: impl Fn(usize) -> Json) -> Vec<Json> {
    (first..first + count).map(make).collect()
}
