//! HTTP/2 clients that keep answers waiting.
//!
//! Source: RFC 9113, section 5.2.

use std::time::Duration;

use testkit::Gateway;

use super::frames::Http2;
use super::fresh;

const CONFIG: &str = r#"
[http]
header-timeout = "2s"
body-timeout = "1s"
idle-timeout = "1s"
request-timeout = "2s"
stall-timeout = "30s"
"#;

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
