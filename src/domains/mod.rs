//! Subdomains: which there are, and how a clone is configured to join one.
//!
//! A *UUID subdomain* is never recorded: whoever knows its name can use it, as its account allows. A *named
//! subdomain* is recorded when it is first asked for, and the gateway has a clone of it: see `host`. If it was
//! made with signatures, that clone also decides what is relayed: who may speak is in its data.
//!
//! # Invariants
//! 1. The index in memory is what the store holds: it is changed after the commit, and only then.
//! 2. Whether a subdomain uses signatures never changes after it was made.
//!
//! Source: the API page, section 2.3.

mod closing;
mod configuration;
mod desk;
mod host;
mod own;
mod registry;
mod relay;
mod request;
mod signers;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use tokio::sync::broadcast;

pub use self::configuration::{Auth, Configuration, Io, IoOptions};
pub use self::desk::Owner;
pub use self::host::{
    Condition, Followed, Following, Host, HostError, OpenError, Polled, Signer, State, Subscribed,
    Subscription, SubscriptionState, Writing, Written,
};
pub use self::registry::Listed;
pub use self::relay::{
    Arriving, Candidate, Inbox, InboxFull, Line, Relay, Sender, Unicast, UnicastKind,
};
pub use self::request::{Request, User, UserKeyInfo};

use self::configuration::Echoes;
use self::host::Hosts;
use self::own::Own;
use self::registry::Index;
use crate::accounts::{
    AccountError, Accounts, AuthError, Changes, Credential, Naming, Permit, Principal, Registry,
    RemotesAuth, UseDomains,
};
use crate::clock::{Chance, Clock};
use crate::config::Config;
use crate::ids::{DomainId, GatewayDomain, Invalid, Name};
use crate::notify::Webhooks;
use crate::store::{Store, StoreError};

/// Letters of a UUID name after its `c`.
const UUID_ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
const UUID_LENGTH: usize = 24;

/// Deletions that one listener can be behind before it misses some.
const DELETIONS: usize = 1024;

