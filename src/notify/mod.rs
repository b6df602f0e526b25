//! Telling people things by mail, and programs by webhook.
//!
//! Takes typed notices; knows no account. A request that causes a notice never waits for a mail server,
//! so its duration does not tell whether a mail was sent.
//!
//! # Sources
//! RFC 5321 (SMTP), RFC 5322 (messages), RFC 3207 (STARTTLS), RFC 8314 (implicit TLS), RFC 3834
//! (automatic mail).

mod address;
mod error;
mod mail;
mod notice;
mod queue;
mod webhook;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use self::mail::Mailer;
use self::queue::Queue;
use crate::clock::{Chance, Clock};
use crate::config::Smtp;

pub use self::address::Address;
pub use self::error::{Cause, NotifyError};
pub use self::notice::Notice;
pub use self::webhook::{
    HookUrl, Parcel, Sending, Signed, SigningSecret, Transport, WebhookError, Webhooks,
};

/// Sends notices. Clones share one queue.
#[derive(Clone)]
pub struct Notifier(Arc<Inner>);

struct Inner {
    way: Way,
    log_codes: bool,
}

enum Way {
    Mail { mailer: Arc<Mailer>, queue: Queue },
    Memory(Mutex<Vec<(Address, Notice)>>),
    LogOnly,
    Nowhere,
}

impl Notifier {
    /// Makes a notifier that mails through `smtp`, writes activation codes to the log, or both.
    ///
    /// With neither, nothing is delivered: see [`delivers`](Self::delivers). Starts a task: must be called on
    /// a runtime. Reads certificates: blocks for milliseconds.
    pub fn new(
        smtp: Option<&Smtp>,
        log_codes: bool,
        clock: &Clock,
        chance: &Chance,
    ) -> Result<Self, NotifyError> {
        Self::with_pauses(smtp, log_codes, clock, chance, queue::PAUSES)
    }

    /// Like [`new`](Self::new), but tries again after these pauses.
    #[doc(hidden)]
    pub fn with_pauses(
        smtp: Option<&Smtp>,
        log_codes: bool,
        clock: &Clock,
        chance: &Chance,
        pauses: [Duration; 3],
    ) -> Result<Self, NotifyError> {
        let way = match smtp {
            Some(smtp) => {
                let mailer = Arc::new(Mailer::new(smtp, clock, chance)?);
                let queue = Queue::start(Arc::clone(&mailer), pauses);
                Way::Mail { mailer, queue }
            }
            None if log_codes => Way::LogOnly,
            None => Way::Nowhere,
        };
        Ok(Self(Arc::new(Inner { way, log_codes })))
    }

    /// A notifier for tests, which keeps what it is given.
    pub fn recording() -> Self {
        Self(Arc::new(Inner {
            way: Way::Memory(Mutex::default()),
            log_codes: false,
        }))
    }

    /// What a recording notifier was given so far; nothing for any other.
    pub fn recorded(&self) -> Vec<(Address, Notice)> {
        match &self.0.way {
            Way::Memory(notices) => notices
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
            Way::Mail { .. } | Way::LogOnly | Way::Nowhere => Vec::new(),
        }
    }

    /// Takes a notice for delivery, or refuses it, at once. Whether it was delivered is told to the log.
    pub fn send(&self, to: &Address, notice: Notice) -> Result<(), NotifyError> {
        if self.0.log_codes {
            log_code(&notice);
        }
        match &self.0.way {
            Way::Mail { queue, .. } => queue.take((to.clone(), notice)),
            Way::Memory(notices) => {
                let mut notices = notices.lock().unwrap_or_else(PoisonError::into_inner);
                notices.push((to.clone(), notice));
                Ok(())
            }
            Way::LogOnly => Ok(()),
            Way::Nowhere => Err(NotifyError::NoServer),
        }
    }

    /// Whether there is any way for a notice to reach somebody.
    pub fn delivers(&self) -> bool {
        !matches!(self.0.way, Way::Nowhere)
    }

    /// Whether mail could be delivered now: connects, secures the connection, logs in, sends nothing.
    pub async fn probe(&self) -> Result<(), NotifyError> {
        match &self.0.way {
            Way::Mail { mailer, .. } => mailer.probe().await,
            Way::Memory(_) | Way::LogOnly | Way::Nowhere => Ok(()),
        }
    }

    /// Takes no more notices, and waits until those it has are delivered or given up, or time is up.
    pub async fn finish(&self, within: Duration) {
        if let Way::Mail { queue, .. } = &self.0.way {
            queue.finish(within).await;
        }
    }
}

impl fmt::Debug for Notifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0.way {
            Way::Mail { .. } => "Notifier(mail)",
            Way::Memory(_) => "Notifier(recording)",
            Way::LogOnly => "Notifier(log)",
            Way::Nowhere => "Notifier(nowhere)",
        })
    }
}

/// Writes an activation code to the log: the one secret that may go there, in development alone.
fn log_code(notice: &Notice) {
    match notice {
        Notice::Activation { account, code, .. } => log::info!(
            target: "meldgate::notify",
            account = account.as_str(), code = code.expose();
            "activation code, logged because log-activation-codes is set"
        ),
    }
}
