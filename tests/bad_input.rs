//! Whatever is wrong with a request, a body or a handshake: the answer that is due (each table states it), never a
//! 5xx or a panic, and nothing changed. One gateway for all of them, so that what one case might break, others meet.
//!
//! Sources: RFC 9110, 9112 and 9457; the API page, sections 1 to 3.

mod bodies;
mod credentials;
mod handshakes;
mod members;
mod messages;
mod targets;
mod wire;

use std::sync::{Mutex, OnceLock};

use serde_json::Value;
use testkit::{Gateway, Https, Reply, basic};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_meldgate");

const CONFIG: &str = r#"
[http]
body-limit = "64 KiB"
[sockets]
max-payload = "64 KiB"
[lockout]
failures-per-source = 100000
failures-per-account = 100000
[log]
level = "debug"
"#;

/// The gateway that all of these tests offend.
fn gateway() -> &'static Gateway {
    static GATEWAY: OnceLock<Gateway> = OnceLock::new();
    GATEWAY.get_or_init(|| Gateway::fresh(BINARY, CONFIG))
}

/// An account of one test, which has to come out of it as it went in.
struct Party {
    gateway: &'static Gateway,
    account: String,
    key: String,
    before: Value,
    /// A connection for its requests, as long as that lasts.
    kept: Mutex<Option<Https>>,
}

impl Party {
    /// Makes an account with UUID subdomains for anybody, and one named subdomain.
    async fn new(account: &str) -> Self {
        let gateway = gateway();
        let key = gateway.mint(account).await;
        gateway
            .allow(account, r#"{"naming":"uuid","remotesAuth":["anon","key"]}"#)
            .await;
        let mut party = Self {
            gateway,
            account: account.to_owned(),
            key,
            before: Value::Null,
            kept: Mutex::default(),
        };
        let path = party.path("/api/v1/domain/ACCOUNT/kept");
        let made = party.ask("PUT", &path, Some(&party.own()), &[], b"").await;
        assert_eq!(made.status, 200, "{made:?}");
        party.before = party.details().await;
        party
    }

    /// The value of `Authorization` for the account itself.
    fn own(&self) -> String {
        basic(&self.account, &self.key)
    }

    /// The same for root.
    fn root(&self) -> String {
        let ready = &self.gateway.ready;
        basic(&ready.root_account, &ready.root_key)
    }

    /// A path in which `ACCOUNT` stands for the account.
    fn path(&self, path: &str) -> String {
        path.replace("ACCOUNT", &self.account)
    }

    /// One request. With a body, it is JSON unless the headers say something else.
    async fn ask(
        &self,
        method: &str,
        path: &str,
        authorization: Option<&str>,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Reply {
        let mut all: Vec<(&str, &str)> = headers.to_vec();
        if let Some(authorization) = authorization {
            all.push(("Authorization", authorization));
        }
        let typed = headers.iter().any(|(name, _)| *name == "Content-Type");
        if !body.is_empty() && !typed {
            all.push(("Content-Type", "application/json"));
        }
        let kept = self.kept.lock().unwrap().take();
        if let Some(mut https) = kept
            && let Some(reply) = https.try_request(method, path, &all, body).await
        {
            *self.kept.lock().unwrap() = Some(https);
            return reply;
        }
        let mut https = self.gateway.https().await;
        let reply = https.request(method, path, &all, body).await;
        *self.kept.lock().unwrap() = Some(https);
        reply
    }

    async fn details(&self) -> Value {
        let path = self.path("/api/v1/user/ACCOUNT");
        let reply = self.ask("GET", &path, Some(&self.own()), &[], b"").await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.value()
    }

    /// Sees that the account is what it was, and the gateway well.
    async fn is_unharmed(&self) {
        assert_eq!(self.details().await, self.before);
        self.gateway_is_well().await;
    }

    async fn gateway_is_well(&self) {
        let ready = self.ask("GET", "/readyz", None, &[], b"").await;
        assert_eq!(ready.status, 200, "{ready:?}");
        let log = self.gateway.log();
        let bad = |line: &&str| line.contains(" ERROR ") || line.contains("panicked");
        assert_eq!(log.lines().find(bad), None);
        assert!(!log.contains(&self.key), "a key is in the log");
    }
}

/// Sees that an answer of the API is the refusal that is due, in the form that is due.
fn is_refused(what: &str, reply: &Reply, status: u16) {
    assert_eq!(reply.status, status, "{what}: {}", reply.text());
    let kind = reply.header("content-type");
    assert_eq!(kind, Some("application/problem+json"), "{what}: {reply:?}");
    let problem = reply.value();
    let code = match status {
        400 => "BadRequest",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "NotFound",
        405 => "MethodNotAllowed",
        408 => "RequestTimeout",
        409 => "Conflict",
        413 => "PayloadTooLarge",
        415 => "UnsupportedMediaType",
        429 => "TooManyRequests",
        other => panic!("{what}: no refusal has the status {other}"),
    };
    assert_eq!(problem["code"], code, "{what}");
    assert_eq!(problem["status"], status, "{what}");
    assert_eq!(problem["message"], problem["detail"], "{what}");
    assert_eq!(
        problem["instance"].as_str(),
        reply.header("x-request-id"),
        "{what}"
    );
}

/// Sends raw bytes on a connection of its own. Gives the status, or nothing if there was no answer.
async fn status_of(gateway: &Gateway, bytes: &[u8]) -> Option<u16> {
    let mut https: Https = gateway.https().await;
    https.raw(bytes).await.map(|reply| reply.status)
}
