//! What can be wrong with a message.

use crate::clock::ClockError;
use crate::msgpack;

/// Why an operation message is refused. Whoever sent it is broken or hostile: no clone sends one.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum WireError {
    /// Longer than [`super::Limits::max_message`].
    #[error("a message of {size} bytes, where {limit} are allowed")]
    TooLarge {
        /// Its length.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// Longer than [`super::Limits::max_inflated`] when decompressed, as it says itself.
    #[error("an update of {size} bytes when decompressed, where {limit} are allowed")]
    TooLargeInflated {
        /// What it says.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// Not MessagePack of the profile, or not within the limits.
    #[error("not MessagePack as it should be")]
    Pack(#[from] msgpack::Error),
    /// The clock is not one, or not one process'.
    #[error("the operation's time is not acceptable")]
    Clock(#[from] ClockError),
    /// Not an operation message, for the named part is missing or has a wrong type.
    #[error("not an operation message: {0}")]
    Envelope(&'static str),
    /// An operation of a version that is not understood.
    #[error("operation version {0} is not supported")]
    Version(u64),
    /// The operation's first tick is after its last.
    #[error("the operation's ticks are out of order")]
    Ticks,
    /// The tick before the operation is not before it. A JavaScript clone that has applied an operation twice sends it so
    /// (m-ld protocol, Q33): who has it passes over it, and who lacks it cannot place it.
    #[error("the operation follows itself")]
    AfterItself,
    /// An encoding, or a sequence of them, that is not understood.
    #[error("the update has an unknown encoding")]
    Encoding,
    /// The update is encrypted, where it cannot be.
    #[error("the update is encrypted")]
    Secure,
    /// The update is not the compressed data that it claims to be.
    #[error("the update cannot be decompressed: {0}")]
    Gzip(&'static str),
    /// The update is not JSON, or too deep for it.
    #[error("the update is not JSON")]
    Json,
    /// The update is readable, but clones could not apply it.
    #[error("the update cannot be applied: {0}")]
    Update(&'static str),
}
