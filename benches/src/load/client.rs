//! One client: WebSocket over TLS, with or without Socket.IO.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::{Speaks, Target};
use crate::failure::{Failure, Result};
use crate::tls;

/// The text that announces an operation; its bytes follow in a frame of their own.
const OPERATION: Utf8Bytes =
    Utf8Bytes::from_static(r#"451-["operation",{"_placeholder":true,"num":0}]"#);
const PING: &str = "2";
const PONG: Utf8Bytes = Utf8Bytes::from_static("3");
const READ_BUFFER: usize = 16 * 1024;
const CONNECTING_AT_ONCE: usize = 16;

type Socket = WebSocketStream<TlsStream<TcpStream>>;

/// A connection that is open and, with Socket.IO, present in its domain.
#[derive(Debug)]
pub(super) struct Client {
    frames: SplitStream<Socket>,
    sink: Outgoing,
}

/// The way out of a client. Its reader needs it too, to answer pings.
#[derive(Clone, Debug)]
pub(super) struct Outgoing(Arc<Mutex<SplitSink<Socket, Message>>>);

/// Connects as many clients as `rooms` names, in the same order.
pub(super) async fn connect_all(target: &Target, rooms: &[String]) -> Result<Vec<Client>> {
    let tls = tls::client(&target.ca, tls::Groups::Hybrid, false)?;
    let mut clients = Vec::with_capacity(rooms.len());
    for (nth, some) in rooms.chunks(CONNECTING_AT_ONCE).enumerate() {
        let connects = some
            .iter()
            .enumerate()
            .map(|(i, room)| Client::connect(target, &tls, room, nth * CONNECTING_AT_ONCE + i));
        for client in futures_util::future::join_all(connects).await {
            clients.push(client.map_err(|failure| failure.during("connecting"))?);
        }
    }
    Ok(clients)
}

/// The name of a room that no other run of this program uses.
pub(super) fn room(number: usize) -> String {
    format!("c{:012}{number:012}", std::process::id())
}

impl Client {
    async fn connect(
        target: &Target,
        tls: &Arc<ClientConfig>,
        room: &str,
        id: usize,
    ) -> Result<Self> {
        let tcp = TcpStream::connect(("127.0.0.1", target.port)).await?;
        tcp.set_nodelay(true)?;
        let stream = TlsConnector::from(Arc::clone(tls))
            .connect(tls::name()?, tcp)
            .await?;
        let path = match &target.speaks {
            Speaks::SocketIo { suffix } => {
                format!(
                    "/socket.io/?EIO=4&transport=websocket&%40id=load-{id}&%40domain={room}{suffix}"
                )
            }
            Speaks::Frames => format!("/{room}"),
            Speaks::CloneApi { .. } => return Err(Failure::new("the server has no WebSocket")),
        };
        let request = format!("wss://{}:{}{path}", tls::NAME, target.port);
        let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER);
        let (socket, _) =
            tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await?;
        let (sink, frames) = socket.split();
        let mut client = Self {
            frames,
            sink: Outgoing(Arc::new(Mutex::new(sink))),
        };
        if matches!(target.speaks, Speaks::SocketIo { .. }) {
            client.enter().await?;
        }
        Ok(client)
    }

    /// Opens the default namespace and says that this clone is present.
    async fn enter(&mut self) -> Result<()> {
        self.expect("0{").await?;
        self.sink.text("40").await?;
        self.expect("40{").await?;
        self.sink.text(r#"42["present",true]"#).await
    }

    /// The next text has to start so; pings are answered on the way.
    async fn expect(&mut self, start: &str) -> Result<()> {
        loop {
            match self.frames.next().await {
                Some(Ok(Message::Text(text))) if text.starts_with(start) => return Ok(()),
                Some(Ok(Message::Text(text))) if text.as_str() == PING => {
                    self.sink.text(PONG).await?;
                }
                Some(Ok(other)) => return Err(Failure::new(format!("{other} instead of {start}"))),
                Some(Err(error)) => return Err(error.into()),
                None => return Err(Failure::new("the server hung up")),
            }
        }
    }

    /// The way out.
    pub(super) fn outgoing(&self) -> Outgoing {
        self.sink.clone()
    }

    /// The next operation; pings are answered on the way. `None` when the server hung up.
    pub(super) async fn operation(&mut self) -> Option<Bytes> {
        loop {
            match self.frames.next().await? {
                Ok(Message::Binary(bytes)) => return Some(bytes),
                Ok(Message::Text(text)) if text.as_str() == PING => {
                    self.sink.text(PONG).await.ok()?;
                }
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }
}

impl Outgoing {
    async fn text(&self, text: impl Into<Utf8Bytes>) -> Result<()> {
        Ok(self.0.lock().await.send(Message::Text(text.into())).await?)
    }

    /// Sends operations, together.
    pub(super) async fn operations(&self, operations: impl Iterator<Item = Bytes>) -> Result<()> {
        let mut sink = self.0.lock().await;
        for operation in operations {
            sink.feed(Message::Text(OPERATION)).await?;
            sink.feed(Message::Binary(operation)).await?;
        }
        Ok(sink.flush().await?)
    }
}
