//! What can be wrong with a request.

use crate::context::ContextError;
use crate::store::StoreError;

/// Why a request of an application is refused, or cannot be finished.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// It is not of a kind that this reads, or writes (m-ld status 5011).
    #[error("the request is no {0} that is supported")]
    Unsupported(&'static str),
    /// It does not have the form that it should.
    #[error("{0}")]
    Malformed(String),
    /// Its context cannot be used.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// It is deeper or larger than the limits allow.
    #[error("the request has more than {limit} {what}")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How much of it is allowed.
        limit: usize,
    },
    /// It would take more work than the limits allow.
    #[error("the request takes more than {0} steps")]
    TooMuchWork(u64),
    /// Whoever made it wants no answer any more.
    #[error("the request was cancelled")]
    Cancelled,
    /// The graph could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl PatternError {
    /// The m-ld status, if there is one for it (m-ld protocol, section 22.2).
    pub fn status(&self) -> Option<u16> {
        matches!(self, Self::Unsupported(_)).then_some(5011)
    }

    pub(super) fn malformed(why: impl Into<String>) -> Self {
        Self::Malformed(why.into())
    }
}
