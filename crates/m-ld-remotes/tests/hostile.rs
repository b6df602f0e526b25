//! Servers that mean harm, or do not know what they do.

use std::time::Duration;

use m_ld_remotes::socket::{Event, Limits, Lost, Options};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;

use crate::server::{OPEN, Server, client, connected, event, lost, soon};

#[tokio::test]
async fn what_is_no_packet_ends_the_connection_and_no_more() {
    let server = Server::start().await;
    let (_client, mut events) = client(server.options());
    let nested = format!("42{}", "[".repeat(10_000));
    let texts = [
        "",
        "x",
        "4",
        "42",
        "42{}",
        "42[1]",
        "49[]",
        "4599-[\"a\"]",
        "40{}",
        "44{}",
        "42/other,[\"a\"]",
        "42[\"a\",{\"_placeholder\":true,\"num\":5}]",
        &nested,
    ];
    for text in texts {
        let mut peer = server.welcomed().await;
        connected(&mut events).await;
        peer.shout(Message::text(text)).await;
        let lost = lost(&mut events).await;
        assert!(matches!(lost, Lost::Malformed(_)), "{text}: {lost:?}");
    }
    let mut peer = server.welcomed().await;
    connected(&mut events).await;
    peer.shout(Message::binary(vec![1])).await;
    assert!(matches!(lost(&mut events).await, Lost::Malformed(_)));
}

#[tokio::test]
async fn what_is_too_large_is_not_taken_in() {
    let server = Server::start().await;
    let (_client, mut events) = client(Options {
        limits: Limits {
            message: 10_000,
            ..Limits::default()
        },
        ..server.options()
    });
    let large = "a".repeat(20_000);
    for message in [
        Message::text(large.clone()),
        Message::binary(large.into_bytes()),
    ] {
        let mut peer = server.welcomed().await;
        connected(&mut events).await;
        peer.shout(message).await;
        assert!(matches!(lost(&mut events).await, Lost::Ended(_)));
    }
}

#[tokio::test]
async fn a_server_is_read_no_further_than_the_embedder_takes() {
    let server = Server::start().await;
    let (_client, mut events) = client(Options {
        limits: Limits {
            message: 100_000,
            unread: 200_000,
            ..Limits::default()
        },
        ..server.options()
    });
    let mut peer = server.welcomed().await;
    connected(&mut events).await;
    let flood = tokio::spawn(async move {
        let mut sent = 0_u32;
        for _ in 0..2000 {
            let text = r#"451-["flood",{"_placeholder":true,"num":0}]"#;
            let attachment = Message::binary(vec![0; 90_000]);
            let both =
                async { peer.shout(Message::text(text)).await && peer.shout(attachment).await };
            if tokio::time::timeout(Duration::from_millis(500), both)
                .await
                .is_err()
            {
                return sent;
            }
            sent += 1;
        }
        sent
    });
    // All of it is 180 MB. What fits beside the 200 kB are the buffers of two sockets.
    let sent = flood.await.unwrap();
    assert!(
        sent < 500,
        "{sent} messages were taken in that nobody wanted"
    );
    let next = event(&mut events).await;
    assert!(
        matches!(&next, Event::Received { name, .. } if name == "flood"),
        "{next:?}"
    );
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Server::start().await;
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (_client, mut events) = client(Options {
        address: m_ld_remotes::socket::Address::parse(&address).unwrap(),
        connect_timeout: Duration::from_millis(50),
        ..server.options()
    });
    let next = event(&mut events).await;
    assert!(matches!(next, Event::Unreachable(_)), "{next:?}");
}

#[tokio::test]
async fn what_is_no_socket_io_server_is_not_taken_for_one() {
    let server = Server::start().await;
    let (_client, mut events) = client(server.options());
    for text in [
        "",
        "0",
        "0{}",
        "0[]",
        "1",
        r#"0{"pingInterval":"x","pingTimeout":1}"#,
    ] {
        let mut peer = server.upgraded().await;
        peer.shout(Message::text(text)).await;
        let next = event(&mut events).await;
        assert!(matches!(next, Event::Unreachable(_)), "{text}: {next:?}");
    }
    for text in ["", "42[\"early\"]", "41", "6", "4x"] {
        let mut peer = server.upgraded().await;
        peer.say(OPEN).await;
        peer.heard().await;
        peer.shout(Message::text(text)).await;
        let next = event(&mut events).await;
        assert!(matches!(next, Event::Unreachable(_)), "{text}: {next:?}");
    }
}

#[tokio::test]
async fn an_endless_answer_to_the_upgrade_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Server::start().await;
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (_client, mut events) = client(Options {
        address: m_ld_remotes::socket::Address::parse(&address).unwrap(),
        ..server.options()
    });
    let flood = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 1024];
        assert!(stream.read(&mut request).await.unwrap() > 0);
        stream
            .write_all(b"HTTP/1.1 101 Switching Protocols\r\n")
            .await
            .ok();
        let mut sent = 0_usize;
        let line = format!("X-Endless: {}\r\n", "x".repeat(1000));
        while stream.write_all(line.as_bytes()).await.is_ok() {
            sent += line.len();
            assert!(sent < 50_000_000, "it reads for ever");
        }
    });
    let next = event(&mut events).await;
    assert!(matches!(next, Event::Unreachable(_)), "{next:?}");
    soon(flood).await.unwrap();
}
