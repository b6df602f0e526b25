//! What readers see: the last confirmed state, never what is still on its way to the disk.
//!
//! While a group of batches is applied, the *undo* holds what its places held before, and readers look
//! there first. So no answer is ever given from a change that a power cut could still take back, and a
//! scan is a snapshot.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::backend::{Backend, Place};
use super::vault::{Record, Vault};
use super::{Records, StoreError, Tree};

/// What places held before the group of batches that is being made.
pub(super) type Undo = BTreeMap<Place, Option<Vec<u8>>>;

/// The readers' side of the store.
pub(super) struct View {
    pub(super) vault: Vault,
    /// Bytes that were written to tables of clones since the last barrier.
    pub(super) loose: AtomicUsize,
    /// The tables of clones cannot be used for a while.
    #[cfg(test)]
    pub(super) broken: std::sync::atomic::AtomicBool,
    state: RwLock<State>,
}

struct State {
    backend: Option<Arc<dyn Backend>>,
    undo: Undo,
    failed: bool,
}

impl View {
    pub(super) fn new(vault: Vault, backend: Arc<dyn Backend>) -> Self {
        Self {
            vault,
            loose: AtomicUsize::new(0),
            #[cfg(test)]
            broken: std::sync::atomic::AtomicBool::new(false),
            state: RwLock::new(State {
                backend: Some(backend),
                undo: Undo::new(),
                failed: false,
            }),
        }
    }

    /// The value of `key`, as last confirmed.
    pub(super) fn get(&self, tree: Tree, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let place = self.vault.place(tree.number(), key);
        let sealed = self.read().get(place)?;
        let open = |sealed: Vec<u8>| self.open(tree, place, &sealed);
        Ok(sealed.map(open).transpose()?.map(|record| record.value))
    }

    /// All keys and values of a tree, as last confirmed.
    pub(super) fn scan(&self, tree: Tree) -> Result<Records, StoreError> {
        let mut records = self.read().scan(tree.number())?;
        // Opened after the lock is let go: the writer waits for the copy only.
        records
            .drain(..)
            .map(|(place, sealed)| {
                let record = self.open(tree, place, &sealed)?;
                Ok((record.key, record.value))
            })
            .collect()
    }

    /// Opens a record of `tree`.
    pub(super) fn open(
        &self,
        tree: Tree,
        place: Place,
        sealed: &[u8],
    ) -> Result<Record, StoreError> {
        let damaged = |_| StoreError::Corrupt { tree: tree.name() };
        self.vault.open(place, sealed).map_err(damaged)
    }

    /// Lets readers see `undo` until it is cleared.
    pub(super) fn shield(&self, undo: Undo) {
        self.write().undo = undo;
    }

    /// Lets readers see what was confirmed.
    pub(super) fn unshield(&self) {
        self.write().undo.clear();
    }

    /// Ends all changes; what was confirmed before stays readable.
    pub(super) fn fail(&self) {
        self.write().failed = true;
    }

    /// What keeps the bytes, unless it was closed.
    pub(super) fn backend(&self) -> Result<Arc<dyn Backend>, StoreError> {
        self.read().backend.clone().ok_or(StoreError::Closed)
    }

    /// Whether a write has failed.
    pub(super) fn failed(&self) -> bool {
        self.read().failed
    }

    /// Ends all reads and lets go of the backend.
    pub(super) fn close(&self) {
        self.write().backend = None;
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn get(&self, place: Place) -> Result<Option<Vec<u8>>, StoreError> {
        match self.undo.get(&place) {
            Some(before) => Ok(before.clone()),
            None => self.backend()?.get(place),
        }
    }

    fn scan(&self, tree: u8) -> Result<Vec<(Place, Vec<u8>)>, StoreError> {
        let mut records = self.backend()?.scan(tree)?;
        if !self.undo.is_empty() {
            records.retain(|(place, _)| !self.undo.contains_key(place));
            let before = self.undo.iter().filter(|(place, _)| place.tree == tree);
            records.extend(before.filter_map(|(place, bytes)| Some((*place, bytes.clone()?))));
        }
        Ok(records)
    }

    fn backend(&self) -> Result<&dyn Backend, StoreError> {
        self.backend.as_deref().ok_or(StoreError::Closed)
    }
}
