//! Tests against vectors made by the JavaScript engine: one binary, a module per subject.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    clippy::needless_for_each,
    clippy::cast_precision_loss,
    reason = "test code"
)]

mod clocks;
mod clones;
mod common;
mod control;
mod corpus;
#[cfg(feature = "sled")]
mod crash;
mod exchanges;
mod fusion;
mod hostile;
mod jrql;
mod layering;
mod messages;
mod mixed;
mod names;
mod net;
mod notes;
mod operations;
mod packing;
mod positions;
mod replay;
mod rest;
#[cfg(feature = "acl")]
mod security;
mod served;
mod storm;
mod texts;
