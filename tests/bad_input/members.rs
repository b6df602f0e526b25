//! The members of bodies, one by one: of the wrong type, too long, missing, null, unknown.

use serde_json::{Value, json};

use super::{Party, is_refused};

/// What is no text, whatever the text should have been.
fn no_texts() -> Vec<Value> {
    let deep = (0..100).fold(json!("x"), |inner, _| json!([inner]));
    vec![
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(u64::MAX),
        json!({}),
        json!({"@value": "any"}),
        json!({"@id": "any"}),
        json!([[]]),
        json!([["any"]]),
        json!([null]),
        deep,
    ]
}

/// What is no address, beside what is no text.
fn no_addresses() -> Vec<Value> {
    let long = format!("{}@example.org", "a".repeat(300));
    let labels = format!("a@{}example.org", "a.".repeat(200));
    [
        "",
        " ",
        "a",
        "@",
        "a@",
        "@example.org",
        "a@@example.org",
        "a@b@example.org",
        "a b@example.org",
        "a@exam ple.org",
        "a@example.org\r\nBcc: b@example.org",
        "a@example.org\0",
        "a\u{7f}@example.org",
        "Name <a@example.org>",
        "a@example.org,b@example.org",
        "mailto:a@example.org",
        "a@-example.org",
        "\u{202e}a@example.org",
        "a@exämple.org",
        ".a@example.org",
        "a..b@example.org",
        "a@example..org",
        &long,
        &labels,
    ]
    .into_iter()
    .map(|text| json!(text))
    .collect()
}

fn no_names() -> Vec<Value> {
    let long = "x".repeat(64);
    let longer = "x".repeat(60_000);
    [
        "",
        "A",
        "a.b",
        "a/b",
        "..",
        "a b",
        "é",
        "a\0",
        "a\n",
        "\u{feff}a",
        &long,
        &longer,
    ]
    .into_iter()
    .map(|text| json!(text))
    .collect()
}

async fn patch(party: &Party, body: &Value, status: u16) {
    let path = party.path("/api/v1/user/ACCOUNT");
    for who in [party.own(), party.root()] {
        let reply = party
            .ask("PATCH", &path, Some(&who), &[], body.to_string().as_bytes())
            .await;
        is_refused(&format!("PATCH {body:.200}"), &reply, status);
    }
}

#[tokio::test]
async fn a_patch_is_all_right_or_refused() {
    let party = Party::new("patches").await;
    for member in ["email", "naming", "remotesAuth"] {
        for value in no_texts() {
            patch(&party, &json!({"@insert": {member: value}}), 400).await;
            patch(&party, &json!({"@delete": {member: value}}), 400).await;
        }
        patch(&party, &json!({"@insert": {member: vec!["uuid"; 65]}}), 400).await;
    }
    for value in no_addresses() {
        patch(&party, &json!({"@insert": {"email": value}}), 400).await;
        patch(
            &party,
            &json!({"@insert": {"email": ["a@example.org", value]}}),
            400,
        )
        .await;
    }
    for value in [
        "",
        "ANY",
        "all",
        "uuid ",
        "any,uuid",
        "http://gw.m-ld.org/#any",
    ] {
        patch(&party, &json!({"@insert": {"naming": value}}), 400).await;
        patch(&party, &json!({"@insert": {"remotesAuth": [value]}}), 400).await;
    }
    for value in no_texts().into_iter().chain(no_names()) {
        if value.as_str().is_none_or(|text| text.len() < 64) {
            patch(&party, &json!({"@delete": {"key": value}}), 400).await;
        }
        // No change is a change, too.
        if value != json!({}) {
            patch(&party, &json!({"@insert": value}), 400).await;
            patch(&party, &json!({"@delete": value}), 400).await;
        }
    }
    party.is_unharmed().await;
}

#[tokio::test]
async fn a_patch_changes_nothing_else() {
    let party = Party::new("others").await;
    let root_key = party.gateway.ready.root_key.clone();
    let root_id = root_key.split(['.', ':']).nth(1).unwrap();
    let own_id = &party.before["key"][0]["keyid"];
    for (body, status) in [
        (json!({}), 400),
        (json!({"email": "a@example.org"}), 400),
        (json!({"@insert": {"naming": "any"}, "@update": {}}), 400),
        (json!({"@insert": {"naming": "any"}, "@where": {}}), 400),
        (json!({"@insert": {"naming": "any"}, "@delete": []}), 400),
        (json!({"@insert": {"@id": "other", "naming": "any"}}), 400),
        (json!({"@insert": {"key": "keyid1"}}), 400),
        (json!({"@insert": {"subdomain": "todo"}}), 400),
        (
            json!({"@insert": {"http://gw.m-ld.org/#naming": "any"}}),
            400,
        ),
        (json!({"@delete": {"key": {"keyid": own_id}}}), 400),
        (json!({"@delete": {"key": "keyid1"}}), 404),
        (
            json!({"@delete": {"key": ["keyid1", own_id]}, "@insert": {"naming": "any"}}),
            404,
        ),
        (json!({"@delete": {"key": root_id}}), 409),
    ] {
        patch(&party, &body, status).await;
    }
    let many: Vec<_> = (0..17).map(|n| format!("a{n}@example.org")).collect();
    patch(&party, &json!({"@insert": {"email": many}}), 409).await;
    party.is_unharmed().await;
}

