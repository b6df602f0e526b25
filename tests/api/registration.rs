//! The way to a first key: a code by mail, which a development gateway logs.

use serde_json::json;
use testkit::Reply;

use super::{Caller, gateway};

/// Asks for a code. Gives the token.
async fn requests(account: &str, email: &str) -> String {
    let body = json!({"email": email}).to_string();
    let path = format!("/user/{account}/activation");
    let answer = Caller::nobody().gets("POST", &path, &body).await;
    assert_eq!(answer.as_object().unwrap().len(), 1, "{answer}");
    answer["jwe"].as_str().unwrap().to_owned()
}

/// The code that was sent for an account.
async fn code_of(account: &str) -> String {
    let line = gateway().logged(&format!("account={account} code=")).await;
    let code = line.split("code=").nth(1).unwrap();
    code.split(' ').next().unwrap().trim_matches('"').to_owned()
}

async fn redeems(account: &str, query: &str, token: &str, code: &str) -> Reply {
    let authorization = format!("Bearer {token}");
    let headers = [
        ("Authorization", authorization.as_str()),
        ("X-Activation-Code", code),
    ];
    let path = format!("/api/v1/user/{account}/key{query}");
    gateway()
        .https()
        .await
        .request("POST", &path, &headers, b"")
        .await
}

#[tokio::test]
async fn whoever_reads_the_mail_gets_a_key_once() {
    let token = requests("newcomer", "new@example.org").await;
    let code = code_of("newcomer").await;
    assert!(
        code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit()),
        "{code}"
    );
    let reply = redeems("newcomer", "?type=rsa", &token, &code).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.value()["key"]["type"], "rsa");
    let key = reply.value()["auth"]["key"].as_str().unwrap().to_owned();
    let account = Caller::by_key("newcomer", &key);
    let details = account.gets("GET", "/user/newcomer", "").await;
    assert_eq!(details["email"], json!(["new@example.org"]));
    assert_eq!(redeems("newcomer", "", &token, &code).await.status, 401);
}

#[tokio::test]
async fn a_second_device_gets_a_key_of_its_own() {
    let account = Caller::account("devices").await;
    account
        .does(
            "PATCH",
            "/user/devices",
            r#"{"@insert":{"email":"my@example.org"}}"#,
        )
        .await;
    let token = requests("devices", "my@example.org").await;
    let reply = redeems("devices", "", &token, &code_of("devices").await).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let details = account.gets("GET", "/user/devices", "").await;
    assert_eq!(details["key"].as_array().unwrap().len(), 2);
    assert_eq!(details["email"], json!(["my@example.org"]));
}

#[tokio::test]
async fn to_an_address_that_is_not_the_accounts_no_code_is_sent() {
    Caller::account("stranger").await;
    let (known, unknown) = (
        requests("stranger", "thief@example.org").await,
        requests("unheard-of", "thief@example.org").await,
    );
    assert_eq!(
        known.len(),
        unknown.len() + "stranger".len() - "unheard-of".len()
    );
    code_of("unheard-of").await;
    assert!(!gateway().log().contains("account=stranger code="));
}

#[tokio::test]
async fn an_activation_is_for_its_account_alone() {
    let token = requests("mine", "mine@example.org").await;
    let code = code_of("mine").await;
    assert_eq!(redeems("yours", "", &token, &code).await.status, 403);
    let other = requests("others", "others@example.org").await;
    assert_eq!(redeems("others", "", &other, "no-code").await.status, 401);
    assert_eq!(redeems("mine", "", &token, &code).await.status, 200);
    Caller::by_token(&token)
        .may_not("GET", "/user/mine", "", 401)
        .await;
}

#[tokio::test]
async fn a_code_is_tried_five_times_and_then_dead() {
    let token = requests("guessed", "guessed@example.org").await;
    let code = code_of("guessed").await;
    let wrong = if code == "000000" { "000001" } else { "000000" };
    for _ in 0..5 {
        assert_eq!(redeems("guessed", "", &token, wrong).await.status, 401);
    }
    assert_eq!(redeems("guessed", "", &token, &code).await.status, 401);
    Caller::root()
        .may_not("GET", "/user/guessed", "", 404)
        .await;
}
