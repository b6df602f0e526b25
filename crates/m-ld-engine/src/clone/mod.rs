//! A clone: one member of a domain, as a state machine (m-ld protocol, sections 7, 8 and 12).
//!
//! A [`MeldClone`] has no socket, no clock and no thread. Whoever drives it hands it what happens
//! ([`Input`]) with the time, and does what comes out ([`Effect`]).
//!
//! # Driving it
//! ```text
//! effects = clone.handle(input, now)?      whenever something happens
//! effects = clone.handle(Input::Time, now)? at clone.next_wake(), if nothing happens before
//! effects = clone.pump(now)?               while clone.is_streaming() and there is room to send
//! for effect in clone.release(effects)? { … do it … }
//! ```
//!
//! [`Effects`] cannot be looked into before they are [released](MeldClone::release), which syncs
//! the store if they speak of something that was committed since the last time. So nothing that
//! a crash could undo is ever told to anybody: neither a fork of the clock, nor an operation whose
//! tick could be used again, nor an update. Several [`Effects`] can be [joined](Effects::join) and
//! released at once: that is how commits are grouped.
//!
//! # Invariants
//! 1. Transactions are serial: each sees what those before it have committed.
//! 2. Operations are applied in causal order, each once (section 7).
//! 3. What strangers send is judged before it is read, and never ends the clone; what it can cost
//!    is bounded: buffers that overflow are dropped, and what was in them is recovered.
//! 4. A request is served at any time, also while this clone's own is open.
//! 5. Data that is being loaded from a snapshot is not seen before it is complete.

mod agree;
mod apply;
mod buffer;
mod check;
mod collaborate;
mod config;
mod deliver;
mod doubt;
mod effect;
mod error;
mod json;
mod load;
mod local;
mod machine;
mod message;
mod normal;
mod notes;
mod problem;
mod recover;
mod replica;
mod resend;
mod resume;
mod secure;
mod serve;
mod status;
mod stream;
mod tend;
mod timer;
mod undo;
mod update;

pub use config::{Config, JournalConfig};
pub use effect::{Effect, Effects, Input};
pub use error::{CloneError, WriteError};
pub use machine::{MeldClone, Plugins, Written};
pub use notes::Notes;
pub use status::Status;
pub use update::{Trace, Update};
