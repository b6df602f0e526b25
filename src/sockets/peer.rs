//! One receiver of a room: a queue that is bounded in packets and bytes, and a way to end it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use engineioxide::socket::Sid;
use engineioxide::{DisconnectReason, Socket, Str, TransportType};

use super::attachments::Attachments;
use super::packet::Outgoing;
use super::session::Session;
use super::texts::{Texts, TooMuch};
use crate::domains::Candidate;

/// Texts without attachments are counted from this size on; smaller ones are bounded by the packet count.
const COUNTED_FROM: usize = 1024;

/// Somebody in a room: a connected socket, or a clone in this process.
pub(super) trait Peer: fmt::Debug + Send + Sync {
    /// Queues a packet, after all that were queued before it.
    fn offer(&self, packet: &Outgoing) -> Result<(), Overflow>;

    /// Ends the peer when what is queued has been written. Its client sees the transport close.
    fn close(&self);

    /// Ends the peer at once, whatever is queued: for one that takes nothing any more.
    fn cut(&self);

    /// Whether it decides about operations of others.
    fn decides(&self) -> bool {
        false
    }

    /// Whether it is a clone in this process that has failed, and is not back.
    fn is_away(&self) -> bool {
        false
    }

    /// Queues an operation that it is to decide about.
    fn decide(&self, _: Candidate) -> Result<(), Overflow> {
        Err(Overflow)
    }

    /// Whether its queue is far from full.
    fn has_room(&self) -> bool;

    /// The id of the socket behind it, if it is one whose client takes no bytes at this moment.
    fn refused(&self) -> Option<Sid>;
}

/// The peer's queue has no room: it has to be cut, for a packet must not be missing on a socket that stays.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Overflow;

/// A peer behind an Engine.IO socket, on either transport.
pub(super) struct SocketPeer {
    socket: Arc<Socket<Session>>,
    attachments: Attachments,
    texts: Mutex<Texts>,
    queue_bytes: usize,
}

impl SocketPeer {
    /// A peer whose queue takes `queue_bytes` of attachments and as much of large texts, besides the packets that the
    /// engine counts.
    pub(super) fn new(socket: Arc<Socket<Session>>, queue_bytes: usize) -> Self {
        Self {
            socket,
            attachments: Attachments::new(queue_bytes),
            texts: Mutex::default(),
            queue_bytes,
        }
    }

    /// The text as it is queued, if there is room for it.
    fn counted_text(&self, text: &Str) -> Result<Str, Overflow> {
        if text.len() < COUNTED_FROM {
            return Ok(text.clone());
        }
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = texts.queue(text, self.queue_bytes);
        counted.map_err(|TooMuch| Overflow)
    }
}

impl Peer for SocketPeer {
    fn offer(&self, packet: &Outgoing) -> Result<(), Overflow> {
        let permit = self.socket.reserve().map_err(|_| Overflow)?;
        if self.socket.transport_type() == TransportType::Polling {
            self.socket.data.polled.queues(packet);
        }
        match &packet.attachment {
            None => permit.emit(self.counted_text(&packet.text)?),
            Some(attachment) => {
                let attachment = self.attachments.queue(attachment);
                let attachment = attachment.map_err(|TooMuch| Overflow)?;
                permit.emit_many(packet.text.clone(), VecDeque::from([attachment]));
            }
        }
        Ok(())
    }

    fn close(&self) {
        self.socket.close(DisconnectReason::ClosingServer);
    }

    fn cut(&self) {
        self.socket.close(DisconnectReason::TransportError);
        self.socket.data.cut_transport();
    }

    fn has_room(&self) -> bool {
        self.attachments.has_room()
    }

    fn refused(&self) -> Option<Sid> {
        let socket = &self.socket;
        let stuck = socket.transport_type() == TransportType::Websocket && socket.data.is_refused();
        stuck.then_some(socket.id)
    }
}

impl fmt::Debug for SocketPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketPeer")
            .field("id", &self.socket.id)
            .finish_non_exhaustive()
    }
}
