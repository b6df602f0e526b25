//! Bodies: what is no JSON, what is too much, what is called something else.

use super::{Party, is_refused};

/// Endpoints that read a body; whether root's key is needed.
const READERS: [(&str, &str, bool); 4] = [
    ("PATCH", "/api/v1/user/ACCOUNT", true),
    ("POST", "/api/v1/user/ACCOUNT/activation", false),
    ("POST", "/api/v1/domain/ACCOUNT", false),
    ("PUT", "/api/v1/domain/ACCOUNT/todo", true),
];

/// A body that each of them would take.
fn right(path: &str) -> &'static str {
    match path {
        path if path.ends_with("activation") => r#"{"email":"a@example.org"}"#,
        path if path.contains("/domain/") => r#"{"useSignatures":false}"#,
        _ => r#"{"@insert":{"naming":"uuid"}}"#,
    }
}

/// The beginning of a request.
fn head(party: &Party, method: &str, path: &str, by_root: bool) -> String {
    let root = by_root.then(|| party.root());
    let authorization = root.map(|root| format!("Authorization: {root}\r\n"));
    let authorization = authorization.unwrap_or_default();
    format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{authorization}")
}

async fn refuses(party: &Party, what: &str, headers: &[(&str, &str)], body: &[u8], status: u16) {
    for (method, path, by_root) in READERS {
        let authorization = by_root.then(|| party.root());
        let path = party.path(path);
        let reply = party
            .ask(method, &path, authorization.as_deref(), headers, body)
            .await;
        is_refused(&format!("{method} {path}: {what}"), &reply, status);
    }
}

