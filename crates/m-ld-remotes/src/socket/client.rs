//! The two ends that an embedder holds: what it emits, and what happens.

use std::sync::Arc;

use m_ld_engine::chance::Chance;
use serde_json::Value;
use tokio::sync::{mpsc, watch};

use super::connection::Connection;
use super::packet::{Argument, Frames, Packet};
use super::queue::{Room, Taken};
use super::{Limits, Options};

/// Names one connection among those that a client has had.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Session(pub(super) u64);

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// A connection is there, and the server let us in.
    Connected(Session),
    /// The server emitted an event.
    Received {
        /// Its name.
        name: String,
        /// Its arguments.
        arguments: Vec<Argument>,
        /// For [`Client::acknowledge`], if it asks for that.
        ack: Option<u64>,
    },
    /// What became of an event that asked for an acknowledgement. Never comes if its connection was lost.
    Acknowledged {
        /// What [`Client::emit_acknowledged`] gave.
        id: u64,
        /// What the server said to it.
        arguments: Result<Vec<Argument>, NotAcknowledged>,
    },
    /// The connection is lost.
    Disconnected(Lost),
    /// There was no connecting; it is tried again.
    Unreachable(String),
    /// The server does not let us in. It is not asked again.
    Refused {
        /// What it says.
        message: String,
    },
}

/// The server did not acknowledge in time.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not acknowledged in time")]
pub struct NotAcknowledged;

/// Why a connection is lost.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Lost {
    /// The server sent us away. It is not tried again.
    #[error("the server disconnected us")]
    ByServer,
    /// The server, which had let us in, refuses what we did there. It is not tried again, unless this passes.
    #[error("the server refuses: {0}")]
    Refused(String),
    /// The other side closed the connection, or it broke.
    #[error("the connection ended: {0}")]
    Ended(String),
    /// Nothing came for longer than the server said it would be silent.
    #[error("no heartbeat")]
    Silent,
    /// The server sent what is no packet.
    #[error("malformed: {0}")]
    Malformed(&'static str),
    /// [`Client::cut`] was asked for it, or the client was dropped.
    #[error("closed by us")]
    ByUs,
}

/// There is no room for more until the server has taken some. What was to be sent is dropped.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("too much is waiting to be sent")]
pub struct Congested;

/// Something to be sent.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) session: u64,
    pub(super) frames: Frames,
    pub(super) ack: Option<u64>,
    pub(super) room: Taken,
}

/// Emits events. Dropped, it sends what waits, and takes its leave of the server.
#[derive(Debug)]
pub struct Client {
    orders: mpsc::UnboundedSender<Order>,
    room: Room,
    acks: u64,
    cut: watch::Sender<u64>,
}

/// Tells what happens, in order. Ends after the last event that there will be.
#[derive(Debug)]
pub struct Events(mpsc::UnboundedReceiver<(Event, Option<Taken>)>);

impl Client {
    /// Begins to connect, in a task of the current tokio runtime.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn connect(options: Options, chance: Box<dyn Chance>) -> (Self, Events) {
        let (orders, taken) = mpsc::unbounded_channel();
        let (events, happened) = mpsc::unbounded_channel();
        let (cut, cuts) = watch::channel(0);
        let Limits {
            unread,
            unsent,
            message,
            ..
        } = options.limits;
        let told = Told {
            events,
            room: Room::new(unread.max(message.saturating_mul(2))),
        };
        let connection = Connection::new(Arc::new(options), taken, told, cuts);
        tokio::spawn(Box::pin(connection.run(chance)));
        let client = Self {
            orders,
            room: Room::new(unsent),
            acks: 0,
            cut,
        };
        (client, Events(happened))
    }

    /// Emits an event on a connection; if that is lost, nothing.
    pub fn emit(
        &mut self,
        session: Session,
        name: &str,
        arguments: Vec<Argument>,
    ) -> Result<(), Congested> {
        self.event(session, name, arguments, None)
    }

    /// As [`emit`](Self::emit), and asks for an [acknowledgement](Event::Acknowledged), by the id that this gives.
    pub fn emit_acknowledged(
        &mut self,
        session: Session,
        name: &str,
        arguments: Vec<Argument>,
    ) -> Result<u64, Congested> {
        let id = self.acks;
        self.acks = id.wrapping_add(1);
        self.event(session, name, arguments, Some(id))?;
        Ok(id)
    }

    /// Acknowledges an event of the server.
    pub fn acknowledge(
        &mut self,
        session: Session,
        ack: u64,
        arguments: Vec<Argument>,
    ) -> Result<(), Congested> {
        let packet = Packet::Ack { id: ack, arguments };
        self.order(session, packet, None)
    }

    /// Gives a connection up, if it is the one that there is. The next one comes after the usual wait.
    pub fn cut(&self, session: Session) {
        self.cut.send_replace(session.0);
    }

    /// Bytes that wait to be sent or acknowledged, about.
    pub fn unsent(&self) -> usize {
        self.room.taken()
    }

    /// Waits until less than so many bytes wait to be sent or acknowledged. Safe to cancel.
    pub async fn until_unsent_below(&self, bytes: usize) {
        self.room.until_below(bytes).await;
    }

    fn event(
        &self,
        session: Session,
        name: &str,
        arguments: Vec<Argument>,
        ack: Option<u64>,
    ) -> Result<(), Congested> {
        let name = name.to_owned();
        let packet = Packet::Event {
            name,
            arguments,
            ack,
        };
        self.order(session, packet, ack)
    }

    fn order(&self, session: Session, packet: Packet, ack: Option<u64>) -> Result<(), Congested> {
        let frames = packet.into_frames();
        let room = self.room.try_take(frames.len()).ok_or(Congested)?;
        let order = Order {
            session: session.0,
            frames,
            ack,
            room,
        };
        // If nobody takes it, the client has ended, and its events have said why.
        drop(self.orders.send(order));
        Ok(())
    }
}

impl Events {
    /// The next event; `None` after the last. Safe to cancel.
    pub async fn next(&mut self) -> Option<Event> {
        self.0.recv().await.map(|(event, _)| event)
    }

    /// The next event, if it is there already.
    pub fn try_next(&mut self) -> Option<Event> {
        self.0.try_recv().ok().map(|(event, _)| event)
    }
}

/// The other end of [`Events`].
#[derive(Debug)]
pub(super) struct Told {
    events: mpsc::UnboundedSender<(Event, Option<Taken>)>,
    room: Room,
}

/// Nobody listens any more.
#[derive(Debug)]
pub(super) struct Unheard;

impl Told {
    /// Tells of something that the server said with so many bytes, once there is room for it.
    pub(super) async fn tell(&self, event: Event, bytes: usize) -> Result<(), Unheard> {
        let room = self.room.take(bytes).await;
        self.events.send((event, room)).map_err(|_| Unheard)
    }

    /// Tells of something that happens a few times in a connection's life.
    pub(super) fn tell_at_once(&self, event: Event) -> Result<(), Unheard> {
        self.events.send((event, None)).map_err(|_| Unheard)
    }
}

/// What a server says when it refuses, shortened.
pub(super) fn message_of(refusal: &Value) -> String {
    const LONGEST: usize = 200;
    let text = refusal.get("message").and_then(Value::as_str);
    text.or(refusal.as_str())
        .unwrap_or("no reason given")
        .chars()
        .take(LONGEST)
        .collect()
}
