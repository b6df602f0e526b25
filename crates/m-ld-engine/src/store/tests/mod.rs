//! One suite for all stores, and what only one of them can show.

mod history;
#[cfg(feature = "sled")]
mod on_sled;
mod threads;
mod undo;

use super::*;

/// A store under test, which may be able to close and open again.
pub(super) trait Subject {
    fn new() -> Self;

    fn store(&mut self) -> &mut dyn Store;

    fn undo_records(&self) -> usize;

    /// Closes and opens the store; says whether it could. No view is open.
    fn reopen(&mut self) -> bool {
        false
    }
}

pub(super) struct InMemory(MemoryStore);

impl Subject for InMemory {
    fn new() -> Self {
        Self(MemoryStore::new())
    }

    fn store(&mut self) -> &mut dyn Store {
        &mut self.0
    }

    fn undo_records(&self) -> usize {
        self.0.undo_records()
    }
}

/// The bytes of a text.
fn bytes(text: &str) -> Bytes {
    text.as_bytes().into()
}

/// A batch that puts texts.
fn puts(table: Table, entries: &[(&str, &str)]) -> Batch {
    let changes = entries.iter();
    Batch {
        cleared: Vec::new(),
        changes: changes
            .map(|(key, value)| (table, key.as_bytes().to_vec(), Some(bytes(value))))
            .collect(),
    }
}

#[test]
fn the_end_of_a_prefix_is_the_least_key_after_it() {
    assert_eq!(after_prefix(b"ab"), Some(b"ac".to_vec()));
    assert_eq!(after_prefix(b"a\xff\xff"), Some(b"b".to_vec()));
    assert_eq!(after_prefix(b"\xff"), None);
    assert_eq!(after_prefix(b""), None);
}
