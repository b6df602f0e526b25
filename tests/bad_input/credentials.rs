//! `Authorization` and `X-Activation-Code`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use testkit::basic;

use super::{Party, is_refused};

/// Endpoints that need to know who asks, with a body that is right.
const GUARDED: [(&str, &str, &str); 6] = [
    ("GET", "/api/v1/user/ACCOUNT", ""),
    (
        "PATCH",
        "/api/v1/user/ACCOUNT",
        r#"{"@insert":{"naming":"any"}}"#,
    ),
    ("POST", "/api/v1/user/ACCOUNT/key", ""),
    ("GET", "/api/v1/user/ACCOUNT/publicKey/KEYID", ""),
    ("PUT", "/api/v1/domain/ACCOUNT/todo", ""),
    ("POST", "/api/v1/domain/ACCOUNT", r#"{"name":"todo"}"#),
];

/// What is wrong with the credential of an account that exists.
fn wrong(party: &Party) -> Vec<(&'static str, String)> {
    let (front, _) = party.key.split_once(':').unwrap();
    let (app, id) = front.split_once('.').unwrap();
    let encoded = |text: &[u8]| format!("Basic {}", STANDARD.encode(text));
    let own = |key: &str| basic(&party.account, key);
    let flipped = |key: &str| {
        let last = if key.ends_with('b') { 'c' } else { 'b' };
        format!("{}{last}", &key[..key.len() - 1])
    };
    let jwe_like = "eyJhbGciOiJkaXIifQ..AAAA.AAAA.AAAA";
    vec![
        ("empty", String::new()),
        ("blank", "   ".into()),
        ("no scheme", party.key.clone()),
        ("a scheme alone", "Basic".into()),
        ("an unknown scheme", format!("Digest {}", party.key)),
        ("no base64", "Basic !!!".into()),
        (
            "the key in clear",
            format!("Basic {}:{}", party.account, party.key),
        ),
        (
            "base64url without padding",
            encoded(b"acme:\xff\xfe").replace('=', ""),
        ),
        ("not UTF-8", encoded(b"\xff\xfe:\xff.\xff:\xff")),
        ("an account alone", encoded(party.account.as_bytes())),
        ("colons alone", encoded(b":::")),
        ("no account", encoded(format!(":{}", party.key).as_bytes())),
        ("no key", own("")),
        ("no secret", own(front)),
        ("an empty secret", own(&format!("{front}:"))),
        ("a wrong secret", own(&flipped(&party.key))),
        ("a short secret", own(&party.key[..party.key.len() - 1])),
        ("a long secret", own(&format!("{}b", party.key))),
        (
            "an endless secret",
            own(&format!("{front}:{}", "b".repeat(5000))),
        ),
        ("a NUL in the secret", own(&format!("{}\0", party.key))),
        ("an unknown key", own(&party.key.replace(id, "zzzzzz"))),
        (
            "another app",
            own(&party.key.replace(&format!("{app}."), "other.")),
        ),
        ("another account", basic("somebody", &party.key)),
        (
            "another gateway's account",
            basic(&format!("http://other.org/{}", party.account), &party.key),
        ),
        (
            "the account in capitals",
            basic(&party.account.to_uppercase(), &party.key),
        ),
        ("an empty token", "Bearer ".into()),
        ("a token of one part", "Bearer abc".into()),
        ("a token of empty parts", "Bearer ..".into()),
        ("a token of no base64", "Bearer !.!.!".into()),
        ("a token of four parts", "Bearer a.b.c.d".into()),
        (
            "a token of nulls",
            format!("Bearer {0}.{0}.{0}", STANDARD.encode("null")),
        ),
        (
            "an endless token",
            format!("Bearer {}.b.c", "a".repeat(9000)),
        ),
        ("a key as a token", format!("Bearer {}", party.key)),
        (
            "a token that is no activation",
            format!("Bearer {jwe_like}"),
        ),
        ("an endless scheme", format!("{} x", "B".repeat(9000))),
    ]
}

#[tokio::test]
async fn whatever_is_wrong_with_a_credential_the_answer_is_the_same() {
    let party = Party::new("credentials").await;
    let id = party.before["key"][0]["keyid"].as_str().unwrap();
    for (method, path, body) in GUARDED {
        let path = party.path(path).replace("KEYID", id);
        let mut answers = Vec::new();
        for (what, value) in wrong(&party) {
            let what = format!("{method} {path} with {what}");
            let reply = party
                .ask(method, &path, Some(&value), &[], body.as_bytes())
                .await;
            is_refused(&what, &reply, 401);
            assert!(reply.header("www-authenticate").is_some(), "{what}");
            let instance = reply.header("x-request-id").unwrap();
            answers.push(reply.text().replace(instance, "ID"));
        }
        answers.dedup();
        assert_eq!(answers.len(), 1, "{method} {path}: {answers:?}");
    }
    party.is_unharmed().await;
}

#[tokio::test]
async fn two_credentials_are_none() {
    let party = Party::new("twice").await;
    let root = party.root();
    for (method, path, body) in GUARDED {
        let path = party.path(path).replace("KEYID", "keyid1");
        for second in [party.own(), root.clone(), String::new()] {
            let headers = [("Authorization", second.as_str())];
            let reply = party
                .ask(method, &path, Some(&party.own()), &headers, body.as_bytes())
                .await;
            is_refused(&format!("{method} {path}"), &reply, 401);
        }
    }
    party.is_unharmed().await;
}

#[tokio::test]
async fn a_credential_that_is_no_text_is_refused() {
    let party = Party::new("no-text").await;
    for (bytes, status) in [
        (b"Basic \xff\xfe\xfd".as_slice(), 401),
        (b"Bearer \xc3\xa9.b.c", 401),
        (b"\x80", 401),
        (b"Basic a\x01b", 400),
        (b"Basic a\0b", 400),
        (b"Basic a\x7fb", 400),
    ] {
        let path = party.path("/api/v1/user/ACCOUNT");
        let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: ");
        let request = [head.as_bytes(), bytes, b"\r\n\r\n"].concat();
        let got = super::status_of(party.gateway, &request).await;
        assert_eq!(got, Some(status), "{bytes:?}");
    }
    party.is_unharmed().await;
}

#[tokio::test]
async fn a_malformed_code_is_a_wrong_code_and_the_right_one_still_serves() {
    let party = Party::new("codes").await;
    let path = "/api/v1/user/codes-new/activation";
    let asked = party
        .ask("POST", path, None, &[], br#"{"email":"codes@example.org"}"#)
        .await;
    let token = format!("Bearer {}", asked.value()["jwe"].as_str().unwrap());
    let line = party.gateway.logged("account=codes-new code=").await;
    let code = line.split("code=").nth(1).unwrap();
    let code = code.split(' ').next().unwrap().trim_matches('"');
    let long = "1".repeat(4000);
    let path = "/api/v1/user/codes-new/key";
    for bad in [
        &[][..],
        &[("X-Activation-Code", "")],
        &[("X-Activation-Code", code), ("X-Activation-Code", code)],
        &[("X-Activation-Code", &long)],
    ] {
        let reply = party.ask("POST", path, Some(&token), bad, b"").await;
        is_refused(&format!("{bad:?}"), &reply, 401);
    }
    let right = [("X-Activation-Code", code)];
    let reply = party
        .ask("POST", "/api/v1/user/codes/key", Some(&token), &right, b"")
        .await;
    is_refused("a code of another account", &reply, 403);
    let reply = party.ask("POST", path, Some(&token), &right, b"").await;
    assert_eq!(reply.status, 200, "{reply:?}");
    party.is_unharmed().await;
}
