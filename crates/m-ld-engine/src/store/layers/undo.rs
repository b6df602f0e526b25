//! What was overwritten, for as long as an open view needs it.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::super::Bytes;
use super::super::raw::{Bounds, Direction, Epochs, Layer, Space};

/// What a key had, if anything.
pub(super) type Had = Option<Bytes>;

/// What keys had.
pub(super) type Records = BTreeMap<Vec<u8>, Had>;

/// Undo records and open views.
pub(super) struct Undo {
    /// Counts commits.
    version: u64,
    epochs: Epochs,
    /// Versions with open views.
    open: BTreeMap<u64, Segment>,
    /// What the commit that is being made overwrites.
    prepared: Vec<Layer>,
}

/// A version with open views, and what changed between it and the next that has any.
pub(super) struct Segment {
    views: usize,
    epochs: Epochs,
    changed: BTreeMap<Space, Records>,
    len: usize,
}

impl Undo {
    pub(super) fn new(epochs: Epochs) -> Self {
        Self {
            version: 0,
            epochs,
            open: BTreeMap::new(),
            prepared: Vec::new(),
        }
    }

    /// The spaces of the newest version.
    pub(super) fn epochs(&self) -> Epochs {
        self.epochs
    }

    /// The oldest version that has an open view.
    pub(super) fn oldest(&self) -> Option<u64> {
        self.open.first_key_value().map(|(version, _)| *version)
    }

    /// Opens a view of the newest version.
    pub(super) fn open(&mut self) -> (u64, Epochs) {
        let epochs = self.epochs;
        let segment = self.open.entry(self.version);
        let segment = segment.or_insert_with(|| Segment::new(epochs));
        segment.views = segment.views.saturating_add(1);
        (self.version, self.epochs)
    }

    /// Closes a view. Gives what only it needed, which is to be dropped when nobody is kept
    /// waiting by that.
    pub(super) fn close(&mut self, version: u64) -> Option<Segment> {
        let segment = self.open.get_mut(&version)?;
        segment.views = segment.views.saturating_sub(1);
        if segment.views > 0 {
            return None;
        }
        let closed = self.open.remove(&version)?;
        // The view before sees the same overwritten values, unless it has older ones.
        match self.open.range_mut(..version).next_back() {
            Some((_, before)) => {
                before.append(closed);
                None
            }
            None => Some(closed),
        }
    }

    /// Takes note of what is about to be overwritten.
    pub(super) fn prepare(&mut self, layer: Layer) {
        self.prepared.push(layer);
    }

    /// Makes what was prepared the newest version, and says which that is.
    pub(super) fn publish(&mut self, epochs: Epochs) -> u64 {
        let prepared = std::mem::take(&mut self.prepared);
        if let Some(mut last) = self.open.last_entry() {
            for layer in prepared {
                last.get_mut().add(layer);
            }
        }
        self.version = self.version.saturating_add(1);
        self.epochs = epochs;
        self.version
    }

    /// What a key had at a version, if that was overwritten since.
    pub(super) fn get(&self, version: u64, space: Space, key: &[u8]) -> Option<Had> {
        let kept = self.open.range(version..);
        let mut kept = kept.filter_map(|(_, segment)| segment.changed.get(&space));
        if let Some(had) = kept.find_map(|records| records.get(key)) {
            return Some(had.clone());
        }
        self.prepared.iter().find_map(|layer| layer.get(space, key))
    }

    /// What keys within bounds had at a version, if that was overwritten since: of each segment
    /// the first `limit`. If some were left out, says after which key.
    pub(super) fn range(
        &self,
        version: u64,
        space: Space,
        bounds: Bounds<'_>,
        direction: Direction,
        limit: usize,
    ) -> (Records, Option<Vec<u8>>) {
        let mut found = Found::new(direction, limit);
        let kept = self.open.range(version..);
        for records in kept.filter_map(|(_, segment)| segment.changed.get(&space)) {
            found.add(records.range::<[u8], _>(bounds));
        }
        for layer in &self.prepared {
            found.add(layer.range(space, bounds));
        }
        (found.records, found.end)
    }

    /// How many undo records there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        let kept = self.open.values().map(|segment| segment.len);
        kept.sum::<usize>()
            + self
                .prepared
                .iter()
                .map(|layer| layer.0.len())
                .sum::<usize>()
    }
}

impl Segment {
    fn new(epochs: Epochs) -> Self {
        Self {
            views: 0,
            epochs,
            changed: BTreeMap::new(),
            len: 0,
        }
    }

