//! What must hold of any request whatever.

use serde_json::{Value as Json, json};

use crate::chance::Chance;
use crate::change::Change;
use crate::clock::TreeClock;
use crate::constraint::Local;
use crate::context::{Context, domain_base};
use crate::dataset::{Graph, Writer};
use crate::operation::{Codec, Operation, Tagged};
use crate::pattern::{self, Limits, PatternError};
use crate::rdf::{Iri, Triple};
use crate::store::{MemoryStore, Pending, Store};
use crate::wire;

/// Bytes that differ each time.
pub(super) struct Counting(pub(super) u64);

impl Chance for Counting {
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let [first, ..] = self.0.to_be_bytes();
            *byte = first;
        }
    }
}

/// A request is answered or refused, within its limits; and what it writes is the same to whoever
/// receives it, if they take it at all.
///
/// # Panics
/// If it does not hold.
pub fn pattern(bytes: &[u8]) {
    let Ok(request) = serde_json::from_slice::<Json>(bytes) else {
        return;
    };
    let outcome = run(&request);
    assert!(
        !matches!(outcome, Err(PatternError::Store(_))),
        "the store is in memory: {outcome:?}"
    );
}

fn run(request: &Json) -> Result<(), PatternError> {
    let base = domain_base("fuzz.example.org");
    let context = Context::new(&base, &Json::Null)?;
    let limits = Limits {
        values: 5_000,
        work: 20_000,
        ..Limits::default()
    };
    let mut chance = Counting(1);
    let mut store = MemoryStore::new();
    for data in [family(), request.clone()] {
        let view = store.view();
        let graph = Graph::new(&*view)?;
        let mut local = Local {
            clone_id: "clone",
            base: &base,
            chance: &mut chance,
        };
        let Ok(write) = pattern::write(&graph, &context, &data, &mut local, &limits) else {
            continue;
        };
        survives(&base, &write.change);
        let mut pending = Pending::new(view);
        let mut writer = Writer::new(&mut pending, &mut chance)?;
        for triple in &write.change.deletes {
            writer.delete_all(triple)?;
        }
        for (triple, _) in write.change.inserts {
            writer.insert(&triple, &[TreeClock::genesis().tid()])?;
        }
        store.commit(pending.into_batch())?;
    }
    let view = store.view();
    let graph = Graph::new(&*view)?;
    pattern::ask(&graph, &context, request, &limits)
        .map(drop)
        .or_else(but_store)?;
    match pattern::read(&graph, &context, request, &limits) {
        Ok(mut results) => results
            .try_for_each(|result| result.map(drop))
            .or_else(but_store),
        Err(error) => but_store(error),
    }
}

/// Something to be found.
fn family() -> Json {
    json!({ "@graph": [
        { "@id": "fred", "@type": "Person", "name": "Fred", "age": 40, "wife": { "@id": "wilma" } },
        { "@id": "wilma", "name": "Wilma", "height": 1.5, "likes": ["bowling", true] },
        { "@id": "list", "@list": [{ "@id": "fred" }, "two", 3] },
    ] })
}

fn but_store(error: PatternError) -> Result<(), PatternError> {
    if matches!(error, PatternError::Store(_)) {
        return Err(error);
    }
    Ok(())
}

/// What is inserted arrives as it was meant, if receivers take it. Languages are lost on the way.
fn survives(base: &Iri, change: &Change) {
    let plain = |triple: &&Triple| {
        let literal = triple.object.as_literal();
        literal.is_none_or(|literal| literal.language.is_none())
    };
    let Ok(codec) = Codec::new(base) else {
        return;
    };
    let Ok(time) = TreeClock::genesis().ticked() else {
        return;
    };
    let inserts = change.inserts.iter().filter(|(triple, _)| plain(triple));
    let inserts = inserts.map(|(triple, data)| Tagged {
        triple: triple.clone(),
        tids: vec![time.tid()],
        data: data.clone(),
    });
    let operation = Operation {
        from: time.ticks(),
        time: time.clone(),
        deletes: Vec::new(),
        inserts: inserts.collect(),
        updates: Vec::new(),
        principal: None,
        agreed: None,
    };
    if let Ok(mut received) = codec.decode(&codec.encode(&operation), &wire::Limits::default()) {
        received.inserts.sort_by(|a, b| a.triple.cmp(&b.triple));
        assert_eq!(received.inserts, operation.inserts);
    }
}
