//! Keys of an account: minted, used, shown, revoked; and the account's other details.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use testkit::{Auth, Socket};

use super::{Caller, gateway, id_of, secret_of};

#[tokio::test]
async fn a_key_is_minted_by_root_and_by_the_account_itself() {
    let account = Caller::account("minting").await;
    let minted = account.gets("POST", "/user/minting/key", "").await;
    let key = minted["auth"]["key"].as_str().unwrap();
    assert_eq!(minted, json!({"auth": {"key": key}}));
    assert!(key.starts_with("root."), "{key}");
    assert_eq!((id_of(key).len(), secret_of(key).len()), (6, 74));
    assert_ne!(id_of(key), id_of(&account.key()));
    let iri = Caller::by_key("http://gw.local/minting", key);
    let details = iri.gets("GET", "/user/minting", "").await;
    let ids: Vec<_> = details["key"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| &key["keyid"])
        .collect();
    assert_eq!(ids, [id_of(&account.key()), id_of(key)]);
}

#[tokio::test]
async fn what_is_asked_for_beside_a_kind_of_pair_is_refused_and_mints_nothing() {
    let account = Caller::account("particular").await;
    let keys = async || {
        let details = account.gets("GET", "/user/particular", "").await;
        details["key"].as_array().unwrap().len()
    };
    let before = keys().await;
    let mut https = gateway().https().await;
    let rotated = format!(
        "/api/v1/user/particular/key/{}/rotate",
        id_of(&account.key())
    );
    for path in ["/api/v1/user/particular/key", &rotated] {
        for query in [
            "type=rsa&size=4096",
            "kind=rsa",
            "type=rsa&type=rsa",
            "type=dsa",
        ] {
            let authorization = account.0.as_deref();
            let path = format!("{path}?{query}");
            let reply = https.json("POST", &path, authorization, None).await;
            assert_eq!(reply.status, 400, "{path}: {}", reply.text());
            let detail = reply.value()["detail"].to_string();
            assert!(detail.contains("type=rsa"), "{path}: {detail}");
        }
    }
    assert_eq!(keys().await, before);
}

#[tokio::test]
async fn a_pair_opens_with_the_keys_secret_and_nothing_else() {
    let account = Caller::account("pairs").await;
    let minted = account.gets("POST", "/user/pairs/key?type=rsa", "").await;
    assert_eq!(minted["key"]["type"], "rsa");
    let key = minted["auth"]["key"].as_str().unwrap().to_owned();
    // By Node.js, as clients do it.
    assert_eq!(opened_by_node(&minted, secret_of(&key)), "2048 signed\n");
    assert_eq!(opened_by_node(&minted, secret_of(&account.key())), "");
    let path = format!("/user/pairs/publicKey/{}", id_of(&key));
    let public = Caller::by_key("pairs", &key).get(&path).await;
    assert_eq!(
        public.header("content-type"),
        Some("application/x-pem-file")
    );
    let pem: String = public
        .text()
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect();
    assert_eq!(pem, minted["key"]["public"].as_str().unwrap());
}

