//! The Socket.io remotes: m-ld clones that speak to each other through the gateway.
//!
//! Bytes in, bytes out: an operation is judged once, never re-encoded, and shared by all who get it. What
//! would close a JavaScript clone reaches nobody. A receiver that cannot keep up is cut off, so that an
//! operation is never missing on a socket that stays open.
//!
//! This is built on the Engine.IO layer and the packet parser of the socketioxide project rather than on its
//! Socket.IO layer, whose full queues drop an event silently and whose handlers can reorder.
//!
//! Sources: `docs/api.md`, "Socket.io remotes"; m-ld protocol, section 9; Socket.IO protocol, revision 5.

mod attachments;
mod engine;
mod event;
mod handshake;
mod held;
mod hub;
mod judging;
mod keeping;
mod local;
mod packet;
mod peer;
mod polling;
mod room;
mod service;
mod session;
mod texts;
mod upgrade;

pub use service::{Dependencies, Sockets};
