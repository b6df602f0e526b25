//! The gateway's own domain, as native clones of it and clients without a clone see it.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use testkit::{Auth, Event, Folder, Gateway, Socket, Writer, basic};

use super::process::Process;

const BINARY: &str = env!("CARGO_BIN_EXE_meldgate");
const ROUNDS: &str = "CRASH_ROUNDS";
const DEFAULT_ROUNDS: usize = 3;
/// Who change something at once, when the gateway is killed.
const WRITERS: usize = 4;

/// The configuration of a clone of the gateway's own domain.
fn own(gateway: &Gateway, auth: &Value) -> Value {
    json!({
        "@domain": gateway.ready.domain, "genesis": false, "networkTimeout": 2000,
        "@context": {
            "@base": "http://gw.local/", "@vocab": "http://gw.m-ld.org/#",
            "naming": {"@type": "@vocab"}, "remotesAuth": {"@type": "@vocab"},
        },
        "io": {"uri": gateway.ready.origin, "opts": {
            "auth": auth, "reconnectionDelay": 20, "reconnectionDelayMax": 50,
        }},
    })
}

fn root(gateway: &Gateway) -> Value {
    json!({"user": gateway.ready.root_account, "key": gateway.ready.root_key})
}

/// A clone that has joined.
fn joined(gateway: &Gateway, arguments: &[&str]) -> Process {
    let mut clone = Process::start(gateway, &own(gateway, &root(gateway)), arguments);
    clone.started();
    clone
}

/// The names that an account has of its subdomains, in order.
fn subdomains(clone: &mut Process, account: &str) -> Vec<String> {
    let found = clone.ask(json!({"get": account}));
    let listed = &found["answer"][0]["subdomain"];
    let listed = listed
        .as_array()
        .cloned()
        .unwrap_or_else(|| vec![listed.clone()]);
    let mut names: Vec<_> = listed
        .iter()
        .filter_map(|reference| reference["@id"].as_str().map(str::to_owned))
        .collect();
    names.sort();
    names
}

