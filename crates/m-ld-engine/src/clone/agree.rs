//! Agreements: what they make void (m-ld protocol, section 12.3).

use std::collections::BTreeSet;

use super::apply::{Outcome, Work};
use super::message::Arrived;
use super::problem::Problem;
use super::replica::Replica;
use super::undo::Undoing;
use crate::clock::TreeClock;
use crate::dataset::Graph;
use crate::journal::{self, amend, entries_before, void};
use crate::rdf::{Iri, Triple};
use crate::store::StoreError;

/// Who is responsible for an update that only takes back what has become void.
const LOCAL_ENGINE: &str = "http://m-ld.org/principal/local-engine";

impl Replica {
    /// Takes back what an agreement has not seen, then applies it.
    pub(super) fn rewind_and_apply(&mut self, arrived: &Arrived) -> Result<Outcome, Problem> {
        let agreement = &arrived.operation.time;
        let mut work = Work::new(self.begin(), self.state()?.clone());
        if !self.rewind(&mut work, agreement)? {
            return Ok(Outcome::Unbased);
        }
        let joined = work.state.time.ticked_for(agreement);
        let joined = joined.map_err(|_| Problem::Foreign)?;
        if joined.any_lt(agreement) {
            return self.commit_rewound(work, arrived);
        }
        work.state.time = joined;
        self.apply_rewound(work, arrived)
    }

    /// Makes void all that an agreement has not seen, back to the agreement before it. Says if
    /// the journal went back that far.
    fn rewind(&mut self, work: &mut Work, agreement: &TreeClock) -> Result<bool, Problem> {
        let epochs = work.state.epochs.len();
        let mut undoing = Undoing::default();
        let mut at = None;
        while agreement.any_lt_global(&work.state.gwc) {
            let latest = entries_before(&work.pending, at).next().transpose()?;
            let Some((position, entry)) = latest else {
                return Ok(false);
            };
            let record = journal::record(&work.pending, entry.tid)?
                .ok_or(StoreError::Damaged("an entry's operation is missing"))?;
            if record.agreed.is_some() {
                break;
            }
            let operation = self.decoded(&record)?;
            if agreement.any_lt(&record.span.time) {
                let mut writer = self.writer(&mut work.pending)?;
                undoing.void(&mut writer, &entry, operation)?;
                work.voids.push(entry.tid);
                void(
                    &mut work.pending,
                    &mut work.state,
                    position,
                    &entry,
                    &record,
                )?;
            } else {
                undoing.pass(position, entry, operation);
            }
            at = Some(position);
        }
        // However many steps own ticks went back in, it was once.
        work.state.epochs.truncate(epochs.saturating_add(1));
        let mut writer = self.writer(&mut work.pending)?;
        work.edits = undoing.redo_data(&mut writer)?;
        for (position, entry) in &undoing.passed {
            amend(&mut work.pending, *position, entry);
        }
        self.tell_affected(work, undoing.affected)?;
        Ok(true)
    }

    /// Puts into the update what has become of the triples that void operations changed.
    fn tell_affected(&self, work: &mut Work, affected: BTreeSet<Triple>) -> Result<(), StoreError> {
        let before = Graph::new(&*self.view)?;
        let after = Graph::new(&work.pending)?;
        for triple in affected {
            let had = before.contains(&triple)?;
            let has = !after.tids(&triple)?.is_empty();
            if has && !had {
                work.interim.asserted.insert(triple, None);
            } else if had && !has {
                work.interim.asserted.delete(triple);
            }
        }
        Ok(())
    }

    /// Commits what an agreement has made void, without the agreement: it has seen more than is
    /// here now.
    fn commit_rewound(&mut self, mut work: Work, arrived: &Arrived) -> Result<Outcome, Problem> {
        self.constrain(&mut work.interim, |constraint, state, update, local| {
            constraint.apply(state, update, local)
        })?;
        // An answer to what is void would be concurrent with the agreement, and so void itself.
        work.interim.resolution = crate::change::Change::default();
        self.entail(&mut work)?;
        work.interim.principal = Some(Iri::new(LOCAL_ENGINE));
        work.interim.agreed = None;
        let mut update = self.update_of(&work, work.state.time.ticks())?;
        update.trace.trigger = Some(arrived.operation.tid());
        self.keep_update(&mut work.pending, &update);
        self.commit(work.pending, work.state)?;
        Ok(Outcome::Missing(Box::new(update)))
    }
}
