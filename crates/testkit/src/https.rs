//! HTTP/1.1 over TLS, byte for byte as a test wants it.

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::soon;

/// One connection.
#[derive(Debug)]
pub struct Https {
    /// The stream, for those who want to write on it themselves.
    pub stream: TlsStream<TcpStream>,
    unread: Vec<u8>,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// Its headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Reply {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn value(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

impl Https {
    /// Connects to a port on the loopback interface.
    pub async fn connect(port: u16, tls: &Arc<rustls::ClientConfig>) -> Self {
        Self::try_connect(port, tls).await.unwrap()
    }

    /// Connects, if the gateway lets us.
    pub async fn try_connect(port: u16, tls: &Arc<rustls::ClientConfig>) -> std::io::Result<Self> {
        Self::try_connect_from(Ipv4Addr::LOCALHOST, port, tls).await
    }

    /// Connects from an address of the loopback interface, if the gateway lets us.
    pub async fn try_connect_from(
        source: Ipv4Addr,
        port: u16,
        tls: &Arc<rustls::ClientConfig>,
    ) -> std::io::Result<Self> {
        let connecting = async {
            let socket = TcpSocket::new_v4()?;
            if source != Ipv4Addr::LOCALHOST {
                socket.bind((source, 0).into())?;
            }
            let stream = socket.connect((Ipv4Addr::LOCALHOST, port).into()).await?;
            stream.set_nodelay(true)?;
            let name = ServerName::try_from("localhost").map_err(std::io::Error::other)?;
            TlsConnector::from(Arc::clone(tls))
                .connect(name, stream)
                .await
        };
        let stream = soon("a TLS connection", connecting).await?;
        Ok(Self {
            stream,
            unread: Vec::new(),
        })
    }

    /// Connects with a receive buffer of about so many bytes, so that not reading is soon noticed.
    pub async fn connect_narrow(
        port: u16,
        tls: &Arc<rustls::ClientConfig>,
        receive_buffer: u32,
    ) -> Self {
        let connecting = async {
            let socket = TcpSocket::new_v4()?;
            socket.set_recv_buffer_size(receive_buffer)?;
            let stream = socket.connect(([127, 0, 0, 1], port).into()).await?;
            let name = ServerName::try_from("localhost").map_err(std::io::Error::other)?;
            TlsConnector::from(Arc::clone(tls))
                .connect(name, stream)
                .await
        };
        Self {
            stream: soon("a TLS connection", connecting).await.unwrap(),
            unread: Vec::new(),
        }
    }

    /// A request with a JSON body or none.
    pub async fn json(
        &mut self,
        method: &str,
        path: &str,
        authorization: Option<&str>,
        body: Option<&str>,
    ) -> Reply {
        let mut headers = Vec::new();
        if let Some(value) = authorization {
            headers.push(("Authorization", value));
        }
        if body.is_some() {
            headers.push(("Content-Type", "application/json"));
        }
        self.request(method, path, &headers, body.unwrap_or_default().as_bytes())
            .await
    }

    /// A request as it is given; its length is added.
    pub async fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Reply {
        let reply = self.try_request(method, path, headers, body).await;
        reply.unwrap_or_else(|| panic!("{method} {path}: no answer"))
    }

    /// The same, on a connection that may have been closed: then there is no answer.
    pub async fn try_request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Option<Reply> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n");
        for (name, value) in headers {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        if !body.is_empty() || matches!(method, "POST" | "PUT" | "PATCH") {
            write!(head, "Content-Length: {}\r\n", body.len()).unwrap();
        }
        head.push_str("\r\n");
        self.send(&[head.as_bytes(), body].concat()).await;
        if method == "HEAD" {
            self.head().await
        } else {
            self.reply().await
        }
    }

    /// Sends bytes and reads one answer. `None`: the connection was closed without one.
    pub async fn raw(&mut self, bytes: &[u8]) -> Option<Reply> {
        self.send(bytes).await;
        self.reply().await
    }

    /// Sends bytes, as far as the other side takes them: who refuses early may have closed its side.
    pub async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.ok();
        self.stream.flush().await.ok();
    }

    /// Says that nothing more is coming; answers can still be read.
    pub async fn finish(&mut self) {
        self.stream.shutdown().await.ok();
    }

    /// Reads one answer.
    pub async fn reply(&mut self) -> Option<Reply> {
        soon("an answer", self.answer(true)).await
    }

    /// Reads one answer without a body, whatever length it speaks of.
    pub async fn head(&mut self) -> Option<Reply> {
        soon("an answer", self.answer(false)).await
    }

    async fn answer(&mut self, with_body: bool) -> Option<Reply> {
        let end = loop {
            if let Some(end) = self
                .unread
                .windows(4)
                .position(|window| window == b"\r\n\r\n")
            {
                break end;
            }
            self.more().await?;
        };
        let head = String::from_utf8_lossy(&self.unread[..end]).into_owned();
        self.unread.drain(..end + 4);
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers: Vec<_> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let mut reply = Reply {
            status,
            headers,
            body: Vec::new(),
        };
        let length = match reply.header("content-length") {
            _ if !with_body => 0,
            Some(length) => length.parse().ok()?,
            None if matches!(status, 100..200 | 204 | 304) => 0,
            None if reply.header("transfer-encoding").is_some() => {
                // What may never end is read piece by piece, by whoever asked for it.
                if reply.header("content-type") != Some("text/event-stream") {
                    while let Some(chunk) = self.chunk().await? {
                        reply.body.extend(chunk);
                    }
                }
                return Some(reply);
            }
            None => usize::MAX,
        };
        while self.unread.len() < length {
            if self.more().await.is_none() {
                break;
            }
        }
        reply.body = self.unread.drain(..length.min(self.unread.len())).collect();
        Some(reply)
    }

    /// Reads one piece of a chunked answer; nothing at its end. `None`: the connection was closed before.
    pub async fn chunk(&mut self) -> Option<Option<Vec<u8>>> {
        let end = loop {
            if let Some(end) = self.unread.windows(2).position(|two| two == b"\r\n") {
                break end;
            }
            self.more().await?;
        };
        let size = std::str::from_utf8(&self.unread[..end]).ok()?;
        let size = usize::from_str_radix(size, 16).ok()?;
        let whole = end + 2 + size + 2;
        while self.unread.len() < whole {
            self.more().await?;
        }
        let chunk = self.unread[end + 2..end + 2 + size].to_vec();
        self.unread.drain(..whole);
        Some(Some(chunk).filter(|chunk| !chunk.is_empty()))
    }

    /// Whether the other side has closed the connection, waiting for that if need be.
    pub async fn is_closed(&mut self) -> bool {
        soon("the connection's end", async {
            while self.more().await.is_some() {}
        })
        .await;
        true
    }

    async fn more(&mut self) -> Option<()> {
        let mut buffer = vec![0; 16 * 1024];
        match self.stream.read(&mut buffer).await {
            Ok(read) if read > 0 => {
                self.unread.extend_from_slice(&buffer[..read]);
                Some(())
            }
            _ => None,
        }
    }
}

/// The value of a Basic authorization.
pub fn basic(account: &str, key: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{account}:{key}")))
}
