//! Versions over bytes that have only one: views that never change, over anything that keeps
//! ordered keys and can change many at once.
//!
//! Below is a [`Raw`], which has the newest version alone. What a commit overwrites is kept as
//! long as a view that is older is open, and no longer ([`Undo`]); a view looks there first.
//!
//! # Invariants
//! 1. What a commit overwrites is in the undo records before the raw bytes change; a reader reads
//!    the raw bytes before the undo records. So whichever comes first, a view finds what it
//!    should, and neither waits for the other longer than memory takes.
//! 2. Between two neighbouring open views, each key that changed has one undo record. Memory is
//!    therefore bounded by what the open views see differently, not by the number of commits.
//! 3. A table that was emptied goes on in a new space, and the old one is swept away in steps
//!    once no view is in it. Emptying needs no undo records and takes one change of the raw bytes.

mod undo;
mod view;

use std::sync::{Arc, PoisonError, RwLock};

use super::raw::{Changes, Epochs, Raw, Space};
use super::{Batch, StoreError, Table, View};
use undo::Undo;
use view::Snapshot;

/// How many keys of a space that nobody needs go with one commit.
const SWEEP: usize = 1024;

/// A raw store with versions.
pub(super) struct Layers<R: Raw> {
    shared: Arc<Shared<R>>,
    /// Spaces that were emptied, and the first version without them.
    dead: Vec<(Space, u64)>,
    /// Why an earlier commit may be half made.
    failed: Option<StoreError>,
}

/// What views share with the store.
struct Shared<R> {
    raw: R,
    undo: RwLock<Undo>,
}

impl<R: Raw> Layers<R> {
    /// Versions over raw bytes, of which `dead` spaces are no longer in use.
    pub(super) fn new(raw: R, epochs: Epochs, dead: impl IntoIterator<Item = Space>) -> Self {
        let undo = RwLock::new(Undo::new(epochs));
        Self {
            shared: Arc::new(Shared { raw, undo }),
            dead: dead.into_iter().map(|space| (space, 0)).collect(),
            failed: None,
        }
    }

    pub(super) fn view(&self) -> Arc<dyn View> {
        Arc::new(Snapshot::take(&self.shared))
    }

    pub(super) fn commit(&mut self, batch: Batch) -> Result<(), StoreError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let before = self.shared.read(Undo::epochs);
        let mut epochs = before;
        for table in &batch.cleared {
            epochs.advance(*table);
        }
        let changes = Changes::new(batch.changes, epochs, epochs != before);
        let made = self.shared.raw.apply(changes, &mut |layer| {
            self.shared.write(|undo| undo.prepare(layer));
        });
        // After a failure the undo records stay: views go on showing what they did.
        made.inspect_err(|error| self.failed = Some(error.clone()))?;
        let version = self.shared.write(|undo| undo.publish(epochs));
        for table in batch.cleared {
            self.dead.push((before.space(table), version));
        }
        // The commit is made, whatever becomes of what it left.
        if let Err(error) = self.sweep() {
            self.failed = Some(error);
        }
        Ok(())
    }

    /// Removes some of what nobody needs any more.
    pub(super) fn sweep(&mut self) -> Result<(), StoreError> {
        let oldest = self.shared.read(Undo::oldest);
        let due = |(_, gone): &&(Space, u64)| oldest.is_none_or(|oldest| *gone <= oldest);
        let Some((space, _)) = self.dead.iter().find(due).copied() else {
            return Ok(());
        };
        if self.shared.raw.sweep(space, SWEEP)? {
            self.dead.retain(|(dead, _)| *dead != space);
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn undo_records(&self) -> usize {
        self.shared.read(Undo::len)
    }
}

impl<R> Shared<R> {
    fn read<T>(&self, look: impl FnOnce(&Undo) -> T) -> T {
        look(&self.undo.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, change: impl FnOnce(&mut Undo) -> T) -> T {
        change(&mut self.undo.write().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Epochs {
    /// Goes on with a table in a new space.
    fn advance(&mut self, table: Table) {
        if let Some(epoch) = self.0.get_mut(table.index()) {
            *epoch = epoch.wrapping_add(1);
        }
    }
}

#[cfg(test)]
mod tests;
