//! Configurations of clones, by POST and by PUT.

use serde_json::{Value, json};
use testkit::{Auth, Socket};

use super::{Caller, gateway};

/// A configuration as it is promised.
fn configuration(name: &str, account: &str, genesis: &Value, auth: &Value) -> Value {
    let mut configuration = json!({
        "@domain": format!("{name}.{account}.gw.local"),
        "io": {"uri": format!("{}/", gateway().ready.origin), "opts": {"auth": auth}},
        "networkTimeout": 5000, "maxOperationSize": 512 * 1024, "logLevel": "warn",
    });
    if !genesis.is_null() {
        configuration["genesis"] = genesis.clone();
    }
    if auth.is_null() {
        configuration["io"]["opts"] = json!({});
    }
    configuration
}

fn placeholder(account: &str) -> Value {
    json!({"user": account, "key": "≪your-auth-key≫"})
}

#[tokio::test]
async fn anybody_gets_a_fresh_uuid_subdomain_where_the_account_has_them() {
    let account = Caller::account("uuids").await;
    let nobody = Caller::nobody();
    nobody.may_not("POST", "/domain/uuids", "", 405).await;
    account
        .does(
            "PATCH",
            "/user/uuids",
            r#"{"@insert":{"naming":"uuid","remotesAuth":"anon"}}"#,
        )
        .await;
    let first = nobody.gets("POST", "/domain/uuids", "").await;
    let domain = first["@domain"].as_str().unwrap();
    let name = domain.strip_suffix(".uuids.gw.local").unwrap();
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    assert!(
        name.len() == 25 && name.starts_with('c') && name.bytes().all(legal),
        "{name}"
    );
    assert_eq!(
        first,
        configuration(name, "uuids", &json!(true), &Value::Null)
    );
    let second = nobody.gets("POST", "/domain/uuids", "{}").await;
    assert_ne!(second["@domain"], first["@domain"]);
    // By its name: whether there are clones, the gateway cannot know.
    let body = json!({"name": name}).to_string();
    let again = nobody.gets("POST", "/domain/uuids", &body).await;
    assert_eq!(
        again,
        configuration(name, "uuids", &Value::Null, &Value::Null)
    );
    assert_eq!(
        account.gets("GET", "/user/uuids", "").await["subdomain"],
        json!([])
    );
    let joined = Socket::join(gateway(), "clone", domain, &Auth::None).await;
    assert!(joined.is_ok(), "{joined:?}");
}

#[tokio::test]
async fn a_named_subdomain_is_made_once_and_found_again() {
    let account = Caller::account("named").await;
    let path = "/domain/named/todo";
    let expected = configuration("todo", "named", &json!(false), &placeholder("named"));
    assert_eq!(account.gets("PUT", path, "").await, expected);
    assert_eq!(account.gets("PUT", path, "{}").await, expected);
    assert_eq!(
        account
            .gets("PUT", path, r#"{"useSignatures":false}"#)
            .await,
        expected
    );
    assert_eq!(
        account
            .gets("POST", "/domain/named", r#"{"name":"todo"}"#)
            .await,
        expected
    );
    assert_eq!(Caller::root().gets("PUT", path, "").await, expected);
    assert_eq!(
        account.gets("GET", "/user/named", "").await["subdomain"],
        json!(["todo"])
    );
    account
        .may_not("PUT", path, r#"{"useSignatures":true}"#, 409)
        .await;
    Caller::nobody()
        .may_not("POST", "/domain/named", r#"{"name":"todo"}"#, 401)
        .await;
    // A UUID name is one like any other where the account has no UUID subdomains.
    let uuid = r#"{"name":"ckzz0abcdefgh0123456789ab"}"#;
    Caller::nobody()
        .may_not("POST", "/domain/named", uuid, 401)
        .await;
}

#[tokio::test]
async fn signatures_are_decided_once_and_want_the_users_key() {
    let account = Caller::account("signed").await;
    let path = "/domain/signed/todo";
    let pair = account.gets("POST", "/user/signed/key?type=rsa", "").await;
    let key = json!({"type": "rsa", "keyid": "userkey1", "public": pair["key"]["public"]});
    let user = json!({"@id": "https://example.org/me"});
    let with = |user: &Value| json!({"useSignatures": true, "user": user}).to_string();
    account.may_not("PUT", path, &with(&user), 400).await;
    assert_eq!(
        account.gets("GET", "/user/signed", "").await["subdomain"],
        json!([])
    );
    let mut whole = user.clone();
    whole["key"] = key;
    account.gets("PUT", path, &with(&whole)).await;
    account.gets("PUT", path, &with(&whole)).await;
    account.gets("PUT", path, r#"{"useSignatures":true}"#).await;
    account.gets("PUT", path, "").await;
    account
        .may_not("PUT", path, r#"{"useSignatures":false}"#, 409)
        .await;
    account.may_not("PUT", path, &with(&user), 400).await;
}

#[tokio::test]
async fn what_a_clone_is_told_to_show_is_what_the_account_takes() {
    let account = Caller::account("shows").await;
    let path = "/domain/shows/todo";
    for (ways, auth) in [
        (r#"["key"]"#, placeholder("shows")),
        (r#"["anon"]"#, Value::Null),
        (r#"["anon","key"]"#, placeholder("shows")),
    ] {
        account
            .does(
                "PATCH",
                "/user/shows",
                r#"{"@delete":{"remotesAuth":["anon","key","jwt"]}}"#,
            )
            .await;
        account
            .does(
                "PATCH",
                "/user/shows",
                &format!(r#"{{"@insert":{{"remotesAuth":{ways}}}}}"#),
            )
            .await;
        let told = account.gets("PUT", path, "").await;
        assert_eq!(
            told["io"]["opts"].get("auth").unwrap_or(&Value::Null),
            &auth,
            "{ways}"
        );
    }
    account
        .does(
            "PATCH",
            "/user/shows",
            r#"{"@insert":{"remotesAuth":"jwt"}}"#,
        )
        .await;
    let me = r#"{"user":{"@id":"https://example.org/me"}}"#;
    let told = account.gets("PUT", path, me).await;
    let jwt = told["io"]["opts"]["auth"]["jwt"].as_str().unwrap();
    let claims = super::tokens::claims(jwt);
    assert_eq!(claims["iss"], "http://gw.local/shows");
    assert_eq!(claims["sub"], "https://example.org/me");
    assert_eq!(
        claims["exp"].as_u64(),
        claims["iat"].as_u64().map(|at| at + 600)
    );
    let joined = Socket::join(
        gateway(),
        "me",
        "todo.shows.gw.local",
        &Auth::Jwt(jwt.into()),
    )
    .await;
    assert!(joined.is_ok(), "{joined:?}");
    // For the account's domains and nothing else.
    Caller::by_token(jwt)
        .may_not("GET", "/user/shows", "", 403)
        .await;
    Caller::by_token(jwt)
        .may_not("POST", "/user/shows/key", "", 403)
        .await;
    // Without the key there is nothing to sign with.
    let by_root = Caller::root().gets("PUT", path, "").await;
    assert_eq!(by_root["io"]["opts"]["auth"], placeholder("shows"));
}
