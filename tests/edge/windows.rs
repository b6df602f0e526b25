//! HTTP/2 clients that keep answers waiting, frame by frame.
//!
//! Source: RFC 9113; numbers of frames and settings as given there.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use testkit::{Gateway, Https};
use tokio::io::AsyncReadExt as _;

use super::fresh;

const CONFIG: &str = r#"
[http]
header-timeout = "2s"
body-timeout = "1s"
idle-timeout = "1s"
request-timeout = "2s"
stall-timeout = "30s"
"#;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const ACK: u8 = 1;
const END_STREAM_AND_HEADERS: u8 = 5;

/// A frame: what, flags, stream, payload.
type Frame = (u8, u8, u32, Vec<u8>);

struct Http2 {
    https: Https,
    /// Bytes of answers that came.
    data: usize,
    answers: usize,
    leaving: bool,
    /// The ping that goes with GOAWAY was seen, and passed over.
    kept_waiting: bool,
}

impl Http2 {
    /// Connects, and lets each answer have `window` bytes.
    async fn connect(gateway: &Gateway, window: u32) -> Self {
        let mut tls = (*gateway.tls).clone();
        tls.alpn_protocols = vec![b"h2".to_vec()];
        let mut https = Https::connect(gateway.port(), &Arc::new(tls)).await;
        https.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
        let mut client = Self {
            https,
            data: 0,
            answers: 0,
            leaving: false,
            kept_waiting: false,
        };
        let initial_window_size = [&[0, 4][..], &window.to_be_bytes()].concat();
        client.send(SETTINGS, 0, 0, &initial_window_size).await;
        client
    }

    async fn send(&mut self, what: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let head = [&length[1..], &[what, flags], &stream.to_be_bytes()].concat();
        self.https.send(&[&head, payload].concat()).await;
    }

    async fn ask(&mut self, method: &str, path: &str, stream: u32) {
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
    async fn live(&mut self) -> bool {
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
    async fn borne(&mut self) -> Duration {
        let began = Instant::now();
        let ended = tokio::time::timeout(Duration::from_secs(12), async {
            while self.live().await {}
        });
        assert!(ended.await.is_ok(), "the connection has no end");
        began.elapsed()
    }
}

#[tokio::test]
async fn an_answer_that_is_not_taken_is_given_up() {
    let gateway = fresh(CONFIG);
    let (none, one) = tokio::join!(pins(&gateway, 0), pins(&gateway, 1));
    // Not before its time, which neither pings nor the idle timeout change.
    for borne in [none, one] {
        assert!(borne >= Duration::from_millis(1900), "{borne:?}");
    }
    assert_eq!(gateway.as_root("GET", "/readyz", None).await.status, 200);
}

/// Asks, and takes no more than `window` bytes.
async fn pins(gateway: &Gateway, window: u32) -> Duration {
    let mut client = Http2::connect(gateway, window).await;
    client.ask("GET", "/api/v1/context", 1).await;
    let borne = client.borne().await;
    assert_eq!((client.answers, client.data), (1, window as usize));
    borne
}

#[tokio::test]
async fn other_requests_do_not_keep_it_waiting_longer() {
    let gateway = fresh(CONFIG);
    let mut client = Http2::connect(&gateway, 1).await;
    client.ask("GET", "/api/v1/context", 1).await;
    let mut stream = 1;
    let busy = async {
        loop {
            let waited = tokio::time::timeout(Duration::from_millis(200), client.live()).await;
            match waited {
                Ok(true) => {}
                Ok(false) => break,
                Err(_) => {
                    stream += 2;
                    client.ask("HEAD", "/api/v1/context", stream).await;
                }
            }
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(12), busy).await;
    assert!(ended.is_ok(), "the connection has no end");
    assert!(client.answers > 3, "{}", client.answers);
}

#[tokio::test]
async fn a_client_that_does_not_let_go_is_left() {
    let gateway = fresh(CONFIG);
    let mut client = Http2::connect(&gateway, 65_535).await;
    client.ask("GET", "/api/v1/context", 1).await;
    let borne = client.borne().await;
    assert!(client.data > 1 && client.leaving && client.kept_waiting);
    assert!(borne >= Duration::from_millis(2900), "{borne:?}");
}
