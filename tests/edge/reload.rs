//! SIGHUP: what is read again is in force, or what was stays so; nobody is cut off.

use testkit::{Auth, Folder, Gateway, Socket, Writer, basic};

use super::{on, too_many, until};

const DOMAIN: &str = "ckzz0abcdefgh0123456789ab.acme.gw.local";
const IN_FORCE: &str = "configuration and certificates are in force";
const WAITS: &str = "changed settings wait for a restart";
const KEPT: &str = "reload refused";

/// Two clones that talk, before and after.
struct Pair(Socket, Socket, Writer);

impl Pair {
    async fn new(gateway: &Gateway) -> Self {
        let root = Auth::Key("root".into(), gateway.ready.root_key.clone());
        let one = Socket::join(gateway, "one", DOMAIN, &root).await.unwrap();
        let two = Socket::join(gateway, "two", DOMAIN, &root).await.unwrap();
        Self(one, two, Writer::default())
    }

    async fn talks(&mut self) {
        let message = self.2.next(50);
        self.0.operation(&message).await;
        assert_eq!(self.1.next_operation().await, message);
    }
}

async fn leaf(gateway: &Gateway) -> Vec<u8> {
    let https = gateway.https().await;
    https.stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

#[tokio::test]
async fn a_reload_changes_limits_and_certificates_and_drops_nobody() {
    let folder = Folder::new();
    let gateway = on(&folder, "");
    let key = basic("acme", &gateway.mint("acme").await);
    let mut pair = Pair::new(&gateway).await;
    let mut held = gateway.https().await;
    let before = leaf(&gateway).await;
    pair.talks().await;

    folder.write(
        "gateway.toml",
        "[limits]\nrequests-per-account = \"2 per 1h\"\n",
    );
    // The development kit makes another one where there is none.
    std::fs::remove_file(folder.path().join("data/tls/gateway-key.pem")).unwrap();
    gateway.signal("HUP");
    gateway.logged_times(IN_FORCE, 1).await;
    assert_ne!(
        leaf(&gateway).await,
        before,
        "the old certificate is still shown"
    );
    pair.talks().await;
    let asks = ("GET", "/api/v1/user/acme", Some(key.as_str()));
    too_many(&until(&mut held, asks, 200, 429).await);

    folder.write(
        "gateway.toml",
        "[log]\naccess = true\n[http]\nstreams = 7\n",
    );
    gateway.signal("HUP");
    gateway.logged_times(IN_FORCE, 2).await;
    gateway.logged_times(WAITS, 1).await;
    assert_eq!(held.json(asks.0, asks.1, asks.2, None).await.status, 200);
    pair.talks().await;
}

#[tokio::test]
async fn what_cannot_be_used_is_told_and_changes_nothing() {
    let folder = Folder::new();
    let gateway = on(&folder, "[limits]\nrequests-per-account = \"2 per 1h\"\n");
    let key = basic("acme", &gateway.mint("acme").await);
    let mut pair = Pair::new(&gateway).await;
    let asks = ("GET", "/api/v1/user/acme", Some(key.as_str()));
    let mut https = gateway.https().await;
    too_many(&until(&mut https, asks, 200, 429).await);
    let before = leaf(&gateway).await;
    for (times, (config, reason)) in (1..).zip([
        (
            "[limits]\nrequests-per-acount = \"9 per 1s\"\n",
            "requests-per-account",
        ),
        (
            "[limits]\nrequests-per-account = \"many\"\n",
            "requests-per-account",
        ),
        (
            "[http]\nbody-limit = \"1 B\"\n[limits]\nrequests-per-account = \"9 per 1s\"\n",
            "body-limit",
        ),
        ("[limits\n", "gateway.toml"),
        (
            "[tls]\ncertificates = [{ certificate = \"/nowhere.pem\", key = \"/nowhere.pem\" }]\n",
            "/nowhere.pem",
        ),
    ]) {
        folder.write("gateway.toml", config);
        gateway.signal("HUP");
        gateway.logged_times(KEPT, times).await;
        let log = gateway.log();
        let line = log.lines().rfind(|line| line.contains(KEPT)).unwrap();
        assert!(line.contains(reason), "{line}");
        too_many(&https.json(asks.0, asks.1, asks.2, None).await);
        pair.talks().await;
    }
    assert_eq!(leaf(&gateway).await, before);
    folder.write("gateway.toml", "");
    gateway.signal("HUP");
    gateway.logged_times(IN_FORCE, 1).await;
    assert_eq!(https.json(asks.0, asks.1, asks.2, None).await.status, 200);
}
