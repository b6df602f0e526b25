//! Why the gateway could not start or go on.

use crate::accounts::AccountsError;
use crate::domains::DomainError;
use crate::listener::{BindError, CertificateError, TlsError};
use crate::notify::{NotifyError, WebhookError};
use crate::store::StoreError;

/// Why the gateway could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The store cannot be used.
    #[error("the store in the state directory cannot be opened")]
    Store(#[from] StoreError),
    /// The accounts cannot be used.
    #[error("the accounts cannot be opened")]
    Accounts(#[from] AccountsError),
    /// The subdomains of a closed account cannot be deleted.
    #[error("what a closed account left cannot be deleted")]
    Domains(#[from] DomainError),
    /// A subdomain cannot be taken in hand.
    #[error("the subdomain cannot be made: its account has to be there")]
    Claim(#[source] DomainError),
    /// A certificate cannot be used.
    #[error("a certificate cannot be used")]
    Certificates(#[from] CertificateError),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// An address cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// Mail cannot be sent as configured.
    #[error("mail cannot be set up")]
    Mail(#[from] NotifyError),
    /// Webhooks cannot be sent as configured.
    #[error(transparent)]
    Webhooks(#[from] WebhookError),
    /// The system refused something that a daemon needs.
    #[error("the system refused to {what}")]
    System {
        /// What was asked of it.
        what: &'static str,
        /// Its reason.
        source: std::io::Error,
    },
}
