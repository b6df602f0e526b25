//! What is kept beside the data: updates, and whatever the embedder notes.

use super::machine::MeldClone;
use super::replica::Replica;
use super::{CloneError, Update};
use crate::store::{Bytes, Pending, Table};

/// Changes to what is kept beside the data, made together.
///
/// They are read in a view of the clone, in [`Table::Notes`] and [`Table::Updates`].
#[derive(Clone, Debug, Default)]
pub struct Notes(Vec<(Table, Vec<u8>, Option<Bytes>)>);

impl Notes {
    /// Keeps a note under a key.
    pub fn put(&mut self, key: impl Into<Vec<u8>>, note: impl Into<Bytes>) {
        self.0.push((Table::Notes, key.into(), Some(note.into())));
    }

    /// Removes the note under a key, if there is one.
    pub fn remove(&mut self, key: impl Into<Vec<u8>>) {
        self.0.push((Table::Notes, key.into(), None));
    }

    /// Removes the update that was kept for a tick, if there is one.
    pub fn forget_update(&mut self, ticks: u64) {
        let key = ticks.to_be_bytes().to_vec();
        self.0.push((Table::Updates, key, None));
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl MeldClone {
    /// Changes what is kept beside the data. It is safe once something that was committed later is,
    /// or the store was [synced](MeldClone::sync).
    pub fn note(&mut self, notes: Notes) -> Result<(), CloneError> {
        if self.closed {
            return Err(CloneError::Closed);
        }
        let mut pending = self.replica.begin();
        for (table, key, value) in notes.0 {
            match value {
                Some(value) => pending.put(table, key, value),
                None => pending.remove(table, key),
            }
        }
        self.replica.commit_beside(pending)
    }
}

impl Replica {
    /// Keeps an update, if updates are kept and it is one.
    pub(super) fn keep_update(&self, pending: &mut Pending, update: &Update) {
        if let Some(context) = self.kept_in.as_ref().filter(|_| !update.is_empty()) {
            let text = update.to_json(context).to_string();
            let key = update.ticks.to_be_bytes();
            pending.put(Table::Updates, key, text.into_bytes());
        }
    }
}
