//! What a caller of this room can be told.

use std::time::Duration;

use super::pair::PairError;
use crate::ids::{Invalid, KeyId, Name};
use crate::store::StoreError;

/// Why somebody was not let in. Says nothing about what exists.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AuthError {
    /// No credential, or one that is not good: unknown account, unknown key, wrong secret, revoked, expired.
    #[error("unauthorized")]
    Unauthorized,
    /// A good credential, which does not carry this.
    #[error("forbidden")]
    Forbidden,
    /// Permitted, but there is nothing there.
    #[error("not found")]
    NotFound,
    /// Too often; try again later.
    #[error("too many requests")]
    TooMany {
        /// How long to wait.
        retry_after: Duration,
    },
    /// The gateway cannot tell just now; try again.
    #[error("unavailable")]
    Unavailable,
}

/// Why an account was not changed or read.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The caller may not.
    #[error(transparent)]
    Refused(#[from] AuthError),
    /// The input is not what it should be; says what would be.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The input is fine and the state is not: the caller has to change that first.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// The gateway cannot send mail, so nobody can activate an account.
    #[error("this gateway sends no mail: ask its operator for a key")]
    NoMail,
    /// A key pair could not be made or used.
    #[error("key pair")]
    Pair(#[from] PairError),
    /// The store failed. The change may have been made: read before trying again.
    #[error("account store")]
    Store(#[from] StoreError),
}

/// What stands in the way of a change.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Conflict {
    /// The account would have no way in left.
    #[error("this is the account's last key, and it has no email address: add one first")]
    LastKey,
    /// The account has as many keys as it can have.
    #[error("the account has as many keys as it can have: revoke one first")]
    TooManyKeys,
    /// The account has as many addresses as it can have.
    #[error("the account has as many email addresses as it can have: delete one first")]
    TooManyEmails,
    /// The root key is decided in the configuration.
    #[error("the root key is changed in the configuration")]
    RootKey,
    /// There was an account of this name, and it was closed.
    #[error("there was an account of this name, and it was closed: choose another name")]
    Closed,
    /// The root account is the gateway's own.
    #[error("the root account cannot be closed")]
    RootAccount,
    /// Nobody can register this name.
    #[error("this name cannot be registered")]
    ReservedName,
    /// Others changed the same at the same time, again and again.
    #[error("the account is being changed by others: try again")]
    Contended,
}

/// Why the room could not be opened. Each says what the operator can do.
#[derive(Debug, thiserror::Error)]
pub enum AccountsError {
    /// There is no root key.
    #[error("no root key is configured: `meldgate init` makes one")]
    NoRootKey,
    /// The configured root key has the id of a key with another secret.
    #[error(
        "the root key's id {id} belongs to another secret already: configure that key again, or one \
         with a new id"
    )]
    RootKeyClash {
        /// The id in question.
        id: KeyId,
    },
    /// The root account's name belongs to somebody.
    #[error(
        "{name} is an account already, so it cannot become the root account: name another one in the \
         root key"
    )]
    RootNameTaken {
        /// The name in question.
        name: Name,
    },
    /// The configured root key pair cannot be used.
    #[error("the root key pair cannot be used with the root key")]
    RootPair(#[source] PairError),
    /// The root key could not be hashed or its pair made.
    #[error("the root key could not be prepared")]
    Crypto,
    /// The store failed.
    #[error("account store")]
    Store(#[from] StoreError),
}
