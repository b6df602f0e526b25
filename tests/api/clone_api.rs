//! The Clone API over the daemon: reading, changing, locking, polling and following a named subdomain.
//!
//! Source: the API page, section 2.4.

mod bound;
mod reads;
mod refusals;
mod restarts;
mod sequences;
mod updates;

use serde_json::{Value, json};
use testkit::{Gateway, Https, Reply, basic};

/// An app that uses one subdomain.
struct App<'g> {
    gateway: &'g Gateway,
    authorization: String,
    account: String,
}

impl App<'static> {
    /// An app with an account of its own at the gateway that all of these tests share, and its subdomain `todo`.
    async fn new(account: &str) -> Self {
        Self::at(super::gateway(), account).await
    }
}

impl<'g> App<'g> {
    async fn at(gateway: &'g Gateway, account: &str) -> Self {
        let key = gateway.mint(account).await;
        let app = Self::with_key(gateway, account, &key);
        let reply = app.json("PUT", "", None).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        app
    }

    fn with_key(gateway: &'g Gateway, account: &str, key: &str) -> Self {
        Self {
            gateway,
            authorization: basic(account, key),
            account: account.to_owned(),
        }
    }

    /// The same subdomain, used by root.
    fn as_root(&self) -> Self {
        let ready = &self.gateway.ready;
        Self {
            gateway: self.gateway,
            authorization: basic(&ready.root_account, &ready.root_key),
            account: self.account.clone(),
        }
    }

    fn path(&self, rest: &str) -> String {
        format!("/api/v1/domain/{}/todo{rest}", self.account)
    }

    async fn ask(
        &self,
        (method, rest): (&str, &str),
        more: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Reply {
        let mut https = self.gateway.https().await;
        self.ask_on(&mut https, (method, rest), more, body).await
    }

    async fn ask_on(
        &self,
        https: &mut Https,
        (method, rest): (&str, &str),
        more: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Reply {
        let mut headers = vec![("Authorization", self.authorization.as_str())];
        headers.extend(more);
        if body.is_some() {
            headers.push(("Content-Type", "application/json"));
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        https
            .request(method, &self.path(rest), &headers, body.as_bytes())
            .await
    }

    async fn json(&self, method: &str, rest: &str, body: Option<&Value>) -> Reply {
        self.ask((method, rest), &[], body).await
    }

    /// Writes a subject of this name, without a lock.
    async fn adds(&self, name: &str) -> Reply {
        let reply = self.json("POST", "/state", Some(&subject(name))).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply
    }

    /// The same, and the state stays locked.
    async fn locks(&self, name: &str) -> Reply {
        let reply = self.json("POST", "/state?lock", Some(&subject(name))).await;
        assert_eq!(reply.status, 201, "{}", reply.text());
        reply
    }

    async fn polls(&self) -> Reply {
        let reply = self.json("POST", "/poll", None).await;
        assert_eq!(reply.status, 201, "{}", reply.text());
        reply
    }

    async fn unlocks(&self) {
        let reply = self.json("DELETE", "/state?lock", None).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }

    async fn is_locked(&self) -> bool {
        let reply = self.json("GET", "/state?lock", None).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.value().as_bool().unwrap()
    }

    /// The names that there are, in order.
    async fn names(&self) -> Vec<String> {
        let reply = self.json("GET", &named(), None).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let mut names: Vec<_> = lines(&reply)
            .iter()
            .map(|found| found["?name"].as_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    }
}

/// A subject of this name.
fn subject(name: &str) -> Value {
    json!({"@id": name, "name": name})
}

/// The path of a query for names.
fn named() -> String {
    asked(&json!({"@select": "?name", "@where": {"@id": "?s", "name": "?name"}}))
}

/// The path of a query.
fn asked(query: &Value) -> String {
    let bytes = query.to_string().into_bytes();
    let encode = |text: String, byte: &u8| text + &format!("%{byte:02x}");
    let encoded = bytes.iter().fold(String::new(), encode);
    format!("/state?q={encoded}")
}

fn lines(reply: &Reply) -> Vec<Value> {
    assert_eq!(reply.header("content-type"), Some("application/x-ndjson"));
    let text = reply.text();
    let lines = text.lines().map(serde_json::from_str);
    lines.map(Result::unwrap).collect()
}

/// The names that updates insert, each with its emit count.
fn emitted(reply: &Reply) -> Vec<(String, u64)> {
    let lines = lines(reply);
    let name = |update: &Value| update["@insert"][0]["name"].as_str().unwrap().to_owned();
    let all = lines
        .iter()
        .map(|update| (name(update), update["@emitCount"].as_u64().unwrap()));
    all.collect()
}

fn tag(reply: &Reply) -> String {
    reply.header("etag").unwrap().to_owned()
}

fn tick(reply: &Reply) -> u64 {
    tag(reply).trim_matches('"').parse().unwrap()
}
