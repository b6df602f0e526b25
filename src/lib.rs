//! The meldgate daemon as a library; `main.rs` is a small binary over it.
//!
//! Rooms and their direction (edges → middle → base, and any of them → engine) are in `ARCHITECTURE.md`.

pub mod accounts;
pub mod app;
pub mod clock;
pub mod command;
pub mod config;
pub mod domains;
pub mod http;
pub mod ids;
pub mod limits;
pub mod listener;
pub mod notify;
pub mod secret;
pub mod sockets;
pub mod store;
pub mod telemetry;
