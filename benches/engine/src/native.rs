//! The native engine at work: does what the plan says, and more that the JavaScript engine is not asked.

use m_ld_engine::dataset::Graph;
use m_ld_engine::pattern::{Limits, read};
use m_ld_engine::store::MemoryStore;
use serde_json::{Value as Json, json};

use crate::measure::{measure, resident, say};
use crate::relay::Relay;
use crate::{Result, data, sizes};

/// Does all of it.
pub(crate) fn run(plan: &Json) -> Result<()> {
    if plan["domain"] != data::DOMAIN {
        return Err("a plan for another domain".into());
    }
    // First, while nothing has made the process grow.
    much(&plan["much"])?;
    for work in list(plan, "writes")? {
        write_and_apply(work)?;
    }
    sizes::flat()?;
    sizes::durable()
}

/// A domain with two clones and no data.
pub(crate) fn pair() -> Result<Relay> {
    let mut relay = Relay::default();
    relay.join(Box::new(MemoryStore::new()))?;
    relay.join(Box::new(MemoryStore::new()))?;
    Ok(relay)
}

/// One clone writes, another applies what it wrote; both begin with no data.
fn write_and_apply(work: &Json) -> Result<()> {
    let (warmup, measured) = (list(work, "warmup")?, list(work, "measured")?);
    let what = |case: &str| json!({ "case": case, "triples": work["triples"], "subjects": 0 });
    let mut relay = pair()?;
    relay.write(0, warmup)?;
    let before = relay.take_operations();
    measure(what("write"), measured.len(), || relay.write(0, measured))?;
    let operations = relay.take_operations();
    relay.deliver(1, &before)?;
    measure(what("apply"), operations.len(), || {
        relay.deliver(1, &operations)
    })
}

/// Much data: how much memory it takes, reads, and what a new clone costs.
fn much(work: &Json) -> Result<()> {
    let subjects = work["subjects"].as_u64().ok_or("no number of subjects")?;
    let what = |case: &str| json!({ "case": case, "subjects": subjects });
    let load = list(work, "load")?;
    let mut relay = Relay::default();
    let before = resident()?;
    relay.join(Box::new(MemoryStore::new()))?;
    relay.join(Box::new(MemoryStore::new()))?;
    let count = usize::try_from(subjects)?;
    measure(what("load"), count, || {
        fill(&mut relay, load, list(work, "between")?)
    })?;
    relay.away = Some(1);
    let bytes = resident()?.saturating_sub(before);
    say(what("memory"), &json!({ "count": 1, "bytes": bytes }));
    for case in ["describe", "join"] {
        let (warmup, measured) = (list(&work[case], "warmup")?, list(&work[case], "measured")?);
        drain(&relay, 0, warmup)?;
        measure(what(case), measured.len(), || drain(&relay, 0, measured))?;
    }
    measure(what("snapshot"), 1, || {
        relay.join(Box::new(MemoryStore::new()))
    })?;
    drain(&relay, 2, list(&work["describe"], "warmup")?)
}

/// One clone writes much, and hears a little from another in between: the JavaScript engine can serve no snapshot
/// of this size if all of it was written in a row.
fn fill(relay: &mut Relay, load: &[Json], between: &[Json]) -> Result<()> {
    for (much, little) in load.chunks(1).zip(between.chunks(1)) {
        relay.write(0, much)?;
        drop(relay.take_operations());
        relay.write(1, little)?;
        let operations = relay.take_operations();
        relay.deliver(0, &operations)?;
    }
    Ok(())
}

/// Reads all that some queries find.
fn drain(relay: &Relay, at: usize, queries: &[Json]) -> Result<()> {
    let clone = &relay.clones[at];
    for query in queries {
        let view = clone.view().ok_or("no data")?;
        let graph = Graph::new(&*view)?;
        let found = read(&graph, clone.context(), query, &Limits::default())?;
        let found = found.collect::<std::result::Result<Vec<Json>, _>>()?;
        if found.is_empty() {
            return Err(format!("nothing found: {query}").into());
        }
    }
    Ok(())
}

fn list<'a>(work: &'a Json, key: &str) -> Result<&'a [Json]> {
    let items = work[key].as_array().ok_or("the plan lacks something")?;
    Ok(items)
}
