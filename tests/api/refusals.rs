//! Refusals: what they say, and what they do not.

use serde_json::json;
use testkit::Reply;

use super::{Caller, gateway, id_of};

/// An answer without what makes each request one of its own.
fn but_for_its_id(reply: &Reply) -> (u16, Vec<(String, String)>, String) {
    let id = reply.header("x-request-id").unwrap();
    let mut headers: Vec<_> = reply.headers.clone();
    headers
        .retain(|(name, _)| name != "x-request-id" && name != "date" && name != "content-length");
    headers.sort();
    (reply.status, headers, reply.text().replace(id, "ID"))
}

#[tokio::test]
async fn a_refusal_says_what_both_kinds_of_clients_read() {
    let reply = Caller::nobody().get("/user/acme").await;
    let id = reply.header("x-request-id").unwrap();
    let problem = json!({
        "type": "about:blank", "title": "Unauthorized", "status": 401, "detail": "not authorized", "instance": id,
        "code": "Unauthorized", "message": "not authorized",
    });
    assert_eq!(reply.value(), problem);
    let challenge = reply.header("www-authenticate").unwrap();
    assert!(
        challenge.contains("Basic realm=") && challenge.contains("Bearer"),
        "{challenge}"
    );
    assert_eq!(
        reply.header("content-type"),
        Some("application/problem+json")
    );
}

#[tokio::test]
async fn who_is_not_let_in_learns_nothing_of_what_there_is() {
    let account = Caller::account("hiding").await;
    let minted = account.gets("POST", "/user/hiding/key", "").await;
    let dead = minted["auth"]["key"].as_str().unwrap();
    let patch = json!({"@delete": {"key": id_of(dead)}}).to_string();
    account.does("PATCH", "/user/hiding", &patch).await;
    let key = account.key();
    let wrong = format!("{}x", &key[..key.len() - 1]);
    for (method, path) in [
        ("GET", "/user/PLACE"),
        ("PATCH", "/user/PLACE"),
        ("POST", "/user/PLACE/key"),
        ("POST", "/user/PLACE/key/keyid1/rotate"),
        ("DELETE", "/user/PLACE"),
        ("PUT", "/domain/PLACE/todo"),
        ("GET", "/domain/PLACE"),
        ("DELETE", "/domain/PLACE/todo"),
    ] {
        let mut answers = Vec::new();
        for (place, caller) in [
            ("hiding", Caller::nobody()),
            ("nowhere", Caller::nobody()),
            ("hiding", Caller::by_key("hiding", &wrong)),
            ("hiding", Caller::by_key("hiding", "root.zzzzzz:secret")),
            ("hiding", Caller::by_key("hiding", dead)),
            ("hiding", Caller::by_key("nowhere", &key)),
            ("nowhere", Caller::by_key("nowhere", &key)),
            ("nowhere", Caller::by_key("nowhere", "root.zzzzzz:secret")),
            ("hiding", Caller::by_key("root", "root.zzzzzz:secret")),
        ] {
            let reply = caller
                .ask(method, &path.replace("PLACE", place), r#"{"@insert":{}}"#)
                .await;
            answers.push(but_for_its_id(&reply));
        }
        assert_eq!(answers[0].0, 401, "{method} {path}");
        answers.dedup();
        assert_eq!(answers.len(), 1, "{method} {path}: {answers:#?}");
    }
}

#[tokio::test]
async fn a_stranger_learns_nothing_of_other_accounts() {
    let (stranger, _owner) = (
        Caller::account("curious").await,
        Caller::account("private").await,
    );
    for (method, path, body) in [
        ("GET", "/user/PLACE", ""),
        ("PATCH", "/user/PLACE", r#"{"@insert":{"naming":"any"}}"#),
        ("POST", "/user/PLACE/key", ""),
        ("GET", "/user/PLACE/publicKey/keyid1", ""),
        ("POST", "/user/PLACE/key/keyid1/rotate", ""),
        ("DELETE", "/user/PLACE", ""),
        ("PUT", "/domain/PLACE/todo", ""),
        ("GET", "/domain/PLACE", ""),
        ("DELETE", "/domain/PLACE/todo", ""),
        ("POST", "/domain/PLACE", r#"{"name":"todo"}"#),
    ] {
        let mut answers = Vec::new();
        for place in ["private", "nowhere", "root"] {
            let reply = stranger
                .ask(method, &path.replace("PLACE", place), body)
                .await;
            assert_eq!(reply.value()["code"], "Forbidden", "{method} {path}");
            answers.push(but_for_its_id(&reply));
        }
        answers.dedup();
        assert_eq!(answers.len(), 1, "{method} {path}: {answers:#?}");
    }
    // Whether an account has UUID subdomains is public; whether there is one is not.
    let nobody = Caller::nobody();
    let (there, nowhere) = (
        nobody.ask("POST", "/domain/private", "").await,
        nobody.ask("POST", "/domain/nowhere", "").await,
    );
    assert_eq!(but_for_its_id(&there), but_for_its_id(&nowhere));
    assert_eq!(there.status, 405);
    let log = gateway().log();
    assert!(
        !log.contains(" ERROR ") && !log.contains("panicked"),
        "{log}"
    );
}
