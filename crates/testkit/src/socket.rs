//! Socket.IO clients, by WebSocket and by long polling, that do as they are told.
//!
//! Sources: Engine.IO protocol, revision 4; Socket.IO protocol, revision 5.

use std::collections::VecDeque;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::{Gateway, Https, Writer, soon};

/// What a client shows when it connects.
#[derive(Clone, Debug)]
pub enum Auth {
    /// Nothing.
    None,
    /// An account and its key.
    Key(String, String),
    /// A token.
    Jwt(String),
    /// Any JSON text.
    Raw(String),
}

impl Auth {
    fn packet(&self) -> String {
        match self {
            Self::None => "40".to_owned(),
            Self::Key(user, key) => format!("40{}", json!({"user": user, "key": key})),
            Self::Jwt(jwt) => format!("40{}", json!({"jwt": jwt})),
            Self::Raw(text) => format!("40{text}"),
        }
    }
}

/// What came from the gateway.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// CONNECT was accepted.
    Connected,
    /// CONNECT was refused, with this message.
    Refused(String),
    /// An event with its JSON arguments and its attachment.
    Event(Value, Option<Bytes>),
    /// An acknowledgement.
    Ack(u64, Value),
    /// DISCONNECT.
    Disconnected,
    /// The transport ended.
    Closed,
}

/// The message of a refused CONNECT.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refused(pub String);

/// A client on a WebSocket.
#[derive(Debug)]
pub struct Socket {
    stream: WebSocketStream<TlsStream<TcpStream>>,
    waiting: Option<Value>,
    unread: VecDeque<Event>,
    /// The clone id that it gave.
    pub id: String,
}

impl Socket {
    /// Connects a clone to a domain, and takes the presence that it is told at once.
    pub async fn join(
        gateway: &Gateway,
        id: &str,
        domain: &str,
        auth: &Auth,
    ) -> Result<Self, Refused> {
        let mut socket = Self::open(gateway, id, domain).await;
        socket.connect(auth).await;
        socket.joined().await?;
        Ok(socket)
    }

    /// Takes the answer to CONNECT, and the presence that follows if it is accepted.
    pub async fn joined(&mut self) -> Result<Vec<String>, Refused> {
        match self.next().await {
            Event::Connected => Ok(self.next_presence().await),
            Event::Refused(message) => Err(Refused(message)),
            other => panic!("{other:?} instead of CONNECT"),
        }
    }

    /// Opens the transport and says nothing yet.
    pub async fn open(gateway: &Gateway, id: &str, domain: &str) -> Self {
        let mut socket = Self::open_with(gateway, &handshake("websocket", id, domain)).await;
        id.clone_into(&mut socket.id);
        socket
    }

    /// Opens the transport with a query of its own.
    pub async fn open_with(gateway: &Gateway, query: &str) -> Self {
        Self::open_on(gateway.https().await, query).await
    }

    /// Opens the transport on a connection that is there.
    pub async fn open_on(https: Https, query: &str) -> Self {
        let mut socket = Self::web_socket(https, query).await.unwrap();
        let open = socket.frame().await;
        assert!(
            matches!(&open, Some(Message::Text(text)) if text.starts_with("0{")),
            "{open:?}"
        );
        socket
    }

