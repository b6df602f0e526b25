//! A store in memory, which ends with the process.

mod map;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::layers::Layers;
use super::raw::{Bounds, Changes, Chunk, Direction, Epochs, Layer, Raw, Space};
use super::{Batch, Bytes, Store, StoreError, View};
use map::Map;

/// How many keys change before readers are let in.
const AT_ONCE: usize = 512;

/// Keeps a clone's tables in memory. [`Store::sync`] has nothing to do.
pub struct MemoryStore {
    layers: Layers<Memory>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self {
            layers: Layers::new(Memory::default(), Epochs::default(), []),
        }
    }

    #[cfg(test)]
    pub(super) fn undo_records(&self) -> usize {
        self.layers.undo_records()
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}

impl Store for MemoryStore {
    fn view(&self) -> Arc<dyn View> {
        self.layers.view()
    }

    fn commit(&mut self, batch: Batch) -> Result<(), StoreError> {
        self.layers.commit(batch)
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        self.layers.sweep()
    }
}

/// Maps in memory, without a past.
#[derive(Default)]
pub(super) struct Memory {
    spaces: RwLock<BTreeMap<Space, Map>>,
}

impl Raw for Memory {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        let spaces = self.spaces.read().unwrap_or_else(PoisonError::into_inner);
        Ok(spaces.get(&space).and_then(|map| map.get(key)))
    }

    fn chunk(
        &self,
        space: Space,
        bounds: Bounds<'_>,
        direction: Direction,
        limit: usize,
    ) -> Result<Chunk, StoreError> {
        let spaces = self.spaces.read().unwrap_or_else(PoisonError::into_inner);
        let map = spaces.get(&space);
        let entries = map.map_or_else(Vec::new, |map| map.chunk(bounds, direction, limit));
        let more = entries.len() == limit;
        Ok(Chunk { entries, more })
    }

    fn apply(&self, changes: Changes, undo: &mut dyn FnMut(Layer)) -> Result<(), StoreError> {
        let mut values = changes.values.into_iter();
        while values.len() > 0 {
            let mut spaces = self.spaces.write().unwrap_or_else(PoisonError::into_inner);
            let mut layer = Layer::default();
            for (space, key, value) in values.by_ref().take(AT_ONCE) {
                let map = spaces.entry(space).or_insert_with(|| Map::new(space.table));
                let before = map.set(&key, value);
                layer.0.push((space, key, before));
            }
            // Before the lock goes: nobody has read these keys since they changed.
            undo(layer);
        }
        Ok(())
    }

    fn sweep(&self, space: Space, _limit: usize) -> Result<bool, StoreError> {
        let mut spaces = self.spaces.write().unwrap_or_else(PoisonError::into_inner);
        let swept = spaces.remove(&space);
        // Dropping many takes a while.
        drop(spaces);
        drop(swept);
        Ok(true)
    }
}