#[tokio::test]
async fn what_is_no_json_is_a_bad_request() {
    let party = Party::new("no-json").await;
    let deep = |open: &str, close: &str| open.repeat(10_000) + &close.repeat(10_000);
    let within = deep("[", "]");
    let objects = deep(r#"{"a":"#, "}");
    let unclosed = "[".repeat(50_000);
    let number = format!(r#"{{"email":{}}}"#, "9".repeat(10_000));
    let bodies: [(&str, &[u8]); 26] = [
        ("an end too early", b"{"),
        ("an end within a member", br#"{"email":"#),
        ("an end within a text", br#"{"email":"a@exam"#),
        ("words", b"hello"),
        ("half a word", b"nul"),
        ("two values", b"{} {}"),
        ("a comma too many", br#"{"email":"a@example.org",}"#),
        ("single quotes", b"{'email':'a@example.org'}"),
        ("a comment", b"{/* */}"),
        ("a form", b"email=a%40example.org"),
        ("XML", b"<email>a@example.org</email>"),
        ("white space", b"   \n\t "),
        ("a byte order mark", b"\xef\xbb\xbf{}"),
        ("UTF-16", b"\xff\xfe{\0}\0"),
        (
            "a text that is not UTF-8",
            b"{\"email\":\"\xff\xfe@example.org\"}",
        ),
        ("a name that is not UTF-8", b"{\"\xc3\x28\":1}"),
        ("half a surrogate", br#"{"email":"\ud800@example.org"}"#),
        ("a control character", b"{\"email\":\"a\n@example.org\"}"),
        ("a NUL", b"{}\0"),
        ("a number out of range", br#"{"email":1e400}"#),
        ("a number of ten thousand digits", number.as_bytes()),
        ("not a number", br#"{"email":NaN}"#),
        ("arrays in arrays", within.as_bytes()),
        ("arrays that never end", unclosed.as_bytes()),
        ("objects in objects", objects.as_bytes()),
        ("a gzip header", b"\x1f\x8b\x08\0\0\0\0\0\0\0"),
    ];
    for (what, body) in bodies {
        refuses(&party, what, &[], body, 400).await;
    }
    party.is_unharmed().await;
}

#[tokio::test]
async fn json_of_another_kind_is_a_bad_request() {
    let party = Party::new("kinds").await;
    for body in [
        "null",
        "true",
        "1",
        "-0",
        r#""text""#,
        "[]",
        "[{}]",
        r#"["a@example.org"]"#,
        r#"{"":""}"#,
        r#"{"unknown":1}"#,
        r#"{"__proto__":{}}"#,
        r#"{"constructor":{"name":"x"}}"#,
        // The first of two, or the last? Readers differ, so it is neither (RFC 8259, section 4).
        r#"{"email":"a@example.org","email":"b@example.org"}"#,
        r#"{"useSignatures":false,"useSignatures":true}"#,
        r#"{"name":"one","name":"one"}"#,
        r#"{"@insert":{"naming":"any"},"@insert":{"naming":"any"}}"#,
        r#"{"@insert":{"naming":"any","naming":"uuid"}}"#,
    ] {
        refuses(&party, body, &[], body.as_bytes(), 400).await;
    }
    party.is_unharmed().await;
}

#[tokio::test]
async fn a_body_has_to_say_what_it_is() {
    let party = Party::new("types").await;
    let long = format!("application/{}", "x".repeat(2000));
    for headers in [
        &[("Content-Type", "text/plain")][..],
        &[("Content-Type", "application/x-www-form-urlencoded")],
        &[("Content-Type", "multipart/form-data; boundary=x")],
        &[("Content-Type", "application/jsonx")],
        &[("Content-Type", "application/xml, application/json")],
        &[("Content-Type", "json")],
        &[("Content-Type", "")],
        &[("Content-Type", ";")],
        &[("Content-Type", &long)],
        &[
            ("Content-Type", "application/json"),
            ("Content-Type", "text/plain"),
        ],
        &[
            ("Content-Type", "application/json"),
            ("Content-Encoding", "gzip"),
        ],
        &[
            ("Content-Type", "application/json"),
            ("Content-Encoding", "br, gzip"),
        ],
    ] {
        for (method, path, by_root) in READERS {
            let authorization = by_root.then(|| party.root());
            let path = party.path(path);
            let body = right(&path).as_bytes();
            let reply = party
                .ask(method, &path, authorization.as_deref(), headers, body)
                .await;
            is_refused(&format!("{method} {path}: {headers:?}"), &reply, 415);
        }
    }
    party.is_unharmed().await;
}

#[tokio::test]
async fn too_large_a_body_is_refused_however_it_is_sent() {
    let party = Party::new("sizes").await;
    let large = format!(r#"{{"email":"{}"}}"#, "a".repeat(70_000));
    refuses(&party, "a large body", &[], large.as_bytes(), 413).await;
    for (method, path, by_root) in READERS {
        let path = party.path(path);
        let head = head(&party, method, &path, by_root);
        let chunk = format!("1000\r\n{}\r\n", "a".repeat(0x1000));
        let chunked = format!(
            "{head}Transfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n",
            chunk.repeat(20)
        );
        for (what, request) in [
            ("chunks", chunked),
            // Said to come, and not sent: there is nothing to wait for.
            ("a promise", format!("{head}Content-Length: 70000\r\n\r\n")),
            (
                "a large promise",
                format!("{head}Content-Length: 9223372036854775807\r\n\r\n"),
            ),
            (
                "a question",
                format!("{head}Expect: 100-continue\r\nContent-Length: 70000\r\n\r\n"),
            ),
        ] {
            let mut https = party.gateway.https().await;
            let reply = https.raw(request.as_bytes()).await.unwrap();
            is_refused(&format!("{method} {path}: {what}"), &reply, 413);
        }
    }
    party.is_unharmed().await;
}

#[tokio::test]
async fn a_body_is_taken_whole_or_not_at_all() {
    let party = Party::new("wholes").await;
    for (method, path, by_root) in READERS {
        let path = party.path(path);
        let head = head(&party, method, &path, by_root);
        let body = right(&path);
        for (what, rest) in [
            (
                "a promise of more",
                format!("Content-Length: {}\r\n\r\n{body}", body.len() + 1),
            ),
            (
                "half of it",
                format!("Content-Length: {}\r\n\r\n{}", body.len(), &body[..9]),
            ),
            (
                "a chunk without an end",
                format!(
                    "Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}",
                    body.len()
                ),
            ),
            (
                "no last chunk",
                format!(
                    "Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n",
                    body.len()
                ),
            ),
            (
                "half a chunk",
                format!(
                    "Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}",
                    body.len() + 9
                ),
            ),
        ] {
            let mut https = party.gateway.https().await;
            https.send(format!("{head}{rest}").as_bytes()).await;
            https.finish().await;
            // To a client that left in the middle there may be nothing to say.
            if let Some(reply) = https.reply().await {
                is_refused(&format!("{method} {path}: {what}"), &reply, 400);
            }
        }
    }
    party.is_unharmed().await;
}

#[tokio::test]
async fn a_body_that_nobody_reads_does_not_cost_the_connection() {
    let party = Party::new("unread").await;
    for (method, path, _) in READERS.iter().filter(|(.., by_root)| *by_root) {
        let mut https = party.gateway.https().await;
        let head = head(&party, method, &party.path(path), false);
        https
            .send(format!("{head}Content-Length: 2\r\n\r\n").as_bytes())
            .await;
        let refused = https.reply().await.unwrap();
        is_refused(&format!("{method} {path}"), &refused, 401);
        // Only now what was announced, and at once another request.
        let next = https
            .raw(b"{}GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .await;
        assert_eq!(next.map(|reply| reply.status), Some(200), "{method} {path}");
    }
}
