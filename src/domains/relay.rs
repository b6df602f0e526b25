//! What a clone in this process and the relay between clones say to each other. Whoever builds both joins them.
//!
//! Source: m-ld protocol, section 9.1.

use std::fmt::Debug;
use std::sync::Arc;

use bytes::Bytes;

use crate::ids::{CloneId, DomainId};

/// A message for one clone.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unicast {
    /// What it is, and what it belongs to.
    pub kind: UnicastKind,
    /// The payload, as on the wire.
    pub payload: Bytes,
}

/// The three messages that one clone sends to another.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum UnicastKind {
    /// A request.
    Send {
        /// The message's id.
        message: String,
    },
    /// A reply to a request, or to a reply.
    Reply {
        /// The message's id.
        message: String,
        /// The id of the message that it replies to.
        to: String,
    },
    /// The next datum of a channel.
    Notify {
        /// The channel's id.
        channel: String,
    },
}

/// What the relay hands to a clone in this process.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Arriving {
    /// The ids of the clones that are present, its own perhaps among them.
    Presence(Vec<String>),
    /// An operation of another clone. It has been judged.
    Operation(Bytes),
    /// An operation of another clone that nobody has got, in a domain where this clone decides who may speak.
    Candidate(Candidate),
    /// A message of another clone for this one.
    Unicast {
        /// Who sent it.
        from: String,
        /// What it says.
        message: Unicast,
    },
}

/// An operation that waits to be relayed. It has been judged, but for who it is from.
///
/// Who drops it undecided has its sender cut off, to come back and to send it again.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The operation message.
    pub message: Bytes,
    /// Its sender.
    pub sender: Arc<dyn Sender>,
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.message == other.message && Arc::ptr_eq(&self.sender, &other.sender)
    }
}

impl Eq for Candidate {}

/// The sender of one operation that waits to be relayed.
pub trait Sender: Debug + Send + Sync {
    /// Whether something that it sent before was refused: then this is neither passed nor refused.
    fn is_over(&self) -> bool;

    /// Relays the operation to all others but the clone that decides.
    fn pass(&self, message: &Bytes);

    /// Refuses the operation, and ends its sender.
    fn refuse(&self, why: &str);
}

/// The inbox of a clone in this process is full: it has to be cut off, and to recover by rev-up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct InboxFull;

/// Takes what the relay hands over. Never blocks.
pub trait Inbox: Debug + Send + Sync {
    /// Queues what has arrived, after all that was queued before.
    fn deliver(&self, arriving: Arriving) -> Result<(), InboxFull>;

    /// Says that the line is cut: nothing more arrives.
    fn cut(&self);

    /// Whether the clone behind it has failed, and is not back: what is delivered waits, and may be lost.
    fn is_away(&self) -> bool {
        false
    }
}

/// The relay, for clones in this process.
pub trait Relay: Debug + Send + Sync {
    /// Connects a clone to its domain. It is not present yet, and first hears who is.
    fn connect(
        &self,
        domain: &DomainId,
        clone: &CloneId,
        inbox: Arc<dyn Inbox>,
    ) -> Option<Box<dyn Line>>;
}

/// A clone's connection to its domain. It ends when it is dropped.
pub trait Line: Debug + Send + Sync {
    /// Says whether the clone can serve others.
    fn present(&self, present: bool);

    /// Publishes an operation to all others.
    fn operation(&self, message: Bytes);

    /// Sends a message to one clone, if it is connected.
    fn unicast(&self, to: &str, message: Unicast);

    /// Whether the queue of the clone that a message would go to has room for many; also if there is no such clone.
    fn has_room(&self, to: &str) -> bool;

    /// How many other clones are connected to the domain.
    fn others(&self) -> usize;
}
