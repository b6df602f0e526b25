//! A whole gateway as a process of its own on a free port, and clients that say to it what they are told to,
//! right or wrong. For meldgate's integration tests.
//!
//! Everything here gives up after [`PATIENCE`], and a [`Gateway`] takes its process with it.
#![expect(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    clippy::large_futures,
    reason = "a test that cannot go on panics, and has time and memory"
)]

mod folder;
mod gateway;
mod https;
mod operation;
mod socket;

use std::time::Duration;

pub use folder::Folder;
pub use gateway::{Gateway, Ready};
pub use https::{Https, Reply, basic};
pub use operation::{Writer, poisons};
pub use socket::{Auth, Event, Poller, Refused, Socket, handshake};

/// How long anything may take before a test fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for what has to come, and fails the test if it does not.
pub async fn soon<T>(what: &str, awaited: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, awaited).await {
        Ok(value) => value,
        Err(tokio::time::error::Elapsed { .. }) => {
            panic!("{what} did not happen within {PATIENCE:?}")
        }
    }
}
