//! How much of a stranger's message is looked at.

use crate::msgpack;

/// The most that an operation message may be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Bytes of a whole message.
    pub max_message: usize,
    /// Bytes of an update once it is decompressed.
    pub max_inflated: usize,
    /// Levels of arrays and maps in any part of a message, but for clocks, which have a limit of
    /// their own, [`crate::clock::MAX_DEPTH`].
    pub max_depth: usize,
    /// MessagePack values in all, counting each key, array and map.
    pub max_elements: usize,
}

impl Default for Limits {
    /// One megabyte, eight when decompressed, a thousand levels and half a million values.
    fn default() -> Self {
        Self {
            max_message: 1 << 20,
            max_inflated: 8 << 20,
            max_depth: 1000,
            max_elements: 500_000,
        }
    }
}

impl Limits {
    /// Limits for what another clone serves on request: a datum of a snapshot, or an operation of a
    /// rev-up (m-ld protocol, sections 8.5 and 8.6). Sixteen megabytes, 64 when decompressed, and four
    /// million values, which are some 400,000 triples.
    ///
    /// A JavaScript clone serves all that a process wrote in a row as one operation, however long the
    /// row is. With 100,000 triples its stack overflows, so these are more than it can serve.
    pub fn served() -> Self {
        Self {
            max_message: 16 << 20,
            max_inflated: 64 << 20,
            max_elements: 4_000_000,
            ..Self::default()
        }
    }
}

impl From<Limits> for msgpack::Limits {
    fn from(limits: Limits) -> Self {
        Self {
            max_depth: limits.max_depth,
            max_elements: limits.max_elements,
        }
    }
}
