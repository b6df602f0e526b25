//! Where a clone keeps what must not be lost (m-ld protocol, section 19).
//!
//! A store has three verbs: *view* what was committed, *commit* a batch, and *sync*, after which
//! all that was committed survives a crash. Nothing here knows what the bytes mean.
//!
//! # Invariants
//! 1. A view never changes: it shows the store as it was when it was taken, whatever is committed
//!    meanwhile, and taking it never waits for a commit.
//! 2. A batch is committed whole or not at all, also when the process is killed.
//! 3. What is visible is a prefix of what was committed, also after a crash.

mod layers;
mod memory;
mod pending;
mod raw;
mod scrub;
mod seal;
#[cfg(feature = "sled")]
pub mod sled;

use std::ops::Bound;
use std::sync::Arc;

pub use memory::MemoryStore;
pub use pending::Pending;
pub use scrub::scrub;
pub use seal::{Seal, Unsealed};
#[cfg(feature = "sled")]
pub use sled::SledStore;

/// A stored value. Cheap to clone.
pub type Bytes = Arc<[u8]>;

/// Iterates over entries of a table in ascending order of their keys.
pub type Entries<'a> = Box<dyn Iterator<Item = Result<(Vec<u8>, Bytes), StoreError>> + 'a>;

/// The tables of a clone. Each orders its keys as bytes.
///
/// A table's number is its name in stored data: never re-use one.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
pub enum Table {
    /// Single facts: layout version, key of the term hash, journal state.
    Meta = 0,
    /// Terms by id.
    Terms = 1,
    /// Triples by subject, predicate and object. The value says how the triple is there.
    Spo = 2,
    /// Triples by predicate, object and subject.
    Pos = 3,
    /// Triples by object, subject and predicate.
    Osp = 4,
    /// Indirected data by datatype and identity.
    Data = 5,
    /// Journal entries by local tick.
    Entries = 6,
    /// Operations by transaction id.
    Operations = 7,
    /// Updates that the application was told of, by local tick, as JSON text.
    Updates = 8,
    /// What whoever embeds the clone keeps beside its data.
    Notes = 9,
}

impl Table {
    /// All tables, in the order of their numbers.
    pub const ALL: [Self; 10] = [
        Self::Meta,
        Self::Terms,
        Self::Spo,
        Self::Pos,
        Self::Osp,
        Self::Data,
        Self::Entries,
        Self::Operations,
        Self::Updates,
        Self::Notes,
    ];

    /// Its place in [`Table::ALL`].
    pub fn index(self) -> usize {
        usize::from(self as u8)
    }
}

/// Why a store cannot do what it should.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The medium failed. What was asked may or may not have happened.
    #[error("the store failed: {0}")]
    Failed(Arc<str>),
    /// What is stored is not what was written.
    #[error("stored data is damaged: {0}")]
    Damaged(&'static str),
    /// The store was written by a version that this one does not know.
    #[error("stored data has layout {found}, and this version reads {known}")]
    Layout {
        /// The version found.
        found: u32,
        /// The newest version that can be read.
        known: u32,
    },
}

/// The store as it was at one moment.
pub trait View: Send + Sync {
    /// The value at a key.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, StoreError>;

    /// The entries between two bounds in ascending order of their keys.
    fn range<'a>(&'a self, table: Table, from: Bound<&[u8]>, to: Bound<&[u8]>) -> Entries<'a>;

    /// As [`View::range`], from the last to the first.
    fn range_back<'a>(&'a self, table: Table, from: Bound<&[u8]>, to: Bound<&[u8]>) -> Entries<'a>;

    /// The entries whose keys begin with `prefix`, in ascending order.
    fn scan<'a>(&'a self, table: Table, prefix: &[u8]) -> Entries<'a> {
        match after_prefix(prefix) {
            Some(end) => self.range(table, Bound::Included(prefix), Bound::Excluded(&end)),
            None => self.range(table, Bound::Included(prefix), Bound::Unbounded),
        }
    }
}

/// Keeps a clone's tables.
pub trait Store: Send {
    /// The store as it is now.
    fn view(&self) -> Arc<dyn View>;

    /// Makes all changes of a batch, or none. Views taken from now on show them.
    fn commit(&mut self, batch: Batch) -> Result<(), StoreError>;

    /// Returns once all that was committed survives a crash of the process and of the machine.
    fn sync(&mut self) -> Result<(), StoreError>;
}

/// Changes that are made together.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Tables that are emptied before the changes are made.
    pub cleared: Vec<Table>,
    /// New values, or `None` where a key is removed; each key at most once in a table.
    pub changes: Vec<(Table, Vec<u8>, Option<Bytes>)>,
}

/// The least key that is greater than all that begin with `prefix`.
fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut end = prefix.get(..=last)?.to_vec();
    if let Some(byte) = end.last_mut() {
        *byte = byte.saturating_add(1);
    }
    Some(end)
}

/// Whether nothing can be between two bounds, also if they are the wrong way round.
fn is_empty(from: Bound<&[u8]>, to: Bound<&[u8]>) -> bool {
    match (from, to) {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        (Bound::Included(from), Bound::Included(to)) => from > to,
        (
            Bound::Included(from) | Bound::Excluded(from),
            Bound::Included(to) | Bound::Excluded(to),
        ) => from >= to,
    }
}

#[cfg(test)]
mod tests;