    /// A WebSocket, or the status of the answer that refuses one.
    async fn web_socket(https: Https, query: &str) -> Result<Self, u16> {
        let uri = format!("wss://localhost/socket.io/?{query}");
        let config = WebSocketConfig::default();
        let upgrade = tokio_tungstenite::client_async_with_config(uri, https.stream, Some(config));
        match soon("the upgrade", upgrade).await {
            Ok((stream, _)) => Ok(Self {
                stream,
                waiting: None,
                unread: VecDeque::new(),
                id: String::new(),
            }),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    /// Says who it is, with a packet for CONNECT of the test's choice.
    pub async fn connect(&mut self, auth: &Auth) {
        self.send_text(&auth.packet()).await;
    }

    /// Sends a text frame.
    pub async fn send_text(&mut self, text: &str) {
        self.stream.send(Message::text(text)).await.ok();
    }

    /// Sends a binary frame.
    pub async fn send_binary(&mut self, bytes: Vec<u8>) {
        self.stream.send(Message::binary(bytes)).await.ok();
    }

    /// Says that it is, or is no longer, present.
    pub async fn present(&mut self, present: bool) {
        self.send_text(&format!(r#"42["present",{present}]"#)).await;
    }

    /// Sends an operation.
    pub async fn operation(&mut self, message: &[u8]) {
        self.send_text(r#"451-["operation",{"_placeholder":true,"num":0}]"#)
            .await;
        self.send_binary(message.to_vec()).await;
    }

    /// Sends a message to one other, with the id of an acknowledgement.
    pub async fn unicast(&mut self, event: &str, ack: u64, params: &Value, payload: &[u8]) {
        self.send_text(&format!(
            r#"451-{ack}["{event}",{params},{{"_placeholder":true,"num":0}}]"#
        ))
        .await;
        self.send_binary(payload.to_vec()).await;
    }

    /// What comes next. Answers heartbeats.
    pub async fn next(&mut self) -> Event {
        if let Some(event) = self.unread.pop_front() {
            return event;
        }
        loop {
            let event = match self.frame().await {
                Some(Message::Text(text)) => self.text(&text).await,
                Some(Message::Binary(bytes)) => self
                    .waiting
                    .take()
                    .map(|arguments| Event::Event(arguments, Some(bytes))),
                Some(Message::Close(_)) | None => return Event::Closed,
                Some(_) => None,
            };
            if let Some(event) = event {
                return event;
            }
        }
    }

    /// The next operation's message; passes over everything else, and fails at the transport's end.
    pub async fn next_operation(&mut self) -> Bytes {
        soon("an operation", async {
            loop {
                match self.next().await {
                    Event::Event(arguments, Some(bytes)) if arguments[0] == "operation" => {
                        return bytes;
                    }
                    Event::Closed => panic!("{} was closed", self.id),
                    _ => {}
                }
            }
        })
        .await
    }

    /// The numbers of the operations that come until the transport ends, and whether a DISCONNECT came.
    pub async fn until_closed(&mut self) -> (Vec<u64>, bool) {
        let (mut numbers, mut disconnected) = (Vec::new(), false);
        soon("the transport's end", async {
            loop {
                match self.next().await {
                    Event::Event(arguments, Some(bytes)) if arguments[0] == "operation" => {
                        numbers.push(Writer::number(&bytes));
                    }
                    Event::Disconnected => disconnected = true,
                    Event::Closed => return,
                    _ => {}
                }
            }
        })
        .await;
        (numbers, disconnected)
    }

    /// The next acknowledgement, with its id; passes over everything else.
    pub async fn next_ack(&mut self) -> (u64, Value) {
        soon("an acknowledgement", async {
            loop {
                match self.next().await {
                    Event::Ack(id, arguments) => return (id, arguments),
                    Event::Closed => panic!("{} was closed", self.id),
                    _ => {}
                }
            }
        })
        .await
    }

    /// The next presence; passes over everything else.
    pub async fn next_presence(&mut self) -> Vec<String> {
        soon("presence", async {
            loop {
                match self.next().await {
                    Event::Event(arguments, None) if arguments[0] == "presence" => {
                        return serde_json::from_value(arguments[1].clone()).unwrap();
                    }
                    Event::Closed => panic!("{} was closed", self.id),
                    _ => {}
                }
            }
        })
        .await
    }

    /// Waits until presence is what it should be.
    pub async fn presence_becomes(&mut self, expected: &[&str]) {
        // In any order: nobody says whose word comes first where several become present at once.
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        soon(&format!("presence of {expected:?}"), async {
            loop {
                let mut present = self.next_presence().await;
                present.sort_unstable();
                if present == expected {
                    return;
                }
            }
        })
        .await;
    }

    /// Waits until these are present beside the gateway's own clone, which is first in a named subdomain.
    pub async fn presence_beside_the_gateway_becomes(&mut self, expected: &[&str]) {
        soon(
            &format!("presence of {expected:?} and the gateway's"),
            async { while self.next_presence().await.get(1..).unwrap_or_default() != expected {} },
        )
        .await;
    }

    /// Waits for the transport's end; tells whether there was a DISCONNECT before.
    pub async fn ended(&mut self) -> bool {
        self.until_closed().await.1
    }

    /// Waits, without reading anything, until the connection is broken.
    pub async fn is_cut(&mut self) {
        let frame = "2".repeat(1000);
        soon("the connection's break", async {
            while self
                .stream
                .send(Message::text(frame.as_str()))
                .await
                .is_ok()
            {}
        })
        .await;
    }

    /// Closes the WebSocket as a browser does.
    pub async fn close(mut self) {
        self.stream.close(None).await.ok();
        soon("the other side's close", async {
            while self.stream.next().await.is_some_and(|frame| frame.is_ok()) {}
        })
        .await;
    }

    /// The stream below, for a client that does not read.
    pub fn into_stream(self) -> WebSocketStream<TlsStream<TcpStream>> {
        self.stream
    }

    async fn frame(&mut self) -> Option<Message> {
        soon("a frame", self.stream.next())
            .await
            .and_then(Result::ok)
    }

    async fn text(&mut self, text: &str) -> Option<Event> {
        match text.as_bytes().first() {
            Some(b'2') => {
                self.send_text("3").await;
                None
            }
            Some(b'1') => Some(Event::Closed),
            Some(b'4') => {
                let event = parse(&text[1..]);
                if let Some(Event::Event(arguments, Some(_))) = event {
                    self.waiting = Some(arguments);
                    return None;
                }
                event
            }
            _ => None,
        }
    }
}

/// Reads a Socket.IO packet. An event that waits for its attachment has an empty one.
fn parse(packet: &str) -> Option<Event> {
    let (kind, rest) = packet.split_at(1);
    let json_at = rest.find(['[', '{']).unwrap_or(rest.len());
    let (head, body) = rest.split_at(json_at);
    let value: Value = serde_json::from_str(body).unwrap_or(Value::Null);
    match kind {
        "0" => Some(Event::Connected),
        "1" => Some(Event::Disconnected),
        "2" => Some(Event::Event(value, None)),
        "3" => Some(Event::Ack(head.parse().ok()?, value)),
        "4" => Some(Event::Refused(value["message"].as_str()?.to_owned())),
        "5" => Some(Event::Event(value, Some(Bytes::new()))),
        _ => None,
    }
}

/// A client that polls.
#[derive(Debug)]
pub struct Poller {
    asks: Https,
    says: Https,
    query: String,
    unread: VecDeque<Event>,
    waiting: Option<Value>,
}

impl Poller {
    /// Connects a clone to a domain, and takes the presence that it is told at once.
    pub async fn join(
        gateway: &Gateway,
        id: &str,
        domain: &str,
        auth: &Auth,
    ) -> Result<Self, Refused> {
        let mut poller = Self::open(gateway, id, domain).await;
        assert_eq!(poller.connect(auth).await, 200);
        match poller.next().await {
            Event::Connected => {}
            Event::Refused(message) => return Err(Refused(message)),
            other => panic!("{other:?} instead of CONNECT"),
        }
        match poller.next().await {
            Event::Event(arguments, None) if arguments[0] == "presence" => Ok(poller),
            other => panic!("{other:?} instead of presence"),
        }
    }

    /// Opens a session and says nothing yet.
    pub async fn open(gateway: &Gateway, id: &str, domain: &str) -> Self {
        let query = handshake("polling", id, domain);
        let mut asks = gateway.https().await;
        let opened = asks
            .request("GET", &format!("/socket.io/?{query}"), &[], &[])
            .await;
        assert_eq!(opened.status, 200, "{opened:?}");
        let open: Value = serde_json::from_str(&opened.text()[1..]).unwrap();
        let query = format!("{query}&sid={}", open["sid"].as_str().unwrap());
        let says = gateway.https().await;
        Self {
            asks,
            says,
            query,
            unread: VecDeque::new(),
            waiting: None,
        }
    }

    /// Says who it is; gives the status of the answer.
    pub async fn connect(&mut self, auth: &Auth) -> u16 {
        self.post(auth.packet().as_bytes()).await
    }

    /// The path of its requests.
    pub fn path(&self) -> String {
        format!("/socket.io/?{}", self.query)
    }

    /// Goes on by WebSocket, with all that it has not read yet; or gives itself back if it may not.
    pub async fn upgrade(self, gateway: &Gateway) -> Result<Socket, Self> {
        let query = self
            .query
            .replacen("transport=polling", "transport=websocket", 1);
        let https = gateway.https().await;
        let Ok(mut socket) = Socket::web_socket(https, &query).await else {
            return Err(self);
        };
        socket.send_text("2probe").await;
        let answer = socket.frame().await;
        assert!(
            matches!(&answer, Some(Message::Text(text)) if text.as_str() == "3probe"),
            "{answer:?}"
        );
        socket.send_text("5").await;
        (socket.unread, socket.waiting) = (self.unread, self.waiting);
        Ok(socket)
    }

    /// The id of its session.
    pub fn session(&self) -> &str {
        self.query.rsplit("sid=").next().unwrap_or_default()
    }

    /// Sends a payload; gives the status of the answer.
    pub async fn post(&mut self, payload: &[u8]) -> u16 {
        let path = format!("/socket.io/?{}", self.query);
        self.says
            .request(
                "POST",
                &path,
                &[("Content-Type", "text/plain;charset=UTF-8")],
                payload,
            )
            .await
            .status
    }

    /// Sends an operation; gives the status of the answer.
    pub async fn operation(&mut self, message: &[u8]) -> u16 {
        self.operations(&[message]).await
    }

    /// Sends operations as one payload; gives the status of the answer.
    pub async fn operations<M: AsRef<[u8]>>(&mut self, messages: &[M]) -> u16 {
        let head = r#"451-["operation",{"_placeholder":true,"num":0}]"#;
        let packets: Vec<_> = messages
            .iter()
            .map(|message| format!("{head}\u{1e}b{}", STANDARD.encode(message)))
            .collect();
        self.post(packets.join("\u{1e}").as_bytes()).await
    }

    /// The numbers of the operations that come until the session ends.
    pub async fn until_closed(&mut self) -> Vec<u64> {
        let mut numbers = Vec::new();
        soon("the session's end", async {
            loop {
                match self.next().await {
                    Event::Event(arguments, Some(bytes)) if arguments[0] == "operation" => {
                        numbers.push(Writer::number(&bytes));
                    }
                    Event::Closed => return,
                    _ => {}
                }
            }
        })
        .await;
        numbers
    }

    /// What comes next, polling as often as that takes.
    pub async fn next(&mut self) -> Event {
        loop {
            if let Some(event) = self.unread.pop_front() {
                return event;
            }
            let reply = self
                .asks
                .request("GET", &format!("/socket.io/?{}", self.query), &[], &[])
                .await;
            if reply.status != 200 {
                return Event::Closed;
            }
            let text = reply.text();
            for packet in text.split('\u{1e}') {
                self.take(packet).await;
            }
        }
    }

    /// The next operation's message; passes over everything else, and fails at the session's end.
    pub async fn next_operation(&mut self) -> Bytes {
        soon("an operation", async {
            loop {
                match self.next().await {
                    Event::Event(arguments, Some(bytes)) if arguments[0] == "operation" => {
                        return bytes;
                    }
                    Event::Closed => panic!("the poller was closed"),
                    _ => {}
                }
            }
        })
        .await
    }

    async fn take(&mut self, packet: &str) {
        match packet.split_at_checked(1) {
            Some(("2", "")) => {
                self.post(b"3").await;
            }
            Some(("1", "")) => self.unread.push_back(Event::Closed),
            Some(("b", base64)) => {
                let bytes = STANDARD.decode(base64).unwrap();
                self.unread.extend(
                    self.waiting
                        .take()
                        .map(|arguments| Event::Event(arguments, Some(bytes.into()))),
                );
            }
            Some(("4", packet)) => match parse(packet) {
                Some(Event::Event(arguments, Some(_))) => self.waiting = Some(arguments),
                event => self.unread.extend(event),
            },
            _ => {}
        }
    }
}

/// The query of a handshake.
pub fn handshake(transport: &str, id: &str, domain: &str) -> String {
    let (id, domain) = (escape(id), escape(domain));
    format!("EIO=4&transport={transport}&@id={id}&@domain={domain}")
}

fn escape(text: &str) -> String {
    text.bytes().fold(String::new(), |mut escaped, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') {
            escaped.push(char::from(byte));
        } else {
            use std::fmt::Write as _;
            write!(escaped, "%{byte:02X}").unwrap();
        }
        escaped
    })
}
