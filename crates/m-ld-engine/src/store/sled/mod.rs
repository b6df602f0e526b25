//! A store on sled 0.34, in a tree of a database that others may use too.
//!
//! # Layout
//! A key is the number of the table, the epoch of the table as four bytes, and the table's own
//! key. An epoch ends when the table is emptied. The key `ff` has the layout's version as four
//! bytes and, sealed, the version again with the epochs of all tables.
//!
//! sled asserts where others return errors, and a damaged file can make it panic: every call is
//! contained, and a panic reported as a failure. It does not say that what it flushed will
//! survive a loss of power: that is the [`Barrier`]'s part.

mod barrier;
mod folder;
mod header;

use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

pub use barrier::{Barrier, FolderBarrier};

use super::layers::Layers;
use super::raw::{Bounds, Changes, Chunk, Direction, Layer, Raw, Space};
use super::{Batch, Bytes, Seal, Store, StoreError, View};
use header::{HEADER, Header};

/// Bytes of values after which a chunk ends.
const CHUNK: usize = 64 * 1024;

/// Keeps a clone's tables in a tree of a sled database.
pub struct SledStore {
    layers: Layers<SledTree>,
    barrier: Arc<dyn Barrier>,
}

impl SledStore {
    /// Opens the tree `name` of a database, or makes it.
    ///
    /// Only one store may have a tree open. A layout of another version is refused, and nothing
    /// is changed then.
    pub fn open(
        database: &sled::Db,
        name: &[u8],
        seal: Arc<dyn Seal>,
        barrier: Arc<dyn Barrier>,
    ) -> Result<Self, StoreError> {
        let tree = contained(|| database.open_tree(name))?;
        let raw = SledTree { tree, seal };
        let header = raw.header()?;
        let dead = raw.dead(&header)?;
        let layers = Layers::new(raw, header.epochs, dead);
        Ok(Self { layers, barrier })
    }

    #[cfg(test)]
    pub(super) fn undo_records(&self) -> usize {
        self.layers.undo_records()
    }
}

impl std::fmt::Debug for SledStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SledStore").finish_non_exhaustive()
    }
}

impl Store for SledStore {
    fn view(&self) -> Arc<dyn View> {
        self.layers.view()
    }

    fn commit(&mut self, batch: Batch) -> Result<(), StoreError> {
        self.layers.commit(batch)
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        self.layers.sweep()?;
        self.barrier.wait()
    }
}

struct SledTree {
    tree: sled::Tree,
    seal: Arc<dyn Seal>,
}

impl SledTree {
    /// The header; of a new tree, one that is written at once.
    fn header(&self) -> Result<Header, StoreError> {
        if let Some(stored) = contained(|| self.tree.get(HEADER))? {
            return Header::open(&stored, &*self.seal);
        }
        if !contained(|| Ok(self.tree.is_empty()))? {
            return Err(StoreError::Damaged("the header is missing"));
        }
        let header = Header::default();
        let sealed = header.seal(&*self.seal)?;
        contained(|| self.tree.insert(HEADER, sealed))?;
        Ok(header)
    }

    /// The spaces that are in the tree and no longer in use.
    fn dead(&self, header: &Header) -> Result<Vec<Space>, StoreError> {
        let mut dead = Vec::new();
        let mut from = Vec::new();
        while let Some((key, _)) =
            contained(|| self.tree.range(from.as_slice()..).next().transpose())?
        {
            if *key == *HEADER {
                break;
            }
            let space = space_of(&key)?;
            if header.epochs.space(space.table) != space {
                dead.push(space);
            }
            match super::after_prefix(&prefix(space)) {
                Some(next) => from = next,
                None => break,
            }
        }
        Ok(dead)
    }

    fn opened(&self, space: Space, key: &[u8], sealed: &[u8]) -> Result<Bytes, StoreError> {
        self.seal.open(space.table, key, sealed)
    }

    /// What the keys of a batch have.
    fn before(&self, changes: &Changes) -> Result<Layer, StoreError> {
        let values = changes.values.iter();
        let before =
            values.map(|(space, key, _)| Ok((*space, key.clone(), self.get(*space, key)?)));
        Ok(Layer(before.collect::<Result<_, StoreError>>()?))
    }

