//! Taking back operations from the midst of others.
//!
//! Operations that are void stand in the journal among others that are not, with which they were
//! concurrent. What is left has to be what a clone has that never applied the void ones. So
//! - a transaction that a void operation has removed from a triple stays removed, if one after it
//!   removes it too, which has found nothing to remove;
//! - shared data is taken back to before the first void operation, and those that are not void are
//!   made again.
//!
//! Either way what undoes the others changes, should they become void later.

use std::collections::{BTreeMap, BTreeSet};

use super::apply::change_data;
use super::problem::Problem;
use crate::clock::Tid;
use crate::dataset::Writer;
use crate::journal::{Entry, Position};
use crate::msgpack::Value;
use crate::operation::Operation;
use crate::rdf::Triple;
use crate::store::StoreError;

/// Operations that are being taken back, the latest first.
#[derive(Default)]
pub(super) struct Undoing {
    /// Triples that void operations have changed.
    pub(super) affected: BTreeSet<Triple>,
    /// Entries that stay, among those that do not.
    pub(super) passed: BTreeMap<Position, Entry>,
    /// What entries that stay remove from triples: the entry, and which of its deletes.
    removed: BTreeMap<(Triple, Tid), (Position, usize)>,
    /// Operations on shared data, the latest first.
    data: BTreeMap<Triple, Vec<DataOperation>>,
}

struct DataOperation {
    /// Where it is in an entry that stays. None if it is void.
    stays: Option<(Position, usize)>,
    operation: Value,
    reversion: Value,
}

impl Undoing {
    /// Passes over an entry that stays.
    pub(super) fn pass(&mut self, position: Position, entry: Entry, operation: Operation) {
        for (at, delete) in operation.deletes.into_iter().enumerate() {
            for tid in delete.tids {
                let key = (delete.triple.clone(), tid);
                self.removed.insert(key, (position, at));
            }
        }
        for (at, update) in operation.updates.into_iter().enumerate() {
            let reversion = entry.reversion.updates.get(at).cloned();
            self.data
                .entry(update.triple)
                .or_default()
                .push(DataOperation {
                    stays: Some((position, at)),
                    operation: update.operation,
                    reversion: reversion.unwrap_or_default(),
                });
        }
        self.passed.insert(position, entry);
    }

    /// Takes back an entry, but for its operations on shared data, which wait.
    pub(super) fn void(
        &mut self,
        writer: &mut Writer<'_>,
        entry: &Entry,
        operation: Operation,
    ) -> Result<(), StoreError> {
        for insert in operation.inserts {
            writer.remove_tids(&insert.triple, &insert.tids)?;
            self.affected.insert(insert.triple);
        }
        for (delete, lost) in operation.deletes.into_iter().zip(&entry.reversion.deletes) {
            let back: Vec<_> = lost
                .iter()
                .filter(|tid| !self.is_removed_since(&delete.triple, **tid))
                .copied()
                .collect();
            writer.insert(&delete.triple, &back)?;
            self.affected.insert(delete.triple);
        }
        let undone = operation.updates.into_iter().zip(&entry.reversion.updates);
        for (update, reversion) in undone {
            self.data
                .entry(update.triple)
                .or_default()
                .push(DataOperation {
                    stays: None,
                    operation: update.operation,
                    reversion: reversion.clone(),
                });
        }
        Ok(())
    }

    /// Whether an entry that stays removes a transaction too. If so, it is the one that did.
    fn is_removed_since(&mut self, triple: &Triple, tid: Tid) -> bool {
        let Some((position, at)) = self.removed.get(&(triple.clone(), tid)) else {
            return false;
        };
        let entry = self.passed.get_mut(position);
        if let Some(lost) = entry.and_then(|entry| entry.reversion.deletes.get_mut(*at))
            && !lost.contains(&tid)
        {
            lost.push(tid);
        }
        true
    }

    /// Takes back void operations on shared data. Says how the data changed.
    pub(super) fn redo_data(
        &mut self,
        writer: &mut Writer<'_>,
    ) -> Result<Vec<(Triple, serde_json::Value)>, Problem> {
        let mut told = Vec::new();
        for (triple, mut latest_first) in std::mem::take(&mut self.data) {
            // Those before the first void one stay as they are.
            let Some(first) = latest_first.iter().rposition(|done| done.stays.is_none()) else {
                continue;
            };
            latest_first.truncate(first.saturating_add(1));
            let pairs: Vec<_> = latest_first
                .iter()
                .map(|done| (done.operation.clone(), done.reversion.clone()))
                .collect();
            let (_, expression) = change_data(writer, &triple, &pairs, None)?;
            told.extend(expression.map(|expression| (triple.clone(), expression)));
            for done in latest_first.iter().rev() {
                let Some((position, at)) = done.stays else {
                    continue;
                };
                let (undo, expression) = change_data(writer, &triple, &[], Some(&done.operation))?;
                told.extend(expression.map(|expression| (triple.clone(), expression)));
                let entry = self.passed.get_mut(&position);
                if let Some(slot) = entry.and_then(|entry| entry.reversion.updates.get_mut(at)) {
                    *slot = undo;
                }
            }
        }
        Ok(told)
    }
}
