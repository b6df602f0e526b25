//! Which clones are open: opened when they are needed, closed when nobody uses them, and never twice at once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Mutex, OwnedMutexGuard, Semaphore};

use super::reopening::Troubles;
use super::{Host, HostError};
use crate::accounts::Accounts;
use crate::clock::{Chance, Clock};
use crate::config;
use crate::domains::relay::Relay;
use crate::ids::{DomainId, GatewayDomain};
use crate::notify::Webhooks;
use crate::store::{Store, StoreError};

/// What clones are opened with.
pub(in crate::domains) struct Hosts {
    /// Itself, for tasks that go on without whoever began them.
    pub(super) me: Weak<Self>,
    pub(super) gateway: GatewayDomain,
    pub(super) config: config::Domains,
    pub(super) network_timeout: Option<Duration>,
    pub(super) hooks: (config::Webhooks, Webhooks),
    pub(super) store: Store,
    /// Held while a subscription and its record are changed.
    pub(super) subscribing: Arc<Mutex<()>>,
    pub(super) accounts: Accounts,
    pub(super) relay: OnceLock<Arc<dyn Relay>>,
    pub(super) clock: Clock,
    pub(super) chance: Chance,
    open: std::sync::Mutex<BTreeMap<DomainId, Arc<Slot>>>,
    /// How many slots there are at least when those that nobody needs are looked for.
    sweep_from: AtomicUsize,
    /// The same of the next time.
    sweep_at: AtomicUsize,
    /// A permit for each clone that can be open.
    pub(super) places: Arc<Semaphore>,
    pub(super) evicting: Mutex<()>,
    pub(super) troubles: Troubles,
    pub(super) closing: AtomicBool,
}

/// The place of one clone. It is held while the clone is opened or closed.
pub(super) type Slot = Mutex<Option<Host>>;

