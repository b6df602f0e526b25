//! What the API promises, over the daemon itself: each documented flow from the first request to the last.
//!
//! Source: the API page, sections 1 and 2.

mod browsers;
mod clone_api;
mod closing;
mod facts;
mod keys;
mod lists;
mod refusals;
mod registration;
mod rotation;
mod subdomains;
mod tokens;

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use testkit::{Gateway, Https, Reply, basic};

const CONFIG: &str = r#"
[tls]
hsts = "365d"
[sockets]
network-timeout = "5s"
max-operation-size = "512 KiB"
log-level = "warn"
[lockout]
failures-per-source = 100000
failures-per-account = 100000
"#;

/// The gateway of all of these tests; each has accounts of its own.
fn gateway() -> &'static Gateway {
    static GATEWAY: OnceLock<Gateway> = OnceLock::new();
    GATEWAY.get_or_init(|| Gateway::fresh(crate::bad_input::BINARY, CONFIG))
}

/// Somebody with a credential, or without.
struct Caller(Option<String>);

impl Caller {
    fn nobody() -> Self {
        Self(None)
    }

    fn root() -> Self {
        let ready = &gateway().ready;
        Self::by_key(&ready.root_account, &ready.root_key)
    }

    fn by_key(account: &str, key: &str) -> Self {
        Self(Some(basic(account, key)))
    }

    fn by_token(token: &str) -> Self {
        Self(Some(format!("Bearer {token}")))
    }

    /// A new account, made by root.
    async fn account(name: &str) -> Self {
        Self::by_key(name, &gateway().mint(name).await)
    }

    /// The whole key, for one who has one.
    fn key(&self) -> String {
        let base64 = self.0.as_deref().unwrap().strip_prefix("Basic ").unwrap();
        let text = String::from_utf8(STANDARD.decode(base64).unwrap()).unwrap();
        text.split_once(':').unwrap().1.to_owned()
    }

    async fn ask(&self, method: &str, path: &str, body: &str) -> Reply {
        let mut https = gateway().https().await;
        let body = Some(body).filter(|body| !body.is_empty());
        let path = format!("/api/v1{path}");
        https.json(method, &path, self.0.as_deref(), body).await
    }

    async fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, "").await
    }

    /// What is right, and answers with JSON.
    async fn gets(&self, method: &str, path: &str, body: &str) -> Value {
        let reply = self.ask(method, path, body).await;
        assert_eq!(reply.status, 200, "{method} {path}: {}", reply.text());
        reply.value()
    }

    /// What is right, and has nothing to answer.
    async fn does(&self, method: &str, path: &str, body: &str) {
        let reply = self.ask(method, path, body).await;
        assert_eq!(reply.status, 204, "{method} {path}: {}", reply.text());
    }

    /// What is refused.
    async fn may_not(&self, method: &str, path: &str, body: &str, status: u16) {
        let reply = self.ask(method, path, body).await;
        assert_eq!(reply.status, status, "{method} {path}: {}", reply.text());
    }
}

/// A request by a caller who is let in and whose body is still to come: then `goes_on` sends it.
struct UnderWay {
    https: Https,
    body: String,
}

impl UnderWay {
    async fn begin(caller: &Caller, method: &str, path: &str, body: &str) -> Self {
        let mut https = gateway().https().await;
        let head = format!(
            "{method} /api/v1{path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {}\r\n\
             Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
            caller.0.as_deref().unwrap(),
            body.len()
        );
        // Asked to go on only by what reads the body, which is whoever has let the caller in.
        let go_on = https.raw(head.as_bytes()).await.unwrap();
        assert_eq!(go_on.status, 100, "{go_on:?}");
        let body = body.to_owned();
        Self { https, body }
    }

    async fn goes_on(mut self) -> Reply {
        self.https.raw(self.body.as_bytes()).await.unwrap()
    }
}

/// The id in a whole key.
fn id_of(key: &str) -> &str {
    key.split(['.', ':']).nth(1).unwrap()
}

/// The secret in a whole key.
fn secret_of(key: &str) -> &str {
    key.split_once(':').unwrap().1
}
