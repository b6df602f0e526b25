//! What the native engine costs as data grows, and when it is to be on the disk.

use std::sync::Arc;

use m_ld_engine::store::sled::FolderBarrier;
use m_ld_engine::store::{SledStore, Unsealed};
use serde_json::{Value as Json, json};

use crate::measure::measure;
use crate::native::pair;
use crate::relay::Relay;
use crate::{Result, data};

/// Subjects that are there: with ten triples each, 10^3 to 10^6.
const SUBJECTS: [usize; 4] = [100, 1_000, 10_000, 100_000];

/// Writes and operations in each measurement.
const COUNT: usize = 1000;

/// Writes that are made durable together.
const GROUPS: [usize; 3] = [1, 16, 256];

/// Writing and applying beside more and more data. Sizes are those before the measurement.
pub(crate) fn flat() -> Result<()> {
    let mut relay = pair()?;
    let (mut subjects, mut things) = (0, 0);
    for target in SUBJECTS {
        while subjects < target {
            let count = data::AT_ONCE.min(target - subjects);
            relay.write(0, &[data::insert_many(subjects, count)])?;
            let operations = relay.take_operations();
            relay.deliver(1, &operations)?;
            subjects += count;
        }
        let ones: Vec<Json> = (things..things + COUNT).map(data::insert_one).collect();
        things += COUNT;
        grow(&mut relay, target, 1, &ones)?;
        // Numbers of their own: those of this size come with the next.
        let first = 1_000_000 + things;
        let tens: Vec<Json> = (first..first + COUNT).map(data::insert_ten).collect();
        grow(&mut relay, target, data::TRIPLES, &tens)?;
    }
    Ok(())
}

fn grow(relay: &mut Relay, subjects: usize, triples: usize, requests: &[Json]) -> Result<()> {
    let what = |case: &str| json!({ "case": case, "triples": triples, "subjects": subjects });
    measure(what("write"), requests.len(), || relay.write(0, requests))?;
    let operations = relay.take_operations();
    measure(what("apply"), operations.len(), || {
        relay.deliver(1, &operations)
    })
}

/// Writes that are on the disk before anybody hears of them, one by one and grouped.
pub(crate) fn durable() -> Result<()> {
    let folder = std::env::temp_dir().join(format!("engine-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let measured = durable_in(&folder);
    std::fs::remove_dir_all(&folder)?;
    measured
}

fn durable_in(folder: &std::path::Path) -> Result<()> {
    let config = sled::Config::new().path(folder).flush_every_ms(None);
    let database = config.open()?;
    let barrier = Arc::new(FolderBarrier::new(database.clone(), folder)?);
    let store = SledStore::open(&database, b"bench", Arc::new(Unsealed), barrier)?;
    let mut relay = Relay::default();
    relay.join(Box::new(store))?;
    let mut things = 0;
    for group in GROUPS {
        let count = (group * 50).min(5_000);
        let requests: Vec<Json> = (things..things + count).map(data::insert_one).collect();
        things += count;
        let what = json!({ "case": "durable", "triples": 1, "group": group });
        measure(what, count, || relay.write_grouped(0, &requests, group))?;
    }
    Ok(())
}
