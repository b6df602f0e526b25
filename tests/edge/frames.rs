//! An HTTP/2 client, frame by frame.
//!
//! Source: RFC 9113; numbers of frames and settings as given there.

use std::sync::Arc;
use std::time::Duration;

use testkit::{Gateway, Https};
use tokio::io::AsyncReadExt as _;
use tokio::time::Instant;

/// What a client says first.
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const ACK: u8 = 1;
const END_STREAM_AND_HEADERS: u8 = 5;

/// A frame: what, flags, stream, payload.
type Frame = (u8, u8, u32, Vec<u8>);

/// A client that does what is asked of it, and answers what has to be answered.
pub(super) struct Http2 {
    pub(super) https: Https,
    /// Bytes of answers that came.
    pub(super) data: usize,
    /// Answers that began.
    pub(super) answers: usize,
    /// The other side has said that it will end the connection.
    pub(super) leaving: bool,
    /// The ping that goes with GOAWAY was seen, and passed over.
    pub(super) kept_waiting: bool,
}

impl Http2 {
    /// Connects, and says nothing yet.
    pub(super) async fn silent(gateway: &Gateway) -> Self {
        let mut tls = (*gateway.tls).clone();
        tls.alpn_protocols = vec![b"h2".to_vec()];
        Self {
            https: Https::connect(gateway.port(), &Arc::new(tls)).await,
            data: 0,
            answers: 0,
            leaving: false,
            kept_waiting: false,
        }
    }

    /// Connects, and lets each answer have `window` bytes.
    pub(super) async fn connect(gateway: &Gateway, window: u32) -> Self {
        let mut client = Self::silent(gateway).await;
        client.https.send(PREFACE).await;
        let initial_window_size = [&[0, 4][..], &window.to_be_bytes()].concat();
        client.send(SETTINGS, 0, 0, &initial_window_size).await;
        client
    }

    pub(super) async fn send(&mut self, what: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let head = [&length[1..], &[what, flags], &stream.to_be_bytes()].concat();
        self.https.send(&[&head, payload].concat()).await;
    }

    pub(super) async fn ask(&mut self, method: &str, path: &str, stream: u32) {
        // HPACK, static names, nothing indexed: method, scheme https, path, authority.
        let mut block = vec![0x87];
        for (name, value) in [(2, method), (4, path), (1, "localhost")] {
            block.extend([name, u8::try_from(value.len()).unwrap()]);
            block.extend(value.as_bytes());
        }
        self.send(HEADERS, END_STREAM_AND_HEADERS, stream, &block)
            .await;
    }

    async fn frame(&mut self) -> Option<Frame> {
        let stream = &mut self.https.stream;
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        stream.read_exact(&mut payload).await.ok()?;
        let number = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        Some((head[3], head[4], number, payload))
    }

    /// Takes a frame, and answers what has to be answered for the connection to be alive. False: it has ended.
    pub(super) async fn live(&mut self) -> bool {
        let Some((what, flags, _, payload)) = self.frame().await else {
            return false;
        };
        match what {
            DATA => self.data += payload.len(),
            HEADERS => self.answers += 1,
            SETTINGS if flags & ACK == 0 => self.send(SETTINGS, ACK, 0, &[]).await,
            PING if flags & ACK == 0 && self.leaving && !self.kept_waiting => {
                self.kept_waiting = true;
            }
            PING if flags & ACK == 0 => self.send(PING, ACK, 0, &payload).await,
            GOAWAY => self.leaving = true,
            _ => {}
        }
        true
    }

    /// How long the other side bears with us.
    pub(super) async fn borne(&mut self) -> Duration {
        let began = Instant::now();
        let ended = tokio::time::timeout(Duration::from_secs(12), async {
            while self.live().await {}
        });
        assert!(ended.await.is_ok(), "the connection has no end");
        began.elapsed()
    }
}
