//! Tending the journal while the clone is quiet: fusing and truncating.

use super::CloneError;
use super::machine::MeldClone;
use super::replica::Replica;
use crate::dataset::Graph;
use crate::journal::{self, Entry, Kept, Position, Record, entries_after, replace, truncate};
use crate::operation::{Fusion, Operation, Tagged};
use crate::rdf::vocab;
use crate::store::{Pending, StoreError};

/// How many entries a step looks at.
const STEP: usize = 64;

impl MeldClone {
    /// Tends the journal when the clone has been quiet for a while.
    pub(super) fn tend_later(&mut self) {
        let quiet = self.config.journal.admin_debounce;
        self.with.tend = Some(self.now.saturating_add(quiet));
    }

    /// Fuses and truncates a bounded part of the journal.
    pub(super) fn tend(&mut self) -> Result<(), CloneError> {
        if !self.replica.is_ready() {
            return Ok(());
        }
        let journal = &self.config.journal;
        let (keep, max) = ((journal.keep, journal.sole), journal.max_entry_footprint);
        let fused = !self.replica.has_data()? && self.fuse(max)?;
        let gone = self.replica.truncate(keep)?;
        if fused || gone == STEP {
            self.tend_later();
        }
        Ok(())
    }

    /// Fuses what can be fused among some entries. Says if there may be more.
    fn fuse(&mut self, max: usize) -> Result<bool, CloneError> {
        let (after, more) = self.replica.fuse_some(self.with.fused, max)?;
        self.with.fused = after;
        Ok(more)
    }
}

/// An entry with its operation.
type Entered = (Position, Entry, Record);

impl Replica {
    /// Whether there may be shared data. Then nothing is fused: a JavaScript clone that is sent a fusion cuts from it what
    /// precedes it, and closes if that has changed a text that the fusion does not change (m-ld protocol, Q30).
    fn has_data(&self) -> Result<bool, StoreError> {
        Graph::new(&*self.view)?.has_data()
    }

    /// Fuses what can be fused among some entries. Says where to go on, and if there may be more.
    fn fuse_some(&mut self, after: Position, max: usize) -> Result<(Position, bool), CloneError> {
        let mut entries = Vec::new();
        for found in entries_after(&*self.view, after).take(STEP) {
            let (position, entry) = found?;
            let record = journal::record(&*self.view, entry.tid)?
                .ok_or(StoreError::Damaged("an entry's operation is missing"))?;
            entries.push((position, entry, record));
        }
        let is_full = entries.len() == STEP;
        let Some((last, _, _)) = entries.last() else {
            return Ok((after, false));
        };
        // The last may be continued by what comes next.
        let next = if is_full && entries.len() > 1 {
            *last
        } else {
            after
        };
        let mut pending = self.begin();
        let mut changed = false;
        let mut entries = entries.into_iter();
        let mut one = entries.next();
        for two in entries {
            let fused = match &one {
                Some(one) if can_fuse(one, &two, max) => self.fuse_pair(&mut pending, one, &two)?,
                _ => None,
            };
            changed |= fused.is_some();
            one = Some(fused.unwrap_or(two));
        }
        if changed {
            let state = self.state()?.clone();
            self.commit(pending, state)?;
        }
        Ok((next, is_full))
    }

    /// Puts one entry in the place of two. None if they cannot be one.
    fn fuse_pair(
        &self,
        pending: &mut Pending,
        (at_one, one, first): &Entered,
        (at_two, two, second): &Entered,
    ) -> Result<Option<Entered>, StoreError> {
        let mut fusion = Fusion::new(&self.decoded(first)?, &one.reversion);
        if fusion.push(&self.decoded(second)?, &two.reversion).is_err() {
            return Ok(None);
        }
        let (operation, reversion) = fusion.finish();
        if edits_lists_both_ways(&operation) {
            return Ok(None);
        }
        let Ok(record) = self.signed(&operation) else {
            return Ok(None);
        };
        let entry = Entry {
            tid: record.tid(),
            reversion: reversion.clone(),
            ..one.clone()
        };
        let kept = Kept {
            record: record.clone(),
            reversion,
        };
        replace(pending, (*at_one, *at_two), kept)?;
        Ok(Some((*at_two, entry, record)))
    }

    fn truncate(&mut self, (keep, sole): (usize, bool)) -> Result<usize, CloneError> {
        if keep == usize::MAX {
            return Ok(0);
        }
        let mut state = self.state()?.clone();
        if sole {
            // Whoever has not seen an entry has a snapshot of what became of it.
            state.shown = state.shown.max(state.time.ticks());
        }
        let mut pending = self.begin();
        let gone = truncate(&mut pending, &mut state, keep, STEP)?;
        if gone > 0 {
            self.commit(pending, state)?;
        }
        Ok(gone)
    }
}

/// Whether two entries are one when nobody looks. An agreement stays apart: what comes after it in
/// its process can be void by another one.
fn can_fuse((_, _, one): &Entered, (_, _, two): &Entered, max: usize) -> bool {
    two.span.follows(&one.span)
        && one.footprint().saturating_add(two.footprint()) <= max
        && one.agreed.is_none()
        && two.agreed.is_none()
        && one.secured.is_none()
        && two.secured.is_none()
}

/// Whether an operation puts slots into lists and takes slots out. A JavaScript clone that is sent such a one can stop
/// before it has given all slots their indexes (m-ld protocol, Q35).
fn edits_lists_both_ways(operation: &Operation) -> bool {
    let is_position = |tagged: &Tagged| {
        let predicate = tagged.triple.predicate.as_str();
        predicate.starts_with(vocab::LSEQ_POSITION)
    };
    operation.deletes.iter().any(is_position) && operation.inserts.iter().any(is_position)
}
