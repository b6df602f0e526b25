//! Why a clone cannot go on, or does not write.

use crate::clock::ClockError;
use crate::constraint::Refusal;
use crate::datatype::DatatypeError;
use crate::journal::JournalError;
use crate::pattern::PatternError;
use crate::security::SecurityError;
use crate::store::StoreError;

/// Why a clone cannot go on.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CloneError {
    /// The store failed. Open the clone anew.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The clock of this clone is exhausted, or damaged.
    #[error("the clone's clock: {0}")]
    Clock(#[from] ClockError),
    /// What this clone's process began with is void. The data has to come from another clone.
    #[error("the beginning of this clone's process is void")]
    Orphaned,
    /// Somebody else has begun the domain. This clone's data is of another one.
    #[error("the domain has been begun by another clone")]
    GenesisConflict,
    /// A new clone needs another to join the domain, and there is none.
    #[error("no other clone is there to join the domain from")]
    Alone,
    /// This clone has no data, and no other lets it have any: it is not one of those who may speak.
    #[error("the other clones do not let this one join")]
    Refused,
    /// Transport security does not let this clone answer an operation as its constraints want.
    #[error("transport security: {0}")]
    Security(SecurityError),
    /// The clone's id cannot be used.
    #[error("a clone id must not be empty, nor `present`")]
    CloneId,
    /// The clone's context is not one.
    #[error("the context: {0}")]
    Context(String),
    /// The clone has closed.
    #[error("the clone has closed")]
    Closed,
}

impl PartialEq for CloneError {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl From<JournalError> for CloneError {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Store(error) => Self::Store(error),
            JournalError::Clock(error) => Self::Clock(error),
            JournalError::Orphaned => Self::Orphaned,
        }
    }
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The clone has no data yet, or is getting it anew. Try again after the next status.
    #[error("the clone has no data yet")]
    NotReady,
    /// The request is not one that can be written.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// It edits shared data as that cannot be.
    #[error(transparent)]
    Edit(#[from] DatatypeError),
    /// A constraint refuses it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The operation would be greater than is allowed.
    #[error("an operation of {size} bytes, where {limit} are allowed")]
    TooLarge {
        /// Its size.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// Other clones could not take the operation.
    #[error("other clones could not take it: {0}")]
    Wire(#[from] crate::wire::WireError),
    /// Transport security does not sign or encrypt it.
    #[error("transport security: {0}")]
    Security(SecurityError),
    /// The clone cannot go on.
    #[error(transparent)]
    Clone(#[from] CloneError),
}

impl WriteError {
    /// The m-ld status (m-ld protocol, section 22.2).
    pub fn status(&self) -> u16 {
        match self {
            Self::NotReady => 5004,
            Self::Pattern(error) => error.status().unwrap_or(4001),
            Self::Edit(_) | Self::Wire(_) => 4001,
            Self::Refused(Refusal::Rule { status, .. }) => *status,
            Self::TooLarge { .. } => 4002,
            Self::Security(_) => 4030,
            Self::Clone(CloneError::Closed) => 5032,
            Self::Refused(Refusal::Store(_)) | Self::Clone(_) => 5000,
        }
    }
}

impl From<StoreError> for WriteError {
    fn from(error: StoreError) -> Self {
        Self::Clone(error.into())
    }
}

impl From<JournalError> for WriteError {
    fn from(error: JournalError) -> Self {
        Self::Clone(error.into())
    }
}
