//! The rooms that the edges stand on: opened in order, closed in reverse.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::AppError;
use crate::accounts::Accounts;
use crate::clock::{Chance, Clock};
use crate::config::Config;
use crate::domains::Domains;
use crate::limits::{Limits, Lockouts};
use crate::notify::{Notifier, Webhooks};
use crate::sockets::Dependencies;
use crate::store::{MasterKey, Store};

/// How long mail that is still queued may take when the daemon stops.
const MAIL_PATIENCE: Duration = Duration::from_secs(5);

/// The middle rooms, on the base they need.
pub(super) struct Base {
    pub(super) store: Store,
    pub(super) limits: Arc<Limits>,
    pub(super) lockouts: Arc<Lockouts>,
    notifier: Notifier,
    pub(super) accounts: Accounts,
    pub(super) domains: Domains,
    pub(super) ready: Arc<AtomicBool>,
}

impl Base {
    pub(super) async fn open(
        config: &Config,
        origin: &str,
        clock: &Clock,
        chance: &Chance,
    ) -> Result<Self, AppError> {
        let store = open_store(config, chance).await?;
        let limits = Arc::new(Limits::new(&config.limits, clock));
        let lockouts = Arc::new(Lockouts::open(store.clone(), &config.lockout, clock).await?);
        let notifier = Notifier::new(
            config.smtp.as_ref(),
            config.accounts.log_activation_codes,
            clock,
            chance,
        )?;
        let rooms = (Arc::clone(&limits), Arc::clone(&lockouts), notifier.clone());
        let accounts = Accounts::open(
            store.clone(),
            config,
            rooms.0,
            rooms.1,
            rooms.2,
            clock,
            chance,
        )
        .await?;
        let webhooks = Webhooks::new(&config.webhooks, clock)?;
        let domains = Domains::open(
            store.clone(),
            config,
            (&accounts, origin),
            &webhooks,
            (clock, chance),
        )?;
        domains.finish_deletions().await?;
        domains.sweep().await?;
        Ok(Self {
            store,
            limits,
            lockouts,
            notifier,
            accounts,
            domains,
            ready: Arc::new(AtomicBool::new(false)),
        })
    }

    pub(super) fn sockets_need(&self, clock: &Clock) -> Dependencies {
        Dependencies {
            accounts: self.accounts.clone(),
            domains: self.domains.clone(),
            limits: Arc::clone(&self.limits),
            clock: clock.clone(),
        }
    }

    pub(super) async fn close(self) -> Result<(), AppError> {
        self.domains.close().await;
        self.notifier.finish(MAIL_PATIENCE).await;
        let store = self.store;
        let closed = tokio::task::spawn_blocking(move || store.close()).await;
        closed.map_err(|error| AppError::System {
            what: "close the store",
            source: std::io::Error::other(error),
        })
    }
}

async fn open_store(config: &Config, chance: &Chance) -> Result<Store, AppError> {
    let (folder, key) = (
        config.gateway.state_dir.join("store"),
        config.gateway.master_key_file.clone(),
    );
    let chance = chance.clone();
    let opened =
        tokio::task::spawn_blocking(move || Store::open(&folder, &MasterKey::read(&key)?, &chance))
            .await;
    match opened {
        Ok(store) => Ok(store?),
        Err(error) => Err(AppError::System {
            what: "open the store",
            source: std::io::Error::other(error),
        }),
    }
}
