//! Integration tests: a module per room, one binary.
#![expect(
    clippy::expect_used,
    clippy::large_futures,
    clippy::panic,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that cannot go on panics, and has time and memory"
)]

mod api;
mod bad_input;
mod clone;
mod edge;
mod import;
mod keys_node;
mod layering;
mod mail;
mod openapi;
mod remotes;
mod security;
mod store_crash;
mod tls;
mod webhooks;
