//! Several operations of one process made into one, and what was seen cut from such a one (m-ld
//! protocol, sections 6.4 and 6.5).
//!
//! # Invariants
//! 1. Fusing is applying in turn: a clone that applies a fusion has what it would have, had it
//!    applied each operation, and undoes it likewise.
//! 2. Cutting is forgetting what was applied: a clone that has applied a prefix, and then what is
//!    left of a fusion, has what it would have, had it applied the fusion instead.

mod cut;

use std::collections::{BTreeMap, BTreeSet};

pub use cut::cut;

use super::{Agreement, Operation, SharedUpdate, Tagged};
use crate::clock::{ClockError, Tid, TreeClock};
use crate::datatype::{self, DatatypeError};
use crate::msgpack::Value;
use crate::rdf::{Iri, Term, Triple};

/// What undoes an operation here. Its members stand in the order of the operation's own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reversion {
    /// For every deleted triple, the transactions that it really lost.
    pub deletes: Vec<Vec<Tid>>,
    /// For every operation on shared data, what the datatype needs to revert it.
    pub updates: Vec<Value>,
}

/// Why operations cannot be fused or cut.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FuseError {
    /// The operations do not follow one another, or are of different principals.
    #[error("the operations are not contiguous")]
    NotContiguous,
    /// There are operations on shared data whose datatype is not known here.
    #[error("the datatype of shared data is not known")]
    UnknownDatatype,
    /// An operation on shared data is not one of its datatype.
    #[error(transparent)]
    Datatype(#[from] DatatypeError),
    /// The clocks do not go together.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// The prefix has more ticks than can be looked at.
    #[error("the prefix has too many ticks")]
    TooLong,
}

impl Operation {
    /// Whether this comes right after `before`: of the same process, which has received nothing in
    /// between and not forked, and of the same principal.
    pub fn follows(&self, before: &Self) -> bool {
        before.principal == self.principal && contiguous(&before.time, self.from, &self.time)
    }
}

/// Whether the ticks from `from` to `time` come right after the time `before`.
pub(crate) fn contiguous(before: &TreeClock, from: u64, time: &TreeClock) -> bool {
    before.ticks().checked_add(1) == Some(from)
        && matches!(
            (before.ticked_to(from), time.ticked_to(from)),
            (Ok(one), Ok(two)) if one == two
        )
}

/// Operations that are becoming one.
///
/// Adding an operation costs what that has in it, not what came before.
#[derive(Clone, Debug)]
pub struct Fusion {
    from: u64,
    time: TreeClock,
    principal: Option<Iri>,
    agreed: Option<Agreement>,
    deletes: BTreeMap<Triple, Deleted>,
    inserts: BTreeMap<Triple, Inserted>,
    /// With their reversions.
    updates: BTreeMap<Triple, (Value, Value)>,
}

/// The transactions that a triple loses.
#[derive(Clone, Debug, Default)]
struct Deleted {
    tids: BTreeSet<Tid>,
    /// Those that it really lost here.
    lost: BTreeSet<Tid>,
}

/// The transactions that a triple gains, and its data if that is indirected.
#[derive(Clone, Debug, Default)]
struct Inserted {
    tids: BTreeSet<Tid>,
    data: Option<Value>,
}

/// An operation on the shared data of a triple, and what reverts it.
type Updated = (Triple, (Value, Value));

impl Fusion {
    /// Begins with an operation, and what undoes it if that is known.
    pub fn new(first: &Operation, reversion: &Reversion) -> Self {
        let mut fusion = Self {
            from: first.from,
            time: first.time.clone(),
            principal: first.principal.clone(),
            agreed: first.agreed.clone(),
            deletes: BTreeMap::new(),
            inserts: BTreeMap::new(),
            updates: BTreeMap::new(),
        };
        for (at, deleted) in first.deletes.iter().enumerate() {
            fusion.delete(deleted, reversion.deletes.get(at));
        }
        fusion.insert_all(first);
        for (at, update) in first.updates.iter().enumerate() {
            let reversion = reversion.updates.get(at).cloned().unwrap_or_default();
            let update = (update.triple.clone(), (update.operation.clone(), reversion));
            fusion.updates.extend([update]);
        }
        fusion
    }

