//! One receiver of a room: a queue that is bounded in packets and bytes, and a way to end it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use engineioxide::socket::Sid;
use engineioxide::{DisconnectReason, Socket, Str, TransportType};

use super::packet::Outgoing;
use super::session::Session;
use super::texts::{Texts, TooMuch};

/// Attachments, and texts that have none, are counted from this size on; smaller ones are bounded by the packet count.
const COUNTED_FROM: usize = 1024;

/// Somebody in a room: a connected socket, or a clone in this process.
pub(super) trait Peer: fmt::Debug + Send + Sync {
    /// Queues a packet, after all that were queued before it.
    fn offer(&self, packet: &Outgoing) -> Result<(), Overflow>;

    /// Ends the peer when what is queued has been written. Its client sees the transport close.
    fn close(&self);

    /// Ends the peer at once, whatever is queued: for one that takes nothing any more.
    fn cut(&self);

    /// The id of the socket behind it, if it is one whose client takes no bytes at this moment.
    fn refused(&self) -> Option<Sid>;
}

/// The peer's queue has no room: it has to be cut, for a packet must not be missing on a socket that stays.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Overflow;

/// A peer behind an Engine.IO socket, on either transport.
pub(super) struct SocketPeer {
    socket: Arc<Socket<Session>>,
    queued: Arc<AtomicUsize>,
    texts: Mutex<Texts>,
    queue_bytes: usize,
}

impl SocketPeer {
    /// A peer whose queue holds at most `queue_bytes` of attachments and as much of large texts, besides the packets
    /// that the engine counts.
    pub(super) fn new(socket: Arc<Socket<Session>>, queue_bytes: usize) -> Self {
        Self {
            socket,
            queued: Arc::new(AtomicUsize::new(0)),
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

    /// The attachment as it is queued: if it counts, it is counted until it is written or dropped.
    fn counted(&self, attachment: &Bytes) -> Result<Bytes, Overflow> {
        if attachment.len() < COUNTED_FROM {
            return Ok(attachment.clone());
        }
        let before = self.queued.fetch_add(attachment.len(), Ordering::Relaxed);
        let counted = Counted {
            bytes: attachment.clone(),
            queued: Arc::clone(&self.queued),
        };
        if before.saturating_add(attachment.len()) > self.queue_bytes {
            return Err(Overflow); // dropping `counted` takes it off again
        }
        Ok(Bytes::from_owner(counted))
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
                let attachment = self.counted(attachment)?;
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

/// Bytes that know whose queue they are in.
struct Counted {
    bytes: Bytes,
    queued: Arc<AtomicUsize>,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.queued.fetch_sub(self.bytes.len(), Ordering::Relaxed);
    }
}
