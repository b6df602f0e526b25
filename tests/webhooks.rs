//! Subscribing by webhook, from the subscription to the acknowledgement, over the daemon itself.
//!
//! Source: the API page, "Clone API".

mod sink;

use serde_json::{Value, json};
use testkit::{Folder, Gateway, Reply, basic, soon};

use self::sink::{Received, Sink};
use crate::bad_input::BINARY;

const QUICK: &str = r#"
[domains]
lock-lease = "3s"
[webhooks]
timeout = "3s"
retry-first = "200ms"
retry-longest = "200ms"
"#;

/// An account with one subdomain.
struct Scene {
    gateway: Gateway,
    key: String,
}

const NOTES: &str = "/api/v1/domain/ada/notes";

impl Scene {
    async fn new(folder: &Folder, config: &str) -> Self {
        let gateway = Gateway::on(BINARY, folder, config);
        let key = basic("ada", &gateway.mint("ada").await);
        let scene = Self { gateway, key };
        assert_eq!(scene.ask("PUT", "", None).await.status, 200);
        scene
    }

    async fn ask(&self, method: &str, path: &str, body: Option<&str>) -> Reply {
        let mut https = self.gateway.https().await;
        let path = format!("{NOTES}{path}");
        https.json(method, &path, Some(&self.key), body).await
    }

    async fn subscribe(&self, url: &str) -> Reply {
        let body = json!({ "subscribe": url }).to_string();
        self.ask("POST", "/poll", Some(&body)).await
    }

    /// Subscribes, and gives the secret.
    async fn subscribed(&self, url: &str) -> String {
        let reply = self.subscribe(url).await;
        assert_eq!(reply.status, 201, "{}", reply.text());
        let location = format!("{NOTES}/subs");
        assert_eq!(reply.header("location"), Some(location.as_str()));
        let answer = reply.value();
        assert_eq!(answer["subscribe"], url);
        answer["secret"].as_str().unwrap().to_owned()
    }

    /// Writes under a lock whose lease then ends: so the update waits, though it was handed out once.
    async fn leaves_an_update(&self, id: &str) {
        let body = json!({"@id": id, "http://example.org/name": "it"}).to_string();
        let reply = self.ask("POST", "/state?lock", Some(&body)).await;
        assert_eq!(reply.status, 201, "{}", reply.text());
    }

    async fn is_locked(&self) -> bool {
        self.ask("GET", "/state?lock", None).await.text() == "true"
    }

    async fn subscription(&self) -> Value {
        let reply = self.ask("GET", "/subs", None).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.value()
    }