    /// Adds the operation that comes right after.
    ///
    /// # Errors
    /// If it does not; or as the datatypes say. Then this is as it was.
    pub fn push(&mut self, next: &Operation, reversion: &Reversion) -> Result<(), FuseError> {
        let same = self.principal == next.principal;
        if !same || !contiguous(&self.time, next.from, &next.time) {
            return Err(FuseError::NotContiguous);
        }
        let updates = self.fused_updates(next, reversion)?;
        self.updates.extend(updates);
        for (at, deleted) in next.deletes.iter().enumerate() {
            self.delete(deleted, reversion.deletes.get(at));
        }
        self.insert_all(next);
        self.time = next.time.clone();
        if next.agreed.is_some() {
            self.agreed.clone_from(&next.agreed);
        }
        Ok(())
    }

    /// The one operation, and what undoes it.
    pub fn finish(self) -> (Operation, Reversion) {
        let mut reversion = Reversion::default();
        let mut deletes = Vec::new();
        for (triple, deleted) in self.deletes {
            if deleted.tids.is_empty() {
                continue;
            }
            deletes.push(Tagged {
                triple,
                tids: deleted.tids.into_iter().collect(),
                data: None,
            });
            reversion.deletes.push(deleted.lost.into_iter().collect());
        }
        let mut updates = Vec::new();
        for (triple, (operation, reverts)) in self.updates {
            updates.push(SharedUpdate { triple, operation });
            reversion.updates.push(reverts);
        }
        let operation = Operation {
            from: self.from,
            time: self.time,
            deletes,
            inserts: tagged(self.inserts),
            updates,
            principal: self.principal,
            agreed: self.agreed,
        };
        (operation, reversion)
    }

    /// Deletes transactions of a triple. Those that were inserted by what came before have never
    /// been, for whoever applies the fusion.
    fn delete(&mut self, deleted: &Tagged, lost: Option<&Vec<Tid>>) {
        let mut inserted = self.inserts.get_mut(&deleted.triple);
        let mut own = |tid: &Tid| match &mut inserted {
            Some(inserted) => inserted.tids.remove(tid),
            None => false,
        };
        let (own, before): (BTreeSet<Tid>, BTreeSet<Tid>) =
            deleted.tids.iter().partition(|tid| own(tid));
        if before.is_empty() {
            return;
        }
        let to = self.deletes.entry(deleted.triple.clone()).or_default();
        let lost = lost.into_iter().flatten();
        to.lost.extend(lost.filter(|tid| !own.contains(tid)));
        to.tids.extend(before);
    }

    fn insert_all(&mut self, operation: &Operation) {
        for inserted in &operation.inserts {
            let to = self.inserts.entry(inserted.triple.clone()).or_default();
            to.tids.extend(&inserted.tids);
            if inserted.data.is_some() {
                to.data.clone_from(&inserted.data);
            }
        }
    }

    fn fused_updates(
        &self,
        next: &Operation,
        reversion: &Reversion,
    ) -> Result<Vec<Updated>, FuseError> {
        let mut fused = Vec::with_capacity(next.updates.len());
        for (at, update) in next.updates.iter().enumerate() {
            let reverts = reversion.updates.get(at).cloned().unwrap_or_default();
            let later = (update.operation.clone(), reverts);
            let both = match self.updates.get(&update.triple) {
                Some(_) if !is_shared(&update.triple) => return Err(FuseError::UnknownDatatype),
                Some(earlier) => datatype::fuse(earlier, &later)?,
                None => later,
            };
            fused.push((update.triple.clone(), both));
        }
        Ok(fused)
    }
}

fn is_shared(triple: &Triple) -> bool {
    match &triple.object {
        Term::Literal(literal) => datatype::is_shared(&literal.datatype),
        Term::Iri(_) => false,
    }
}

fn tagged(triples: BTreeMap<Triple, Inserted>) -> Vec<Tagged> {
    let kept = triples
        .into_iter()
        .filter(|(_, inserted)| !inserted.tids.is_empty());
    kept.map(|(triple, inserted)| Tagged {
        triple,
        tids: inserted.tids.into_iter().collect(),
        data: inserted.data,
    })
    .collect()
}

#[cfg(test)]
mod tests;
