//! Runs a clone of the engine among others.
//!
//! A thread of its own has the clone: it hands it what comes from the [remotes](crate::remotes) and from
//! [handles](Handle), together with the time, and does what the clone wants done.
//!
//! # Invariants
//! 1. Nothing of a transaction is told to anybody, in this process or another, before it is safe on the store. What
//!    happened meanwhile is handled together, and made safe at once.
//! 2. What an application does not take, or the network, holds nobody up: updates that a follower
//!    missed are told as missed, and a server that takes nothing is left.
//! 3. What can wait, such as a snapshot for another clone, is sent as fast as it is taken.
//!
//! # Sources
//! m-ld protocol, sections 9.3 and 19.

mod batch;
mod handle;
mod thread;

use std::sync::Arc;

use m_ld_engine::clone::{CloneError, Status, Update};

use crate::remotes::Ended;

pub use handle::{Handle, ReadError, Stopped, Submitted, Updates};
pub use thread::Open;

/// What an application is told of, in order.
#[derive(Clone, Debug)]
pub enum Notice {
    /// A transaction did something.
    Update(Box<Update>),
    /// The data came anew from another clone: whatever is known of it may be wrong.
    Reloaded,
    /// So many notices were not taken in time, and are lost: as with [`Notice::Reloaded`], read again.
    Missed(u64),
    /// The clone has closed, by itself if there is a reason. This is the last notice.
    Closed(Option<Arc<RunError>>),
}

/// How a clone is doing.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// What the engine says.
    pub status: Status,
    /// Whether it has data that can be read and written.
    pub is_ready: bool,
    /// Whether it has closed, and if by itself, why.
    pub closed: Option<Option<Arc<RunError>>>,
}

/// Why a clone has closed by itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// It cannot go on.
    #[error(transparent)]
    Clone(#[from] CloneError),
    /// The server does not want it.
    #[error(transparent)]
    Remotes(#[from] Ended),
    /// The system has no thread for it.
    #[error("no thread for the clone: {0}")]
    Thread(std::io::Error),
}
