//! Tree clocks, global clocks and transaction ids (m-ld protocol, section 2).
//!
//! A *tick tree* is a binary tree whose every node counts local ticks. A process is a leaf of it,
//! and forks by becoming a fork node with two leaves, of which it keeps the left one and gives the
//! right one away; the ticks of a fork are shared by both of its branches.
//!
//! - A [`TreeClock`] marks one leaf, the *ID*, as the process that the clock belongs to.
//! - A [`GlobalClock`] keeps in every leaf the [`Tid`] of the latest operation of that process.
//!
//! # Representation
//! A tree is a flat list of its nodes in pre-order, each with the size of its sub-tree. Copying a
//! clock is copying a slice; walking two clocks side by side takes two indexes and no stack; and
//! no depth of tree, whoever made it, can exhaust the call stack.
//!
//! # Invariants
//! 1. `nodes[i].size` is one for a leaf, and one more than the sizes of both children for a fork;
//!    the left child of `i` is at `i + 1`, the right one follows the left sub-tree.
//! 2. At most one leaf of a tree clock is the ID. None is, only in a clock from which
//!    [`TreeClock::ticked_for`] has overwritten it.
//! 3. The sum of all ticks fits 53 bits, so that JavaScript can count them.
//! 4. No tree is deeper than [`MAX_DEPTH`] forks.

mod global;
mod scan;
mod tid;
mod tree;
mod tree_clock;

pub use global::GlobalClock;
pub(crate) use scan::measure;
pub use tid::{InvalidTid, Tid};
pub use tree_clock::TreeClock;

use crate::msgpack;

/// The most forks on the way from the root to a leaf.
///
/// The JavaScript engine exhausts its stack on decoding a clock with some 1,800. A process gains
/// one each time that it lets another clone join.
pub const MAX_DEPTH: usize = 1500;

/// The most ticks in a tree: the greatest integer that JavaScript counts exactly.
pub const MAX_TICKS: u64 = (1 << 53) - 1;

/// Why there is no such clock.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ClockError {
    /// Not MessagePack.
    #[error("the clock cannot be read")]
    Pack(#[from] msgpack::Error),
    /// MessagePack, but not a clock.
    #[error("the clock has a wrong shape")]
    Shape,
    /// The clock belongs to nobody.
    #[error("the clock has no ID")]
    NoId,
    /// The clock belongs to several processes.
    #[error("the clock has several IDs")]
    SeveralIds,
    /// Ticks would exceed [`MAX_TICKS`].
    #[error("the clock has too many ticks")]
    TooManyTicks,
    /// Deeper than [`MAX_DEPTH`].
    #[error("the clock has too many forks")]
    TooDeep,
    /// A text that cannot be a transaction id.
    #[error(transparent)]
    Tid(#[from] InvalidTid),
    /// The other clock has forked the identity of this one, which only its owner may.
    #[error("the other clock has forked this clock's identity")]
    Overlap,
    /// The process has forked, so its ticks cannot be told apart from its descendants'.
    #[error("the process has forked")]
    Ambiguous,
    /// The time forked at another tick than is known here: it is from another process group, or
    /// a message was missed.
    #[error("the time is from a different process group")]
    Foreign,
}

#[cfg(test)]
mod tests;
