//! What pages of other origins may do: anything, with a credential of their own (Fetch standard, "CORS protocol").

use testkit::Gateway;

use super::{Caller, gateway};

const ORIGIN: (&str, &str) = ("Origin", "https://app.example.org");

#[tokio::test]
async fn a_page_learns_that_it_may_send_what_it_wants_to() {
    let mut https = gateway().https().await;
    for (path, methods) in [
        ("/api/v1/user/acme", "GET, POST, PUT, PATCH, DELETE"),
        ("/api/v1/domain/acme/todo", "GET, POST, PUT, PATCH, DELETE"),
        ("/socket.io/?EIO=4&transport=polling", "GET, POST"),
    ] {
        let headers = [
            ORIGIN,
            ("Access-Control-Request-Method", "PATCH"),
            (
                "Access-Control-Request-Headers",
                "authorization, content-type, x-activation-code",
            ),
        ];
        let reply = https.request("OPTIONS", path, &headers, b"").await;
        assert_eq!(reply.status, 204, "{path}");
        for (name, value) in [
            ("access-control-allow-origin", "*"),
            ("access-control-allow-methods", methods),
            (
                "access-control-allow-headers",
                "authorization, content-type, x-activation-code",
            ),
            ("access-control-max-age", "7200"),
        ] {
            assert_eq!(reply.header(name), Some(value), "{path}: {name}");
        }
        // With cookies, `*` would be another matter; there are none.
        assert_eq!(reply.header("access-control-allow-credentials"), None);
    }
}

#[tokio::test]
async fn a_page_may_read_the_answer_refusals_included() {
    let account = Caller::account("pages").await;
    let authorization = account.0.as_deref().unwrap();
    let mut https = gateway().https().await;
    for (path, headers, status) in [
        ("/api/v1/context", vec![ORIGIN], 200),
        (
            "/api/v1/user/pages",
            vec![ORIGIN, ("Authorization", authorization)],
            200,
        ),
        ("/api/v1/user/pages", vec![ORIGIN], 401),
        ("/api/v1/nothing", vec![ORIGIN], 404),
        ("/socket.io/?EIO=4&transport=polling", vec![ORIGIN], 200),
        ("/socket.io/?EIO=3", vec![ORIGIN], 400),
    ] {
        let reply = https.request("GET", path, &headers, b"").await;
        assert_eq!(reply.status, status, "{path}");
        assert_eq!(
            reply.header("access-control-allow-origin"),
            Some("*"),
            "{path}"
        );
        let readable = reply.header("access-control-expose-headers").unwrap();
        for name in READABLE {
            assert!(readable.contains(name), "{path}: {name}");
        }
    }
}

/// What answers have for clients, beside what a page may always read.
const READABLE: [&str; 7] = [
    "Allow",
    "ETag",
    "Link",
    "Location",
    "Retry-After",
    "WWW-Authenticate",
    "X-Request-Id",
];

#[tokio::test]
async fn a_page_may_read_when_to_come_back() {
    let config = "[limits]\nrequests-per-source = \"2 per 1h\"\n";
    let gateway = Gateway::fresh(crate::bad_input::BINARY, config);
    let mut https = gateway.https().await;
    let mut last = None;
    for _ in 0..4 {
        let reply = https.request("GET", "/api/v1/context", &[ORIGIN], b"");
        last = Some(reply.await);
    }
    let refused = last.unwrap();
    assert_eq!(refused.status, 429, "{refused:?}");
    assert!(refused.header("retry-after").is_some(), "{refused:?}");
    let readable = refused.header("access-control-expose-headers");
    assert!(
        readable.is_some_and(|readable| readable.contains("Retry-After")),
        "{refused:?}"
    );
    assert_eq!(refused.header("access-control-allow-origin"), Some("*"));
}

/// Every header that an answer has is one that a page may read, or of the transport.
#[tokio::test]
async fn no_answer_has_a_header_that_a_page_may_not_read() {
    // Those that a page may always read (Fetch standard, "CORS-safelisted response-header name"), those that mean
    // something to browsers alone, and those of the connection.
    const OTHERS: [&str; 16] = [
        "access-control-allow-origin",
        "access-control-expose-headers",
        "cache-control",
        "connection",
        "content-language",
        "content-length",
        "content-security-policy",
        "content-type",
        "date",
        "expires",
        "keep-alive",
        "last-modified",
        "referrer-policy",
        "strict-transport-security",
        "transfer-encoding",
        "x-content-type-options",
    ];
    let account = Caller::account("headers").await;
    let authorization = ("Authorization", account.0.as_deref().unwrap());
    let mut https = gateway().https().await;
    for (method, path, status) in [
        ("PUT", "/domain/headers/a", 200),
        ("PUT", "/domain/headers/b", 200),
        ("GET", "/domain/headers?limit=1", 200),
        ("GET", "/domain/headers/a/state?lock", 200),
        ("POST", "/domain/headers/a/state?lock", 201),
        ("DELETE", "/domain/headers/a/state?lock", 200),
        ("DELETE", "/domain/headers/a/state", 405),
        ("POST", "/domain/headers/a/poll", 201),
        ("DELETE", "/context", 405),
        ("GET", "/nothing", 404),
        ("GET", "/user/other", 403),
    ] {
        let path = format!("/api/v1{path}");
        let headers = [ORIGIN, authorization];
        let reply = https.request(method, &path, &headers, b"").await;
        assert_eq!(reply.status, status, "{method} {path}: {}", reply.text());
        for (name, _) in &reply.headers {
            let is_named = |named: &&str| named.eq_ignore_ascii_case(name);
            let readable = READABLE.iter().chain(&OTHERS).any(is_named);
            assert!(readable, "{method} {path}: {name}");
        }
    }
}

#[tokio::test]
async fn who_is_no_page_is_told_nothing_of_pages() {
    let mut https = gateway().https().await;
    let reply = https.json("GET", "/api/v1/context", None, None).await;
    assert_eq!(reply.header("access-control-allow-origin"), None);
    let options = https.json("OPTIONS", "/api/v1/context", None, None).await;
    assert_eq!(
        (options.status, options.header("allow")),
        (405, Some("GET,HEAD"))
    );
}
