//! What pages of other origins may do: anything, with a credential of their own (Fetch standard, "CORS protocol").

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
        for name in ["Link", "Retry-After", "WWW-Authenticate", "X-Request-Id"] {
            assert!(readable.contains(name), "{path}: {name}");
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
