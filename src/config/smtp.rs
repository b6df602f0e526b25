//! How mail leaves.

use super::check::Checks;
use super::defaults::SMTP_TIMEOUT;
use super::layers::Key;
use super::load::Purpose;
use super::secrets::Vault;
use super::written::Written;
use super::{Smtp, SmtpSecurity, file};
use crate::secret::KeySecret;

/// Checks `[smtp]`; `None` if no mail is sent.
pub(super) fn check(
    written: file::Smtp,
    purpose: &Purpose,
    vault: &Vault<'_>,
    checks: &mut Checks<'_>,
) -> Option<Smtp> {
    let password = checks.take(vault.smtp_password(written.password_file.map(Written::value)));
    let Some(host) = written.host.map(Written::value) else {
        let any = written.from.is_some() || written.user.is_some() || written.port.is_some();
        if any {
            checks.missing(
                Key::new("smtp", "host"),
                "set it to the mail server's host name, or remove [smtp]",
            );
        } else if *purpose == Purpose::Serve {
            checks.note("without [smtp] no mail is sent: only the root account can make accounts");
        }
        return None;
    };
    let security = written
        .security
        .map_or(SmtpSecurity::StartTls, Written::value);
    let Some(from) = written.from.map(Written::value) else {
        checks.missing(
            Key::new("smtp", "from"),
            "set it to the sender of the gateway's mail, such as \"gateway@example.org\"",
        );
        return None;
    };
    mailbox(&from, checks);
    let login = login(written.user.map(Written::value), password, checks);
    if login.is_some() {
        checks.require(
            security != SmtpSecurity::Plain || is_this_machine(&host),
            Key::new("smtp", "security"),
            "is \"plain\": the password would travel in clear; it must be \"tls\" or \"starttls\"",
        );
    }
    Some(Smtp {
        host,
        port: written.port.map_or(usual_port(security), Written::value),
        security,
        from,
        login,
        ca_file: written.ca_file.map(Written::value),
        timeout: written.timeout.map_or(SMTP_TIMEOUT, Written::value),
    })
}

fn login(
    user: Option<String>,
    password: Option<KeySecret>,
    checks: &mut Checks<'_>,
) -> Option<(String, KeySecret)> {
    match (user, password) {
        (Some(user), Some(password)) => Some((user, password)),
        (Some(_), None) => {
            let wanted = "smtp.user needs a password: name its file, or hand over the credential meldgate.smtp-password";
            checks.missing(Key::new("smtp", "password-file"), wanted);
            None
        }
        (None, Some(_)) => {
            let wanted = "there is a password for the mail server: set whose it is";
            checks.missing(Key::new("smtp", "user"), wanted);
            None
        }
        (None, None) => None,
    }
}

fn mailbox(from: &str, checks: &mut Checks<'_>) {
    let address = from
        .rsplit_once('<')
        .map_or(from, |(_, address)| address.trim_end_matches('>'));
    let right = matches!(address.split_once('@'), Some((local, host))
        if !local.is_empty() && !host.is_empty() && !host.contains('@') && !address.contains(' '));
    let wrong = "must be a mail address such as \"gateway@example.org\" or \"Gateway <gateway@example.org>\"";
    checks.require(right, Key::new("smtp", "from"), wrong);
}

fn is_this_machine(host: &str) -> bool {
    let address = host.parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

const fn usual_port(security: SmtpSecurity) -> u16 {
    match security {
        SmtpSecurity::Tls => 465,
        SmtpSecurity::StartTls => 587,
        SmtpSecurity::Plain => 25,
    }
}
