//! Integration tests: a module per room, one binary.
#![expect(clippy::unwrap_used, reason = "test code")]

mod layering;
mod store_crash;
//! Integration tests.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

mod tls;
mod mail;
mod store_crash;
