//! What a caller of the room can be told.

/// Why a notice was not taken, or a mail not delivered.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// Too many mails wait. Try again in a while.
    #[error("too many mails wait to be sent")]
    Busy,
    /// The daemon is stopping. Try again when it is back.
    #[error("no more mail is taken: stopping")]
    Stopping,
    /// No mail server is configured, and codes do not go to the log either. Configure one.
    #[error("no mail server is configured: set smtp.host, or log activation codes in development")]
    NoServer,
    /// The configuration does not fit the mail server. Trying again does not help; an operator does.
    #[error("mail cannot be sent as configured: {why}")]
    Misconfigured {
        /// What to look at.
        why: &'static str,
        /// What said so.
        source: Option<Cause>,
    },
    /// The mail server could not be reached, was too slow, or refused for now. Try again in a while.
    #[error("the mail server is not available")]
    Unavailable(#[source] Cause),
    /// The mail server refuses this mail for good. Check the address.
    #[error("the mail server refuses this mail")]
    Refused(#[source] Cause),
}

/// What another library said.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

impl NotifyError {
    /// Says what to look at, without a cause.
    pub(super) const fn misconfigured(why: &'static str) -> Self {
        Self::Misconfigured { why, source: None }
    }

    /// Says what to look at, and why.
    pub(super) fn because<E: Into<Cause>>(why: &'static str) -> impl FnOnce(E) -> Self {
        move |cause| Self::Misconfigured {
            why,
            source: Some(cause.into()),
        }
    }

    /// Whether the same mail may be delivered later.
    pub(super) const fn may_pass(&self) -> bool {
        match self {
            Self::Busy | Self::Unavailable(_) => true,
            Self::Stopping | Self::NoServer | Self::Misconfigured { .. } | Self::Refused(_) => {
                false
            }
        }
    }
}
