//! The journal of a clone: what it has done and received, in order (m-ld protocol, section 6).
//!
//! Everything here is data over a view or a transaction of the store; nothing decides.
//!
//! - [`State`]: the clock of the clone, the global clock, the last agreement.
//! - [`Entry`]: one for each operation applied, in the order of application, at its [`Position`].
//! - [`Record`]: an operation by its transaction id, in its encoded form.
//! - history: the operations of one process that follow one another without a gap.
//!
//! # Positions
//! An entry's place is the clone's own tick at which it was applied, as other clones know it: they
//! ask for what came after a tick (section 8.6). An agreement can wind the clone's own ticks back
//! (section 12.3), after which they come a second time. So a position has an *epoch* before its
//! tick, which begins whenever own ticks go back, and a tick that somebody has seen means the
//! first epoch that it can be of: too much is sent then, never too little.
//!
//! # Invariants
//! 1. Positions ascend in the order in which operations were applied.
//! 2. Every entry has a record; a record says the position of its entry, if it has one.
//! 3. Every transaction id in the global clock has a record, but those of the beginning of the
//!    domain and of blocked processes.

mod codec;
mod entry;
mod history;
mod keep;
mod record;
mod state;

use crate::clock::ClockError;
use crate::store::StoreError;

pub use crate::operation::Reversion;
pub use crate::security::Attribution;
pub use entry::{Entry, Position, entries_after, entries_before, entry};
pub use history::{Span, past};
pub use keep::{Kept, amend, append, insert_past, replace, truncate, void};
pub use record::{Record, record, records};
pub use state::{BLOCKED, State};

/// Why the journal cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum JournalError {
    /// The store failed, or what it holds is damaged.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Clocks that do not go together: the operation is of another process group, or of an
    /// identity that two clones use.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// What this clone's process began with has become void, and its place in the clock with it.
    #[error("the beginning of this clone's process is void")]
    Orphaned,
}

#[cfg(test)]
mod tests;
