//! What needs no mail server.

use super::*;
use crate::clock::Timestamp;
use crate::config::SmtpSecurity;
use crate::ids::{GatewayDomain, Name};
use crate::secret::KeySecret;

fn notice(minutes: u64) -> Notice {
    Notice::Activation {
        account: Name::parse("app").unwrap(),
        code: KeySecret::new("314159"),
        minutes,
        domain: GatewayDomain::parse("gw.example.org").unwrap(),
    }
}

fn smtp() -> Smtp {
    Smtp {
        host: "mail.example.org".to_owned(),
        port: 587,
        security: SmtpSecurity::StartTls,
        from: "The gateway <gateway@example.org>".to_owned(),
        login: None,
        ca_file: None,
        timeout: Duration::from_secs(1),
    }
}

fn mailer(smtp: &Smtp) -> Result<Mailer, NotifyError> {
    let (clock, _) = Clock::manual(Timestamp::from_millis(1_000_000_000_000));
    Mailer::new(smtp, &clock, &Chance::seeded(1))
}

fn to() -> Address {
    Address::parse("person@example.com").unwrap()
}

#[test]
fn a_mail_says_what_it_is_for_and_that_no_person_wrote_it() {
    let mail = mailer(&smtp())
        .unwrap()
        .compose(&to(), &notice(15))
        .unwrap();
    let text = String::from_utf8(mail.formatted()).unwrap();
    for part in [
        "From: \"The gateway\" <gateway@example.org>\r\n",
        "To: person@example.com\r\n",
        "Subject: Your activation code for gw.example.org\r\n",
        "Date: Sun, 09 Sep 2001 01:46:40 +0000\r\n",
        "Auto-Submitted: auto-generated\r\n",
        "Content-Type: text/plain; charset=utf-8\r\n",
        "\r\n    app\r\n",
        "\r\n    314159\r\n",
        "good for 15 minutes, and once",
    ] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
    assert!(text.lines().all(|line| line.len() <= 78), "{text}");
    let id = text
        .lines()
        .find(|line| line.starts_with("Message-ID: <"))
        .unwrap();
    assert!(id.ends_with("@example.org>") && id.len() > 40, "{id}");
}

#[test]
fn each_mail_has_its_own_id_and_one_minute_is_not_plural() {
    let mailer = mailer(&smtp()).unwrap();
    let compose = || mailer.compose(&to(), &notice(1)).unwrap().formatted();
    assert_ne!(compose(), compose());
    let text = String::from_utf8(compose()).unwrap();
    assert!(text.contains("good for 1 minute, "), "{text}");
}

#[test]
fn a_code_is_not_in_the_debug_text_of_a_notice() {
    let shown = format!("{:?}", notice(15));
    assert!(!shown.contains("314159"), "{shown}");
}

#[test]
fn a_configuration_that_cannot_work_is_refused_with_its_key() {
    let refused = |change: fn(&mut Smtp)| {
        let mut smtp = smtp();
        change(&mut smtp);
        mailer(&smtp).err().unwrap().to_string()
    };
    for (change, key) in [
        (
            (|smtp| smtp.from = "nobody".to_owned()) as fn(&mut Smtp),
            "smtp.from",
        ),
        (
            |smtp| smtp.from = "a@b.example\r\nBcc: c@d.example".to_owned(),
            "smtp.from",
        ),
        (|smtp| smtp.from = "jörg@b.example".to_owned(), "smtp.from"),
        (
            |smtp| smtp.ca_file = Some("/does/not/exist".into()),
            "smtp.ca-file",
        ),
        (
            |smtp| smtp.ca_file = Some("/dev/null".into()),
            "smtp.ca-file",
        ),
    ] {
        let said = refused(change);
        assert!(said.contains(key), "{said}");
    }
}

#[test]
fn a_password_goes_to_another_machine_only_under_tls() {
    let with = |host: &str, security| {
        let login = Some(("user".to_owned(), KeySecret::new("password")));
        let host = host.to_owned();
        mailer(&Smtp {
            host,
            security,
            login,
            ..smtp()
        })
    };
    assert!(with("mail.example.org", SmtpSecurity::Plain).is_err());
    for local in ["localhost", "127.0.0.1", "::1"] {
        assert!(with(local, SmtpSecurity::Plain).is_ok(), "{local}");
    }
    assert!(with("mail.example.org", SmtpSecurity::Tls).is_ok());
}

#[test]
fn without_a_server_only_development_delivers() {
    let (clock, _) = Clock::manual(Timestamp::from_millis(0));
    let start = |log_codes| Notifier::new(None, log_codes, &clock, &Chance::seeded(1));
    let silent = start(false).unwrap();
    assert!(!silent.delivers());
    assert!(matches!(
        silent.send(&to(), notice(1)),
        Err(NotifyError::NoServer)
    ));
    let notifier = start(true).unwrap();
    notifier.send(&to(), notice(1)).unwrap();
    assert_eq!(notifier.recorded(), []);
}

#[test]
fn a_recording_notifier_gives_back_what_it_was_given() {
    let notifier = Notifier::recording();
    notifier.clone().send(&to(), notice(1)).unwrap();
    assert_eq!(notifier.recorded(), [(to(), notice(1))]);
}

#[tokio::test]
async fn a_full_queue_refuses_at_once_and_a_finished_one_too() {
    // Nothing answers on this port, and the first pause is long: the queue fills.
    let smtp = Smtp {
        host: "127.0.0.1".to_owned(),
        port: closed_port(),
        security: SmtpSecurity::Plain,
        ..smtp()
    };
    let notifier = Notifier::new(Some(&smtp), false, &Clock::system(), &Chance::seeded(1)).unwrap();
    let mut taken = 0;
    while notifier.send(&to(), notice(1)).is_ok() {
        taken += 1;
        assert!(taken < 10_000);
    }
    assert!(matches!(
        notifier.send(&to(), notice(1)),
        Err(NotifyError::Busy)
    ));
    notifier.finish(Duration::ZERO).await;
    assert!(matches!(
        notifier.send(&to(), notice(1)),
        Err(NotifyError::Stopping)
    ));
}

fn closed_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
