//! A view: the newest bytes, with what was overwritten since laid over them.

use std::ops::Bound;
use std::sync::Arc;

use super::super::raw::{Bounds, Direction, Epochs, Raw, Space};
use super::super::{Bytes, Entries, StoreError, Table, View, is_empty};
use super::Shared;
use super::undo::Records;

/// How many entries a walk reads first. Most are short.
const FIRST: usize = 16;
/// How many entries a walk reads at most before it lets others in.
const MOST: usize = 256;

/// The store as it was at a version.
pub(super) struct Snapshot<R: Raw> {
    shared: Arc<Shared<R>>,
    version: u64,
    epochs: Epochs,
}

impl<R: Raw> Snapshot<R> {
    /// The store as it is.
    pub(super) fn take(shared: &Arc<Shared<R>>) -> Self {
        let (version, epochs) = shared.write(super::Undo::open);
        Self {
            shared: Arc::clone(shared),
            version,
            epochs,
        }
    }

    fn walk<'a>(
        &'a self,
        table: Table,
        (from, to): Bounds<'_>,
        direction: Direction,
    ) -> Entries<'a> {
        if is_empty(from, to) {
            return Box::new(std::iter::empty());
        }
        Box::new(Walk {
            view: self,
            space: self.epochs.space(table),
            from: from.map(<[u8]>::to_vec),
            to: to.map(<[u8]>::to_vec),
            direction,
            read: Vec::new().into_iter(),
            size: FIRST,
            done: false,
        })
    }
}

impl<R: Raw> Drop for Snapshot<R> {
    fn drop(&mut self) {
        let unneeded = self.shared.write(|undo| undo.close(self.version));
        drop(unneeded);
    }
}

impl<R: Raw> View for Snapshot<R> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        let space = self.epochs.space(table);
        // In this order: see the invariants of this module.
        let newest = self.shared.raw.get(space, key)?;
        let older = self.shared.read(|undo| undo.get(self.version, space, key));
        Ok(older.unwrap_or(newest))
    }

    fn range<'a>(&'a self, table: Table, from: Bound<&[u8]>, to: Bound<&[u8]>) -> Entries<'a> {
        self.walk(table, (from, to), Direction::Up)
    }

    fn range_back<'a>(&'a self, table: Table, from: Bound<&[u8]>, to: Bound<&[u8]>) -> Entries<'a> {
        self.walk(table, (from, to), Direction::Down)
    }
}

/// A walk over entries, read in chunks: nobody is kept out meanwhile, and memory stays small.
struct Walk<'a, R: Raw> {
    view: &'a Snapshot<R>,
    space: Space,
    from: Bound<Vec<u8>>,
    to: Bound<Vec<u8>>,
    direction: Direction,
    read: std::vec::IntoIter<(Vec<u8>, Bytes)>,
    size: usize,
    done: bool,
}

impl<R: Raw> Walk<'_, R> {
    fn read_on(&mut self) -> Result<(), StoreError> {
        let bounds = (borrowed(&self.from), borrowed(&self.to));
        if is_empty(bounds.0, bounds.1) {
            self.done = true;
            return Ok(());
        }
        let shared = &self.view.shared;
        let mut chunk = shared
            .raw
            .chunk(self.space, bounds, self.direction, self.size)?;
        let end = chunk.more.then(|| chunk.entries.last()).flatten();
        let end = end.map(|(key, _)| key.clone());
        let covered = self.until(end.as_deref());
        let (older, cut) = shared
            .read(|undo| undo.range(self.view.version, self.space, covered, self.direction, MOST));
        if !older.is_empty() {
            chunk.entries = self.merged(chunk.entries, older, cut.as_deref());
        }
        self.go_on_after(cut.or(end));
        self.read = chunk.entries.into_iter();
        self.size = self.size.saturating_mul(4).min(MOST);
        Ok(())
    }

    /// The bounds of what is left, up to a key.
    fn until<'b>(&'b self, end: Option<&'b [u8]>) -> Bounds<'b> {
        let (from, to) = (borrowed(&self.from), borrowed(&self.to));
        match (end, self.direction) {
            (None, _) => (from, to),
            (Some(end), Direction::Up) => (from, Bound::Included(end)),
            (Some(end), Direction::Down) => (Bound::Included(end), to),
        }
    }

    /// Entries with older values laid over them, up to a key.
    fn merged(
        &self,
        entries: Vec<(Vec<u8>, Bytes)>,
        older: Records,
        cut: Option<&[u8]>,
    ) -> Vec<(Vec<u8>, Bytes)> {
        let newest = entries.into_iter().map(|(key, value)| (key, Some(value)));
        let mut merged: Records = newest.collect();
        merged.extend(older);
        let within = |key: &[u8]| {
            cut.is_none_or(|cut| match self.direction {
                Direction::Up => key <= cut,
                Direction::Down => key >= cut,
            })
        };
        let merged = merged.into_iter().filter(|(key, _)| within(key));
        let present = merged.filter_map(|(key, value)| value.map(|value| (key, value)));
        match self.direction {
            Direction::Up => present.collect(),
            Direction::Down => {
                let mut present: Vec<_> = present.collect();
                present.reverse();
                present
            }
        }
    }

    fn go_on_after(&mut self, end: Option<Vec<u8>>) {
        match (end, self.direction) {
            (None, _) => self.done = true,
            (Some(end), Direction::Up) => self.from = Bound::Excluded(end),
            (Some(end), Direction::Down) => self.to = Bound::Excluded(end),
        }
    }
}

impl<R: Raw> Iterator for Walk<'_, R> {
    type Item = Result<(Vec<u8>, Bytes), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.read.next() {
                return Some(Ok(entry));
            }
            if self.done {
                return None;
            }
            if let Err(error) = self.read_on() {
                self.done = true;
                return Some(Err(error));
            }
        }
    }
}

fn borrowed(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    bound.as_ref().map(Vec::as_slice)
}