/// Why a clone cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The gateway is starting or stopping.
    #[error("the gateway is not ready to open clones")]
    NotReady,
    /// As many clones are open as can be, and all are in use.
    #[error("as many subdomains are in use as there can be")]
    Full,
    /// The store failed.
    #[error("the tables of the subdomain's clone")]
    Store(#[from] StoreError),
    /// The clone's data cannot be used.
    #[error("the subdomain's clone")]
    Clone(#[from] m_ld_engine::clone::CloneError),
    /// It cannot be guarded.
    #[error("the subdomain's signatures")]
    Signatures(#[from] m_ld_engine::security::SecurityError),
    /// The clone closed while it was opened.
    #[error(transparent)]
    Host(#[from] HostError),
}

impl Hosts {
    pub(in crate::domains) fn new(
        gateway: &GatewayDomain,
        (config, network_timeout): (&config::Domains, Option<Duration>),
        (terms, webhooks): (&config::Webhooks, &Webhooks),
        (store, accounts): (&Store, &Accounts),
        (clock, chance): (&Clock, &Chance),
    ) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            gateway: gateway.clone(),
            config: config.clone(),
            network_timeout,
            hooks: (terms.clone(), webhooks.clone()),
            store: store.clone(),
            subscribing: Arc::default(),
            accounts: accounts.clone(),
            relay: OnceLock::new(),
            clock: clock.clone(),
            chance: chance.clone(),
            open: std::sync::Mutex::default(),
            sweep_from: AtomicUsize::new(config.open_clones),
            sweep_at: AtomicUsize::new(config.open_clones),
            places: Arc::new(Semaphore::new(config.open_clones)),
            evicting: Mutex::default(),
            troubles: Troubles::default(),
            closing: AtomicBool::new(false),
        })
    }

    /// Joins the clones to the relay, once.
    pub(in crate::domains) fn join(&self, relay: Arc<dyn Relay>) {
        drop(self.relay.set(relay));
    }

    /// The clone of a domain, opened if it is not, and live: whoever connects after this finds it present. `signed` says
    /// whether its operations are, which never changes.
    pub(in crate::domains) async fn get(
        &self,
        domain: &DomainId,
        signed: bool,
    ) -> Result<Host, OpenError> {
        let mut place = self.place(domain).await;
        let now = self.clock.running();
        let host = match &*place {
            Some(host) if !host.asks.is_closed() && host.usage.note(now) => host.clone(),
            _ => self.open_in(&mut place, domain, signed).await?,
        };
        drop(place);
        host.state().await?;
        Ok(host)
    }

    /// Opens the clone of a domain in its place, where none is open: it goes on with what its last life left.
    pub(super) async fn open_in(
        &self,
        place: &mut Option<Host>,
        domain: &DomainId,
        signed: bool,
    ) -> Result<Host, OpenError> {
        let berth = match &*place {
            None => Arc::default(),
            Some(closing) => {
                closing.ended().await;
                Arc::clone(&closing.berth)
            }
        };
        let host = self.open(domain, signed, berth).await?;
        *place = Some(host.clone());
        Ok(host)
    }

    /// The clone of a domain, if it is open or about to be.
    pub(in crate::domains) async fn opened(&self, domain: &DomainId) -> Option<Host> {
        let slot = self.slots().get(domain).cloned()?;
        let place = slot.lock().await;
        place.clone().filter(|host| !host.asks.is_closed())
    }

    /// Closes the clone of a domain that is no more, and destroys its data.
    pub(in crate::domains) async fn destroy(&self, domain: &DomainId) -> Result<(), StoreError> {
        let mut place = self.place(domain).await;
        if let Some(host) = place.take() {
            host.close().await;
        }
        self.store
            .destroy_tables(&domain.to_mld(&self.gateway))
            .await?;
        // While the place is held: who waits for it finds that it is none any more.
        self.slots().remove(domain);
        Ok(())
    }

    /// Opens no clone any more. Those that are open go on.
    pub(in crate::domains) fn open_no_more(&self) {
        self.closing.store(true, Ordering::SeqCst);
    }

    /// Closes every clone, so that nothing is lost and their tables are free. None is opened any more.
    pub(in crate::domains) async fn close(&self) {
        self.closing.store(true, Ordering::SeqCst);
        let slots = std::mem::take(&mut *self.slots()).into_values();
        // Together, so that they share what makes them durable.
        let closing = slots.map(|slot| async move {
            if let Some(host) = slot.lock().await.take() {
                host.close().await;
            }
        });
        futures_util::future::join_all(closing).await;
    }

    /// Keeps fewer clones open.
    #[cfg(test)]
    pub(super) fn limit_open(&self, clones: usize) {
        let all = self.config.open_clones;
        self.places.forget_permits(all - clones);
        self.sweep_from.store(clones, Ordering::Relaxed);
        self.sweep_at.store(clones, Ordering::Relaxed);
    }

    /// Places of clones, which are open, or were.
    pub(in crate::domains) fn len(&self) -> usize {
        self.slots().len()
    }

    /// The place of a domain's clone, held.
    async fn place(&self, domain: &DomainId) -> OwnedMutexGuard<Option<Host>> {
        loop {
            let slot = self.slot(domain);
            let place = Arc::clone(&slot).lock_owned().await;
            let current = self.slots().get(domain).cloned();
            if current.is_some_and(|current| Arc::ptr_eq(&current, &slot)) {
                return place;
            }
        }
    }

    fn slot(&self, domain: &DomainId) -> Arc<Slot> {
        let mut slots = self.slots();
        if let Some(slot) = slots.get(domain) {
            return Arc::clone(slot);
        }
        if slots.len() >= self.sweep_at.load(Ordering::Relaxed) {
            slots.retain(|_, slot| Arc::strong_count(slot) > 1 || !is_unneeded(slot));
            let next = slots.len().saturating_mul(2);
            let next = next.max(self.sweep_from.load(Ordering::Relaxed));
            self.sweep_at.store(next, Ordering::Relaxed);
        }
        Arc::clone(slots.entry(domain.clone()).or_default())
    }

    pub(super) fn slots(&self) -> std::sync::MutexGuard<'_, BTreeMap<DomainId, Arc<Slot>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether there is no clone in a place, and nothing that one has left for others who are connected.
fn is_unneeded(slot: &Slot) -> bool {
    let place = slot.try_lock();
    place.is_ok_and(|place| {
        let is_gone = |host: &Host| host.has_ended() && host.berth.is_deserted();
        place.as_ref().is_none_or(is_gone)
    })
}

impl std::fmt::Debug for Hosts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hosts")
            .field("open", &self.len())
            .finish_non_exhaustive()
    }
}