    /// Waits until the subscription fails for a reason.
    async fn fails(&self, because: &str) {
        let failing = async {
            while self.subscription().await["state"]["because"] != because {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        soon(because, failing).await;
    }
}

fn counts(received: &Received) -> Vec<&Value> {
    let updates = received.body["data"]["updates"].as_array().unwrap();
    updates.iter().map(|update| &update["@emitCount"]).collect()
}

#[tokio::test]
async fn a_batch_is_signed_and_holds_the_lock_until_it_is_acknowledged() {
    let folder = Folder::new();
    let mut sink = Sink::start(&folder, &[]).await;
    let scene = Scene::new(&folder, &sink.trusted(QUICK)).await;
    let secret = scene.subscribed(&sink.url()).await;
    assert!(secret.starts_with("whsec_"), "{secret}");
    assert!(!scene.subscription().await.to_string().contains(&secret));
    scene.leaves_an_update("one").await;

    let first = sink.next().await;
    first.is_signed_with(&secret);
    assert_eq!(first.body["type"], "m-ld.updates");
    assert_eq!(first.body["data"]["@domain"], "notes.ada.gw.local");
    assert_eq!(counts(&first), [2]);
    assert!(scene.is_locked().await);
    // It was accepted, but nobody acknowledges it: its lease ends.
    let again = sink.next().await;
    again.is_signed_with(&secret);
    assert_eq!(counts(&again), [3]);
    assert_eq!(again.header("webhook-id"), first.header("webhook-id"));
    assert_eq!(scene.subscription().await["state"]["is"], "failing");
    assert_eq!(scene.ask("DELETE", "/state?lock", None).await.status, 200);
    assert!(!scene.is_locked().await);
    assert_eq!(scene.subscription().await["state"]["is"], "active");

    scene.leaves_an_update("two").await;
    let next = sink.next().await;
    assert_eq!(counts(&next), [2]);
    assert!(next.body.to_string().contains("two") && !next.body.to_string().contains("one"));
    assert_ne!(next.header("webhook-id"), first.header("webhook-id"));
    // What is out when the subscription ends is put back, and nothing more is sent.
    assert_eq!(scene.ask("DELETE", "/subs", None).await.status, 204);
    assert_eq!(scene.ask("DELETE", "/subs", None).await.status, 404);
    assert_eq!(scene.ask("GET", "/subs", None).await.status, 404);
    let polled = scene.ask("POST", "/poll", None).await;
    assert!(
        polled.text().contains(r#""@emitCount":3"#),
        "{}",
        polled.text()
    );
    assert_eq!(sink.others(), 0);
    assert!(!scene.gateway.log().contains(&secret));
}

#[tokio::test]
async fn what_is_not_accepted_goes_again_and_a_redirect_is_not_followed() {
    let folder = Folder::new();
    let mut elsewhere = Sink::start(&folder, &[]).await;
    let redirect = format!("307 Elsewhere\r\nLocation: {}", elsewhere.url());
    let answers = [redirect.as_str(), "500 No"];
    let mut sink = Sink::start(&folder, &answers).await;
    let scene = Scene::new(&folder, &sink.trusted(QUICK)).await;
    scene.leaves_an_update("one").await;
    scene.subscribed(&sink.url()).await;
    for count in [2, 3, 4] {
        assert_eq!(counts(&sink.next().await), [count]);
    }
    assert_eq!(scene.ask("DELETE", "/state?lock", None).await.status, 200);
    assert_eq!(elsewhere.others(), 0);
}

#[tokio::test]
async fn whoever_wants_no_more_gets_no_more_and_the_security_log_says_so() {
    let folder = Folder::new();
    let mut sink = Sink::start(&folder, &["410 Gone"]).await;
    let scene = Scene::new(&folder, &sink.trusted(QUICK)).await;
    scene.subscribed(&sink.url()).await;
    scene.leaves_an_update("one").await;
    sink.next().await;
    scene.gateway.logged_times("webhook.disabled", 1).await;
    assert_eq!(scene.subscription().await["state"]["is"], "disabled");
    assert!(!scene.is_locked().await);
}

#[tokio::test]
async fn what_waits_is_sent_after_a_crash_without_anybody_asking() {
    let folder = Folder::new();
    let mut sink = Sink::start(&folder, &["503 Later"]).await;
    let slow = QUICK.replace("200ms", "1h");
    let scene = Scene::new(&folder, &sink.trusted(&slow)).await;
    let secret = scene.subscribed(&sink.url()).await;
    scene.leaves_an_update("one").await;
    assert_eq!(counts(&sink.next().await), [2]);
    scene.fails("it was answered with status 503").await;
    scene.gateway.kill().await;
    let _gateway = Gateway::on(BINARY, &folder, &sink.trusted(&slow));
    let again = sink.next().await;
    assert_eq!(counts(&again), [3]);
    again.is_signed_with(&secret);
}

#[tokio::test]
async fn a_webhook_that_is_not_trusted_is_sent_nothing() {
    let folder = Folder::new();
    let mut sink = Sink::start(&folder, &[]).await;
    let scene = Scene::new(&folder, QUICK).await;
    scene.subscribed(&sink.url()).await;
    scene.leaves_an_update("one").await;
    scene.fails("the certificate or TLS is not accepted").await;
    assert_eq!(sink.others(), 0);
}

#[tokio::test]
async fn nothing_is_sent_to_networks_that_are_not_allowed() {
    let folder = Folder::new();
    let mut sink = Sink::start(&folder, &[]).await;
    let config = sink.trusted(QUICK) + "allow-networks = [\"192.0.2.0/24\"]\n";
    let scene = Scene::new(&folder, &config).await;
    scene.leaves_an_update("one").await;
    let here = sink.url();
    for url in [
        here.as_str(),
        &here.replace("localhost", "127.0.0.1"),
        &here.replace("localhost", "[::ffff:127.0.0.1]"),
        &here.replace("localhost", "2130706433"),
        &here.replace("https", "http"),
        "https://169.254.169.254/latest/meta-data/",
        "https://[fd00:ec2::254]/",
        "https://10.0.0.1/",
        "https://192.168.1.1/",
        "https://100.64.0.1/",
        "https://[fe80::1]/",
        "https://224.0.0.1/",
        "https://0.0.0.0/",
        "http://1.1.1.1/",
        "ftp://1.1.1.1/",
        "https://user@1.1.1.1/",
        "",
    ] {
        let reply = scene.subscribe(url).await;
        assert_eq!(reply.status, 400, "{url}: {}", reply.text());
    }
    for body in [
        r#"{"subscribe": 1}"#,
        r#"{"subscribe": null}"#,
        r#"{"subscribe": "https://1.1.1.1/", "more": 1}"#,
        r#"{"other": "https://1.1.1.1/"}"#,
        "[1]",
    ] {
        let reply = scene.ask("POST", "/poll", Some(body)).await;
        assert_eq!(reply.status, 400, "{body}: {}", reply.text());
    }
    assert_eq!(scene.ask("GET", "/subs", None).await.status, 404);
    assert_eq!(sink.others(), 0);
}

#[tokio::test]
async fn only_who_may_use_the_subdomain_subscribes() {
    let folder = Folder::new();
    let sink = Sink::start(&folder, &[]).await;
    let scene = Scene::new(&folder, &sink.trusted(QUICK)).await;
    let other = basic("bob", &scene.gateway.mint("bob").await);
    let body = json!({ "subscribe": sink.url() }).to_string();
    let mut https = scene.gateway.https().await;
    for (authorization, status) in [(None, 401), (Some(other.as_str()), 403)] {
        for (method, path, body) in [
            ("POST", "/poll", Some(body.as_str())),
            ("GET", "/subs", None),
            ("DELETE", "/subs", None),
        ] {
            let path = format!("{NOTES}{path}");
            let reply = https.json(method, &path, authorization, body).await;
            assert_eq!(reply.status, status, "{method} {path}");
        }
    }
}
