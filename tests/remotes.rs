//! The Socket.io remotes, by clients that keep to the protocol and clients that do not.
//!
//! Each test talks to a daemon process of its own; those that need the same configuration share a file.

mod crowd;
mod endings;
mod expulsion;
mod handshake;
mod order;
mod polling;
mod presence;
mod revocation;
mod slow;
mod stopping;
mod tokens;
mod unicast;
mod world;
