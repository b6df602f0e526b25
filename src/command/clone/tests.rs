use std::time::Duration;

use serde_json::json;

use super::*;

fn parse(text: &str) -> Configuration {
    Configuration::parse(text).unwrap()
}

fn over(text: &str, arguments: &Arguments) -> Configuration {
    let mut configuration = parse(text);
    configuration.overlay(arguments, &Chance::seeded(1));
    configuration
}

const GIVEN: &str = r#"{
    "@id": "one", "@domain": "d.ada.gw.local", "genesis": true, "networkTimeout": 1500, "logLevel": "warn",
    "maxOperationSize": 1000, "journal": {"adminDebounce": 30, "maxEntryFootprint": 2},
    "constraints": [{"@type": "single-valued", "property": "name"}],
    "io": {"uri": "https://gw.local/", "opts": {
        "auth": {"user": "ada", "key": "k"}, "query": {"a": "b"}, "reconnectionDelay": 10,
        "reconnectionDelayMax": 20, "randomizationFactor": 0.1, "timeout": 3000, "transports": ["websocket"], "upgrade": false
    }}
}"#;

#[test]
fn a_configuration_for_the_javascript_engine_is_understood() {
    let configuration = over(GIVEN, &Arguments::default());
    configuration.check().unwrap();
    let context = configuration.context().unwrap();
    let engine = configuration.engine(&context);
    assert_eq!(
        (engine.clone_id.as_str(), engine.domain.as_str()),
        ("one", "d.ada.gw.local")
    );
    assert!(engine.genesis);
    assert_eq!(engine.network_timeout, Duration::from_millis(1500));
    assert_eq!(engine.max_operation_size, 1000);
    assert_eq!(engine.journal.admin_debounce, Duration::from_millis(30));
    assert_eq!(engine.journal.max_entry_footprint, 2);
    let single: Vec<_> = engine
        .rules
        .single_valued
        .iter()
        .map(m_ld_engine::rdf::Iri::as_str)
        .collect();
    assert_eq!(single, ["http://d.ada.gw.local/#name"]);
    let socket = configuration.socket(None).unwrap();
    assert_eq!(socket.auth, json!({"user": "ada", "key": "k"}));
    assert_eq!(socket.query, [("a".to_owned(), "b".to_owned())]);
    assert_eq!(socket.backoff.first, Duration::from_millis(10));
    assert_eq!(socket.backoff.longest, Duration::from_millis(20));
    assert_eq!(socket.backoff.jitter_percent, 10);
    assert_eq!(socket.connect_timeout, Duration::from_secs(3));
}

#[test]
fn arguments_win_over_the_configuration() {
    let configuration = over(
        GIVEN,
        &Arguments {
            id: Some("two".to_owned()),
            domain: Some("e.ada.gw.local".to_owned()),
            network_timeout: Some(7),
            max_operation_size: Some(8),
            uri: Some("http://127.0.0.1:1/".to_owned()),
            ..Arguments::default()
        },
    );
    let engine = configuration.engine(&configuration.context().unwrap());
    assert_eq!(
        (engine.clone_id.as_str(), engine.domain.as_str()),
        ("two", "e.ada.gw.local")
    );
    assert_eq!(
        (engine.network_timeout, engine.max_operation_size),
        (Duration::from_millis(7), 8)
    );
    assert!(!configuration.is_secure());
}

#[test]
fn a_clone_without_an_id_gets_one() {
    let configuration = over(
        r#"{"@domain": "d", "io": {"uri": "https://a"}}"#,
        &Arguments::default(),
    );
    let id = configuration
        .engine(&configuration.context().unwrap())
        .clone_id;
    assert_eq!(id.len(), 25);
    assert!(
        !configuration
            .engine(&configuration.context().unwrap())
            .genesis
    );
}

#[test]
fn what_a_clone_cannot_start_with_is_told() {
    let cases = [
        (r#"{"io": {"uri": "https://a"}}"#, "@domain"),
        (r#"{"@domain": "d"}"#, "io.uri"),
        (r#"{"@domain": "d", "io": {"uri": "gopher://a"}}"#, "io.uri"),
        (
            r#"{"@domain": "d", "io": {"uri": "https://a", "opts": {"path": "no"}}}"#,
            "io.uri",
        ),
        (
            r#"{"@domain": "d", "io": {"uri": "https://a", "opts": {"transports": ["polling"]}}}"#,
            "websocket",
        ),
    ];
    for (text, what) in cases {
        let complaint = over(text, &Arguments::default()).check().unwrap_err();
        assert!(complaint.contains(what), "{text}: {complaint}");
    }
    assert!(Configuration::parse(r#"{"@domain": 1}"#).is_err());
    assert!(Configuration::parse(r#"{"constraints": [{"@type": "unheard-of"}]}"#).is_err());
}

#[test]
fn a_credential_does_not_reach_a_message() {
    let mut configuration = parse(GIVEN);
    let complaint = configuration
        .authenticate(r#"{"key": "geheim" "#)
        .unwrap_err();
    assert!(!complaint.contains("geheim"));
    configuration.authenticate(r#"{"key": "geheim"}"#).unwrap();
    assert!(!format!("{configuration:?}").contains("geheim"));
}