    /// Adds what a commit overwrote. What is known already is older, and stays.
    fn add(&mut self, layer: Layer) {
        for (space, key, value) in layer.0 {
            self.insert(space, key, value);
        }
    }

    /// Adds what the next segment has. What is known already is older, and stays.
    fn append(&mut self, mut next: Self) {
        // A table that was emptied since is in a space that the older views do not look into.
        next.retain(&self.epochs);
        if self.len >= next.len {
            for (space, records) in next.changed {
                for (key, value) in records {
                    self.insert(space, key, value);
                }
            }
            return;
        }
        // The same, at the cost of the smaller of both.
        for (space, records) in std::mem::take(&mut self.changed) {
            for (key, value) in records {
                next.replace(space, key, value);
            }
        }
        (self.changed, self.len) = (next.changed, next.len);
    }

    fn retain(&mut self, epochs: &Epochs) {
        self.changed
            .retain(|space, _| epochs.space(space.table) == *space);
        self.len = self.changed.values().map(BTreeMap::len).sum();
    }

    fn insert(&mut self, space: Space, key: Vec<u8>, value: Option<Bytes>) {
        if self.epochs.space(space.table) != space {
            return;
        }
        let entry = self.changed.entry(space).or_default().entry(key);
        if let std::collections::btree_map::Entry::Vacant(entry) = entry {
            entry.insert(value);
            self.len = self.len.saturating_add(1);
        }
    }

    fn replace(&mut self, space: Space, key: Vec<u8>, value: Option<Bytes>) {
        let records = self.changed.entry(space).or_default();
        if records.insert(key, value).is_none() {
            self.len = self.len.saturating_add(1);
        }
    }
}

impl Layer {
    fn get(&self, space: Space, key: &[u8]) -> Option<Had> {
        let order = |entry: &(Space, Vec<u8>, _)| (entry.0, entry.1.as_slice()).cmp(&(space, key));
        let place = self.0.binary_search_by(order).ok()?;
        self.0.get(place).map(|(_, _, value)| value.clone())
    }

    fn range(
        &self,
        space: Space,
        (from, to): Bounds<'_>,
    ) -> impl DoubleEndedIterator<Item = (&Vec<u8>, &Option<Bytes>)> {
        use std::ops::Bound::{Excluded, Included, Unbounded};
        let begun = |key: &[u8]| match from {
            Included(from) => key >= from,
            Excluded(from) => key > from,
            Unbounded => true,
        };
        let not_ended = |key: &[u8]| match to {
            Included(to) => key <= to,
            Excluded(to) => key < to,
            Unbounded => true,
        };
        let before = |other: &Space, in_space: bool| match other.cmp(&space) {
            Ordering::Less => true,
            Ordering::Equal => in_space,
            Ordering::Greater => false,
        };
        let start = self
            .0
            .partition_point(|(other, key, _)| before(other, !begun(key)));
        let end = self
            .0
            .partition_point(|(other, key, _)| before(other, not_ended(key)));
        let found = self.0.get(start..end).unwrap_or_default();
        found.iter().map(|(_, key, value)| (key, value))
    }
}

/// Gathers records of several segments, the older ones first.
struct Found {
    records: Records,
    direction: Direction,
    limit: usize,
    end: Option<Vec<u8>>,
}

impl Found {
    fn new(direction: Direction, limit: usize) -> Self {
        Self {
            records: Records::new(),
            direction,
            limit,
            end: None,
        }
    }

    fn add<'a>(
        &mut self,
        records: impl DoubleEndedIterator<Item = (&'a Vec<u8>, &'a Option<Bytes>)>,
    ) {
        match self.direction {
            Direction::Up => self.add_first(records),
            Direction::Down => self.add_first(records.rev()),
        }
    }

    fn add_first<'a>(&mut self, records: impl Iterator<Item = (&'a Vec<u8>, &'a Option<Bytes>)>) {
        let mut count = 0_usize;
        for (key, value) in records {
            self.records
                .entry(key.clone())
                .or_insert_with(|| value.clone());
            count = count.saturating_add(1);
            if count == self.limit {
                self.end_at(key);
                return;
            }
        }
    }

    /// Whatever comes after this key may be incomplete.
    fn end_at(&mut self, key: &Vec<u8>) {
        let nearer = self.end.as_ref().is_none_or(|end| match self.direction {
            Direction::Up => key < end,
            Direction::Down => key > end,
        });
        if nearer {
            self.end = Some(key.clone());
        }
    }
}
