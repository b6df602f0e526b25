//! Which clones are open: opened when they are needed, closed when nobody uses them, and never twice at once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::Duration;

use m_ld_engine::clone::{Config, MeldClone, Plugins};
use m_ld_engine::context::domain_base;
use m_ld_engine::pattern;
use m_ld_engine::rdf::Iri;
use tokio::sync::{Mutex, OwnedMutexGuard, broadcast, mpsc, watch};

use super::actor::Actor;
use super::hook::Hook;
use super::queue::Queue;
use super::signatures::{Shared, Signatures};
use super::subscribing::Subscribing;
use super::usage::Usage;
use super::{FOLLOWING, Host, HostError, MAILBOX};
use crate::accounts::Accounts;
use crate::clock::{Chance, Clock};
use crate::config;
use crate::domains::desk::{Desk, Terms};
use crate::domains::relay::Relay;
use crate::ids::{CloneId, DomainId, GatewayDomain};
use crate::notify::Webhooks;
use crate::store::{Store, StoreError, Tables};

/// Operations that the journal of the gateway's own domain keeps at least.
const OWN_JOURNAL: usize = 10_000;

/// What clones are opened with.
pub(in crate::domains) struct Hosts {
    gateway: GatewayDomain,
    config: config::Domains,
    network_timeout: Option<Duration>,
    hooks: (config::Webhooks, Webhooks),
    store: Store,
    /// Held while a subscription and its record are changed.
    subscribing: Arc<Mutex<()>>,
    accounts: Accounts,
    relay: OnceLock<Arc<dyn Relay>>,
    clock: Clock,
    chance: Chance,
    open: std::sync::Mutex<BTreeMap<DomainId, Arc<Slot>>>,
    closing: AtomicBool,
}

/// The place of one clone. It is held while the clone is opened or closed.
type Slot = Mutex<Option<Host>>;

