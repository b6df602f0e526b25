//! What every endpoint can reach.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use http::HeaderValue;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::problem::Problem;
use super::remotes::Remotes;
use crate::accounts::{Accounts, Principal};
use crate::clock::{Chance, Clock};
use crate::config;
use crate::domains::Domains;
use crate::ids::GatewayDomain;
use crate::limits::{Class, Limits};

/// The rooms that endpoints use, and what they need of the configuration. Cheap to clone.
#[derive(Clone)]
pub(crate) struct App(Arc<Inner>);

/// See [`App`].
pub(crate) struct Inner {
    pub(crate) accounts: Accounts,
    pub(crate) domains: Domains,
    pub(crate) limits: Arc<Limits>,
    pub(crate) sockets: Arc<dyn Remotes>,
    pub(crate) clock: Clock,
    pub(crate) gateway: GatewayDomain,
    pub(crate) origin: String,
    pub(crate) http: config::Http,
    pub(crate) log_access: bool,
    pub(crate) hsts: Option<HeaderValue>,
    pub(crate) ready: Arc<AtomicBool>,
    pub(crate) request_ids: RequestIds,
    /// Turns to read a state: each holds a thread.
    pub(crate) reading: Arc<Semaphore>,
}

/// How long a read waits for its turn.
const READ_PATIENCE: Duration = Duration::from_secs(10);

impl App {
    /// Makes the rooms reachable.
    pub(crate) fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    /// Takes one request from the budget of whoever was authenticated.
    pub(crate) fn spend(&self, principal: &Principal) -> Result<(), Problem> {
        match principal {
            Principal::Account { name, .. } => {
                self.limits.spend_account(Class::Requests, name)?;
                Ok(())
            }
            Principal::Root | Principal::Anonymous => Ok(()),
        }
    }

    /// A turn to read a state.
    pub(crate) async fn readers(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let turn = Arc::clone(&self.reading).acquire_owned();
        let turn = tokio::time::timeout(READ_PATIENCE, turn).await;
        match turn {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(Problem::unavailable("too many reads; try again")),
        }
    }

    /// A new request's id.
    pub(crate) fn request_id(&self) -> String {
        self.request_ids.next()
    }
}

impl std::ops::Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("gateway", &self.gateway)
            .finish_non_exhaustive()
    }
}

/// Ids by which the log knows requests: unlike any of another start, and in order within one.
#[derive(Debug)]
pub(crate) struct RequestIds {
    start: u64,
    next: AtomicU64,
}

impl RequestIds {
    /// Ids of one start of the daemon.
    pub(crate) fn new(chance: &Chance) -> Self {
        Self {
            start: u64::from_be_bytes(chance.bytes()),
            next: AtomicU64::new(0),
        }
    }

    fn next(&self) -> String {
        format!(
            "{:016x}-{:x}",
            self.start,
            self.next.fetch_add(1, Ordering::Relaxed)
        )
    }
}