    fn batch(&self, changes: Changes) -> Result<sled::Batch, StoreError> {
        let mut batch = sled::Batch::default();
        if let Some(epochs) = changes.epochs {
            batch.insert(HEADER, Header { epochs }.seal(&*self.seal)?);
        }
        for (space, key, value) in changes.values {
            let place = place(space, &key);
            match value {
                Some(value) => batch.insert(place, self.seal.seal(space.table, &key, &value)?),
                None => batch.remove(place),
            }
        }
        Ok(batch)
    }

    fn entry(
        &self,
        space: Space,
        entry: &(sled::IVec, sled::IVec),
    ) -> Result<(Vec<u8>, Bytes), StoreError> {
        let (place, sealed) = entry;
        let key = place.get(PREFIX..).unwrap_or_default();
        Ok((key.to_vec(), self.opened(space, key, sealed)?))
    }
}

impl Raw for SledTree {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        let sealed = contained(|| self.tree.get(place(space, key)))?;
        sealed
            .map(|sealed| self.opened(space, key, &sealed))
            .transpose()
    }

    fn chunk(
        &self,
        space: Space,
        bounds: Bounds<'_>,
        direction: Direction,
        limit: usize,
    ) -> Result<Chunk, StoreError> {
        let mut range = contained(|| Ok(self.tree.range(places(space, bounds))))?;
        let mut chunk = Chunk {
            entries: Vec::new(),
            more: true,
        };
        let mut size = 0_usize;
        while chunk.entries.len() < limit && size < CHUNK {
            let next = contained(|| match direction {
                Direction::Up => range.next().transpose(),
                Direction::Down => range.next_back().transpose(),
            })?;
            let Some(entry) = next else {
                chunk.more = false;
                break;
            };
            size = size.saturating_add(entry.1.len());
            chunk.entries.push(self.entry(space, &entry)?);
        }
        Ok(chunk)
    }

    fn apply(&self, changes: Changes, undo: &mut dyn FnMut(Layer)) -> Result<(), StoreError> {
        undo(self.before(&changes)?);
        let batch = self.batch(changes)?;
        contained(|| self.tree.apply_batch(batch))
    }

    fn sweep(&self, space: Space, limit: usize) -> Result<bool, StoreError> {
        let found = contained(|| {
            let keys = self.tree.scan_prefix(prefix(space)).keys();
            keys.take(limit).collect::<Result<Vec<_>, _>>()
        })?;
        let swept = found.len() < limit;
        let mut batch = sled::Batch::default();
        for key in found {
            batch.remove(key);
        }
        contained(|| self.tree.apply_batch(batch))?;
        Ok(swept)
    }
}

/// Bytes of a key before the table's own.
const PREFIX: usize = 5;

fn prefix(space: Space) -> [u8; PREFIX] {
    let [a, b, c, d] = space.epoch.to_be_bytes();
    [space.table as u8, a, b, c, d]
}

fn place(space: Space, key: &[u8]) -> Vec<u8> {
    [&prefix(space), key].concat()
}

fn places(space: Space, (from, to): Bounds<'_>) -> (Bound<Vec<u8>>, Bound<Vec<u8>>) {
    let from = match from {
        Bound::Unbounded => Bound::Included(place(space, &[])),
        Bound::Included(_) | Bound::Excluded(_) => from.map(|key| place(space, key)),
    };
    let to = match to {
        Bound::Unbounded => {
            super::after_prefix(&prefix(space)).map_or(Bound::Unbounded, Bound::Excluded)
        }
        Bound::Included(_) | Bound::Excluded(_) => to.map(|key| place(space, key)),
    };
    (from, to)
}

fn space_of(place: &[u8]) -> Result<Space, StoreError> {
    const DAMAGED: StoreError = StoreError::Damaged("a key");
    let (number, rest) = place.split_first().ok_or(DAMAGED)?;
    let epoch = rest.first_chunk().ok_or(DAMAGED)?;
    let table = super::Table::ALL.get(usize::from(*number)).ok_or(DAMAGED)?;
    Ok(Space {
        table: *table,
        epoch: u32::from_be_bytes(*epoch),
    })
}

/// Calls sled, and turns its errors and panics into ours.
fn contained<T>(call: impl FnOnce() -> Result<T, sled::Error>) -> Result<T, StoreError> {
    // What a panic may have left half done is sled's own: the store makes no more commits then.
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(StoreError::Failed(error.to_string().into())),
        Err(_) => Err(StoreError::Failed("sled panicked".into())),
    }
}
