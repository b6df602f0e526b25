//! Who guesses is locked out, over a restart too; who is right passes.

use testkit::{Folder, Gateway, basic};

use super::{fresh, on, too_many, until};

const CONFIG: &str = r#"
[lockout]
failures-per-source = 4
failures-per-account = 3
first = "5m"
longest = "1d"
"#;

async fn asks(gateway: &Gateway, last: u8, key: &str) -> testkit::Reply {
    let mut https = gateway.https_from([127, 0, 0, last]).await;
    let authorization = basic("acme", key);
    https
        .json("GET", "/api/v1/user/acme", Some(&authorization), None)
        .await
}

#[tokio::test]
async fn a_source_of_wrong_keys_is_locked_out_over_a_restart_and_a_right_key_passes() {
    let folder = Folder::new();
    let gateway = on(&folder, CONFIG);
    let right = gateway.mint("acme").await;
    let wrong = format!("{}x", &right[..right.len() - 1]);
    let authorization = basic("acme", &wrong);
    let guess = ("GET", "/api/v1/user/acme", Some(authorization.as_str()));
    let refused = until(
        &mut gateway.https_from([127, 0, 0, 2]).await,
        guess,
        401,
        429,
    )
    .await;
    let wait = too_many(&refused);
    assert!((200..=300).contains(&wait), "{wait}");
    let line = gateway.logged("locked out").await;
    assert!(
        line.contains("127.0.0.2") && line.contains(" WARN "),
        "{line}"
    );
    assert!(!line.contains(&wrong[12..]), "{line}");
    assert_eq!(asks(&gateway, 2, &right).await.status, 200);
    assert_eq!(asks(&gateway, 3, &wrong).await.status, 401);
    assert_eq!(gateway.stop().await, Some(0));

    let gateway = on(&folder, CONFIG);
    too_many(&asks(&gateway, 2, &wrong).await);
    assert_eq!(asks(&gateway, 2, &right).await.status, 200);
    assert_eq!(asks(&gateway, 3, &wrong).await.status, 401);
    gateway.kill().await;

    let gateway = on(&folder, CONFIG);
    too_many(&asks(&gateway, 2, &wrong).await);
    // Neither does it ask for codes, which it would guess next.
    let mut https = gateway.https_from([127, 0, 0, 2]).await;
    let body = r#"{"email":"a@example.org"}"#;
    let code = https
        .json("POST", "/api/v1/user/other/activation", None, Some(body))
        .await;
    too_many(&code);
}

#[tokio::test]
async fn an_account_whose_codes_are_guessed_keeps_its_keys() {
    let gateway = fresh(CONFIG);
    let key = gateway.mint("acme").await;
    gateway.allow("acme", r#"{"email":"a@example.org"}"#).await;
    let mut https = gateway.https().await;
    let body = r#"{"email":"a@example.org"}"#;
    let asked = https
        .json("POST", "/api/v1/user/acme/activation", None, Some(body))
        .await;
    let token = format!("Bearer {}", asked.value()["jwe"].as_str().unwrap());
    let line = gateway.logged("account=acme code=").await;
    let code = line
        .split("code=")
        .nth(1)
        .unwrap()
        .split(' ')
        .next()
        .unwrap();
    let redeem = async |last: u8, code: &str| {
        let headers = [
            ("Authorization", token.as_str()),
            ("X-Activation-Code", code),
        ];
        let mut https = gateway.https_from([127, 0, 0, last]).await;
        https
            .request("POST", "/api/v1/user/acme/key", &headers, b"")
            .await
    };
    for last in [11, 12, 13] {
        assert_eq!(redeem(last, "no-code").await.status, 401, "{last}");
    }
    // Even the right one, from somebody who never guessed.
    too_many(&redeem(14, code.trim_matches('"')).await);
    assert_eq!(asks(&gateway, 15, &key).await.status, 200);
    assert!(gateway.logged("locked out").await.contains("acme"));
}
