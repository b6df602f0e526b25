//! The client against servers that do as they are told, right or wrong.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test that cannot go on panics"
)]

mod hostile;
mod server;
mod socket;
