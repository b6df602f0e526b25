//! The gateway's own domain: accounts, their keys and their named subdomains, as an m-ld domain that whoever holds the
//! root key can clone.
//!
//! The tables decide; the domain says what they do. A change is made in the tables and answered for there, and the
//! domain follows: so it costs no request anything, and what a crash came between is made up for at the next start.
//! Nobody but the gateway writes to it: see `sockets`. Nothing is ever read from it to decide anything.
//!
//! # Invariants
//! 1. Whenever nothing has changed for a moment, what is in the domain is what the tables say, and nothing else.
//! 2. No secret is in it, nor a digest of one, a private half of a pair, or an address.
//! 3. What the tables cannot be seen to say is left as it is: the domain is behind, and not ready, but never wrong.
//!
//! Source: the API page, "The gateway's own domain".

mod difference;
mod vocabulary;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

use m_ld_engine::clone::CloneError;
use m_ld_engine::store::StoreError as EngineError;
use tokio::sync::watch;

use self::difference::{Difference, Part};
use super::host::{Host, HostError, OpenError};
use super::{Changes, Domains};
use crate::accounts::AccountError;
use crate::ids::{DomainId, Name};
use crate::store::StoreError;

/// How long it takes until a failure is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// What is known of the domain outside of it.
#[derive(Debug)]
pub(super) struct Own {
    /// Named subdomains that have changed, or may have, with their accounts.
    changes: Changes<(Name, Name)>,
    live: watch::Sender<bool>,
}

impl Default for Own {
    fn default() -> Self {
        Self {
            changes: Changes::default(),
            live: watch::Sender::new(false),
        }
    }
}

impl Own {
    /// Notes that a named subdomain has changed, or may have.
    pub(super) fn note(&self, account: &Name, name: &Name) {
        self.changes.note((account.clone(), name.clone()));
    }
}

/// Why the domain does not say what the tables do.
#[derive(Debug, thiserror::Error)]
enum OwnError {
    #[error("its clone cannot be opened")]
    Open(#[from] OpenError),
    #[error("its clone")]
    Host(#[from] HostError),
    #[error("its data cannot be read")]
    Data(#[from] EngineError),
    #[error("accounts cannot be read")]
    Accounts(#[from] AccountError),
    #[error("subdomains cannot be read")]
    Store(#[from] StoreError),
}

impl OwnError {
    /// Whether what is stored of the domain is not what was written.
    fn is_damage(&self) -> bool {
        matches!(
            self,
            Self::Data(EngineError::Damaged(_))
                | Self::Open(OpenError::Clone(CloneError::Store(EngineError::Damaged(_))))
        )
    }
}

/// What is to be compared with the tables.
enum Due {
    Everything,
    Parts(Parts),
}

/// Parts of the domain, in the order in which they are compared.
type Parts = VecDeque<Part>;

impl Domains {
    /// Whether the gateway's own domain can be cloned, and says what the tables do but for what has changed just now.
    pub fn own_is_live(&self) -> bool {
        *self.0.own.live.borrow()
    }

    /// Waits until [`own_is_live`](Self::own_is_live). [`keep_own`](Self::keep_own) has to be running.
    pub async fn own_lives(&self) {
        let mut live = self.0.own.live.subscribe();
        // It cannot close while this room is there.
        drop(live.wait_for(|live| *live).await);
    }

    /// Keeps the gateway's own domain as the tables are, until dropped.
    pub async fn keep_own(self) {
        let mut due = Due::Everything;
        loop {
            let kept = Box::pin(self.keep(due)).await;
            self.0.own.live.send_replace(kept.is_ok());
            due = match kept {
                Ok(host) => self.next_due(&host).await,
                Err(cause) => {
                    log::error!(
                        target: "meldgate::domains", error:err = cause;
                        "the gateway's own domain is not as its tables are; it is tried again"
                    );
                    self.mend(&cause).await;
                    tokio::time::sleep(RETRY).await;
                    Due::Everything
                }
            };
        }
    }

    /// Waits until something has changed, or the domain's clone has closed.
    async fn next_due(&self, host: &Host) -> Due {
        let parts = tokio::select! {
            accounts = self.0.accounts.changes().next() => {
                accounts.into_iter().map(Part::Account).collect()
            }
            subdomains = self.0.own.changes.next() => {
                subdomains.into_iter().map(|(account, name)| Part::Subdomain(account, name)).collect()
            }
            () = host.ended() => {
                self.0.own.live.send_replace(false);
                return Due::Everything;
            }
        };
        Due::Parts(parts)
    }

    /// Has the domain say what the tables do, so far as is due. Gives its clone.
    async fn keep(&self, due: Due) -> Result<Host, OwnError> {
        let host = self.0.hosts.get(&DomainId::Gateway, false).await?;
        match due {
            Due::Parts(parts) => self.say(&host, parts).await?,
            Due::Everything => {
                let domains = self.clone();
                let all = aside(move || difference::everything(&domains)).await?;
                self.say(&host, all).await?;
                let (domains, state) = (self.clone(), host.state().await?);
                let strays = aside(move || difference::strays(&domains, &*state.view)).await?;
                self.say(&host, strays).await?;
            }
        }
        Ok(host)
    }

    /// Has the domain say of these parts what the tables do, durably.
    async fn say(&self, host: &Host, mut parts: Parts) -> Result<(), OwnError> {
        while !parts.is_empty() {
            let (domains, state) = (self.clone(), host.state().await?);
            let read = aside(move || Difference::read(&domains, &*state.view, parts)).await?;
            if !read.change.is_empty() {
                host.change(read.change).await?;
            }
            parts = read.rest;
        }
        Ok(())
    }

    /// Begins the domain anew where its data is damaged: everything in it is in the tables too.
    async fn mend(&self, cause: &OwnError) {
        if !cause.is_damage() {
            return;
        }
        log::error!(
            target: "meldgate::audit", event = "own-domain.damaged";
            "the data of the gateway's own domain is damaged: it is begun anew from the tables, and its other clones have to be made anew too"
        );
        if let Err(cause) = self.0.hosts.destroy(&DomainId::Gateway).await {
            log::error!(target: "meldgate::domains", error:err = cause; "what is left of the gateway's own domain");
        }
    }
}

/// Reads where it keeps nobody waiting.
async fn aside<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, OwnError> + Send + 'static,
) -> Result<T, OwnError> {
    let read = tokio::task::spawn_blocking(read).await;
    // It panicked, or the runtime ends.
    read.unwrap_or(Err(OwnError::Host(HostError::Closed)))
}
