//! The API's description of itself is true: each operation is called at a running gateway, and each answer is one
//! that the description has, with the headers and the content that it says. What it has and no call got is a fault too.
//!
//! Source: `OpenAPI` 3.1.0.

mod operation;
mod schema;
mod story;

use std::collections::BTreeSet;

use serde_json::Value;
use testkit::{Gateway, Reply, basic, soon};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use self::operation::{Call, Operation};

const CONFIG: &str = r#"
[http]
body-limit = "64 KiB"
[smtp]
host = "localhost"
port = 1
security = "plain"
from = "gateway@example.org"
[lockout]
failures-per-source = 100000
failures-per-account = 100000
[domains]
lock-wait = "1s"
[webhooks]
allow-networks = ["127.0.0.0/8"]
"#;

/// Answers that no request brings about where all is well.
const ACCIDENTS: [u16; 3] = [429, 500, 503];
/// Operations that a lock can be in the way of. Elsewhere 408 is for bodies that do not arrive, which have tests of
/// their own.
const LOCKED: [&str; 2] = ["writeState", "poll"];

/// A gateway, what it says about itself, and which of that was seen.
struct World {
    gateway: Gateway,
    document: Value,
    seen: BTreeSet<(String, u16, Option<String>)>,
    /// Credentials of an account, of another, and of root.
    ada: String,
    bob: String,
    root: String,
    /// The id of ada's key.
    keyid: String,
}

impl World {
    async fn new() -> Self {
        let gateway = Gateway::fresh(crate::bad_input::BINARY, CONFIG);
        let mut https = gateway.https().await;
        let reply = https.json("GET", "/api/v1/openapi.json", None, None).await;
        let key = gateway.mint("ada").await;
        Self {
            document: reply.value(),
            seen: BTreeSet::new(),
            keyid: key.split(['.', ':']).nth(1).unwrap().to_owned(),
            ada: basic("ada", &key),
            bob: basic("bob", &gateway.mint("bob").await),
            root: basic(&gateway.ready.root_account, &gateway.ready.root_key),
            gateway,
        }
    }

    /// Makes a call and judges its answer, which has to be of this status.
    async fn call(&mut self, id: &str, call: Call<'_>, status: u16) -> Reply {
        let document = self.document.clone();
        let operations = operation::all(&document);
        let operation = operations.iter().find(|one| one.id() == id);
        let operation = operation.unwrap_or_else(|| panic!("{id} is not described"));
        let request = operation.request(&call);
        let reply = self.send(&request, reads_events(operation, status)).await;
        assert_eq!(reply.status, status, "{id} {call:?}: {}", reply.text());
        self.judge(operation, &reply);
        if reply.status < 300 {
            assert_eq!(operation.faults_of_call(&call), [""; 0], "{id} {call:?}");
        }
        reply
    }

    fn judge(&mut self, operation: &Operation<'_>, reply: &Reply) {
        let id = operation.id();
        assert_eq!(
            operation.faults_of_answer(reply),
            [""; 0],
            "{id}: {reply:?}"
        );
        let of = reply.header("content-type");
        let of = of.map(|of| of.split(';').next().unwrap().to_owned());
        self.seen.insert((id.to_owned(), reply.status, of));
    }

    /// Sends a request on a connection of its own. Of events, only the first is waited for.
    async fn send(&self, request: &str, events: bool) -> Reply {
        let mut https = self.gateway.https().await;
        if !events {
            return https.raw(request.as_bytes()).await.unwrap();
        }
        https.stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        let mut buffer = [0; 4096];
        soon("an event", async {
            while !text.contains("data:") || !text.ends_with("\n\n") {
                let read = https.stream.read(&mut buffer).await.unwrap();
                assert_ne!(read, 0, "{text}");
                text.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
            }
        })
        .await;
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        let headers = lines.map(|line| line.split_once(": ").unwrap());
        Reply {
            status: status.parse().unwrap(),
            headers: headers
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            body: body.as_bytes().to_vec(),
        }
    }

    /// What is described and was not seen.
    fn unseen(&self) -> Vec<(String, u16, Option<String>)> {
        let mut unseen = Vec::new();
        for operation in operation::all(&self.document) {
            for (status, of) in operation.answers() {
                let elsewhere = status == 408 && !LOCKED.contains(&operation.id());
                let answer = (operation.id().to_owned(), status, of);
                if !ACCIDENTS.contains(&status) && !elsewhere && !self.seen.contains(&answer) {
                    unseen.push(answer);
                }
            }
        }
        unseen
    }
}

fn reads_events(operation: &Operation<'_>, status: u16) -> bool {
    operation.id() == "followUpdates" && status == 200
}

#[tokio::test]
async fn every_operation_answers_as_it_is_described_and_in_every_way_that_is() {
    let mut world = World::new().await;
    let origin = world.gateway.ready.origin.as_str();
    assert_eq!(world.document["servers"][0]["url"], origin);
    story::of_the_gateway(&mut world).await;
    story::of_accounts(&mut world).await;
    story::of_subdomains(&mut world).await;
    story::of_a_state(&mut world).await;
    story::of_refusals(&mut world).await;
    story::of_ends(&mut world).await;
    assert_eq!(world.unseen(), []);
}
