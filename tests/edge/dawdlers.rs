//! Whoever dawdles on HTTP/2: with the preface, with a frame, with a head in many frames, with the next request.
//!
//! Source: RFC 9113, sections 3.4, 4.3 and 6.10.

use std::time::Duration;

use testkit::Gateway;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, timeout};

use super::frames::{HEADERS, Http2, PREFACE};
use super::fresh;

const CONFIG: &str = r#"
[http]
header-timeout = "1s"
body-timeout = "1s"
idle-timeout = "1s"
request-timeout = "1s"
stall-timeout = "1h"
"#;
/// Longer than any of these and what may follow them, and a good deal shorter than what they are by default.
const SOON: Duration = Duration::from_secs(8);
const CONTINUATION: u8 = 9;
/// The beginning of a head: the method.
const GET: &[u8] = &[0x82];
/// A field that is not indexed: a name and a value of one letter each.
const FIELD: &[u8] = &[0, 1, b'a', 1, b'b'];

#[tokio::test]
async fn a_head_that_does_not_come_over_http2_is_not_waited_for() {
    let gateway = fresh(CONFIG);
    tokio::join!(
        silent(&gateway, b""),
        silent(&gateway, &PREFACE[..10]),
        half_a_frame(&gateway),
        half_a_head(&gateway),
        a_head_that_drips(&gateway),
    );
    assert_eq!(gateway.as_root("GET", "/readyz", None).await.status, 200);
    let log = gateway.log();
    assert!(
        !log.contains(" ERROR ") && !log.contains("panicked"),
        "{log}"
    );
}

async fn silent(gateway: &Gateway, said: &[u8]) {
    let mut client = Http2::silent(gateway).await;
    client.https.send(said).await;
    client.is_left(said).await;
}

async fn half_a_frame(gateway: &Gateway) {
    let mut client = Http2::connect(gateway, 65_535).await;
    client
        .https
        .send(&[0, 0, 99, HEADERS, 5, 0, 0, 0, 1, GET[0]])
        .await;
    client.is_left("half a frame").await;
}

async fn half_a_head(gateway: &Gateway) {
    let mut client = Http2::connect(gateway, 65_535).await;
    client.send(HEADERS, 0, 1, GET).await;
    client.is_left("half a head").await;
}

async fn a_head_that_drips(gateway: &Gateway) {
    let mut client = Http2::connect(gateway, 65_535).await;
    client.send(HEADERS, 0, 1, GET).await;
    let length = u8::try_from(FIELD.len()).unwrap();
    let drop = [&[0, 0, length, CONTINUATION, 0, 0, 0, 0, 1], FIELD].concat();
    let (mut reading, mut writing) = tokio::io::split(client.https.stream);
    let dripping = async {
        while writing.write_all(&drop).await.is_ok() && writing.flush().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let ended = async {
        let mut answer = Vec::new();
        // Closed or reset, it ends.
        reading.read_to_end(&mut answer).await.ok();
    };
    let left = timeout(SOON, async {
        tokio::select! { () = dripping => {}, () = ended => {} }
    });
    assert!(left.await.is_ok(), "a head that drips has no end");
}

impl Http2 {
    /// Waits for the connection's end, and does nothing for it.
    async fn is_left(&mut self, what: impl std::fmt::Debug) {
        let left = timeout(SOON, self.https.is_closed()).await;
        assert!(left.is_ok(), "{what:?} has no end");
    }
}

#[tokio::test]
async fn an_http2_connection_without_requests_is_asked_to_end_though_it_answers_pings() {
    let gateway = fresh(CONFIG);
    let (mut unused, mut used) = tokio::join!(
        Http2::connect(&gateway, 65_535),
        Http2::connect(&gateway, 65_535)
    );
    let using = async {
        let began = Instant::now();
        for stream in [1, 3, 5] {
            used.ask("HEAD", "/healthz", stream).await;
            while used.answers < usize::try_from(stream.div_ceil(2)).unwrap() {
                assert!(used.live().await, "it is in use");
            }
            tokio::time::sleep(Duration::from_millis(600)).await;
        }
        used.borne().await;
        began.elapsed()
    };
    let (unused_for, used_for) = tokio::join!(unused.borne(), using);
    assert!(unused.leaving && used.leaving, "each is told so");
    let (idle, pauses) = (Duration::from_millis(900), Duration::from_millis(1200));
    assert!(unused_for >= idle, "{unused_for:?}");
    assert!(used_for >= pauses + idle, "{used_for:?}");
    assert!(unused_for < SOON && used_for < SOON);
}
