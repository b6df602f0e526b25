//! Changes that are made together or not at all.

use super::{BATCH_LIMIT, StoreError, Tree, VALUE_LIMIT};

/// What a key must hold for a batch to be made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Expected {
    /// Nothing is there.
    Absent,
    /// Exactly this is there.
    Value(Vec<u8>),
}

impl Expected {
    /// Whether `found` is as expected.
    pub(super) fn holds(&self, found: Option<&[u8]>) -> bool {
        match self {
            Self::Absent => found.is_none(),
            Self::Value(value) => found == Some(value),
        }
    }
}

/// Changes that are made together or not at all, in the order they were added.
///
/// Expectations are about the store as it is before the batch.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    pub(super) writes: Vec<Write>,
    pub(super) expectations: Vec<Expectation>,
}

/// One change, in clear.
#[derive(Clone, Debug)]
pub(super) struct Write {
    pub(super) tree: Tree,
    pub(super) key: Vec<u8>,
    pub(super) value: Option<Vec<u8>>,
}

/// One expectation, in clear.
#[derive(Clone, Debug)]
pub(super) struct Expectation {
    pub(super) tree: Tree,
    pub(super) key: Vec<u8>,
    pub(super) expected: Expected,
}

impl Batch {
    /// A batch that changes nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets `key` to `value`, whatever it held.
    #[must_use]
    pub fn put(self, tree: Tree, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Self {
        self.write(tree, key.into(), Some(value.into()))
    }

    /// Removes `key`, if it is there.
    #[must_use]
    pub fn remove(self, tree: Tree, key: impl Into<Vec<u8>>) -> Self {
        self.write(tree, key.into(), None)
    }

    /// Makes the batch depend on what `key` holds.
    #[must_use]
    pub fn expect(mut self, tree: Tree, key: impl Into<Vec<u8>>, expected: Expected) -> Self {
        self.expectations.push(Expectation {
            tree,
            key: key.into(),
            expected,
        });
        self
    }

    /// Whether the batch changes nothing. It may still expect something.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// Refuses what is larger than the store takes.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        let within = |size: usize, limit: usize| {
            if size <= limit {
                Ok(())
            } else {
                Err(StoreError::TooLarge { size, limit })
            }
        };
        let mut total = 0;
        for Write { key, value, .. } in &self.writes {
            let value = value.as_ref().map_or(0, Vec::len);
            within(key.len().max(value), VALUE_LIMIT)?;
            total += key.len() + value;
        }
        within(total, BATCH_LIMIT)
    }

    fn write(mut self, tree: Tree, key: Vec<u8>, value: Option<Vec<u8>>) -> Self {
        self.writes.push(Write { tree, key, value });
        self
    }
}
