//! Changes on their way into a store.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::ops::Bound;
use std::sync::Arc;

use super::{Batch, Bytes, Entries, StoreError, Table, View, is_empty};

type Changes = BTreeMap<Vec<u8>, Option<Bytes>>;

/// A transaction: a view, and changes over it that only this sees.
///
/// Reading it shows the changes, so steps of one transaction can build upon one another.
#[derive(Clone)]
pub struct Pending {
    base: Arc<dyn View>,
    cleared: [bool; Table::ALL.len()],
    changes: [Changes; Table::ALL.len()],
}

impl Pending {
    /// No changes yet over a view.
    pub fn new(base: Arc<dyn View>) -> Self {
        Self {
            base,
            cleared: Default::default(),
            changes: Default::default(),
        }
    }

    /// The view before any change.
    pub fn base(&self) -> &Arc<dyn View> {
        &self.base
    }

    /// Sets the value at a key.
    pub fn put(&mut self, table: Table, key: impl Into<Vec<u8>>, value: impl Into<Bytes>) {
        self.change(table, key.into(), Some(value.into()));
    }

    /// Removes a key, if it is there.
    pub fn remove(&mut self, table: Table, key: impl Into<Vec<u8>>) {
        self.change(table, key.into(), None);
    }

    /// Removes every key of a table.
    pub fn clear(&mut self, table: Table) {
        if let (Some(cleared), Some(changes)) = (
            self.cleared.get_mut(table.index()),
            self.changes.get_mut(table.index()),
        ) {
            *cleared = true;
            changes.clear();
        }
    }

    /// What is to be committed.
    pub fn into_batch(self) -> Batch {
        let mut batch = Batch::default();
        for ((table, cleared), changes) in
            Table::ALL.into_iter().zip(self.cleared).zip(self.changes)
        {
            if cleared {
                batch.cleared.push(table);
            }
            let changes = changes.into_iter();
            batch
                .changes
                .extend(changes.map(|(key, value)| (table, key, value)));
        }
        batch
    }

    fn change(&mut self, table: Table, key: Vec<u8>, value: Option<Bytes>) {
        if let Some(changes) = self.changes.get_mut(table.index()) {
            changes.insert(key, value);
        }
    }

    fn of(&self, table: Table) -> Option<&Changes> {
        self.changes.get(table.index())
    }

    fn is_cleared(&self, table: Table) -> bool {
        self.cleared
            .get(table.index())
            .is_some_and(|cleared| *cleared)
    }

    fn merged<'a>(
        &'a self,
        table: Table,
        (from, to): (Bound<&[u8]>, Bound<&[u8]>),
        direction: Direction,
    ) -> Entries<'a> {
        if is_empty(from, to) {
            return Box::new(std::iter::empty());
        }
        let base: Entries<'a> = match direction {
            _ if self.is_cleared(table) => Box::new(std::iter::empty()),
            Direction::Up => self.base.range(table, from, to),
            Direction::Down => self.base.range_back(table, from, to),
        };
        let Some(changes) = self.of(table).filter(|changes| !changes.is_empty()) else {
            return base;
        };
        let changes = changes.range::<[u8], _>((from, to));
        let changes: Box<dyn Iterator<Item = (&'a Vec<u8>, &'a Option<Bytes>)> + 'a> =
            match direction {
                Direction::Up => Box::new(changes),
                Direction::Down => Box::new(changes.rev()),
            };
        Box::new(Merged {
            base: base.peekable(),
            changes: changes.peekable(),
            direction,
        })
    }
}

impl View for Pending {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        match self.of(table).and_then(|changes| changes.get(key)) {
            Some(changed) => Ok(changed.clone()),
            None if self.is_cleared(table) => Ok(None),
            None => self.base.get(table, key),
        }
    }

    fn range<'a>(&'a self, table: Table, from: Bound<&[u8]>, to: Bound<&[u8]>) -> Entries<'a> {
        self.merged(table, (from, to), Direction::Up)
    }

    fn range_back<'a>(&'a self, table: Table, from: Bound<&[u8]>, to: Bound<&[u8]>) -> Entries<'a> {
        self.merged(table, (from, to), Direction::Down)
    }
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Direction {
    Up,
    Down,
}

/// Entries of a view with changes laid over them. Both come in the same order.
struct Merged<'a, C: Iterator<Item = (&'a Vec<u8>, &'a Option<Bytes>)>> {
    base: Peekable<Entries<'a>>,
    changes: Peekable<C>,
    direction: Direction,
}

impl<'a, C: Iterator<Item = (&'a Vec<u8>, &'a Option<Bytes>)>> Merged<'a, C> {
    /// Whether the next entry is the view's, and whether it is of the same key as the next change.
    fn compare(&mut self) -> (bool, bool) {
        match (self.base.peek(), self.changes.peek()) {
            (Some(Err(_)), _) | (Some(_), None) => (true, false),
            (None, _) => (false, false),
            (Some(Ok((key, _))), Some((changed, _))) => {
                let before = match self.direction {
                    Direction::Up => key < *changed,
                    Direction::Down => key > *changed,
                };
                (before, key == *changed)
            }
        }
    }
}

impl<'a, C: Iterator<Item = (&'a Vec<u8>, &'a Option<Bytes>)>> Iterator for Merged<'a, C> {
    type Item = Result<(Vec<u8>, Bytes), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (base_first, same) = self.compare();
            if base_first {
                return self.base.next();
            }
            if same {
                self.base.next();
            }
            // A removed key is passed over.
            if let (key, Some(value)) = self.changes.next()? {
                return Some(Ok((key.clone(), value.clone())));
            }
        }
    }
}
