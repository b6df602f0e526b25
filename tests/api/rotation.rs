//! Successors of keys.

use serde_json::{Value, json};
use testkit::soon;

use super::keys::opened_by_node;
use super::tokens::Signer;
use super::{Caller, UnderWay, gateway, id_of, secret_of};

fn path_of(account: &str, key: &str) -> String {
    format!("/user/{account}/key/{}/rotate", id_of(key))
}

/// Rotates a key. Gives the successor, whole.
async fn rotates(caller: &Caller, account: &str, key: &str, body: &str) -> String {
    let answer = caller.gets("POST", &path_of(account, key), body).await;
    let successor = answer["auth"]["key"].as_str().unwrap();
    assert_eq!(answer, json!({"auth": {"key": successor}}));
    successor.to_owned()
}

/// What an account says of its keys.
async fn keys_of(account: &str) -> Value {
    let path = format!("/user/{account}");
    Caller::root().gets("GET", &path, "").await["key"].clone()
}

#[tokio::test]
async fn a_rotated_key_has_a_successor_beside_it_until_its_overlap_ends() {
    let account = Caller::account("rotating").await;
    let old = account.key();
    let new = rotates(&account, "rotating", &old, "").await;
    assert_ne!(
        (id_of(&new), secret_of(&new)),
        (id_of(&old), secret_of(&old))
    );
    assert_eq!(secret_of(&new).len(), 74);
    for key in [&old, &new] {
        Caller::by_key("rotating", key)
            .gets("GET", "/user/rotating", "")
            .await;
    }
    let keys = keys_of("rotating").await;
    assert_eq!(keys[0]["keyid"], id_of(&old));
    assert!(
        keys[0]["expires"].is_string() && keys[0]["revoked"].is_null(),
        "{keys}"
    );
    assert_eq!(
        (&keys[1]["keyid"], &keys[1]["expires"]),
        (&json!(id_of(&new)), &Value::Null)
    );
    let told = gateway()
        .logged(&format!(
            "event=key.rotated account=rotating key={}",
            id_of(&old)
        ))
        .await;
    assert!(
        told.contains(&format!("successor={} ", id_of(&new))) && told.contains("by=account"),
        "{told}"
    );
    assert!(
        told.contains(&format!("ends={}", keys[0]["expires"].as_str().unwrap())),
        "{told}"
    );
    // Asked to stay longer, it does not.
    rotates(&account, "rotating", &old, r#"{"overlap":"P90D"}"#).await;
    assert_eq!(keys_of("rotating").await[0]["expires"], keys[0]["expires"]);
}

#[tokio::test]
async fn an_overlap_ends_when_it_was_said_to() {
    let account = Caller::account("overlapping").await;
    let old = account.key();
    let began = tokio::time::Instant::now();
    let new = rotates(&account, "overlapping", &old, r#"{"overlap":"PT1S"}"#).await;
    let new = Caller::by_key("overlapping", &new);
    soon("the overlap's end", async {
        while account.get("/user/overlapping").await.status == 200 {}
    })
    .await;
    assert!(began.elapsed() >= std::time::Duration::from_secs(1));
    account.may_not("GET", "/user/overlapping", "", 401).await;
    new.gets("GET", "/user/overlapping", "").await;
    // What has ended has no successor, and is revoked all the same by whoever wants to be sure.
    new.may_not("POST", &path_of("overlapping", &old), "", 404)
        .await;
    let patch = json!({"@delete": {"key": id_of(&old)}}).to_string();
    new.does("PATCH", "/user/overlapping", &patch).await;
    assert!(keys_of("overlapping").await[0]["revoked"].is_string());
    // Without an overlap it ends at once.
    let last = rotates(&new, "overlapping", &new.key(), r#"{"overlap":"PT0S"}"#).await;
    new.may_not("GET", "/user/overlapping", "", 401).await;
    Caller::by_key("overlapping", &last)
        .gets("GET", "/user/overlapping", "")
        .await;
}

#[tokio::test]
async fn a_successors_pair_is_given_to_whoever_asks_for_it() {
    let account = Caller::account("paired").await;
    let path = path_of("paired", &account.key()) + "?type=rsa";
    let answer = account.gets("POST", &path, "{}").await;
    let key = answer["auth"]["key"].as_str().unwrap().to_owned();
    assert_eq!(opened_by_node(&answer, secret_of(&key)), "2048 signed\n");
}

#[tokio::test]
async fn root_rotates_the_keys_of_any_account_and_not_its_own() {
    let account = Caller::account("helped").await;
    let new = rotates(
        &Caller::root(),
        "helped",
        &account.key(),
        r#"{"overlap":"PT1M"}"#,
    )
    .await;
    Caller::by_key("helped", &new)
        .gets("GET", "/user/helped", "")
        .await;
    let told = gateway().logged("event=key.rotated account=helped ").await;
    assert!(told.contains("by=root"), "{told}");
    let root_key = &gateway().ready.root_key;
    let reply = Caller::root()
        .ask("POST", &path_of("root", root_key), "")
        .await;
    assert_eq!(
        (reply.status, &reply.value()["code"]),
        (409, &json!("Conflict"))
    );
}

#[tokio::test]
async fn a_rotation_that_is_not_right_is_refused_and_changes_nothing() {
    let signer = Signer::new("unrotated").await;
    let (account, other) = (&signer.account, Caller::account("unrotated-too").await);
    let own = path_of("unrotated", &account.key());
    // That a key was used is noted once a day.
    account.gets("GET", "/user/unrotated", "").await;
    let before = keys_of("unrotated").await;
    for (caller, path, status) in [
        (&Caller::nobody(), own.clone(), 401),
        (&other, own.clone(), 403),
        // A copied token must not become a key that stays.
        (&signer.by_token("unrotated"), own.clone(), 403),
        (account, path_of("unrotated", "root.nobody1:"), 404),
        (account, path_of("unrotated", &other.key()), 404),
        (&Caller::root(), path_of("unrotated", &other.key()), 404),
        (
            account,
            path_of("unrotated", &gateway().ready.root_key),
            404,
        ),
        (&Caller::root(), path_of("nowhere", &account.key()), 404),
        (account, "/user/unrotated/key/%00/rotate".to_owned(), 404),
        (account, own.clone() + "?type=ec", 400),
        (account, own.clone() + "?type=rsa&type=rsa", 400),
    ] {
        let reply = caller.ask("POST", &path, "").await;
        assert_eq!(reply.status, status, "{path}: {}", reply.text());
        assert_eq!(
            reply.header("content-type"),
            Some("application/problem+json"),
            "{path}"
        );
    }
    for body in [
        r#"{"overlap":"1d"}"#,
        r#"{"overlap":""}"#,
        r#"{"overlap":"P"}"#,
        r#"{"overlap":"PT"}"#,
        r#"{"overlap":"P1Y"}"#,
        r#"{"overlap":"-PT1S"}"#,
        r#"{"overlap":"PT-1S"}"#,
        r#"{"overlap":"PT1.5S"}"#,
        r#"{"overlap":"P90DT1S"}"#,
        r#"{"overlap":"PT18446744073709551616S"}"#,
        r#"{"overlap":"P30500568904944W"}"#,
        r#"{"overlap":"PT\u0661S"}"#,
        r#"{"overlap":86400}"#,
        r#"{"overlap":null}"#,
        r#"{"overlap":["PT1S"]}"#,
        r#"{"overlap":"PT1S","overlap":"PT2S"}"#,
        r#"{"overlap":"PT1S","key":"x"}"#,
        r#"{"Overlap":"PT1S"}"#,
        r#"["PT1S"]"#,
        r#""PT1S""#,
        "null",
    ] {
        let reply = account.ask("POST", &own, body).await;
        assert_eq!(reply.status, 400, "{body}: {}", reply.text());
    }
    assert_eq!(keys_of("unrotated").await, before);
}

#[tokio::test]
async fn a_request_that_was_let_in_by_a_key_does_nothing_once_that_is_revoked() {
    let account = Caller::account("robbed").await;
    account.gets("PUT", "/domain/robbed/todo", "").await;
    let stolen = account.gets("POST", "/user/robbed/key", "").await;
    let thief = Caller::by_key("robbed", stolen["auth"]["key"].as_str().unwrap());
    let mut under_way = Vec::new();
    for (method, path, body) in [
        (
            "PATCH",
            "/user/robbed".to_owned(),
            r#"{"@insert":{"email":"thief@example.org"}}"#,
        ),
        (
            "POST",
            path_of("robbed", &thief.key()),
            r#"{"overlap":"P90D"}"#,
        ),
        (
            "POST",
            path_of("robbed", &account.key()),
            r#"{"overlap":"PT0S"}"#,
        ),
        ("PUT", "/domain/robbed/mine".to_owned(), "{}"),
    ] {
        under_way.push(UnderWay::begin(&thief, method, &path, body).await);
    }
    let patch = json!({"@delete": {"key": id_of(&thief.key())}}).to_string();
    account.does("PATCH", "/user/robbed", &patch).await;
    let before = account.gets("GET", "/user/robbed", "").await;
    for request in under_way {
        let reply = request.goes_on().await;
        assert_eq!(reply.status, 401, "{reply:?}");
    }
    assert_eq!(account.gets("GET", "/user/robbed", "").await, before);
}
