//! Who dawdles: each wait has an end.

use std::net::TcpListener;
use std::time::Duration;

use meldgate::clock::Clock;
use testkit::{Auth, Gateway, Https, Socket, basic, soon};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::fresh;

const CONFIG: &str = r#"
[tls]
handshake-timeout = "500ms"
[http]
header-timeout = "500ms"
body-timeout = "500ms"
idle-timeout = "800ms"
request-timeout = "5s"
[sockets]
connect-timeout = "500ms"
"#;
/// Longer than each of them, and a good deal shorter than what they are where nobody sets them.
const SOON: Duration = Duration::from_secs(6);

async fn in_time<T>(what: &str, awaited: impl Future<Output = T>) -> T {
    let ended = tokio::time::timeout(SOON, awaited).await;
    ended.unwrap_or_else(|_| panic!("{what} has no end"))
}

/// Sends bytes one by one until the other side has enough.
async fn dribble(https: &mut Https, bytes: &[u8]) {
    for byte in bytes.iter().cycle() {
        if https.stream.write_all(&[*byte]).await.is_err() {
            return;
        }
        let sent = https.stream.flush().await;
        let closed = tokio::time::timeout(Duration::from_millis(30), https.stream.read_u8()).await;
        if sent.is_err() || closed.is_ok() {
            return;
        }
    }
}

#[tokio::test]
async fn what_does_not_come_is_not_waited_for() {
    let gateway = fresh(CONFIG);
    gateway.mint("slow").await;
    tokio::join!(
        heads(&gateway),
        bodies(&gateway),
        idle(&gateway),
        handshakes(&gateway),
        sockets(&gateway),
    );
    assert_eq!(gateway.as_root("GET", "/readyz", None).await.status, 200);
    let log = gateway.log();
    assert!(
        !log.contains(" ERROR ") && !log.contains("panicked"),
        "{log}"
    );
}

async fn heads(gateway: &Gateway) {
    let mut half = gateway.https().await;
    half.send(b"GET /healthz HTTP/1.1\r\nHost: local").await;
    let mut second = gateway.https().await;
    assert_eq!(second.json("GET", "/healthz", None, None).await.status, 200);
    second.send(b"GET /healthz HTT").await;
    in_time("half a head", half.is_closed()).await;
    in_time("half a second head", second.is_closed()).await;
    let mut slow = gateway.https().await;
    slow.send(b"GET /healthz HTTP/1.1\r\nA: ").await;
    in_time("a head that drips", dribble(&mut slow, b"b")).await;
}

async fn bodies(gateway: &Gateway) {
    let key = basic("root", &gateway.ready.root_key);
    for (method, path) in [
        ("PATCH", "/api/v1/user/slow"),
        ("PUT", "/api/v1/domain/slow/todo"),
    ] {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {key}\r\nContent-Length: 99\r\n\r\n{{"
        );
        let mut half = gateway.https().await;
        let reply = in_time("half a body", half.raw(head.as_bytes()))
            .await
            .unwrap();
        assert_eq!(
            (reply.status, reply.value()["code"].as_str()),
            (408, Some("RequestTimeout"))
        );
        in_time("a connection with half a body", half.is_closed()).await;
    }
    let mut slow = gateway.https().await;
    slow.send(b"POST /api/v1/user/new/activation HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n\r\n").await;
    in_time("a body that drips", dribble(&mut slow, b" ")).await;
}

async fn idle(gateway: &Gateway) {
    let mut unused = gateway.https().await;
    let mut https = gateway.https().await;
    for _ in 0..4 {
        assert_eq!(https.json("GET", "/healthz", None, None).await.status, 200);
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    in_time("an idle connection", https.is_closed()).await;
    in_time("an unused connection", unused.is_closed()).await;
}

async fn handshakes(gateway: &Gateway) {
    for said in [
        b"".as_slice(),
        b"\x16\x03\x01\x02",
        b"GET / HTTP/1.1\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(("127.0.0.1", gateway.port()))
            .await
            .unwrap();
        stream.write_all(said).await.unwrap();
        let mut answer = Vec::new();
        // Closed or reset, it ends.
        in_time("a handshake", stream.read_to_end(&mut answer))
            .await
            .ok();
        assert!(!answer.starts_with(b"HTTP"), "{said:?}");
    }
}

async fn sockets(gateway: &Gateway) {
    let domain = "ckzz0abcdefgh0123456789ab.slow.gw.local";
    let mut silent = Socket::open(gateway, "silent", domain).await;
    let root = Auth::Key("root".into(), gateway.ready.root_key.clone());
    let mut joined = Socket::join(gateway, "joined", domain, &root)
        .await
        .unwrap();
    in_time("a socket that does not say who it is", silent.ended()).await;
    // One that has said so may be silent for as long as it likes.
    let (clock, began) = (Clock::system(), Clock::system().now());
    soon("some time", async {
        while clock.now().since(began) < Duration::from_secs(2) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    joined.present(true).await;
    joined.presence_becomes(&["joined"]).await;
}

#[tokio::test]
async fn the_plain_port_does_nothing_but_point_to_the_other() {
    // An address that nobody else here uses, so that the port stays free.
    let address = TcpListener::bind("127.0.0.2:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let gateway = fresh(&format!("[listen]\nredirect = [\"{address}\"]\n{CONFIG}"));
    let origin = &gateway.ready.origin;
    for (request, status, location) in [
        (
            "GET /a/b?c=d HTTP/1.1\r\nHost: any\r\n\r\n",
            "308",
            Some("/a/b?c=d"),
        ),
        ("HEAD / HTTP/1.1\r\nHost: any\r\n\r\n", "308", Some("/")),
        (
            "GET //evil.example HTTP/1.1\r\nHost: any\r\n\r\n",
            "308",
            Some("//evil.example"),
        ),
        (
            "GET http://evil.example/x HTTP/1.1\r\nHost: evil.example\r\n\r\n",
            "308",
            Some("/x"),
        ),
        (
            "POST /api/v1/user/a/key HTTP/1.1\r\nHost: any\r\nContent-Length: 0\r\n\r\n",
            "403",
            None,
        ),
        ("GET / HTTP/9\r\n\r\n", "400", None),
        ("\x16\x03\x01\x02\r\n\r\n", "400", None),
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let read = stream.read_to_string(&mut answer);
        in_time("the answer", read).await.unwrap();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{request}: {answer}"
        );
        let expected = location.map(|path| format!("{origin}{path}"));
        let found = answer
            .lines()
            .find_map(|line| line.strip_prefix("location: "));
        assert_eq!(found, expected.as_deref(), "{request}");
        assert!(
            !answer.to_lowercase().contains("strict-transport-security"),
            "{answer}"
        );
    }
    let mut silent = TcpStream::connect(address).await.unwrap();
    in_time("a silent connection", silent.read_to_end(&mut Vec::new()))
        .await
        .ok();
}
