//! How a clone is opened: its tables, what guards it, and the task that owns it.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use m_ld_engine::clone::{Config, Effects, MeldClone, Plugins};
use m_ld_engine::context::domain_base;
use m_ld_engine::pattern;
use m_ld_engine::rdf::Iri;
use tokio::sync::{broadcast, mpsc, watch};

use super::actor::{Actor, Ended};
use super::berth::Berth;
use super::hook::Hook;
use super::queue::Queue;
use super::reopening::{Whose, reopen};
use super::set::{Hosts, OpenError};
use super::signatures::{Shared, Signatures};
use super::subscribing::Subscribing;
use super::usage::Usage;
use super::{FOLLOWING, Host, MAILBOX};
use crate::clock::Chance;
use crate::domains::desk::{Desk, Terms};
use crate::ids::{CloneId, DomainId};
use crate::store::Tables;

/// Operations that the journal of the gateway's own domain keeps at least.
const OWN_JOURNAL: usize = 10_000;

impl Hosts {
    /// Opens the clone of a domain. Whoever does so holds its place. `berth` has what an earlier life left, if one did.
    pub(super) async fn open(
        &self,
        domain: &DomainId,
        signed: bool,
        berth: Arc<Berth>,
    ) -> Result<Host, OpenError> {
        if self.closing.load(Ordering::SeqCst) {
            return Err(OpenError::NotReady);
        }
        let relay = self.relay.get().ok_or(OpenError::NotReady)?;
        let permit = self.take_place(domain).await?;
        let name = domain.to_mld(&self.gateway);
        let tables = self.store.tables(&name, &self.chance).await?.gathered();
        let (id, mut config) = self.configuration(name.clone(), berth.id());
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
            berth: Arc::clone(&berth),
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
            bell: self.bell(domain, signed, &berth),
            berth: Arc::clone(&berth),
            permit,
            live: false,
            receivers: Vec::new(),
        };
        let (hosts, domain) = (Weak::clone(&self.me), domain.clone());
        let berth = Arc::downgrade(&berth);
        let whose = Whose {
            domain,
            signed,
            berth,
        };
        tokio::spawn(live(actor, effects, (hosts, whose)));
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

    fn configuration(&self, domain: String, id: Option<CloneId>) -> (String, Config) {
        let mut chance = Dice(self.chance.clone());
        let chance: &mut dyn m_ld_engine::chance::Chance = &mut chance;
        let id = id.map_or_else(|| chance.identity(), |id| id.as_str().to_owned());
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

/// The gateway's own domain: always open, and nobody polls it, so updates need not be kept; and what was deleted from it
/// goes from its journal in time. Who was away for longer takes a snapshot.
fn be_the_gateways_own(config: &mut Config) {
    config.keep_updates = false;
    config.journal.keep = OWN_JOURNAL;
    config.journal.sole = true;
}

/// One life of a clone, and the next if it fails.
async fn live(actor: Actor, opening: Effects, (hosts, whose): (Weak<Hosts>, Whose)) {
    let ended = actor.run(opening).await;
    if ended == Ended::Failed {
        if let Some(hosts) = hosts.upgrade() {
            hosts.note_failure(&whose.domain);
        }
        reopen(hosts, whose).await;
    }
}

fn plugins(signatures: Option<&Arc<Signatures>>) -> Plugins {
    let mut plugins = Plugins::default();
    if let Some(signatures) = signatures {
        plugins.security = Box::new(Shared(Arc::clone(signatures)));
    }
    plugins
}

type Opened = (MeldClone, Effects, Queue);

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
