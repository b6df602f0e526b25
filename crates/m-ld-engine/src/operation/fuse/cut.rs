//! What was seen, cut from a fusion.

use std::collections::{BTreeMap, BTreeSet};

use super::{FuseError, Inserted, is_shared, tagged};
use crate::clock::Tid;
use crate::datatype;
use crate::operation::{Operation, SharedUpdate, Tagged};
use crate::rdf::Triple;

/// The most ticks of a prefix that are looked at. Engines fuse no more than some thousand
/// triples.
const MAX_TICKS: u64 = 1 << 16;

/// What is left of a fusion for a clone that has applied a prefix of it already. Nothing if the
/// prefix is all of it.
///
/// The prefix is of the same process, its history without a gap up to what the clone has seen. It
/// has to go back to where the fusion began, or further: what was inserted before it, and deleted
/// after it, is not in either, and stays.
///
/// # Errors
/// [`FuseError::NotContiguous`] if there is a gap between the two; else as the datatypes and
/// clocks say.
pub fn cut(prefix: &Operation, fusion: &Operation) -> Result<Option<Operation>, FuseError> {
    let seen = prefix.ticks();
    if seen >= fusion.ticks() {
        return Ok(None);
    }
    let from = seen.saturating_add(1);
    if fusion.from > from {
        return Err(FuseError::NotContiguous);
    }
    let (before, within) = ticks(prefix, fusion)?;
    let applied = pairs(&prefix.inserts);
    let undone = pairs(&prefix.deletes);
    let gone = |triple: &Triple, tid: &Tid| {
        has(&undone, triple, tid) || (before.contains(tid) && !has(&applied, triple, tid))
    };
    let mut deletes: BTreeMap<Triple, BTreeSet<Tid>> = BTreeMap::new();
    for Tagged { triple, tids, .. } in &fusion.deletes {
        let left = tids.iter().filter(|tid| !gone(triple, tid)).copied();
        deletes.entry(triple.clone()).or_default().extend(left);
    }
    let mut inserts = inserted(fusion);
    for Tagged { triple, tids, .. } in &prefix.inserts {
        for tid in tids.iter().filter(|tid| within.contains(tid)) {
            let kept = inserts.get_mut(triple);
            if !kept.is_some_and(|inserted| inserted.tids.remove(tid)) {
                // It was deleted later in the fusion.
                deletes.entry(triple.clone()).or_default().insert(*tid);
            }
        }
    }
    Ok(Some(Operation {
        from,
        time: fusion.time.clone(),
        deletes: deleted(deletes),
        inserts: tagged(inserts),
        updates: cut_updates(prefix, fusion)?,
        principal: fusion.principal.clone(),
        agreed: fusion.agreed.clone().filter(|agreed| agreed.tick > seen),
    }))
}

/// The transactions of the prefix that are before the fusion, and those that are in it.
fn ticks(
    prefix: &Operation,
    fusion: &Operation,
) -> Result<(BTreeSet<Tid>, BTreeSet<Tid>), FuseError> {
    let (mut before, mut within) = (BTreeSet::new(), BTreeSet::new());
    if prefix.inserts.is_empty() && fusion.deletes.is_empty() {
        return Ok((before, within));
    }
    let first = prefix.from.min(fusion.from);
    if prefix.ticks().saturating_sub(first) > MAX_TICKS {
        return Err(FuseError::TooLong);
    }
    for tick in first..=prefix.ticks() {
        let tid = fusion.time.ticked_to(tick)?.tid();
        if tick >= fusion.from {
            within.insert(tid);
        } else {
            before.insert(tid);
        }
    }
    Ok((before, within))
}

fn pairs(triples: &[Tagged]) -> BTreeMap<&Triple, BTreeSet<Tid>> {
    let mut pairs: BTreeMap<&Triple, BTreeSet<Tid>> = BTreeMap::new();
    for Tagged { triple, tids, .. } in triples {
        pairs.entry(triple).or_default().extend(tids);
    }
    pairs
}

fn has(pairs: &BTreeMap<&Triple, BTreeSet<Tid>>, triple: &Triple, tid: &Tid) -> bool {
    pairs.get(triple).is_some_and(|tids| tids.contains(tid))
}

fn inserted(operation: &Operation) -> BTreeMap<Triple, Inserted> {
    let mut inserts: BTreeMap<Triple, Inserted> = BTreeMap::new();
    for Tagged { triple, tids, data } in &operation.inserts {
        let to = inserts.entry(triple.clone()).or_default();
        to.tids.extend(tids);
        to.data.clone_from(data);
    }
    inserts
}

fn deleted(deletes: BTreeMap<Triple, BTreeSet<Tid>>) -> Vec<Tagged> {
    let kept = deletes.into_iter().filter(|(_, tids)| !tids.is_empty());
    kept.map(|(triple, tids)| Tagged {
        triple,
        tids: tids.into_iter().collect(),
        data: None,
    })
    .collect()
}

fn cut_updates(prefix: &Operation, fusion: &Operation) -> Result<Vec<SharedUpdate>, FuseError> {
    let seen: BTreeMap<&Triple, _> = prefix
        .updates
        .iter()
        .map(|update| (&update.triple, &update.operation))
        .collect();
    let mut left = Vec::new();
    for update in &fusion.updates {
        let operation = match seen.get(&update.triple) {
            Some(_) if !is_shared(&update.triple) => return Err(FuseError::UnknownDatatype),
            Some(seen) => datatype::cut(seen, &update.operation)?,
            None => Some(update.operation.clone()),
        };
        left.extend(operation.map(|operation| SharedUpdate {
            triple: update.triple.clone(),
            operation,
        }));
    }
    Ok(left)
}
