//! Stands for a key of any length in a table whose memory is bounded.

use std::hash::{BuildHasher as _, Hash, RandomState};

/// 128 bits for a key. Equal keys have equal digests within one [`Digests`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Digest([u64; 2]);

/// Makes [`Digest`]s by a hash that is keyed per process, so that nobody outside can make two keys share
/// one; by chance, a million keys do so once in 10²⁶ times.
#[derive(Debug)]
pub(super) struct Digests([RandomState; 2]);

impl Digests {
    pub(super) fn new() -> Self {
        Self([RandomState::new(), RandomState::new()])
    }

    pub(super) fn of(&self, key: impl Hash) -> Digest {
        Digest(self.0.each_ref().map(|state| state.hash_one(&key)))
    }
}
