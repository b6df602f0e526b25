//! Entries: operations as they were applied here.

use std::ops::Bound;

use super::codec::{self, Stored};
use crate::clock::Tid;
use crate::msgpack::Writer;
use crate::operation::Reversion;
use crate::store::{Bytes, Pending, StoreError, Table, View};

/// The place of an entry. See the [module](super).
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Position {
    /// How often own ticks had gone back.
    pub epoch: u32,
    /// The clone's own tick.
    pub tick: u64,
}

impl Position {
    /// The key in the store, which orders as positions do.
    pub(crate) fn key(self) -> [u8; 12] {
        let mut key = [0; 12];
        let (epoch, tick) = key.split_at_mut(4);
        epoch.copy_from_slice(&self.epoch.to_be_bytes());
        tick.copy_from_slice(&self.tick.to_be_bytes());
        key
    }

    fn of_key(key: &[u8]) -> Option<Self> {
        let (epoch, tick) = key.split_first_chunk()?;
        Some(Self {
            epoch: u32::from_be_bytes(*epoch),
            tick: u64::from_be_bytes(tick.try_into().ok()?),
        })
    }

    pub(super) fn write(self, out: &mut Writer<'_>) {
        out.array(2);
        out.uint(self.epoch.into());
        out.uint(self.tick);
    }

    pub(super) fn read(stored: &mut Stored<'_>) -> Result<Self, StoreError> {
        stored.array(2)?;
        Ok(Self {
            epoch: u32::try_from(stored.uint()?).map_err(|_| stored.damaged())?,
            tick: stored.uint()?,
        })
    }
}

/// One operation as it was applied here.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The public tick of the operation's process before it, and
    pub prev_tick: u64,
    /// the transaction id that the process then had.
    pub prev_tid: Tid,
    /// The transaction id of the operation.
    pub tid: Tid,
    /// What undoes it.
    pub reversion: Reversion,
}

impl Entry {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut out = Writer::new(&mut bytes);
        out.array(5);
        out.uint(self.prev_tick);
        out.str(self.prev_tid.as_str());
        out.str(self.tid.as_str());
        out.array(self.reversion.deletes.len());
        for tids in &self.reversion.deletes {
            codec::tids(&mut out, tids);
        }
        out.array(self.reversion.updates.len());
        for update in &self.reversion.updates {
            update.write(&mut out);
        }
        bytes
    }

    fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let mut stored = Stored::new(bytes, "a journal entry");
        stored.array(5)?;
        let entry = Self {
            prev_tick: stored.uint()?,
            prev_tid: stored.tid()?,
            tid: stored.tid()?,
            reversion: Reversion {
                deletes: (0..stored.len()?)
                    .map(|_| stored.tids())
                    .collect::<Result<_, _>>()?,
                updates: (0..stored.len()?)
                    .map(|_| stored.value())
                    .collect::<Result<_, _>>()?,
            },
        };
        stored.end()?;
        Ok(entry)
    }

    pub(super) fn write(&self, pending: &mut Pending, position: Position) {
        pending.put(Table::Entries, position.key(), self.encode());
    }
}

/// The entry at a position.
pub fn entry(view: &dyn View, position: Position) -> Result<Option<Entry>, StoreError> {
    let stored = view.get(Table::Entries, &position.key())?;
    stored.map(|bytes| Entry::decode(&bytes)).transpose()
}

/// The entries after a position, first to last.
pub fn entries_after(
    view: &dyn View,
    position: Position,
) -> impl Iterator<Item = Result<(Position, Entry), StoreError>> + '_ {
    let from = position.key();
    view.range(Table::Entries, Bound::Excluded(&from), Bound::Unbounded)
        .map(read)
}

/// The entries before a position, or all, last to first.
pub fn entries_before(
    view: &dyn View,
    position: Option<Position>,
) -> impl Iterator<Item = Result<(Position, Entry), StoreError>> + '_ {
    let key = position.map(Position::key);
    let to = key
        .as_ref()
        .map_or(Bound::Unbounded, |key| Bound::Excluded(key.as_slice()));
    view.range_back(Table::Entries, Bound::Unbounded, to)
        .map(read)
}

fn read(stored: Result<(Vec<u8>, Bytes), StoreError>) -> Result<(Position, Entry), StoreError> {
    let (key, value) = stored?;
    let position = Position::of_key(&key).ok_or(StoreError::Damaged("a journal entry's key"))?;
    Ok((position, Entry::decode(&value)?))
}
