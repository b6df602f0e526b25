//! What needs no network but the loopback interface.

use std::io;
use std::net::SocketAddr;
use std::sync::Mutex;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::address::{is_public, permitted};
use super::connect::{Resolver, Resolving};
use super::*;
use crate::clock::{Chance, Timestamp};
use crate::config::Network;

const PATIENCE: Duration = Duration::from_secs(10);

fn url(text: &str) -> HookUrl {
    HookUrl::parse(text).unwrap()
}

fn parcel(url: HookUrl) -> Parcel {
    Parcel {
        url,
        secret: SigningSecret::mint(&Chance::seeded(1)),
        id: "msg_1".to_owned(),
        body: Bytes::from_static(b"{\"type\":\"test\"}"),
    }
}

fn config(allow: &[&str]) -> config::Webhooks {
    let networks = allow.iter().map(|text| Network::parse(text).unwrap());
    config::Webhooks {
        allow_networks: networks.collect(),
        ca_file: None,
        timeout: PATIENCE,
        retry_first: PATIENCE,
        retry_longest: PATIENCE,
        give_up_after: PATIENCE,
    }
}

fn clock() -> Clock {
    Clock::manual(Timestamp::from_millis(1_614_265_330_999)).0
}

/// Names that mean, time after time, the next of these.
#[derive(Debug)]
struct Names(Mutex<Vec<Vec<SocketAddr>>>);