/// Waits until an update inserts this of a subject.
fn hears(clone: &mut Process, subject: &str, property: &str, value: &Value) {
    clone.hear(|line| {
        let inserted = line["update"]["@insert"].as_array();
        inserted.is_some_and(|inserted| {
            let has = |found: &Value| {
                found == value || found.as_array().is_some_and(|all| all.contains(value))
            };
            inserted
                .iter()
                .any(|said| said["@id"] == subject && has(&said[property]))
        })
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_root_key_clones_it_and_sees_accounts_as_they_are_made() {
    let gateway = Gateway::fresh(BINARY, "");
    gateway.mint("ada").await;
    assert_eq!(gateway.as_root("GET", "/readyz", None).await.status, 200);
    let mut clone = joined(&gateway, &[]);
    for account in ["root", "ada"] {
        let found = clone.ask(json!({"get": account}));
        assert_eq!(found["answer"][0]["@type"], "Account", "{found}");
    }
    let key = gateway.mint("ben").await;
    let keyid = key.split(['.', ':']).nth(1).unwrap();
    hears(&mut clone, "ben", "@type", &json!("Account"));
    let found = clone.ask(json!({"get": format!(".{keyid}")}));
    assert_eq!(found["answer"][0]["@type"], "UserKey", "{found}");
    assert_eq!(found["answer"][0]["revoked"], false, "{found}");
    gateway.allow("ben", r#"{"naming": "uuid"}"#).await;
    hears(&mut clone, "ben", "naming", &json!("uuid"));
    let made = gateway.as_root("PUT", "/api/v1/domain/ben/notes", None);
    assert_eq!(made.await.status, 200);
    hears(&mut clone, "ben/notes", "useSignatures", &json!(false));
    assert_eq!(clone.end(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_shut_to_everybody_else_and_they_hear_nothing_of_it() {
    let gateway = Gateway::fresh(BINARY, "");
    let key = gateway.mint("ada").await;
    gateway
        .allow("ada", r#"{"remotesAuth": ["key", "jwt"]}"#)
        .await;
    for auth in [
        json!({"user": "ada", "key": key}),
        json!({"user": "root", "key": key}),
        Value::Null,
    ] {
        let mut clone = Process::start(&gateway, &own(&gateway, &auth), &[]);
        let closed = clone.hear(|line| line.get("closed").is_some());
        assert!(
            closed["closed"].as_str().unwrap().contains("refuses"),
            "{closed}"
        );
        assert_eq!(clone.exited(), Some(1));
    }
    let named = Auth::Key("ada".into(), key);
    for (auth, reason) in [(named, "Forbidden"), (Auth::None, "Unauthorized")] {
        let refused = Socket::join(&gateway, "a", "gw.local", &auth).await;
        assert_eq!(refused.unwrap_err().0, reason);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_clone_writes_into_it_is_refused_and_reaches_nobody() {
    let gateway = Gateway::fresh(BINARY, "");
    gateway.mint("ada").await;
    let (mut witness, mut writer) = (joined(&gateway, &[]), joined(&gateway, &[]));
    writer.ask(json!({"write": {"@id": "mallory", "@type": "Account"}}));
    let closed = writer.hear(|line| line.get("closed").is_some());
    assert!(
        closed["closed"].as_str().unwrap().contains("Forbidden"),
        "{closed}"
    );
    assert_eq!(writer.exited(), Some(1));

    let auth = Auth::Key(
        gateway.ready.root_account.clone(),
        gateway.ready.root_key.clone(),
    );
    let mut raw = Socket::join(&gateway, "raw", "gw.local", &auth)
        .await
        .unwrap();
    raw.operation(&Writer::default().next(10)).await;
    let told = loop {
        match raw.next().await {
            Event::Refused(message) => break message,
            Event::Closed => panic!("it was closed without a word"),
            _ => {}
        }
    };
    assert_eq!(told, "Forbidden");
    let logged = gateway
        .logged("the gateway's own domain is changed by the API alone")
        .await;
    assert!(logged.contains("operation-refused"), "{logged}");

    gateway.allow("ada", r#"{"naming": "uuid"}"#).await;
    hears(&mut witness, "ada", "naming", &json!("uuid"));
    assert_eq!(witness.ask(json!({"get": "mallory"}))["answer"], json!([]));
    let account = gateway.as_root("GET", "/api/v1/user/mallory", None).await;
    assert_eq!(account.status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_away_catches_up_after_a_crash_of_the_gateway() {
    let (state, folder) = (Folder::new(), Folder::new());
    let data = folder.path().join("clone").display().to_string();
    let gateway = Gateway::on(BINARY, &state, "");
    gateway.mint("ada").await;
    let mut clone = joined(&gateway, &["--data", &data, "--id", "copy"]);
    assert_eq!(clone.end(), Some(0));
    let made = gateway.as_root("PUT", "/api/v1/domain/ada/notes", None);
    assert_eq!(made.await.status, 200);
    gateway.kill().await;
    let gateway = Gateway::on(BINARY, &state, "");
    let made = gateway.as_root("PUT", "/api/v1/domain/ada/todo", None);
    assert_eq!(made.await.status, 200);
    let mut clone = joined(&gateway, &["--data", &data, "--id", "copy again"]);
    while subdomains(&mut clone, "ada") != ["ada/notes", "ada/todo"] {
        clone.hear(|line| line.get("update").is_some());
    }
}

/// A gateway that is killed has answered for changes of its tables that its own domain does not say yet, and at times
/// says what it never answered for. Whatever it was, the next start has them agree.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_kill_it_says_what_the_tables_do() {
    let rounds = std::env::var(ROUNDS).map_or(DEFAULT_ROUNDS, |rounds| rounds.parse().unwrap());
    let folder = Folder::new();
    let mut gateway = Gateway::on(BINARY, &folder, "");
    gateway.mint("ada").await;
    let mut answered = Vec::new();
    for round in 0..rounds {
        answered.extend(is_killed_while_subdomains_are_made(&gateway, round).await);
        drop(gateway);
        gateway = Gateway::on(BINARY, &folder, "");
        let details = gateway
            .as_root("GET", "/api/v1/user/ada", None)
            .await
            .value();
        let listed = details["subdomain"].as_array().unwrap().iter();
        let mut listed: Vec<_> = listed
            .map(|name| format!("ada/{}", name.as_str().unwrap()))
            .collect();
        listed.sort();
        let mut clone = joined(&gateway, &[]);
        assert_eq!(subdomains(&mut clone, "ada"), listed, "round {round}");
        for name in &answered {
            assert!(
                listed.binary_search(name).is_ok(),
                "{name} was answered, and is not there"
            );
        }
    }
    assert!(answered.len() >= rounds);
}

/// Has some make subdomains, and kills the gateway after some answers. Gives all that was answered.
async fn is_killed_while_subdomains_are_made(gateway: &Gateway, round: usize) -> Vec<String> {
    let (count, wanted) = (AtomicUsize::new(0), 5 + round * 7 % 20);
    let authorization = basic(&gateway.ready.root_account, &gateway.ready.root_key);
    let writers = (0..WRITERS).map(|writer| {
        let (count, authorization) = (&count, &*authorization);
        async move {
            let mut answered = Vec::new();
            let mut https = gateway.https().await;
            for number in 0..1000 {
                let name = format!("r{round}w{writer}n{number}");
                let path = format!("/api/v1/domain/ada/{name}");
                let headers = [("Authorization", authorization)];
                match https.try_request("PUT", &path, &headers, b"").await {
                    Some(reply) if reply.status == 200 => answered.push(format!("ada/{name}")),
                    Some(reply) => panic!("{}", reply.text()),
                    None => break,
                }
                if count.fetch_add(1, Ordering::SeqCst) == wanted {
                    gateway.signal("KILL");
                }
            }
            answered
        }
    });
    let written = futures_util::future::join_all(writers).await;
    written.into_iter().flatten().collect()
}
