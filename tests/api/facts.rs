//! What anybody may know: context, public key, health; and the frame of every answer.

use std::collections::BTreeSet;

use serde_json::json;
use testkit::Reply;

use super::{Caller, gateway, secret_of};

#[tokio::test]
async fn the_context_is_json_for_programs_and_a_page_for_people() {
    let reply = Caller::nobody().get("/context").await;
    assert_eq!(reply.header("content-type"), Some("application/ld+json"));
    let context = json!({
        "@base": "http://gw.local/",
        "@vocab": "http://gw.m-ld.org/#",
        "naming": {"@type": "@vocab"},
        "remotesAuth": {"@type": "@vocab"},
    });
    assert_eq!(reply.value(), context);
    for (accept, kind) in [
        (
            "text/html,application/xhtml+xml,*/*;q=0.8",
            "text/html; charset=utf-8",
        ),
        ("application/ld+json, text/html", "application/ld+json"),
        ("application/json", "application/ld+json"),
        ("*/*", "application/ld+json"),
        ("", "application/ld+json"),
    ] {
        let mut https = gateway().https().await;
        let headers = [("Accept", accept)];
        let reply = https.request("GET", "/api/v1/context", &headers, b"").await;
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (200, Some(kind)),
            "{accept}"
        );
        assert!(reply.text().contains("http://gw.m-ld.org/#"), "{accept}");
    }
}

#[tokio::test]
async fn the_public_key_is_that_of_the_root_account() {
    let reply = Caller::nobody().get("/publicKey").await;
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (200, Some("application/x-pem-file"))
    );
    let pem = reply.text();
    assert!(pem.starts_with("-----BEGIN PUBLIC KEY-----\n"), "{pem}");
    assert!(pem.ends_with("\n-----END PUBLIC KEY-----\n"), "{pem}");
    let root_key = &gateway().ready.root_key;
    let path = format!("/user/root/publicKey/{}", super::id_of(root_key));
    assert_eq!(Caller::root().get(&path).await.text(), pem);
}

#[tokio::test]
async fn health_and_readiness_are_told() {
    let mut https = gateway().https().await;
    for path in ["/healthz", "/readyz"] {
        let reply = https.json("GET", path, None, None).await;
        assert_eq!(
            (reply.status, reply.text().as_str()),
            (200, "ok\n"),
            "{path}"
        );
    }
}

/// How long the body is said to be, but for the request's id that a problem has in it.
fn length(reply: &Reply) -> usize {
    let id = match reply.status {
        400.. => reply.header("x-request-id").unwrap().len(),
        _ => 0,
    };
    let length: usize = reply.header("content-length").unwrap().parse().unwrap();
    length - id
}

#[tokio::test]
async fn a_head_is_a_get_without_its_body() {
    let mut https = gateway().https().await;
    for path in [
        "/api/v1/context",
        "/api/v1/publicKey",
        "/healthz",
        "/nothing",
    ] {
        let whole = https.json("GET", path, None, None).await;
        let head = https.json("HEAD", path, None, None).await;
        assert_eq!(head.status, whole.status, "{path}");
        let kind = "content-type";
        assert_eq!(head.header(kind), whole.header(kind), "{path}: {kind}");
        assert_eq!(length(&head), length(&whole), "{path}");
    }
    // Nothing of a body was left on the connection.
    assert_eq!(
        https.json("GET", "/healthz", None, None).await.text(),
        "ok\n"
    );
}

#[tokio::test]
async fn every_answer_keeps_browsers_safe() {
    let account = Caller::account("safety").await;
    let mut https = gateway().https().await;
    let authorization = account.0.as_deref();
    for (method, path) in [
        ("GET", "/api/v1/context"),
        ("GET", "/api/v1/user/safety"),
        ("PATCH", "/api/v1/user/safety"),
        ("DELETE", "/api/v1/context"),
        ("GET", "/nothing"),
        ("GET", "/socket.io/?EIO=4&transport=polling"),
        ("GET", "/socket.io/"),
    ] {
        let reply = https.json(method, path, authorization, None).await;
        for (name, value) in [
            ("strict-transport-security", "max-age=31536000"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            (
                "content-security-policy",
                "default-src 'none'; frame-ancestors 'none'",
            ),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(reply.header(name), Some(value), "{method} {path}: {name}");
        }
        for name in ["server", "x-powered-by", "set-cookie"] {
            assert_eq!(reply.header(name), None, "{method} {path}: {name}");
        }
        assert!(reply.header("date").is_some(), "{method} {path}");
    }
}

#[tokio::test]
async fn every_request_has_an_id_of_its_own_by_which_the_log_knows_it() {
    let mut https = gateway().https().await;
    let mut ids = BTreeSet::new();
    for path in ["/healthz", "/nothing", "/api/v1/user/a", "/socket.io/"] {
        let asked = [("X-Request-Id", "of-my-own")];
        let reply = https.request("GET", path, &asked, b"").await;
        let id = reply.header("x-request-id").unwrap().to_owned();
        let line = gateway().logged(&format!("request={id} ")).await;
        for part in [
            "method=GET",
            &format!("path={path}"),
            &format!("status={}", reply.status),
            "ms=",
        ] {
            assert!(line.contains(part), "{part}: {line}");
        }
        ids.insert(id);
    }
    assert_eq!(ids.len(), 4);
    assert!(!ids.contains("of-my-own"));
}

#[tokio::test]
async fn no_secret_and_no_query_reaches_the_log() {
    let account = Caller::account("discreet").await;
    let pair = account
        .gets("POST", "/user/discreet/key?type=rsa", "")
        .await;
    account.get("/user/discreet?hidden=query").await;
    account
        .may_not("POST", "/user/discreet/key?type=hidden", "", 400)
        .await;
    account
        .may_not("PATCH", "/user/discreet", r#"{"hidden":"body"}"#, 400)
        .await;
    Caller::by_key("discreet", "root.hidden1:hidden-secret")
        .may_not("GET", "/user/discreet", "", 401)
        .await;
    Caller::by_token("hidden.token.parts")
        .may_not("GET", "/user/discreet", "", 401)
        .await;
    let mut https = gateway().https().await;
    let headers = [
        ("Cookie", "hidden=cookie"),
        ("User-Agent", "hidden"),
        ("Referer", "https://hidden.example"),
    ];
    https
        .request("GET", "/socket.io/?EIO=4&hidden=query", &headers, b"")
        .await;
    let last = https.json("GET", "/healthz", None, None).await;
    let id = last.header("x-request-id").unwrap();
    gateway().logged(&format!("request={id} ")).await;
    let log = gateway().log();
    assert!(!log.contains("hidden"), "{log}");
    let minted = pair["auth"]["key"].as_str().unwrap();
    for key in [
        account.key().as_str(),
        minted,
        gateway().ready.root_key.as_str(),
    ] {
        assert!(!log.contains(secret_of(key)), "a secret is in the log");
    }
    assert!(!log.contains(&pair["key"]["private"].as_str().unwrap()[..40]));
}