impl Names {
    fn meaning(times: &[&[&str]]) -> Self {
        let addresses = |texts: &&[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        Self(Mutex::new(times.iter().rev().map(addresses).collect()))
    }
}

impl Resolver for Names {
    fn resolve<'a>(&'a self, _: &'a str, _: u16) -> Resolving<'a> {
        let next = self.0.lock().unwrap().pop();
        Box::pin(async { next.ok_or(io::ErrorKind::NotFound.into()) })
    }
}

fn webhooks(allow: &[&str], names: Names) -> Webhooks {
    let connector = Connector::new(&config(allow), Box::new(names)).unwrap();
    Webhooks::over(Box::new(connector), PATIENCE, &clock())
}

#[test]
fn the_signature_is_that_of_the_published_example() {
    // The example of the scheme's reference libraries, whose secret has 24 bytes, and HMAC's padding of it to 32.
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwAAAAAAAAAAA=";
    let secret = SigningSecret::parse(secret).unwrap();
    let signature = secret.sign(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1_614_265_330,
        br#"{"test": 2432232314}"#,
    );
    assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

#[test]
fn a_secret_reads_back_and_is_not_in_its_debug_text() {
    let secret = SigningSecret::mint(&Chance::seeded(2));
    let text = secret.to_text();
    let again = SigningSecret::parse(text.expose()).unwrap();
    assert_eq!(again.to_text(), text);
    assert_eq!(format!("{secret:?}"), "SigningSecret(…)");
    for bad in ["", "whsec_", "whsec_AAAA", "whsec_!", &text.expose()[1..]] {
        assert!(SigningSecret::parse(bad).is_none(), "{bad}");
    }
}

#[test]
fn a_webhook_is_an_absolute_url_of_http() {
    let at = |text| {
        let url = url(text);
        (url.is_secure(), url.host().to_owned(), url.port())
    };
    assert_eq!(at("https://a.example"), (true, "a.example".into(), 443));
    assert_eq!(
        at("https://[2001:db8::1]:8443/x?y"),
        (true, "2001:db8::1".into(), 8443)
    );
    assert_eq!(at("http://192.0.2.1/"), (false, "192.0.2.1".into(), 80));
    let long = format!("https://a.example/{}", "x".repeat(2048));
    for bad in [
        "",
        "a.example",
        "/x",
        "ftp://a.example/",
        "file:///etc/passwd",
        "https:///x",
        "https://a.example/#x",
        "https://user@a.example/",
        "https://user:password@a.example/",
        "https://a.example:0/",
        "https://a.example:65536/",
        "https://a.example:/",
        "https://a example/",
        "https://a.example/\r\nX: y",
        "https://jörg.example/",
        &long,
    ] {
        assert!(HookUrl::parse(bad).is_err(), "{bad:?}");
    }
    let token = url("https://a.example/token");
    assert!(!format!("{token:?}").contains("token"));
}

#[test]
fn only_addresses_that_are_everybody_s_are_public() {
    for public in [
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "169.253.255.255",
        "172.15.255.255",
        "172.32.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2606:4700::1111",
        "2a00::1",
        "2001:200::1",
        "::ffff:1.1.1.1",
    ] {
        assert!(is_public(public.parse().unwrap()), "{public}");
    }
    for special in [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.0",
        "10.255.255.255",
        "100.64.0.0",
        "100.100.100.200",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.255",
        "168.63.129.16",
        "169.254.0.0",
        "169.254.169.254",
        "172.16.0.0",
        "172.31.255.255",
        "192.0.0.192",
        "192.168.0.0",
        "192.168.255.255",
        "198.18.0.0",
        "198.19.255.255",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "100::1",
        "fc00::1",
        "fd00:ec2::254",
        "fdff::1",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "3fff::1",
        "4000::1",
    ] {
        assert!(!is_public(special.parse().unwrap()), "{special}");
    }
}

#[test]
fn one_address_that_is_not_permitted_forbids_the_host() {
    let addresses = |texts: &[&str]| -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    };
    let judge = |texts: &[&str], secure, allow: &[&str]| {
        permitted(addresses(texts), secure, &config(allow).allow_networks)
    };
    let mixed = ["1.1.1.1:443", "10.0.0.1:443"];
    assert!(matches!(
        judge(&mixed, true, &[]),
        Err(WebhookError::NotPermitted)
    ));
    assert_eq!(
        judge(&mixed, true, &["10.0.0.0/8"]).unwrap(),
        addresses(&mixed)
    );
    assert!(matches!(
        judge(&mixed, false, &["10.0.0.0/8"]),
        Err(WebhookError::Insecure)
    ));
    let inside = ["10.0.0.1:80"];
    assert_eq!(
        judge(&inside, false, &["10.0.0.0/8"]).unwrap(),
        addresses(&inside)
    );
    assert!(matches!(
        judge(&inside, false, &["10.0.1.0/24"]),
        Err(WebhookError::NotPermitted)
    ));
    assert!(matches!(
        judge(&[], true, &[]),
        Err(WebhookError::NoAddress)
    ));
}

#[tokio::test]
async fn a_host_that_means_this_machine_is_not_connected_to_whatever_its_form() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let webhooks = Webhooks::new(&config(&[]), &clock()).unwrap();
    for host in [
        "localhost",
        "127.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
    ] {
        for scheme in ["http", "https"] {
            let url = url(&format!("{scheme}://{host}:{port}/"));
            let checked = webhooks.check(&url).await;
            let sent = webhooks.send(parcel(url)).await;
            for refused in [checked, sent] {
                let right = matches!(
                    refused,
                    Err(WebhookError::NotPermitted | WebhookError::NoAddress)
                );
                assert!(right, "{host}: {refused:?}");
            }
        }
    }
    let unheard = tokio::time::timeout(Duration::ZERO, listener.accept()).await;
    assert!(unheard.is_err(), "somebody connected");
}

#[tokio::test]
async fn a_name_that_means_another_address_by_the_time_of_delivery_is_refused_then() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = listener.local_addr().unwrap().to_string();
    let names = Names::meaning(&[&["1.1.1.1:443"], &[&here]]);
    let webhooks = webhooks(&[], names);
    let url = url("https://rebinding.example/");
    webhooks.check(&url).await.unwrap();
    let refused = webhooks.send(parcel(url)).await;
    assert!(
        matches!(refused, Err(WebhookError::NotPermitted)),
        "{refused:?}"
    );
    let unheard = tokio::time::timeout(Duration::ZERO, listener.accept()).await;
    assert!(unheard.is_err(), "somebody connected");
}

/// Accepts one connection, reads one request, answers so, and gives the request.
async fn answering(listener: TcpListener, answer: Vec<u8>) -> String {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut read = Vec::new();
    while !read.ends_with(b"}") {
        let mut buffer = [0; 4096];
        let count = stream.read(&mut buffer).await.unwrap();
        assert!(count > 0, "the request ended early");
        read.extend_from_slice(&buffer[..count]);
    }
    // Whoever has read enough may hang up.
    stream.write_all(&answer).await.ok();
    stream.shutdown().await.ok();
    String::from_utf8(read).unwrap()
}

