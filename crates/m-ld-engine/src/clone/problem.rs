//! What stands in the way of applying an operation.

use super::CloneError;
use super::local::{AssertError, EnterError};
use crate::constraint::Refusal;
use crate::datatype::DatatypeError;
use crate::journal::JournalError;
use crate::store::StoreError;

/// What stands in the way of applying an operation.
pub(super) enum Problem {
    /// A constraint refuses it, with an m-ld status.
    Refused(u16, String),
    /// It is not of this domain.
    Foreign,
    /// It makes void what this clone's process began with.
    Orphaned,
    /// The clone cannot go on.
    Clone(CloneError),
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Rule { status, reason } => Self::Refused(status, reason),
            Refusal::Store(error) => Self::Clone(error.into()),
        }
    }
}

impl From<JournalError> for Problem {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Orphaned => Self::Orphaned,
            // Only what the operation brings can be wrong with a clock here.
            JournalError::Clock(_) => Self::Foreign,
            JournalError::Store(error) => Self::Clone(error.into()),
        }
    }
}

impl From<EnterError> for Problem {
    fn from(error: EnterError) -> Self {
        match error {
            EnterError::Journal(error) => error.into(),
            EnterError::Security(error) => Self::Clone(CloneError::Security(error)),
        }
    }
}

impl From<AssertError> for Problem {
    fn from(error: AssertError) -> Self {
        match error {
            AssertError::Edit(error) => error.into(),
            AssertError::Store(error) => error.into(),
        }
    }
}

impl From<DatatypeError> for Problem {
    fn from(error: DatatypeError) -> Self {
        match error {
            DatatypeError::State(what) => Self::Clone(StoreError::Damaged(what).into()),
            DatatypeError::Operation(_) | DatatypeError::Expression(_) | DatatypeError::Full(_) => {
                Self::Foreign
            }
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::Clone(error.into())
    }
}

impl From<CloneError> for Problem {
    fn from(error: CloneError) -> Self {
        Self::Clone(error)
    }
}
