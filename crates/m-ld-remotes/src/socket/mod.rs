//! A Socket.io client on one WebSocket, that comes back by itself.
//!
//! # Invariants
//! 1. Events come out in the order in which the server sent them, between the [`Event::Connected`]
//!    and the [`Event::Disconnected`] of the connection that they came on.
//! 2. What is emitted goes out on the connection that it was emitted for, in order, or not at all.
//! 3. Nothing that a server sends can take more memory than [`Limits`] say, or cause a panic. What is no
//!    packet ends its connection.
//! 4. While the embedder does not take events, no more is read than fits: the server has to wait.
//!
//! # Sources
//! Engine.IO protocol, revision 4; Socket.IO protocol, revision 5; RFC 6455.

mod acknowledgements;
mod backoff;
mod client;
mod connection;
mod listener;
mod options;
mod packet;
mod queue;
mod speaker;
mod transport;

pub use backoff::Backoff;
pub use client::{Client, Congested, Event, Events, Lost, NotAcknowledged, Session};
pub use options::{Address, InvalidAddress, Limits, Options, trust_files, trust_system};
pub use packet::Argument;