#[tokio::test]
async fn an_activation_is_for_one_address() {
    let party = Party::new("addresses").await;
    let ask = async |account: &str, body: Value, status: u16| {
        let path = format!("/api/v1/user/{account}/activation");
        let text = body.to_string();
        let reply = party.ask("POST", &path, None, &[], text.as_bytes()).await;
        is_refused(&format!("{account} {body:.200}"), &reply, status);
    };
    for value in no_texts().into_iter().chain(no_addresses()) {
        ask("addresses", json!({"email": value}), 400).await;
    }
    let right = json!("a@example.org");
    ask("addresses", json!({}), 400).await;
    ask("addresses", json!({"Email": right}), 400).await;
    ask("addresses", json!({"email": right, "code": "123456"}), 400).await;
    ask("addresses", json!({"email": [right]}), 400).await;
    for reserved in ["root", "admin", "www"] {
        ask(reserved, json!({"email": right}), 409).await;
    }
    party.is_unharmed().await;
}

/// The members that both ways to a subdomain take.
fn bad_requests() -> Vec<Value> {
    let mut bad = Vec::new();
    for value in [
        json!(null),
        json!("true"),
        json!(1),
        json!(0),
        json!([]),
        json!({}),
        json!([true]),
    ] {
        bad.push(json!({"useSignatures": value}));
    }
    bad.push(json!({"usesignatures": true}));
    bad.push(json!({"@id": "todo"}));
    bad
}

fn bad_users() -> Vec<Value> {
    let id = "https://example.org/me";
    let long = format!("https://example.org/{}", "x".repeat(2048));
    let mut bad = vec![
        json!("https://example.org/me"),
        json!(true),
        json!([]),
        json!({}),
        json!({"@id": id, "name": "me"}),
        json!({"key": {"keyid": "keyid1", "public": "AAAA"}}),
    ];
    for value in [
        json!(null),
        json!(1),
        json!([id]),
        json!({"@id": id}),
        json!(""),
        json!("me"),
        json!("/me"),
        json!("me:"),
        json!(":me"),
        json!("1a:b"),
        json!("https://example.org/a b"),
        json!("https://example.org/\n"),
        json!("https://example.org/\0"),
        json!("https://example.org/<b>"),
        json!("javascript:\"\""),
        json!(long),
    ] {
        bad.push(json!({"@id": value}));
    }
    for key in bad_keys() {
        bad.push(json!({"@id": id, "key": key}));
    }
    bad
}

fn bad_keys() -> Vec<Value> {
    // P-256, which is no RSA; and RSA of 1024 bits, which is too short.
    let curve = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==";
    let short = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDdlatRjRjogo3WojgGHFHYLugdUWAY9iR3fy4arWNA1KoS8kVw33cJibXr8bvwUAUparCwlvdbH6dvEOfou0/gCFQsHUfQrSDv+MuSUMAe8jzKE4qW+jK+xQU9a03GUnKHkkle+Q0pX/g6jXZ7r1/xAK5Do2kQ+X5xK9cipRgEKwIDAQAB";
    let mut bad = vec![
        json!("AAAA"),
        json!([]),
        json!({}),
        json!({"keyid": "keyid1"}),
        json!({"public": curve}),
    ];
    for public in [
        json!(null),
        json!(1),
        json!(""),
        json!("!"),
        json!("AAAA"),
        json!(curve),
        json!(short),
        json!("A".repeat(40_000)),
    ] {
        bad.push(json!({"keyid": "keyid1", "public": public}));
    }
    for keyid in [
        json!(null),
        json!(12345),
        json!(""),
        json!("abcd"),
        json!("key id"),
        json!("k".repeat(65)),
        json!("ключи"),
    ] {
        bad.push(json!({"keyid": keyid, "public": curve}));
    }
    bad.push(json!({"type": "ec", "keyid": "keyid1", "public": curve}));
    bad.push(json!({"type": null, "keyid": "keyid1", "public": curve}));
    bad
}

#[tokio::test]
async fn a_subdomain_is_asked_for_as_documented_or_refused() {
    let party = Party::new("requests").await;
    let (post, put) = (
        party.path("/api/v1/domain/ACCOUNT"),
        party.path("/api/v1/domain/ACCOUNT/todo"),
    );
    let ask = async |method: &str, path: &str, body: &Value| {
        let text = body.to_string();
        let reply = party
            .ask(method, path, Some(&party.own()), &[], text.as_bytes())
            .await;
        is_refused(&format!("{method} {body:.200}"), &reply, 400);
    };
    for body in bad_requests() {
        ask("POST", &post, &body).await;
        ask("PUT", &put, &body).await;
    }
    for name in no_texts().into_iter().chain(no_names()) {
        ask("POST", &post, &json!({"name": name})).await;
    }
    for user in bad_users() {
        ask("PUT", &put, &json!({"user": user})).await;
    }
    ask("PUT", &put, &json!({"name": "todo"})).await;
    ask("PUT", &put, &json!({"user": null})).await;
    ask(
        "POST",
        &post,
        &json!({"user": {"@id": "https://example.org/me"}}),
    )
    .await;
    let no_key = json!({"useSignatures": true, "user": {"@id": "https://example.org/me"}});
    ask("PUT", &put, &no_key).await;
    party.is_unharmed().await;
}
