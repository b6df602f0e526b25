//! Integration tests: a module per room, one binary.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

mod api;
mod bad_input;
mod edge;
mod keys_node;
mod layering;
mod mail;
mod store_crash;
mod tls;
