//! What the store needs of an engine that keeps bytes: read, atomic batch, durable barrier.

use std::sync::Arc;

use m_ld_engine::store::Seal;

use super::StoreError;

/// Where a record is: the tree's number and the keyed hash of its key.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct Place {
    pub(super) tree: u8,
    pub(super) hash: [u8; 16],
}

/// One change: bytes to be put at a place, or `None` to remove what is there.
pub(super) type Change = (Place, Option<Vec<u8>>);

/// Keeps sealed bytes at places. Sees neither keys nor values in clear.
///
/// Only the writer calls [`apply`](Self::apply) and [`barrier`](Self::barrier), one after the other;
/// reads come from any thread at any time.
pub(super) trait Backend: Send + Sync {
    /// The bytes at `place`.
    fn get(&self, place: Place) -> Result<Option<Vec<u8>>, StoreError>;

    /// All records of a tree, in any order. Changes made meanwhile may or may not be seen.
    fn scan(&self, tree: u8) -> Result<Vec<(Place, Vec<u8>)>, StoreError>;

    /// Makes all changes or, if the process dies, none. Each place occurs at most once.
    fn apply(&self, changes: &[Change]) -> Result<(), StoreError>;

    /// The tables of a clone, under a name that nobody else has, made if they are not there.
    fn tables(
        &self,
        name: &[u8],
        seal: Arc<dyn Seal>,
    ) -> Result<Box<dyn m_ld_engine::store::Store>, StoreError>;

    /// Removes the tables of a name. Nobody has them open.
    fn remove_tables(&self, name: &[u8]) -> Result<(), StoreError>;

    /// Returns once all changes so far survive a loss of power.
    fn barrier(&self) -> Result<(), StoreError>;
}
