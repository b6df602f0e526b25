//! Notices as mail (RFC 5322), handed to a mail server (RFC 5321).

use std::error::Error;
use std::time::{Duration, SystemTime};

use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};

use super::error::{Cause, NotifyError};
use super::{Address, Notice};
use crate::clock::{Chance, Clock};
use crate::config::{Smtp, SmtpSecurity};

/// Replies that speak of the login, not of the mail: RFC 4954, section 6.
const LOGIN_REPLIES: [&str; 4] = ["530", "534", "535", "538"];

/// Makes mails and hands them to one server, a connection each.
pub(super) struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    timeout: Duration,
    clock: Clock,
    chance: Chance,
}

impl Mailer {
    pub(super) fn new(smtp: &Smtp, clock: &Clock, chance: &Chance) -> Result<Self, NotifyError> {
        let from = smtp.from.parse::<Mailbox>();
        let from = from.map_err(NotifyError::because("smtp.from must be a mail address"))?;
        if !from.to_string().is_ascii() {
            return Err(NotifyError::misconfigured("smtp.from must be all ASCII"));
        }
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&smtp.host)
            .port(smtp.port)
            .timeout(Some(smtp.timeout))
            .tls(tls(smtp)?);
        if let Some((user, password)) = &smtp.login {
            if smtp.security == SmtpSecurity::Plain && !is_local(&smtp.host) {
                return Err(NotifyError::misconfigured(
                    "smtp.security must be tls or starttls for a password to go to another machine",
                ));
            }
            let password = password.expose().to_owned();
            builder = builder.credentials(Credentials::new(user.clone(), password));
        }
        Ok(Self {
            transport: builder.build(),
            from,
            timeout: smtp.timeout,
            clock: clock.clone(),
            chance: chance.clone(),
        })
    }

    /// Delivers one mail, within the configured time.
    pub(super) async fn deliver(&self, mail: &Message) -> Result<(), NotifyError> {
        // The transport's own timeout covers connecting only; a server can hang in any reply.
        match tokio::time::timeout(self.timeout, self.transport.send(mail.clone())).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(classify(error)),
            Err(elapsed) => Err(NotifyError::Unavailable(elapsed.into())),
        }
    }

    /// Connects, secures the connection and logs in, but sends nothing.
    pub(super) async fn probe(&self) -> Result<(), NotifyError> {
        match tokio::time::timeout(self.timeout, self.transport.test_connection()).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err(NotifyError::Unavailable("it hung up".into())),
            Ok(Err(error)) => Err(classify(error)),
            Err(elapsed) => Err(NotifyError::Unavailable(elapsed.into())),
        }
    }

    /// The mail for a notice.
    pub(super) fn compose(&self, to: &Address, notice: &Notice) -> Result<Message, NotifyError> {
        let to = to
            .as_str()
            .parse()
            .map_err(|cause: lettre::address::AddressError| NotifyError::Refused(cause.into()))?;
        let id = u128::from_le_bytes(self.chance.bytes());
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(self.clock.now().as_millis());
        Message::builder()
            .date(now)
            .message_id(Some(format!("<{id:032x}@{}>", self.from.email.domain())))
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(notice.subject())
            .header(AutoSubmitted)
            .header(ContentType::TEXT_PLAIN)
            .body(notice.text())
            .map_err(NotifyError::because("smtp.from does not make a mail"))
    }
}

fn tls(smtp: &Smtp) -> Result<Tls, NotifyError> {
    match smtp.security {
        SmtpSecurity::Tls => Ok(Tls::Wrapper(parameters(smtp)?)),
        SmtpSecurity::StartTls => Ok(Tls::Required(parameters(smtp)?)),
        SmtpSecurity::Plain => Ok(Tls::None),
    }
}

fn parameters(smtp: &Smtp) -> Result<TlsParameters, NotifyError> {
    const PEM: &[u8] = b"-----BEGIN CERTIFICATE-----";
    const CA: &str = "smtp.ca-file must be a file of certificates in PEM";
    let mut builder = TlsParameters::builder(smtp.host.clone());
    if let Some(path) = &smtp.ca_file {
        let pem = std::fs::read(path).map_err(NotifyError::because(CA))?;
        if !pem.windows(PEM.len()).any(|text| text == PEM) {
            return Err(NotifyError::misconfigured(CA));
        }
        let certificate = Certificate::from_pem(&pem).map_err(NotifyError::because(CA))?;
        builder = builder
            .certificate_store(CertificateStore::None)
            .add_root_certificate(certificate);
    }
    let built = builder.build_rustls();
    built.map_err(NotifyError::because(
        "smtp.host and smtp.ca-file do not make a TLS client",
    ))
}

fn is_local(host: &str) -> bool {
    let address = host.parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn classify(error: SmtpError) -> NotifyError {
    let status = error.status().map(|code| code.to_string());
    if status.is_some_and(|status| LOGIN_REPLIES.contains(&status.as_str())) {
        return NotifyError::because("the server does not take the login")(error);
    }
    if error.is_permanent() {
        return NotifyError::Refused(error.into());
    }
    if error.is_client() {
        return NotifyError::because("the server does not offer what is required")(error);
    }
    if error.is_tls() || is_certificate(&error) {
        return NotifyError::because("the server's certificate or TLS is not accepted")(error);
    }
    NotifyError::Unavailable(Cause::from(error))
}

/// Whether a TLS library is among the causes. A connection that ends in the middle of a handshake is not
/// such a case: it carries no TLS error.
fn is_certificate(error: &SmtpError) -> bool {
    let mut cause = error.source();
    while let Some(current) = cause {
        let inner = current
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref);
        if inner.is_some_and(<dyn Error + Send + Sync>::is::<rustls::Error>)
            || current.is::<rustls::Error>()
        {
            return true;
        }
        cause = current.source();
    }
    false
}

/// Tells programs that answer mail not to: RFC 3834, section 5.
#[derive(Clone)]
struct AutoSubmitted;

impl AutoSubmitted {
    const VALUE: &str = "auto-generated";
}

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Cause> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), Self::VALUE.to_owned())
    }
}
