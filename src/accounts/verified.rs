//! Which keys were verified lately, so that a hot key costs a keyed hash and not an Argon2id.
//!
//! # Invariants
//! 1. Nothing here tells a secret: an entry is named by a MAC under a key that this process drew for itself.
//! 2. An entry is good for the key version it was made for: revocation raises the version, so no entry outlives it.
//! 3. Never more entries than the limit; the one longest unused goes first.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The MAC of a key id and secret under the process's own key.
pub(super) type Mark = [u8; 32];

/// A bounded table of verified keys.
#[derive(Debug)]
pub(super) struct Verified {
    limit: usize,
    lifetime: Duration,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    entries: HashMap<Mark, Entry>,
    /// By last use: the sequence number of an entry's use, which is unique.
    uses: BTreeMap<u64, Mark>,
    sequence: u64,
}

#[derive(Debug)]
struct Entry {
    version: u64,
    verified: Duration,
    used: u64,
}

impl Verified {
    /// A table of at most `limit` entries that are good for `lifetime`.
    pub(super) fn new(limit: usize, lifetime: Duration) -> Self {
        Self {
            limit,
            lifetime,
            table: Mutex::default(),
        }
    }

    /// Whether this key, in this version, was verified within the lifetime. `now` is running time.
    pub(super) fn knows(&self, mark: &Mark, version: u64, now: Duration) -> bool {
        let mut table = self.lock();
        let table = &mut *table;
        let Some(entry) = table.entries.get_mut(mark) else {
            return false;
        };
        if entry.version != version || now.saturating_sub(entry.verified) >= self.lifetime {
            table.uses.remove(&entry.used);
            table.entries.remove(mark);
            return false;
        }
        table.uses.remove(&entry.used);
        table.sequence += 1;
        entry.used = table.sequence;
        table.uses.insert(entry.used, *mark);
        true
    }

    /// Remembers that this key was verified in this version.
    pub(super) fn learn(&self, mark: Mark, version: u64, now: Duration) {
        if self.limit == 0 {
            return;
        }
        let mut table = self.lock();
        table.sequence += 1;
        let used = table.sequence;
        let entry = Entry {
            version,
            verified: now,
            used,
        };
        if let Some(old) = table.entries.insert(mark, entry) {
            table.uses.remove(&old.used);
        }
        table.uses.insert(used, mark);
        while table.entries.len() > self.limit {
            let Some((_, oldest)) = table.uses.pop_first() else {
                return;
            };
            table.entries.remove(&oldest);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn an_entry_is_good_for_its_version_and_its_lifetime() {
        let verified = Verified::new(4, 10 * SECOND);
        verified.learn([1; 32], 3, SECOND);
        assert!(verified.knows(&[1; 32], 3, 10 * SECOND));
        assert!(
            !verified.knows(&[1; 32], 3, 11 * SECOND),
            "use does not prolong it"
        );
        verified.learn([1; 32], 3, SECOND);
        assert!(!verified.knows(&[1; 32], 4, SECOND), "revoked since");
        assert!(!verified.knows(&[2; 32], 3, SECOND));
    }

    #[test]
    fn the_table_is_bounded_and_forgets_the_longest_unused() {
        let verified = Verified::new(3, 10 * SECOND);
        for mark in 1..=3 {
            verified.learn([mark; 32], 0, SECOND);
        }
        assert!(verified.knows(&[1; 32], 0, SECOND));
        verified.learn([4; 32], 0, SECOND);
        let known: Vec<_> = (1..=4)
            .filter(|&m| verified.knows(&[m; 32], 0, SECOND))
            .collect();
        assert_eq!(known, [1, 3, 4]);
        for mark in 0..200 {
            verified.learn([mark; 32], 0, SECOND);
        }
        let table = verified.lock();
        assert_eq!((table.entries.len(), table.uses.len()), (3, 3));
    }
}
