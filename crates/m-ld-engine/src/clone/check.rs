//! Whether a clone is what it should be, at any time.

use super::machine::MeldClone;
use super::recover::Phase;
use crate::dataset::Graph;
use crate::journal::{self, Position, State, entries_after};
use crate::store::{StoreError, View};

impl MeldClone {
    /// Reads everything, and tests the invariants of the store and of what waits in memory.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] with what does not hold.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let view = &*self.replica.view;
        Graph::new(view)?.check()?;
        Graph::new(&*self.replica.visible)?.check()?;
        if State::read(view)? != self.replica.state {
            return Err(StoreError::Damaged("the state is not the one in memory"));
        }
        if let Some(state) = &self.replica.state {
            check_journal(view, state)?;
        }
        self.check_memory()
    }

    /// What waits in memory is bounded.
    fn check_memory(&self) -> Result<(), StoreError> {
        let with = &self.with;
        let early = match &with.phase {
            Phase::Snapshot(loading) => loading.is_bounded(),
            Phase::Idle | Phase::Requesting(_) | Phase::RevUp(_) => true,
        };
        let bounded = early
            && with.held.is_bounded()
            && with.waiting.is_bounded()
            && with.serving.is_bounded();
        bounded
            .then_some(())
            .ok_or(StoreError::Damaged("more waits than may"))
    }
}

/// Every entry has its operation, which knows its place; none is later than the state; and the clock
/// has seen what the global clock has.
fn check_journal(view: &dyn View, state: &State) -> Result<(), StoreError> {
    for found in entries_after(view, Position::default()) {
        let (position, entry) = found?;
        let record = journal::record(view, entry.tid)?
            .ok_or(StoreError::Damaged("an entry's operation is missing"))?;
        if record.position != Some(position) {
            return Err(StoreError::Damaged("an operation is at another place"));
        }
        if position > state.position() {
            return Err(StoreError::Damaged("an entry is of the future"));
        }
    }
    if !state.loading && state.time.any_lt_global(&state.gwc) {
        return Err(StoreError::Damaged("the clock has not seen all"));
    }
    Ok(())
}
