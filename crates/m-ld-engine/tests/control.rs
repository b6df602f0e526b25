//! Requests, responses and notifications as the JavaScript engine sends them.

use m_ld_engine::wire::control::{Notification, Request, Response, is_ack, wrap};
use m_ld_engine::wire::{Attribution, Limits, WireError};
use serde_json::{Value as Json, json};

use crate::common::{base64, value, vectors};
use m_ld_engine::msgpack::{Limits as PackLimits, Value};

const FILES: [&str; 5] = [
    "wire-join",
    "wire-fused",
    "wire-outdated",
    "wire-errors",
    "security",
];

/// Every event of a kind, with its payload.
fn events(kind: &str) -> Vec<(Vec<u8>, Json)> {
    let mut found = Vec::new();
    for file in FILES {
        for event in vectors(file)["events"].as_array().unwrap() {
            let payload = event["args"][1]["$binary"].as_str();
            if let Some(payload) = payload.filter(|_| event["event"] == kind) {
                found.push((base64(payload), event["decoded"].clone()));
            }
        }
    }
    assert!(found.len() > 10, "only {} of {kind}", found.len());
    found
}

/// Asserts that what is encoded says the same as the vector, and is wrapped to the same bytes.
fn assert_same(
    payload: &[u8],
    enc: &[u8],
    attribution: Option<Attribution<'_>>,
    mine: &[u8],
    decoded: &Json,
) {
    assert_eq!(wrap(enc, attribution), payload);
    let principal = attribution.map(|attribution| attribution.principal);
    assert_eq!(json!(principal), decoded["attr"]["pid"]);
    // A clock that is undefined there is a clock without an ID here.
    if decoded["control"]["clock"]["$undefined"] != true {
        assert_eq!(mine, enc, "{decoded}");
    }
}

#[test]
fn every_request_is_understood_and_written_the_same() {
    for (payload, decoded) in events("send") {
        let signed = Request::decode(&payload, &Limits::default());
        if decoded["control"]["@type"] == "http://control.m-ld.org/request/unknown" {
            assert_eq!(signed, Err(WireError::Envelope("request")));
            continue;
        }
        let signed = signed.unwrap();
        let mine = signed.body.encode();
        assert_same(&payload, signed.enc, signed.attribution, &mine, &decoded);
        match signed.body {
            Request::Snapshot { new_clock } => {
                assert_eq!(decoded["control"]["newClock"], new_clock);
            }
            Request::Revup { time } => {
                assert_eq!(decoded["control"]["time"].to_string(), format!("{time:?}"));
            }
        }
    }
}

#[test]
fn every_reply_is_an_acknowledgement_or_a_response_that_is_written_the_same() {
    let mut acknowledged = 0;
    for (payload, decoded) in events("reply") {
        if is_ack(&payload) {
            assert_eq!(decoded["ack"], true, "{decoded}");
            acknowledged += 1;
            continue;
        }
        let signed = Response::decode(&payload, &Limits::default()).unwrap();
        let mine = signed.body.encode();
        assert_same(&payload, signed.enc, signed.attribution, &mine, &decoded);
        let control = &decoded["control"];
        match signed.body {
            Response::Rejected { status } => assert_eq!(control["status"], status),
            Response::Revup { gwc, .. } => assert_eq!(control["gwc"].is_null(), gwc.is_none()),
            Response::Snapshot { gwc, .. } => assert_eq!(
                value(&control["gwc"]),
                Value::decode(&gwc.encode(), PackLimits::default()).unwrap()
            ),
        }
    }
    assert!(acknowledged > 5);
}

#[test]
fn every_notification_is_understood_and_written_the_same() {
    for (payload, decoded) in events("notify") {
        let notification = Notification::decode(&payload, &Limits::default()).unwrap();
        match &notification {
            Notification::Next(_) => assert!(decoded.get("next").is_some()),
            Notification::Complete => assert_eq!(decoded["complete"], true),
            Notification::Error { status, .. } => assert_eq!(decoded["error"]["status"], *status),
        }
        assert_eq!(notification.encode(), payload);
    }
}
