//! The task that connects, converses, and comes back.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use m_ld_engine::chance::Chance;
use serde_json::Value;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;

use super::Options;
use super::acknowledgements::Acknowledgements;
use super::client::{Event, Lost, Order, Session, Told, Unheard, message_of};
use super::listener::Listener;
use super::packet::{Packet, Reader};
use super::speaker::Speaker;
use super::transport::{self, WebSocket};

/// The longest silence that we let a server announce.
const LONGEST_SILENCE: Duration = Duration::from_mins(5);
/// The shortest one: time to be late.
const SHORTEST_SILENCE: Duration = Duration::from_millis(500);

/// Keeps a connection to the server for as long as its client is there.
#[derive(Debug)]
pub(super) struct Connection {
    options: Arc<Options>,
    orders: UnboundedReceiver<Order>,
    told: Told,
    cuts: watch::Receiver<u64>,
    session: u64,
}

/// Why there is no connection.
enum NotConnected {
    /// It may be there later.
    Unreachable(String),
    /// The server said no.
    Refused(String),
}

/// A connection on which the server let us in.
struct Greeted {
    socket: WebSocket,
    silence: Duration,
}

impl Connection {
    pub(super) fn new(
        options: Arc<Options>,
        orders: UnboundedReceiver<Order>,
        told: Told,
        cuts: watch::Receiver<u64>,
    ) -> Self {
        Self {
            options,
            orders,
            told,
            cuts,
            session: 0,
        }
    }

    /// Runs until the client is dropped, nobody listens, or the server does not want us.
    pub(super) async fn run(mut self, mut chance: Box<dyn Chance>) {
        let mut attempt = 0;
        while let Ok(connected) = self.attempt().await {
            attempt = if connected { 0 } else { attempt };
            let wait = self.options.backoff.wait(attempt, &mut *chance);
            tokio::select! {
                () = sleep(wait) => attempt = attempt.saturating_add(1),
                () = dropped(&mut self.orders) => return,
            }
        }
    }

    /// Connects, and converses as long as it lasts. Tells whether there was a connection; an error if there is to be none
    /// any more.
    async fn attempt(&mut self) -> Result<bool, Unheard> {
        let connecting = timeout(
            self.options.connect_timeout,
            Box::pin(connect(&self.options)),
        );
        let connected = tokio::select! {
            connected = connecting => connected,
            () = dropped(&mut self.orders) => return Err(Unheard),
        };
        let late = || Err(NotConnected::Unreachable("no answer in time".to_owned()));
        match connected.unwrap_or_else(|_| late()) {
            Ok(greeted) => Box::pin(self.converse(greeted)).await.map(|()| true),
            Err(NotConnected::Refused(message)) if !self.passes(&message) => {
                self.told.tell_at_once(Event::Refused { message })?;
                Err(Unheard)
            }
            Err(NotConnected::Refused(why) | NotConnected::Unreachable(why)) => {
                self.told.tell_at_once(Event::Unreachable(why))?;
                Ok(false)
            }
        }
    }

    fn passes(&self, refusal: &str) -> bool {
        self.options
            .passing_refusals
            .iter()
            .any(|passing| passing == refusal)
    }

    async fn converse(&mut self, greeted: Greeted) -> Result<(), Unheard> {
        self.session += 1;
        let session = self.session;
        self.told.tell_at_once(Event::Connected(Session(session)))?;
        let shared = Shared {
            pong: Notify::new(),
            waiting: Mutex::new(Acknowledgements::new(self.options.ack_timeout)),
        };
        let (sink, stream) = greeted.socket.split();
        let listener = Listener {
            stream,
            reader: Reader::new(self.options.limits),
            silence: greeted.silence,
            shared: &shared,
            told: &self.told,
        };
        let speaker = Speaker {
            sink,
            session,
            shared: &shared,
            told: &self.told,
        };
        let lost = tokio::select! {
            lost = listener.run() => lost,
            lost = speaker.run(&mut self.orders) => lost,
            () = is_cut(&mut self.cuts, session) => Lost::ByUs,
        };
        let sent_away = lost == Lost::ByServer;
        let refused = if let Lost::Refused(message) = &lost
            && !self.passes(message)
        {
            Some(message.clone())
        } else {
            None
        };
        self.told.tell_at_once(Event::Disconnected(lost))?;
        if let Some(message) = refused {
            self.told.tell_at_once(Event::Refused { message })?;
            return Err(Unheard);
        }
        if sent_away || self.orders.is_closed() {
            return Err(Unheard);
        }
        Ok(())
    }
}

/// Waits until the client is dropped. What it emits meanwhile is for connections that are no more.
async fn dropped(orders: &mut UnboundedReceiver<Order>) {
    while orders.recv().await.is_some() {}
}

/// Waits until this connection is to be given up.
async fn is_cut(cuts: &mut watch::Receiver<u64>, session: u64) {
    if cuts.wait_for(|cut| *cut == session).await.is_err() {
        // The client is gone: the speaker has something to say yet.
        std::future::pending::<()>().await;
    }
}

/// Opens a connection, and asks to be let in.
async fn connect(options: &Options) -> Result<Greeted, NotConnected> {
    let unreachable = |why: &dyn ToString| NotConnected::Unreachable(why.to_string());
    let mut socket = transport::open(options)
        .await
        .map_err(|error| unreachable(&error))?;
    let open = next_text(&mut socket).await?;
    let silence = opened(&open).ok_or_else(|| unreachable(&"no Engine.IO server"))?;
    let frames = Packet::Connect(options.auth.clone()).into_frames();
    let sent = socket.send(Message::text(frames.text)).await;
    sent.map_err(|error| unreachable(&error))?;
    let mut reader = Reader::new(options.limits);
    loop {
        let text = next_text(&mut socket).await?;
        match text.as_bytes().first() {
            Some(b'2') => {
                let answered = socket.send(Message::text("3")).await;
                answered.map_err(|error| unreachable(&error))?;
            }
            Some(b'4') => match reader.text(text.get(1..).unwrap_or_default()) {
                Ok(Some(Packet::Connect(_))) => return Ok(Greeted { socket, silence }),
                Ok(Some(Packet::Refused(why))) => {
                    return Err(NotConnected::Refused(message_of(&why)));
                }
                Ok(_) => return Err(unreachable(&"no answer to CONNECT")),
                Err(malformed) => return Err(unreachable(&malformed)),
            },
            _ => return Err(unreachable(&"no answer to CONNECT")),
        }
    }
}

async fn next_text(socket: &mut WebSocket) -> Result<String, NotConnected> {
    let unreachable = |why: String| NotConnected::Unreachable(why);
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => return Ok(text.as_str().to_owned()),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(_)) | None => return Err(unreachable("closed at once".to_owned())),
            Some(Err(error)) => return Err(unreachable(error.to_string())),
        }
    }
}

/// How long the server may be silent, from its "open" packet.
fn opened(text: &str) -> Option<Duration> {
    let open: Value = serde_json::from_str(text.strip_prefix('0')?).ok()?;
    let millis = |key| open.get(key).and_then(Value::as_u64);
    let silence = millis("pingInterval")?.saturating_add(millis("pingTimeout")?);
    Some(Duration::from_millis(silence).clamp(SHORTEST_SILENCE, LONGEST_SILENCE))
}

/// What the two directions of a connection share.
pub(super) struct Shared {
    /// A heartbeat is to be answered.
    pub(super) pong: Notify,
    waiting: Mutex<Acknowledgements>,
}

impl Shared {
    pub(super) fn waiting(&self) -> MutexGuard<'_, Acknowledgements> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
