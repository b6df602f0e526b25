//! What becomes of a message that was not accepted.

/// Why a message was not accepted. All but [`Gone`](Self::Gone) may pass.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The configuration cannot be used. An operator can help.
    #[error("webhooks cannot be sent as configured: {why}")]
    Misconfigured {
        /// What to look at.
        why: &'static str,
        /// What said so.
        source: Option<super::super::Cause>,
    },
    /// The name of the host means no address.
    #[error("the host has no address")]
    NoAddress,
    /// An address of the host is not public, and its network is not allowed.
    #[error("the host has an address that is not permitted")]
    NotPermitted,
    /// It would have to be sent in the clear to a network where that is not allowed.
    #[error("the webhook has to be https")]
    Insecure,
    /// No connection could be made.
    #[error("no connection could be made")]
    Unreachable(#[source] std::io::Error),
    /// The other side's certificate or TLS is not accepted.
    #[error("the certificate or TLS is not accepted")]
    Tls(#[source] std::io::Error),
    /// The other side does not speak HTTP, or broke off.
    #[error("no whole answer came")]
    NoAnswer(#[source] super::super::Cause),
    /// It took too long.
    #[error("it took too long")]
    TimedOut,
    /// The other side did not accept the message; a redirect is not followed.
    #[error("it was answered with status {status}")]
    Refused {
        /// The status of its answer.
        status: u16,
    },
    /// The other side wants no messages any more (410).
    #[error("it was answered that no more messages are wanted")]
    Gone,
}

impl WebhookError {
    /// What whoever subscribed is told. What a name means inside the operator's network is not theirs to know, so a
    /// name without an address and one that is not permitted are alike.
    pub fn to_subscriber(&self) -> String {
        match self {
            Self::NoAddress | Self::NotPermitted => {
                "the webhook's host has no address that this gateway may send to".to_owned()
            }
            Self::Misconfigured { .. }
            | Self::Insecure
            | Self::Unreachable(_)
            | Self::Tls(_)
            | Self::NoAnswer(_)
            | Self::TimedOut
            | Self::Refused { .. }
            | Self::Gone => self.to_string(),
        }
    }
}
