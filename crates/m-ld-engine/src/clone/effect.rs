//! What happens to a clone, and what it wants done.

use super::{CloneError, Status, Update};
use crate::security::SecurityError;

/// What happens to a clone.
#[derive(Clone, Debug)]
pub enum Input<'a> {
    /// The transport is connected.
    Connected,
    /// The transport is not connected any more.
    Disconnected,
    /// The ids of the clones that are present, in the transport's order.
    Presence(Vec<String>),
    /// An operation message of another clone.
    Operation(&'a [u8]),
    /// Another clone sent a request.
    Request {
        /// The id of that clone.
        from: &'a str,
        /// The id of the request.
        message_id: &'a str,
        /// The request.
        payload: &'a [u8],
    },
    /// Another clone replied to a request, or to a reply.
    Reply {
        /// The id of that clone.
        from: &'a str,
        /// The id of the reply.
        message_id: &'a str,
        /// The id of what it replies to.
        sent_message_id: &'a str,
        /// The reply.
        payload: &'a [u8],
    },
    /// Another clone sent a notification.
    Notification {
        /// The id of that clone.
        from: &'a str,
        /// The channel.
        channel: &'a str,
        /// The notification.
        payload: &'a [u8],
    },
    /// A message could not be sent.
    SendFailed {
        /// The id of the request or reply.
        message_id: &'a str,
    },
    /// Nothing but that time has passed.
    Time,
}

/// What a clone wants done.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Announce the clone as present, or withdraw it.
    Present(bool),
    /// Send an operation message to all other clones.
    Operation(Vec<u8>),
    /// Send a request.
    Request {
        /// To the clone with this id.
        to: String,
        /// The id of the request.
        message_id: String,
        /// The request.
        payload: Vec<u8>,
    },
    /// Reply.
    Reply {
        /// To the clone with this id.
        to: String,
        /// The id of the reply.
        message_id: String,
        /// The id of what is replied to.
        sent_message_id: String,
        /// The reply.
        payload: Vec<u8>,
    },
    /// Send a notification.
    Notify {
        /// To the clone with this id.
        to: String,
        /// The channel.
        channel: String,
        /// The notification.
        payload: Vec<u8>,
    },
    /// Tell the application of a transaction.
    Update(Box<Update>),
    /// Tell the application that the data came anew from another clone: whatever it knows may be
    /// wrong.
    Reloaded,
    /// Tell the application of the status.
    Status(Status),
    /// Tell the operator that something which another clone sent was not acceptable.
    Discarded(SecurityError),
    /// The clone has closed, and handles nothing any more. If it was not asked to: why.
    Closed(Option<CloneError>),
}

/// What a clone wants done, to be [released](super::MeldClone::release) before it is.
#[must_use = "effects are to be released and done"]
#[derive(Debug, Default)]
pub struct Effects {
    pub(super) list: Vec<Effect>,
    /// Whether the store has to be synced before.
    pub(super) needs_sync: bool,
}

impl Effects {
    /// Adds what is wanted later, so that both are released at once.
    pub fn join(&mut self, later: Self) {
        self.list.extend(later.list);
        self.needs_sync |= later.needs_sync;
    }

    /// Whether nothing is wanted. Even so there can be something to sync.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether releasing them will sync the store.
    pub fn needs_sync(&self) -> bool {
        self.needs_sync
    }

    pub(super) fn push(&mut self, effect: Effect) {
        self.list.push(effect);
    }
}
