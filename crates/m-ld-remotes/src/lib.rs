//! Connects native m-ld clones with those of others.
//!
//! - [`socket`] is a Socket.io client that trusts no server: what comes is read within limits, what
//!   goes is never queued without one, and a connection that is lost comes back by itself.
//! - [`remotes`] says over it what clones say to one another (m-ld protocol, section 9).
//! - [`driver`] runs a clone of the engine among them.
//!
//! Everything runs on tokio. The only time that is read is tokio's, and chance is the embedder's.

pub mod driver;
pub mod remotes;
pub mod socket;