/// Opens a minted pair with a passphrase, and signs with it. Nothing if it does not open.
pub(super) fn opened_by_node(minted: &Value, passphrase: &str) -> String {
    const SCRIPT: &str = r"
        const crypto = require('crypto'), {minted, passphrase} = JSON.parse(require('fs').readFileSync(0));
        const der = name => Buffer.from(minted.key[name], 'base64');
        const open = crypto.createPrivateKey({key: der('private'), format: 'der', type: 'pkcs8', passphrase});
        const other = crypto.createPublicKey({key: der('public'), format: 'der', type: 'spki'});
        const signed = crypto.sign('RSA-SHA256', 'm-ld', open);
        console.log(open.asymmetricKeyDetails.modulusLength,
            crypto.verify('RSA-SHA256', 'm-ld', other, signed) ? 'signed' : 'wrong');";
    let mut node = Command::new("node")
        .args(["-e", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("Node.js, which these tests need");
    let input = json!({"minted": minted, "passphrase": passphrase}).to_string();
    node.stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = node.wait_with_output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn an_account_sees_all_that_is_kept_of_it() {
    let account = Caller::account("seen").await;
    account.gets("PUT", "/domain/seen/todo", "").await;
    let details = account.gets("GET", "/user/seen", "").await;
    let created = &details["key"][0]["created"];
    assert!(
        created.as_str().is_some_and(|at| at.ends_with('Z')),
        "{created}"
    );
    let lately = &details["key"][0]["lastUsed"];
    assert!(lately.is_string(), "{lately}");
    let expected = json!({
        "@id": "http://gw.local/seen", "email": [], "naming": [], "remotesAuth": [],
        "key": [{"keyid": id_of(&account.key()), "created": created, "lastUsed": lately, "expires": null, "revoked": null}],
        "subdomain": ["todo"],
    });
    assert_eq!(details, expected);
    assert_eq!(Caller::root().gets("GET", "/user/seen", "").await, expected);
}

#[tokio::test]
async fn each_detail_is_inserted_and_deleted_alone_or_with_others() {
    let account = Caller::account("details").await;
    let path = "/user/details";
    for (member, one, many) in [
        ("email", "a@example.org", ["b@example.org", "c@example.org"]),
        ("naming", "any", ["any", "uuid"]),
        ("remotesAuth", "anon", ["key", "jwt"]),
    ] {
        let before = account.gets("GET", path, "").await[member].clone();
        assert_eq!(before, json!([]));
        account
            .does(
                "PATCH",
                path,
                &json!({"@insert": {member: one}}).to_string(),
            )
            .await;
        assert_eq!(account.gets("GET", path, "").await[member], json!([one]));
        account
            .does(
                "PATCH",
                path,
                &json!({"@insert": {member: one}}).to_string(),
            )
            .await;
        assert_eq!(
            account.gets("GET", path, "").await[member],
            json!([one]),
            "twice"
        );
        let swap = json!({"@delete": {member: [one]}, "@insert": {member: many}});
        account.does("PATCH", path, &swap.to_string()).await;
        assert_eq!(account.gets("GET", path, "").await[member], json!(many));
        Caller::root()
            .does(
                "PATCH",
                path,
                &json!({"@delete": {member: many}}).to_string(),
            )
            .await;
        assert_eq!(account.gets("GET", path, "").await[member], json!([]));
    }
    let all = json!({"@insert": {"email": "a@example.org", "naming": "uuid", "remotesAuth": ["anon", "key", "jwt"]}});
    account.does("PATCH", path, &all.to_string()).await;
    let details = account.gets("GET", path, "").await;
    assert_eq!(details["remotesAuth"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_revoked_key_is_dead_at_once_and_so_are_its_sockets() {
    let account = Caller::account("revoking").await;
    let minted = account.gets("POST", "/user/revoking/key", "").await;
    let key = minted["auth"]["key"].as_str().unwrap().to_owned();
    let revoked = Caller::by_key("revoking", &key);
    revoked.gets("PUT", "/domain/revoking/todo", "").await;
    let domain = "todo.revoking.gw.local";
    let auth = Auth::Key("revoking".into(), key.clone());
    let mut dying = Socket::join(gateway(), "dying", domain, &auth)
        .await
        .unwrap();
    let other = Auth::Key("revoking".into(), account.key());
    let mut living = Socket::join(gateway(), "living", domain, &other)
        .await
        .unwrap();
    let patch = json!({"@delete": {"key": id_of(&key)}}).to_string();
    account.does("PATCH", "/user/revoking", &patch).await;
    revoked.may_not("GET", "/user/revoking", "", 401).await;
    let end = tokio::time::timeout(std::time::Duration::from_secs(1), dying.ended()).await;
    assert!(
        end.is_ok(),
        "the socket of a revoked key is open after a second"
    );
    let again = Socket::join(gateway(), "dying", domain, &auth).await;
    assert_eq!(again.unwrap_err().0, "Unauthorized");
    // Revoked twice is revoked; and what it signed can still be verified.
    account.does("PATCH", "/user/revoking", &patch).await;
    let public = format!("/user/revoking/publicKey/{}", id_of(&key));
    assert_eq!(account.get(&public).await.status, 200);
    let details = account.gets("GET", "/user/revoking", "").await;
    assert!(details["key"][1]["revoked"].is_string(), "{details}");
    living.present(true).await;
    living
        .presence_beside_the_gateway_becomes(&["living"])
        .await;
}

#[tokio::test]
async fn the_last_key_stays_unless_there_is_another_way_in() {
    let account = Caller::account("last").await;
    let key = account.key();
    let patch = json!({"@delete": {"key": id_of(&key)}}).to_string();
    account.may_not("PATCH", "/user/last", &patch, 409).await;
    let swap = json!({"@delete": {"key": id_of(&key)}, "@insert": {"naming": "any"}});
    account
        .may_not("PATCH", "/user/last", &swap.to_string(), 409)
        .await;
    assert_eq!(
        account.gets("GET", "/user/last", "").await["naming"],
        json!([])
    );
    let email = json!({"@delete": {"key": id_of(&key)}, "@insert": {"email": "last@example.org"}});
    account
        .does("PATCH", "/user/last", &email.to_string())
        .await;
    account.may_not("GET", "/user/last", "", 401).await;
}
