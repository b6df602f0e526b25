//! A server that says what it is told to.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use m_ld_engine::chance::Chance;
use m_ld_remotes::socket::{Address, Backoff, Client, Event, Events, Options};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The usual "open" packet.
pub(crate) const OPEN: &str =
    r#"0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;

/// Waits for what has to come.
pub(crate) async fn soon<T>(awaited: impl Future<Output = T>) -> T {
    timeout(PATIENCE, awaited).await.unwrap()
}

/// Chance that is the same each time.
struct Even;

impl Chance for Even {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(128);
    }
}

/// A listener on a free port.
pub(crate) struct Server(TcpListener);

impl Server {
    pub(crate) async fn start() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    /// Options for a client of it that comes back at once.
    pub(crate) fn options(&self) -> Options {
        let address = Address::parse(&format!("http://{}", self.address())).unwrap();
        Options {
            backoff: Backoff {
                first: Duration::from_millis(1),
                longest: Duration::from_millis(1),
                jitter_percent: 0,
            },
            ..Options::new(address)
        }
    }

    /// The next client, before anything was said on its WebSocket.
    pub(crate) async fn upgraded(&self) -> Peer {
        let (stream, _) = soon(self.0.accept()).await.unwrap();
        Peer(soon(tokio_tungstenite::accept_async(stream)).await.unwrap())
    }

    /// The next client, let in.
    pub(crate) async fn welcomed(&self) -> Peer {
        let mut peer = self.upgraded().await;
        peer.say(OPEN).await;
        assert_eq!(peer.heard().await, "40");
        peer.say(r#"40{"sid":"t"}"#).await;
        peer
    }
}

/// One connection, seen from the server.
pub(crate) struct Peer(WebSocketStream<TcpStream>);

impl Peer {
    pub(crate) async fn say(&mut self, text: &str) {
        soon(self.0.send(Message::text(text))).await.unwrap();
    }

    pub(crate) async fn attach(&mut self, bytes: &[u8]) {
        soon(self.0.send(Message::binary(bytes.to_vec())))
            .await
            .unwrap();
    }

    /// Says something if it is still listened to.
    pub(crate) async fn shout(&mut self, message: Message) -> bool {
        soon(self.0.send(message)).await.is_ok()
    }

    /// The next text.
    pub(crate) async fn heard(&mut self) -> String {
        match self.next().await {
            Some(Message::Text(text)) => text.as_str().to_owned(),
            other => panic!("{other:?} instead of text"),
        }
    }

    /// The next attachment.
    pub(crate) async fn attached(&mut self) -> Vec<u8> {
        match self.next().await {
            Some(Message::Binary(bytes)) => bytes.to_vec(),
            other => panic!("{other:?} instead of bytes"),
        }
    }

    pub(crate) async fn next(&mut self) -> Option<Message> {
        soon(self.0.next()).await.and_then(Result::ok)
    }

    /// Waits until the client has closed its side or broken it.
    pub(crate) async fn is_left(&mut self) {
        while !matches!(self.next().await, None | Some(Message::Close(_))) {}
    }
}

/// A client of these options.
pub(crate) fn client(options: Options) -> (Client, Events) {
    Client::connect(options, Box::new(Even))
}

/// The next event.
pub(crate) async fn event(events: &mut Events) -> Event {
    soon(events.next()).await.unwrap()
}

/// Passes over attempts until there is a connection.
pub(crate) async fn connected(events: &mut Events) -> m_ld_remotes::socket::Session {
    loop {
        match event(events).await {
            Event::Connected(session) => return session,
            Event::Unreachable(_) => {}
            other => panic!("{other:?} instead of a connection"),
        }
    }
}

/// Waits until the connection is lost, and says why.
pub(crate) async fn lost(events: &mut Events) -> m_ld_remotes::socket::Lost {
    loop {
        if let Event::Disconnected(lost) = event(events).await {
            return lost;
        }
    }
}
