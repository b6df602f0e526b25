//! Mail to a real mail server: each way to secure the connection, and servers that misbehave.

mod sink;

use std::time::Duration;

use meldgate::clock::{Chance, Clock};
use meldgate::config::{Smtp, SmtpSecurity};
use meldgate::ids::{GatewayDomain, Name};
use meldgate::notify::{Address, Notice, Notifier, NotifyError};
use meldgate::secret::KeySecret;
use serde_json::{Value, json};

use self::sink::{Certificates, Sink};

const PAUSE: Duration = Duration::from_millis(5);
/// Long enough for a busy machine; what is tested ends by itself long before.
const PATIENCE: Duration = Duration::from_secs(30);
const CODE: &str = "bcdf-ghjk";

fn smtp(sink: &Sink) -> Smtp {
    Smtp {
        host: "localhost".to_owned(),
        port: sink.port,
        security: SmtpSecurity::Plain,
        from: "Gateway <gateway@gw.example.org>".to_owned(),
        login: None,
        ca_file: None,
        timeout: PATIENCE,
    }
}

fn secured(sink: &Sink, security: SmtpSecurity, certificates: &Certificates) -> Smtp {
    Smtp {
        security,
        ca_file: Some(certificates.ca.clone()),
        ..smtp(sink)
    }
}

fn notifier(smtp: &Smtp) -> Notifier {
    let pauses = [PAUSE; 3];
    Notifier::with_pauses(
        Some(smtp),
        false,
        &Clock::system(),
        &Chance::system(),
        pauses,
    )
    .unwrap()
}

fn notice() -> Notice {
    Notice::Activation {
        account: Name::parse("app").unwrap(),
        code: KeySecret::new(CODE),
        minutes: 15,
        domain: GatewayDomain::parse("gw.example.org").unwrap(),
    }
}

/// Sends a notice, waits until it is delivered or given up, and gives back what the server saw.
async fn deliver(smtp: &Smtp, sink: &mut Sink) -> Vec<Value> {
    let notifier = notifier(smtp);
    let to = Address::parse("person@Example.com").unwrap();
    notifier.send(&to, notice()).unwrap();
    notifier.finish(PATIENCE).await;
    sink.finish()
}

fn mails(events: &[Value]) -> Vec<&Value> {
    events
        .iter()
        .filter(|event| event["event"] == "mail")
        .collect()
}

#[track_caller]
fn assert_delivered(events: &[Value], tls: bool, login: &Value) {
    let mails = mails(events);
    assert_eq!(mails.len(), 1, "{events:?}");
    let mail = mails[0];
    assert_eq!(mail["from"], "gateway@gw.example.org");
    assert_eq!(mail["to"], json!(["person@example.com"]));
    assert_eq!(mail["tls"], tls);
    assert_eq!(&mail["login"], login);
    let text = mail["text"].as_str().unwrap();
    for part in [
        CODE,
        "Auto-Submitted: auto-generated",
        "Message-ID: <",
        "Date: ",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_server_gets_the_mail() {
    let mut sink = Sink::start(&[]);
    let events = deliver(&smtp(&sink), &mut sink).await;
    assert_delivered(&events, false, &Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn starttls_with_an_own_ca_and_a_login_gets_the_mail() {
    let certificates = Certificates::make("localhost");
    let mut sink = Sink::secured("starttls", &certificates, &["--login", "gw:secret"]);
    let smtp = Smtp {
        login: Some(("gw".to_owned(), KeySecret::new("secret"))),
        ..secured(&sink, SmtpSecurity::StartTls, &certificates)
    };
    notifier(&smtp).probe().await.unwrap();
    let events = deliver(&smtp, &mut sink).await;
    assert_delivered(&events, true, &json!("gw"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn implicit_tls_with_an_own_ca_gets_the_mail() {
    let certificates = Certificates::make("localhost");
    let mut sink = Sink::secured("tls", &certificates, &[]);
    let smtp = secured(&sink, SmtpSecurity::Tls, &certificates);
    let events = deliver(&smtp, &mut sink).await;
    assert_delivered(&events, true, &Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_starttls_gets_nothing_when_it_is_required() {
    let certificates = Certificates::make("localhost");
    let mut sink = Sink::start(&[]);
    let smtp = secured(&sink, SmtpSecurity::StartTls, &certificates);
    let refused = notifier(&smtp).probe().await;
    assert!(
        matches!(refused, Err(NotifyError::Misconfigured { .. })),
        "{refused:?}"
    );
    assert_eq!(deliver(&smtp, &mut sink).await, [] as [Value; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_of_another_ca_or_another_name_is_refused() {
    let right = Certificates::make("localhost");
    let other_ca = Certificates::make("localhost");
    let other_name = Certificates::make("mail.example.org");
    for security in [SmtpSecurity::Tls, SmtpSecurity::StartTls] {
        let mode = if security == SmtpSecurity::Tls {
            "tls"
        } else {
            "starttls"
        };
        for (served, trusted) in [(&right, &other_ca), (&other_name, &other_name)] {
            let mut sink = Sink::secured(mode, served, &[]);
            let smtp = secured(&sink, security, trusted);
            let refused = notifier(&smtp).probe().await;
            assert!(
                matches!(refused, Err(NotifyError::Misconfigured { .. })),
                "{refused:?}"
            );
            assert_eq!(deliver(&smtp, &mut sink).await, [] as [Value; 0]);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_is_the_operators_to_set_right() {
    let certificates = Certificates::make("localhost");
    let sink = Sink::secured("starttls", &certificates, &["--login", "gw:secret"]);
    let smtp = Smtp {
        login: Some(("gw".to_owned(), KeySecret::new("wrong"))),
        ..secured(&sink, SmtpSecurity::StartTls, &certificates)
    };
    let refused = notifier(&smtp).probe().await;
    let Err(error @ NotifyError::Misconfigured { .. }) = refused else {
        panic!("{refused:?}");
    };
    assert!(!format!("{error:?}").contains("wrong"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hanging_server_delays_nobody_and_is_given_up() {
    let mut sink = Sink::start(&["--hang"]);
    let smtp = Smtp {
        timeout: Duration::from_millis(200),
        ..smtp(&sink)
    };
    let refused = notifier(&smtp).probe().await;
    assert!(
        matches!(refused, Err(NotifyError::Unavailable(_))),
        "{refused:?}"
    );
    let events = deliver(&smtp, &mut sink).await;
    // The probe, the first try, and three more.
    assert_eq!(events.len(), 5, "{events:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_refuses_for_now_is_asked_again() {
    let mut sink = Sink::start(&["--reply", "451 busy", "--times", "2"]);
    let events = deliver(&smtp(&sink), &mut sink).await;
    assert_delivered(&events, false, &Value::Null);
    let replies: Vec<_> = events
        .iter()
        .filter_map(|event| event["reply"].as_str())
        .collect();
    assert_eq!(replies, ["451 busy", "451 busy", "250 OK"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_refuses_for_good_is_asked_once() {
    let mut sink = Sink::start(&["--reply", "550 nobody here", "--times", "9"]);
    let events = deliver(&smtp(&sink), &mut sink).await;
    assert_eq!(
        events,
        [json!({"event": "recipient", "reply": "550 nobody here"})]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_server_at_all_is_unavailable() {
    let mut sink = Sink::start(&[]);
    let smtp = smtp(&sink);
    sink.finish();
    let refused = notifier(&smtp).probe().await;
    assert!(
        matches!(refused, Err(NotifyError::Unavailable(_))),
        "{refused:?}"
    );
}