async fn answered(answer: &[u8]) -> (Result<(), WebhookError>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = listener.local_addr().unwrap();
    let names = Names::meaning(&[&[&here.to_string()]]);
    let webhooks = webhooks(&["127.0.0.0/8"], names);
    let url = url(&format!("http://hook.example:{}/in/x?y=z", here.port()));
    let request = tokio::spawn(answering(listener, answer.to_vec()));
    let outcome = webhooks.send(parcel(url)).await;
    (outcome, request.await.unwrap())
}

#[tokio::test]
async fn a_message_is_posted_with_the_headers_of_standard_webhooks() {
    let (outcome, request) = answered(b"HTTP/1.1 204 No Content\r\n\r\n").await;
    outcome.unwrap();
    let request = request.to_ascii_lowercase();
    assert!(
        request.starts_with("post /in/x?y=z http/1.1\r\n"),
        "{request}"
    );
    for part in [
        "\r\nhost: hook.example:",
        "\r\ncontent-type: application/json\r\n",
        "\r\nwebhook-id: msg_1\r\n",
        "\r\nwebhook-timestamp: 1614265330\r\n",
        "\r\nwebhook-signature: v1,",
        "\r\n\r\n{\"type\":\"test\"}",
    ] {
        assert!(request.contains(part), "{part} is not in {request}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_other_answers_are_failures() {
    let redirect = b"HTTP/1.1 307 Go\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
    let (outcome, _) = answered(redirect).await;
    assert!(
        matches!(outcome, Err(WebhookError::Refused { status: 307 })),
        "{outcome:?}"
    );
    let (outcome, _) = answered(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n").await;
    assert!(
        matches!(outcome, Err(WebhookError::Refused { status: 500 })),
        "{outcome:?}"
    );
    let (outcome, _) = answered(b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n").await;
    assert!(matches!(outcome, Err(WebhookError::Gone)), "{outcome:?}");
    let (outcome, _) = answered(b"SSH-2.0-x\r\n\r\n").await;
    assert!(
        matches!(outcome, Err(WebhookError::NoAnswer(_))),
        "{outcome:?}"
    );
    let (outcome, _) = answered(b"").await;
    assert!(
        matches!(outcome, Err(WebhookError::NoAnswer(_))),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn an_answer_is_read_within_its_size() {
    let head = [
        b"HTTP/1.1 200 OK\r\nX: ".as_slice(),
        &vec![b'x'; 1 << 20],
        b"\r\n\r\n",
    ]
    .concat();
    let (outcome, _) = answered(&head).await;
    assert!(
        matches!(outcome, Err(WebhookError::NoAnswer(_))),
        "{outcome:?}"
    );
    let body = [b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), &vec![b'x'; 8 << 20]].concat();
    let (outcome, _) = answered(&body).await;
    outcome.unwrap();
}

/// Never answers.
#[derive(Debug)]
struct Silent;

impl Transport for Silent {
    fn check<'a>(&'a self, _: &'a HookUrl) -> Sending<'a, ()> {
        Box::pin(std::future::pending())
    }

    fn post<'a>(&'a self, _: &'a Signed) -> Sending<'a, u16> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn what_does_not_answer_is_given_up_in_time() {
    let webhooks = Webhooks::over(Box::new(Silent), Duration::from_millis(1), &clock());
    let url = url("https://a.example/");
    let checked = webhooks.check(&url).await;
    assert!(matches!(checked, Err(WebhookError::TimedOut)));
    let sent = webhooks.send(parcel(url)).await;
    assert!(matches!(sent, Err(WebhookError::TimedOut)));
}

#[test]
fn a_file_without_certificates_is_refused_with_its_key() {
    for path in ["/does/not/exist", "/dev/null"] {
        let config = config::Webhooks {
            ca_file: Some(path.into()),
            ..config(&[])
        };
        let refused = Webhooks::new(&config, &clock()).unwrap_err().to_string();
        assert!(refused.contains("webhooks.ca-file"), "{refused}");
    }
}

#[test]
fn a_subscriber_does_not_learn_which_names_the_operator_s_network_has() {
    let (absent, forbidden) = (WebhookError::NoAddress, WebhookError::NotPermitted);
    assert_eq!(absent.to_subscriber(), forbidden.to_subscriber());
    assert_ne!(absent.to_string(), forbidden.to_string());
}