/// Why a subdomain was not configured.
#[derive(Debug, thiserror::Error)]
pub enum DomainError {
    /// The caller may not.
    #[error(transparent)]
    Refused(#[from] AuthError),
    /// The input is not what it should be; says what would be.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The account has no UUID subdomains, so a name is needed (405). Says nothing about whether there is such an
    /// account.
    #[error("a name is needed: use PUT")]
    NameNeeded,
    /// The subdomain was made with another `useSignatures`.
    #[error("the subdomain was made with another useSignatures")]
    Signatures,
    /// There was a subdomain of this name, and it was deleted.
    #[error("there was a subdomain of this name, and it was deleted: choose another name")]
    Deleted,
    /// The account, or the subdomain, has as many as it can have.
    #[error("there are as many {what} as there can be")]
    TooMany {
        /// Of what.
        what: &'static str,
    },
    /// The gateway's clone of it cannot be opened.
    #[error("the gateway's clone")]
    Open(#[from] OpenError),
    /// The gateway's clone did not do what it was asked.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The account could not be read.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The store failed. The change may have been made: read before trying again.
    #[error("subdomain store")]
    Store(#[from] StoreError),
}

/// The subdomains of the gateway. Clones share them.
#[derive(Clone)]
pub struct Domains(Arc<Room>);

struct Room {
    domain: GatewayDomain,
    origin: String,
    echoes: Echoes,
    limit: usize,
    accounts: Accounts,
    store: Store,
    index: Index,
    hosts: Arc<Hosts>,
    own: Own,
    deleted: broadcast::Sender<DomainId>,
    clock: Clock,
    chance: Chance,
}

/// Who asks: proven, and how. The credential's secret signs the token in a configuration.
pub type Caller<'c> = (&'c Principal, &'c Credential);

impl Domains {
    /// Opens the room. `origin` is what clients call the gateway, `https://host[:port]`.
    pub fn open(
        store: Store,
        config: &Config,
        (accounts, origin): (&Accounts, &str),
        webhooks: &Webhooks,
        (clock, chance): (&Clock, &Chance),
    ) -> Result<Self, StoreError> {
        Ok(Self(Arc::new(Room {
            domain: config.gateway.domain.clone(),
            origin: origin.trim_end_matches('/').to_owned(),
            echoes: Echoes::new(&config.sockets),
            limit: config.accounts.subdomains_per_account,
            accounts: accounts.clone(),
            index: Index::open(&store)?,
            hosts: Hosts::new(
                &config.gateway.domain,
                (&config.domains, config.sockets.network_timeout),
                (&config.webhooks, webhooks),
                (&store, accounts),
                (clock, chance),
            ),
            own: Own::default(),
            deleted: broadcast::channel(DELETIONS).0,
            store,
            clock: clock.clone(),
            chance: chance.clone(),
        })))
    }

    /// Tells of each subdomain that is deleted, once that is durable. Who lags behind and misses some asks
    /// [`Registry::exists`] about each that it knows.
    pub fn deletions(&self) -> broadcast::Receiver<DomainId> {
        self.0.deleted.subscribe()
    }

    /// Joins the gateway's own clones to the relay, once: before that none is opened.
    pub fn join(&self, relay: Arc<dyn Relay>) {
        self.0.hosts.join(relay);
        self.watch_keys();
    }

    /// The gateway's clone of a named subdomain, opened if it is not, for whoever may use the account's domains.
    pub async fn host(
        &self,
        permit: &Permit<UseDomains>,
        name: &Name,
    ) -> Result<Host, DomainError> {
        let account = permit.account();
        if !self.exists(account, name) {
            return Err(AuthError::NotFound.into());
        }
        let domain = DomainId::Subdomain {
            account: account.clone(),
            name: name.clone(),
        };
        self.hosted(&domain).await
    }

    /// Sees that the gateway's clone of a domain is live, if it has one: before somebody connects to the domain, who
    /// keeps what this gives until he is connected, so that it stays open for him.
    pub async fn prepare(&self, domain: &DomainId) -> Result<Option<Host>, DomainError> {
        match domain {
            DomainId::Subdomain { name, .. } if name.is_uuid() && !self.keeps(domain) => Ok(None),
            DomainId::Subdomain { .. } | DomainId::Gateway => self.hosted(domain).await.map(Some),
        }
    }

    /// Whether the gateway has a clone of a domain, which keeps its data.
    pub fn keeps(&self, domain: &DomainId) -> bool {
        match domain {
            DomainId::Subdomain { account, name } => self.exists(account, name),
            DomainId::Gateway => true,
        }
    }

    /// Opens the clones that have a subscription by webhook, one after the other, so that what waits for it is sent.
    pub async fn resume_webhooks(&self) {
        let store = self.0.store.clone();
        let reading = tokio::task::spawn_blocking(move || host::subscribing::recorded(&store));
        let recorded = reading.await.unwrap_or_else(|_| Ok(Vec::new()));
        if let Err(cause) = &recorded {
            log::error!(target: "meldgate::domains", error:% = cause; "subscriptions cannot be read");
        }
        for domain in recorded.unwrap_or_default() {
            if let Err(cause) = self.resume_webhook(&domain).await {
                log::error!(
                    target: "meldgate::domains", error:err = cause, domain:?;
                    "a subdomain with a subscription cannot be opened; it is when somebody uses it"
                );
            }
        }
    }

    async fn resume_webhook(&self, domain: &DomainId) -> Result<(), DomainError> {
        if self.stands(domain) {
            self.hosted(domain).await?.tidy().await?;
        }
        Ok(())
    }

    /// How much a read may ask for.
    pub fn read_limits(&self) -> m_ld_engine::pattern::Limits {
        self.0.hosts.limits()
    }

    /// Opens none of the gateway's own clones any more: for when it is stopping.
    pub fn open_no_more(&self) {
        self.0.hosts.open_no_more();
    }

    /// Closes the gateway's own clones.
    pub async fn close(&self) {
        self.0.hosts.close().await;
    }

    async fn hosted(&self, domain: &DomainId) -> Result<Host, DomainError> {
        let host = self.0.hosts.get(domain, self.is_signed(domain)).await?;
        // A deletion from before the clone was open would not have found it.
        if self.stands(domain) {
            return Ok(host);
        }
        self.0.hosts.destroy(domain).await?;
        Err(AuthError::NotFound.into())
    }

    /// Whether a domain is one that clones can be connected to, so far as this room decides that.
    pub fn stands(&self, domain: &DomainId) -> bool {
        match domain {
            DomainId::Subdomain { account, name } => {
                self.exists(account, name) || name.is_uuid() && !self.is_deleted(account, name)
            }
            DomainId::Gateway => true,
        }
    }

    /// Answers `POST /domain/≪account≫`: a UUID subdomain for anybody if the account allows that, or else a named
    /// one for whoever may use the account's domains.
    pub async fn post(
        &self,
        account: &Name,
        request: &Request,
        caller: Caller<'_>,
    ) -> Result<Configuration, DomainError> {
        let manners = self.0.accounts.manners(account)?;
        let uuids = manners.is_some_and(|manners| manners.naming.contains(&Naming::Uuid));
        match &request.name {
            None if uuids => {
                let name = self.fresh_uuid()?;
                self.configure(account, &name, Some(true), None, caller)
                    .await
            }
            None => Err(DomainError::NameNeeded),
            Some(name) if uuids && name.is_uuid() => {
                if self.is_deleted(account, name) {
                    return Err(DomainError::Deleted);
                }
                self.configure(account, name, None, None, caller).await
            }
            Some(name) => {
                let permit = self.0.accounts.permit(caller.0, account)?;
                self.put(&permit, name, request, caller).await
            }
        }
    }

    /// Answers `PUT /domain/≪account≫/≪name≫`: makes sure of the named subdomain and configures a clone of it.
    pub async fn put(
        &self,
        permit: &Permit<UseDomains>,
        name: &Name,
        request: &Request,
        caller: Caller<'_>,
    ) -> Result<Configuration, DomainError> {
        let account = permit.account();
        if self.0.accounts.manners(account)?.is_none() {
            return Err(AuthError::NotFound.into());
        }
        self.create(permit, name, request).await?;
        let domain = DomainId::Subdomain {
            account: account.clone(),
            name: name.clone(),
        };
        // So that the domain has begun when this is answered, as the configuration says.
        match self.host(permit, name).await {
            Ok(host) => {
                self.enrol((&host, name), account, (request, caller))
                    .await?;
            }
            // The gateway is stopping. The subdomain is made, and begins when it is first opened.
            Err(DomainError::Open(OpenError::NotReady)) if !self.is_signed(&domain) => {}
            Err(cause) => return Err(cause),
        }
        let user = request.user.as_ref().map(|user| user.id.as_str());
        self.configure(account, name, Some(false), user, caller)
            .await
    }

    fn fresh_uuid(&self) -> Result<Name, Invalid> {
        let rest = self.0.chance.text(UUID_LENGTH, UUID_ALPHABET);
        Name::parse(&format!("c{rest}"))
    }

    async fn configure(
        &self,
        account: &Name,
        name: &Name,
        genesis: Option<bool>,
        user: Option<&str>,
        caller: Caller<'_>,
    ) -> Result<Configuration, DomainError> {
        let room = &*self.0;
        let id = DomainId::Subdomain {
            account: account.clone(),
            name: name.clone(),
        };
        let auth = self.auth(account, user, caller).await?;
        let io = Io {
            uri: format!("{}/", room.origin),
            opts: IoOptions { auth },
        };
        Ok(room
            .echoes
            .configuration(id.to_mld(&room.domain), genesis, io))
    }

    /// What a clone authenticates with: a token if one can be made, nothing where nothing is needed, or else a
    /// reminder to put in the key, which the gateway does not have.
    async fn auth(
        &self,
        account: &Name,
        user: Option<&str>,
        caller: Caller<'_>,
    ) -> Result<Option<Auth>, DomainError> {
        let manners = self.0.accounts.manners(account)?;
        let ways = manners.unwrap_or_default().remotes_auth;
        if ways.contains(&RemotesAuth::Jwt) {
            let token = self.0.accounts.remotes_token(account, caller, user).await?;
            if let Some(jwt) = token {
                return Ok(Some(Auth::Token { jwt }));
            }
        }
        let open = ways.len() == 1 && ways.contains(&RemotesAuth::Anon);
        Ok((!open).then(|| Auth::key_of(account)))
    }
}

impl Registry for Domains {
    fn exists(&self, account: &Name, name: &Name) -> bool {
        self.0.index.contains(account, name)
    }

    fn is_deleted(&self, account: &Name, name: &Name) -> bool {
        self.0.index.is_deleted(account, name)
    }
}

impl fmt::Debug for Domains {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Domains")
            .field("domain", &self.0.domain)
            .finish_non_exhaustive()
    }
}