/// Why a clone cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The gateway is starting or stopping.
    #[error("the gateway is not ready to open clones")]
    NotReady,
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
    ) -> Self {
        Self {
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
            closing: AtomicBool::new(false),
        }
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
            closing => {
                if let Some(closing) = closing {
                    closing.ended().await;
                }
                let host = self.open(domain, signed).await?;
                *place = Some(host.clone());
                host
            }
        };
        drop(place);
        host.state().await?;
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
    pub(super) fn limit_open(&mut self, clones: usize) {
        self.config.open_clones = clones;
    }

    /// Clones that are open now.
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
        if slots.len() >= self.config.open_clones {
            // Those that nobody uses have closed by themselves, and only their places are left.
            slots.retain(|_, slot| {
                let unused = slot
                    .try_lock()
                    .is_ok_and(|place| place.as_ref().is_none_or(Host::has_ended));
                !unused || Arc::strong_count(slot) > 1
            });
        }
        Arc::clone(slots.entry(domain.clone()).or_default())
    }

    fn slots(&self) -> std::sync::MutexGuard<'_, BTreeMap<DomainId, Arc<Slot>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn open(&self, domain: &DomainId, signed: bool) -> Result<Host, OpenError> {
        if self.closing.load(Ordering::SeqCst) {
            return Err(OpenError::NotReady);
        }
        let relay = self.relay.get().ok_or(OpenError::NotReady)?;
        let name = domain.to_mld(&self.gateway);
        let tables = self.store.tables(&name, &self.chance).await?;
        let (id, mut config) = self.configuration(name.clone());
        let idle_limit = if *domain == DomainId::Gateway {
            be_the_gateways_own(&mut config);
            Duration::MAX
        } else {
            self.config.idle_timeout
        };
        let signatures = self.signatures(domain, signed, &mut config)?;
        let plugins = plugins(signatures.as_ref());
        let id = CloneId::parse(&id).map_err(|_| OpenError::NotReady)?;
        let (chance, now) = (self.chance.clone(), self.clock.running());
        let terms = self.hooks.0.clone();
        let owned = (domain.clone(), name);
        let opening = tokio::task::spawn_blocking(move || {
            let hook = Hook::open(&*view_of(&tables), (&owned.0, &owned.1), &terms);
            let hook = hook.map_err(|cause| OpenError::Clone(cause.into()))?;
            open_clone(tables, (config, plugins), chance, now).map(|opened| (opened, hook))
        });
        let opened = opening.await.map_err(|_| OpenError::NotReady)?;
        let ((clone, effects, queue), hook) = opened?;
        if let (Some(signatures), Some(view)) = (&signatures, clone.view()) {
            let damaged = m_ld_engine::clone::CloneError::from;
            signatures.resume(&*view).map_err(damaged)?;
        }
        let (asks, inbox) = mpsc::channel(MAILBOX);
        let (state, seen) = watch::channel(None);
        let updates = broadcast::Sender::new(FOLLOWING);
        let usage = Arc::new(Usage::new(now));
        let host = Host {
            asks,
            state: seen,
            updates: updates.downgrade(),
            usage: Arc::clone(&usage),
            subscribing: Subscribing::new(domain, &self.store, &self.hooks.1, &self.subscribing),
        };
        let context = Arc::new(clone.context().clone());
        let terms = Terms {
            lease: self.config.lock_lease,
            patience: self.config.lock_wait,
        };
        let actor = Actor {
            domain: domain.clone(),
            id,
            clone,
            manner: signatures.as_ref().and_then(|some| some.manner()),
            signatures,
            context,
            queue,
            hook,
            webhooks: self.hooks.1.clone(),
            desk: Desk::new(terms),
            store: self.store.clone(),
            relay: Arc::clone(relay),
            asks: inbox,
            state,
            updates,
            clock: self.clock.clone(),
            chance: self.chance.clone(),
            idle_limit,
            connection: None,
            reconnect_at: None,
            usage,
            live: false,
            receivers: Vec::new(),
        };
        tokio::spawn(actor.run(effects));
        Ok(host)
    }

    /// What guards a domain whose operations are signed.
    fn signatures(
        &self,
        domain: &DomainId,
        signed: bool,
        config: &mut Config,
    ) -> Result<Option<Arc<Signatures>>, OpenError> {
        let DomainId::Subdomain { account, .. } = domain else {
            return Ok(None);
        };
        if !signed {
            return Ok(None);
        }
        // Fusing would put our signature in the place of others'.
        config.journal.max_entry_footprint = 0;
        let base = domain_base(&config.domain);
        let signatures = Signatures::new(
            base,
            &self.principal(),
            (&self.accounts, account),
            config.limits,
        );
        Ok(Some(Arc::new(signatures?)))
    }

    /// The gateway, as it is responsible for what it writes.
    fn principal(&self) -> Iri {
        Iri::new(format!("http://{}/", self.gateway))
    }

    fn configuration(&self, domain: String) -> (String, Config) {
        let mut chance = Dice(self.chance.clone());
        let chance: &mut dyn m_ld_engine::chance::Chance = &mut chance;
        let id = chance.identity();
        let mut config = Config::new(domain, id.clone());
        config.genesis = true;
        // A subdomain that somebody else began too is still to be had here.
        config.steadfast = true;
        config.keep_updates = true;
        config.principal = Some(self.principal());
        config.patterns = self.limits();
        if let Some(timeout) = self.network_timeout {
            config.network_timeout = timeout;
        }
        (id, config)
    }

    /// How much a request may ask for.
    pub(in crate::domains) fn limits(&self) -> pattern::Limits {
        pattern::Limits {
            work: u64::try_from(self.config.query_work).unwrap_or(u64::MAX),
            ..pattern::Limits::default()
        }
    }
}

impl std::fmt::Debug for Hosts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hosts")
            .field("open", &self.len())
            .finish_non_exhaustive()
    }
}

/// The gateway's own domain: always open, and nobody polls it, so updates need not be kept; and what was deleted from it
/// goes from its journal in time. Who was away for longer takes a snapshot.
fn be_the_gateways_own(config: &mut Config) {
    config.keep_updates = false;
    config.journal.keep = OWN_JOURNAL;
    config.journal.sole = true;
}

fn plugins(signatures: Option<&Arc<Signatures>>) -> Plugins {
    let mut plugins = Plugins::default();
    if let Some(signatures) = signatures {
        plugins.security = Box::new(Shared(Arc::clone(signatures)));
    }
    plugins
}

type Opened = (MeldClone, m_ld_engine::clone::Effects, Queue);

/// Opens a clone on its tables, which may have to be read from the disk.
fn open_clone(
    tables: Tables,
    (config, plugins): (Config, Plugins),
    chance: Chance,
    now: Duration,
) -> Result<Opened, OpenError> {
    use m_ld_engine::store::Store as _;
    let damaged = |cause| OpenError::Clone(m_ld_engine::clone::CloneError::from(cause));
    let queue = Queue::open(&*tables.view()).map_err(damaged)?;
    let (tables, chance) = (Box::new(tables), Box::new(Dice(chance)));
    let (clone, effects) = MeldClone::open(tables, config, plugins, chance, now)?;
    Ok((clone, effects, queue))
}

fn view_of(tables: &Tables) -> Arc<dyn m_ld_engine::store::View> {
    use m_ld_engine::store::Store as _;
    tables.view()
}

/// The gateway's randomness, as the engine takes it.
pub(super) struct Dice(pub(super) Chance);

impl m_ld_engine::chance::Chance for Dice {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }
}
