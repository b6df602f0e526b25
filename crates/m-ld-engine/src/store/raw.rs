//! What versions are laid over: ordered bytes without a past.

use std::ops::Bound;

use super::{Bytes, StoreError, Table};

/// A table between two times that it was emptied.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Space {
    pub(super) table: Table,
    pub(super) epoch: u32,
}

/// The space in which each table is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Epochs(pub(super) [u32; Table::ALL.len()]);

impl Epochs {
    pub(super) fn space(&self, table: Table) -> Space {
        let epoch = self.0.get(table.index()).copied().unwrap_or_default();
        Space { table, epoch }
    }
}

/// Which way a walk goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Direction {
    Up,
    Down,
}

/// Bounds of keys.
pub(super) type Bounds<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

/// Keys that are about to change, in ascending order of space and key, with what they have.
#[derive(Debug, Default)]
pub(super) struct Layer(pub(super) Vec<(Space, Vec<u8>, Option<Bytes>)>);

/// Changes to be made together.
pub(super) struct Changes {
    /// New values, or `None` to remove, in ascending order of space and key.
    pub(super) values: Vec<(Space, Vec<u8>, Option<Bytes>)>,
    /// The epochs, if they change with it.
    #[cfg_attr(
        not(feature = "sled"),
        expect(dead_code, reason = "what ends with the process need not keep them")
    )]
    pub(super) epochs: Option<Epochs>,
}

impl Changes {
    pub(super) fn new(
        changes: Vec<(Table, Vec<u8>, Option<Bytes>)>,
        epochs: Epochs,
        emptied: bool,
    ) -> Self {
        let changes = changes.into_iter();
        let mut values: Vec<_> = changes
            .map(|(table, key, value)| (epochs.space(table), key, value))
            .collect();
        if !values.is_sorted_by(|one, two| (one.0, &one.1) < (two.0, &two.1)) {
            // Stable, so that of changes to one key the last counts.
            values.sort_by(|one, two| (one.0, &one.1).cmp(&(two.0, &two.1)));
            values.reverse();
            values.dedup_by(|one, two| (one.0, &one.1) == (two.0, &two.1));
            values.reverse();
        }
        Self {
            values,
            epochs: emptied.then_some(epochs),
        }
    }
}

/// Some entries in the order of a walk.
pub(super) struct Chunk {
    pub(super) entries: Vec<(Vec<u8>, Bytes)>,
    /// Whether there may be more within the bounds, after the last of these.
    pub(super) more: bool,
}

/// Keeps the newest version. One thread writes; any read, at any time.
pub(super) trait Raw: Send + Sync + 'static {
    /// The value at a key.
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StoreError>;

    /// The first entries within bounds, at least one if there are any, at most `limit`, and fewer
    /// if they are large. The bounds are not the wrong way round.
    fn chunk(
        &self,
        space: Space,
        bounds: Bounds<'_>,
        direction: Direction,
        limit: usize,
    ) -> Result<Chunk, StoreError>;

    /// Makes all changes. If the process dies, all or none are found later.
    ///
    /// Gives `undo` what each key has, before the change of that key can be read.
    fn apply(&self, changes: Changes, undo: &mut dyn FnMut(Layer)) -> Result<(), StoreError>;

    /// Removes at most `limit` keys of a space that is not in use. Says whether none is left.
    fn sweep(&self, space: Space, limit: usize) -> Result<bool, StoreError>;
}
