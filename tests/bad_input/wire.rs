//! Requests byte by byte: heads that are none, lengths that lie, and two requests where there should be one.
//!
//! Sources: RFC 9112, sections 3 (request line), 5 (fields), 6 (length), 7 (chunks), 9.3.2 (pipelining).

use super::{Party, gateway, is_refused, status_of};

const HOST: &str = "Host: localhost\r\n";

/// Heads and what is answered; `None`: nothing, the connection just ends.
#[rustfmt::skip]
const HEADS: &[(&str, &[u8], Option<u16>)] = &[
    ("a right one", b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n", Some(200)),
    ("HTTP/1.0", b"GET /readyz HTTP/1.0\r\n\r\n", Some(200)),
    ("the absolute form", b"GET https://localhost/readyz HTTP/1.1\r\nHost: localhost\r\n\r\n", Some(200)),
    ("an empty line before", b"\r\nGET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n", Some(200)),
    // Request lines.
    ("HTTP/0.9", b"GET /readyz\r\n\r\n", Some(400)),
    ("HTTP/1.2", b"GET /readyz HTTP/1.2\r\nHost: localhost\r\n\r\n", Some(400)),
    ("HTTP/2.0", b"GET /readyz HTTP/2.0\r\nHost: localhost\r\n\r\n", Some(400)),
    ("HTTP/11", b"GET /readyz HTTP/11\r\nHost: localhost\r\n\r\n", Some(400)),
    ("http/1.1", b"GET /readyz http/1.1\r\nHost: localhost\r\n\r\n", Some(400)),
    ("another protocol", b"GET /readyz ICAP/1.0\r\nHost: localhost\r\n\r\n", Some(400)),
    ("no path", b"GET  HTTP/1.1\r\nHost: localhost\r\n\r\n", Some(400)),
    ("no method", b" /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n", Some(400)),
    ("a method that is no token", b"G<T /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n", Some(400)),
    ("a space in the path", b"GET /ready z HTTP/1.1\r\nHost: localhost\r\n\r\n", Some(400)),
    ("a tab for a space", b"GET\t/readyz\tHTTP/1.1\r\nHost: localhost\r\n\r\n", Some(400)),
    ("a relative path", b"GET readyz HTTP/1.1\r\nHost: localhost\r\n\r\n", Some(404)),
    ("a NUL in the path", b"GET /ready\0z HTTP/1.1\r\nHost: localhost\r\n\r\n", Some(400)),
    ("a DEL in the path", b"GET /ready\x7fz HTTP/1.1\r\nHost: localhost\r\n\r\n", Some(400)),
    ("TLS in TLS", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03 \r\n\r\n", Some(400)),
    ("nothing but NULs", &[0; 64], Some(400)),
    ("the asterisk", b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", Some(404)),
    ("CONNECT", b"CONNECT localhost:22 HTTP/1.1\r\nHost: localhost:22\r\n\r\n", Some(404)),
    ("CONNECT to a path", b"CONNECT /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n", Some(405)),
    ("TRACE", b"TRACE /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n", Some(405)),
    // Fields.
    ("no host", b"GET /readyz HTTP/1.1\r\n\r\n", Some(400)),
    ("two hosts", b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", Some(400)),
    ("a host that is none", b"GET /readyz HTTP/1.1\r\nHost: local host/x\r\n\r\n", Some(400)),
    ("a space before the colon", b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nA : b\r\n\r\n", Some(400)),
    ("a space before the name", b"GET /readyz HTTP/1.1\r\n Host: localhost\r\n\r\n", Some(400)),
    ("a folded line", b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nA: b\r\n c\r\n\r\n", Some(400)),
    ("no colon", b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nA\r\n\r\n", Some(400)),
    ("no name", b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n: b\r\n\r\n", Some(400)),
    ("a name that is no token", b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nA(b): c\r\n\r\n", Some(400)),
    ("a name that is not ASCII", b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\xc3\xa9: c\r\n\r\n", Some(400)),
    ("a NUL in a value", b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nA: b\0c\r\n\r\n", Some(400)),
    ("a lone CR in a value", b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nA: b\rc\r\n\r\n", Some(400)),
    ("bytes beyond ASCII in a value", b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nA: \xff\xfe\r\n\r\n", Some(200)),
    ("an upgrade to what is not spoken", b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", Some(200)),
];

/// Lengths of a body that cannot be believed.
const LENGTHS: [&str; 19] = [
    "Content-Length: -1",
    "Content-Length: +2",
    "Content-Length: 0x2",
    "Content-Length: 2 2",
    "Content-Length: 2,3",
    "Content-Length: 2.0",
    "Content-Length: two",
    "Content-Length:",
    "Content-Length: 18446744073709551616",
    "Content-Length: 99999999999999999999999999",
    "Content-Length: 2\r\nContent-Length: 3",
    "Content-Length: 2\r\nContent-Length: -2",
    "Transfer-Encoding: identity",
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding: chunked, identity",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    "Transfer-Encoding:",
    "Transfer-Encoding: chunked;q=1",
    "Transfer-Encoding: gzip",
];

#[tokio::test]
async fn a_head_is_a_head_or_the_connection_ends() {
    let mut wrong = Vec::new();
    for (what, head, status) in HEADS {
        let mut https = gateway().https().await;
        let reply = https.raw(head).await;
        let got = reply.as_ref().map(|reply| reply.status);
        if got != *status {
            wrong.push((what, status, got));
        }
        let by_api = reply.is_some_and(|reply| reply.header("x-request-id").is_some());
        if *status == Some(400) && !by_api {
            assert!(https.is_closed().await, "{what}");
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    Party::new("heads").await.is_unharmed().await;
}

#[tokio::test]
async fn a_head_that_is_too_large_is_told_so() {
    let party = Party::new("large-heads").await;
    let long = "x".repeat(20 * 1024);
    let many = "A: b\r\n".repeat(70);
    let wide: Vec<_> = (0..60)
        .map(|n| format!("A{n}: {}\r\n", "b".repeat(400)))
        .collect();
    let wide = wide.concat();
    for (what, head) in [
        (
            "a long value",
            format!("GET /readyz HTTP/1.1\r\n{HOST}A: {long}\r\n\r\n"),
        ),
        (
            "a long name",
            format!("GET /readyz HTTP/1.1\r\n{HOST}{long}: b\r\n\r\n"),
        ),
        ("a long path", format!("GET /{long} HTTP/1.1\r\n{HOST}\r\n")),
        (
            "a long query",
            format!("GET /readyz?{long} HTTP/1.1\r\n{HOST}\r\n"),
        ),
        (
            "a long method",
            format!("{long} /readyz HTTP/1.1\r\n{HOST}\r\n"),
        ),
        (
            "many fields",
            format!("GET /readyz HTTP/1.1\r\n{HOST}{many}\r\n"),
        ),
        (
            "wide fields",
            format!("GET /readyz HTTP/1.1\r\n{HOST}{wide}\r\n"),
        ),
        ("no end", format!("GET /readyz HTTP/1.1\r\n{HOST}A: {long}")),
    ] {
        assert_eq!(
            status_of(party.gateway, head.as_bytes()).await,
            Some(431),
            "{what}"
        );
    }
    party.is_unharmed().await;
}

#[tokio::test]
async fn a_length_that_cannot_be_believed_ends_the_connection() {
    let party = Party::new("lengths").await;
    let path = party.path("/api/v1/domain/ACCOUNT");
    for length in LENGTHS {
        let request = format!(
            "POST {path} HTTP/1.1\r\n{HOST}{length}\r\n\r\n{{}}GET /readyz HTTP/1.1\r\n{HOST}\r\n"
        );
        let mut https = party.gateway.https().await;
        let reply = https.raw(request.as_bytes()).await;
        assert_eq!(reply.map(|reply| reply.status), Some(400), "{length}");
        assert!(https.reply().await.is_none(), "{length}: a second answer");
    }
    let request =
        format!("POST {path} HTTP/1.0\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    assert_eq!(
        status_of(party.gateway, request.as_bytes()).await,
        Some(400)
    );
    party.is_unharmed().await;
}

#[tokio::test]
async fn chunks_that_are_none_are_a_bad_request() {
    let party = Party::new("chunks").await;
    let path = party.path("/api/v1/domain/ACCOUNT");
    let head = format!("POST {path} HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n");
    let extension = format!("2;{}\r\n{{}}\r\n0\r\n\r\n", "x".repeat(40_000));
    let trailers = format!("2\r\n{{}}\r\n0\r\n{}\r\n", "A: b\r\n".repeat(5_000));
    for body in [
        "zz\r\n{}\r\n0\r\n\r\n",
        "-2\r\n{}\r\n0\r\n\r\n",
        "0x2\r\n{}\r\n0\r\n\r\n",
        " 2\r\n{}\r\n0\r\n\r\n",
        "2\r\n{}0\r\n\r\n",
        "2\r\n{}}\r\n0\r\n\r\n",
        "2\n{}\n0\n\n",
        "FFFFFFFFFFFFFFFFF\r\n{}\r\n0\r\n\r\n",
        "FFFFFFFFFFFFFFFE\r\n{}\r\n0\r\n\r\nxxxx",
        &extension,
        &trailers,
    ] {
        let mut https = party.gateway.https().await;
        https.send(format!("{head}{body}").as_bytes()).await;
        https.finish().await;
        let reply = https.reply().await.unwrap();
        is_refused(&format!("{body:.40}"), &reply, 400);
    }
    party.is_unharmed().await;
}

#[tokio::test]
async fn a_request_that_hides_another_is_answered_once() {
    let party = Party::new("smuggling").await;
    let path = party.path("/api/v1/domain/ACCOUNT");
    let hidden = format!("GET /readyz HTTP/1.1\r\n{HOST}\r\n");
    let (length, chunked) = ("Content-Length", "Transfer-Encoding: chunked");
    for head in [
        format!("{length}: {}\r\n{chunked}", hidden.len() + 5),
        format!("{chunked}\r\n{length}: {}", hidden.len() + 5),
        format!("{length}: 5\r\n{chunked}"),
        format!("{chunked}\r\n{length}: 0"),
        format!(
            "{length}: {}\r\nTransfer-Encoding : chunked",
            hidden.len() + 5
        ),
        format!(
            "{length}: {}\r\nTransfer-Encoding:\x0bchunked",
            hidden.len() + 5
        ),
        format!("{length}: 3\r\n{length}: {}", hidden.len()),
    ] {
        let request = format!("POST {path} HTTP/1.1\r\n{HOST}{head}\r\n\r\n0\r\n\r\n{hidden}");
        let mut https = party.gateway.https().await;
        let first = https.raw(request.as_bytes()).await.unwrap();
        assert!([200, 400].contains(&first.status), "{head}: {first:?}");
        let second = https.reply().await;
        assert!(second.is_none(), "{head}: {second:?}");
    }
    party.is_unharmed().await;
}

#[tokio::test]
async fn requests_one_after_the_other_are_answered_in_their_order() {
    let party = Party::new("pipelines").await;
    let path = party.path("/api/v1/domain/ACCOUNT");
    let requests = [
        (format!("GET /readyz HTTP/1.1\r\n{HOST}\r\n"), 200),
        (
            format!("POST {path} HTTP/1.1\r\n{HOST}Content-Length: 2\r\n\r\n{{}}"),
            200,
        ),
        (
            format!(
                "POST {path} HTTP/1.1\r\n{HOST}Content-Length: 2\r\nContent-Length: 2\r\n\r\n{{}}"
            ),
            200,
        ),
        (
            format!(
                "POST {path} HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n2;a=b\r\n[]\r\n0\r\n\r\n"
            ),
            400,
        ),
        (format!("GET /nothing HTTP/1.1\r\n{HOST}\r\n"), 404),
    ];
    let mut https = party.gateway.https().await;
    let all: String = requests
        .iter()
        .map(|(request, _)| request.as_str())
        .collect();
    https.send(all.as_bytes()).await;
    for (request, status) in &requests {
        let reply = https.reply().await.unwrap();
        assert_eq!(reply.status, *status, "{request}");
    }
    party.is_unharmed().await;
}
