//! `meldgate clone`, and the remotes below it, against a whole gateway.

mod own;
mod process;
mod remotes;

use serde_json::{Value, json};
use testkit::{Folder, Gateway};

use process::Process;

/// A gateway with an account that lets anybody in who knows a subdomain's name.
async fn gateway() -> Gateway {
    let gateway = Gateway::fresh(env!("CARGO_BIN_EXE_meldgate"), "");
    gateway.mint("ada").await;
    gateway
        .allow(
            "ada",
            r#"{"naming": "uuid", "remotesAuth": ["anon", "key"]}"#,
        )
        .await;
    gateway
}

/// The configuration of a clone in a new subdomain, as the gateway gives it.
async fn subdomain(gateway: &Gateway) -> Value {
    let reply = gateway.as_root("POST", "/api/v1/domain/ada", None).await;
    let mut configuration = reply.value();
    // Anybody may join.
    configuration["io"]["opts"] = json!({"reconnectionDelay": 20, "reconnectionDelayMax": 50});
    configuration["networkTimeout"] = json!(1000);
    configuration
}

/// The same for a clone that joins.
fn joining(configuration: &Value) -> Value {
    let mut configuration = configuration.clone();
    configuration["genesis"] = json!(false);
    configuration
}

#[tokio::test]
async fn clones_in_processes_of_their_own_share_what_they_write() {
    let gateway = gateway().await;
    let configuration = subdomain(&gateway).await;
    let mut one = Process::start(&gateway, &configuration, &[]);
    one.is_there();
    let written = one.ask(json!({"write": {"@id": "fred", "name": "Fred"}}));
    assert_eq!(written["answer"]["ticks"], 1, "{written}");
    let mut two = Process::start(&gateway, &joining(&configuration), &[]);
    two.started();
    let read = two.ask(json!({"read": {"@describe": "fred"}}));
    assert_eq!(
        read["answer"],
        json!([{"@id": "fred", "name": "Fred"}]),
        "{read}"
    );
    two.ask(json!({"write": {"@id": "wilma", "knows": {"@id": "fred"}}}));
    let update = one.hear(|line| line["update"]["@insert"][0]["@id"] == "wilma");
    assert_eq!(update["update"]["@delete"], json!([]));
    let wilma = json!([{"@id": "wilma", "knows": {"@id": "fred"}}]);
    assert_eq!(one.ask(json!({"get": "wilma"}))["answer"], wilma);
    assert_eq!(one.end(), Some(0));
    assert_eq!(two.end(), Some(0));
}

#[tokio::test]
async fn requests_are_answered_in_the_order_of_what_they_do() {
    let gateway = gateway().await;
    let mut clone = Process::start(&gateway, &subdomain(&gateway).await, &[]);
    clone.started();
    for number in 0..100 {
        clone.say(&json!({"id": number, "write": {"@update": {"@id": "count", "is": number}}}));
    }
    let read = clone.ask(json!({"get": "count"}));
    assert_eq!(read["answer"], json!([{"@id": "count", "is": 99}]));
}

#[tokio::test]
async fn what_is_no_request_is_told_and_does_nothing_else() {
    let gateway = gateway().await;
    let mut clone = Process::start(&gateway, &subdomain(&gateway).await, &[]);
    clone.started();
    for request in [json!({}), json!({"fly": 1}), json!({"read": 1, "write": 2})] {
        assert!(clone.ask(request.clone())["error"].is_string(), "{request}");
    }
    let refused = clone.ask(json!({"read": {"@id": "a subject"}}));
    assert_eq!(refused["status"], 5011, "{refused}");
    let refused = clone.ask(json!({"write": {"@describe": "?s"}}));
    assert!(refused["status"].is_u64(), "{refused}");
    for line in ["nonsense", "[]", "1"] {
        clone.say_text(line);
        let told = clone.hear(|line| line.get("error").is_some());
        assert_eq!(told["id"], Value::Null, "{line}");
    }
    assert_eq!(
        clone.ask(json!({"read": {"@describe": "fred"}}))["answer"],
        json!([])
    );
    assert_eq!(clone.end(), Some(0));
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_crash() {
    let (gateway, folder) = (gateway().await, Folder::new());
    let configuration = subdomain(&gateway).await;
    let data = folder.path().join("clone").display().to_string();
    let mut clone = Process::start(
        &gateway,
        &configuration,
        &["--data", &data, "--id", "first"],
    );
    clone.started();
    clone.ask(json!({"write": {"@id": "fred", "name": "Fred"}}));
    clone.kill();
    let again = ["--data", &data, "--id", "second"];
    let mut clone = Process::start(&gateway, &joining(&configuration), &again);
    clone.started();
    let read = clone.ask(json!({"read": {"@describe": "fred"}}));
    assert_eq!(read["answer"], json!([{"@id": "fred", "name": "Fred"}]));
    let written = clone.ask(json!({"write": {"@id": "wilma", "name": "Wilma"}}));
    assert_eq!(written["answer"]["ticks"], 2, "no tick is used again");
}

#[tokio::test]
async fn a_clone_is_stopped_in_order_by_a_signal_a_request_or_the_end_of_its_input() {
    let gateway = gateway().await;
    let mut clone = Process::start(&gateway, &subdomain(&gateway).await, &[]);
    clone.started();
    clone.signal("TERM");
    clone.hear(|line| line["closed"].is_null() && line.get("closed").is_some());
    assert_eq!(clone.exited(), Some(0));
    let mut clone = Process::start(&gateway, &subdomain(&gateway).await, &[]);
    clone.started();
    assert_eq!(clone.ask(json!({"close": null}))["answer"], Value::Null);
    assert_eq!(clone.exited(), Some(0));
}

#[tokio::test]
async fn a_clone_that_cannot_join_says_why_and_fails() {
    let gateway = gateway().await;
    let alone = joining(&subdomain(&gateway).await);
    let mut clone = Process::start(&gateway, &alone, &[]);
    let closed = clone.hear(|line| line.get("closed").is_some());
    assert!(
        closed["closed"]
            .as_str()
            .unwrap()
            .contains("no other clone"),
        "{closed}"
    );
    assert_eq!(clone.exited(), Some(1));
    let mut wrong = subdomain(&gateway).await;
    wrong["io"]["opts"]["auth"] = json!({"user": "ada", "key": "ada.nokey:wrong"});
    let mut clone = Process::start(&gateway, &wrong, &[]);
    let closed = clone.hear(|line| line.get("closed").is_some());
    assert!(
        closed["closed"].as_str().unwrap().contains("refuses"),
        "{closed}"
    );
    assert_eq!(clone.exited(), Some(1));
}

#[tokio::test]
async fn a_configuration_that_cannot_be_used_is_an_error_of_its_own() {
    let gateway = gateway().await;
    let wrong = json!({"@domain": "d", "io": {"uri": "https://localhost:1", "opts": {"transports": ["polling"]}}});
    for configuration in [json!({}), json!([]), wrong] {
        let mut clone = Process::start(&gateway, &configuration, &[]);
        assert_eq!(clone.exited(), Some(78), "{configuration}");
        assert!(
            clone.complaint().contains("configuration"),
            "{}",
            clone.complaint()
        );
    }
}
