//! Subscribing to a hosted clone's updates by webhook.
//!
//! Which subdomains have a subscription is recorded beside them, so that a gateway that starts opens their clones and
//! sends what waits. The record may name one that has none any more, and never misses one that has.

use std::fmt;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::{Ask, Host, HostError, Subscribed, Subscription, SubscriptionState};
use crate::domains::desk::Owner;
use crate::ids::{DomainId, Name};
use crate::notify::{HookUrl, WebhookError, Webhooks};
use crate::store::{Batch, Store, StoreError, Tree};

/// What a record's key begins with, among those of subdomains.
const PREFIX: &str = "hook/";

/// What subscribing to one subdomain needs.
#[derive(Clone)]
pub(super) struct Subscribing {
    key: String,
    store: Store,
    webhooks: Webhooks,
    /// Held while a record and a subscription are changed, so that neither changes between.
    changing: Arc<Mutex<()>>,
}

impl Subscribing {
    pub(super) fn new(
        domain: &DomainId,
        store: &Store,
        webhooks: &Webhooks,
        changing: &Arc<Mutex<()>>,
    ) -> Self {
        Self {
            key: key(domain),
            store: store.clone(),
            webhooks: webhooks.clone(),
            changing: Arc::clone(changing),
        }
    }

    async fn commit(&self, batch: Batch) -> Result<(), HostError> {
        self.store.commit(batch).await.map_err(|cause| {
            log::error!(target: "meldgate::domains", error:err = cause; "a subscription cannot be recorded");
            HostError::Closed
        })
    }

    async fn forget(&self) -> Result<(), HostError> {
        let batch = Batch::new().remove(Tree::Subdomains, self.key.as_str());
        self.commit(batch).await
    }
}

impl fmt::Debug for Subscribing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Subscribing").field(&self.key).finish()
    }
}

impl Host {
    /// Subscribes by webhook, in place of any other subscription, if something can be sent there now.
    pub async fn subscribe(&self, owner: Owner, url: HookUrl) -> Result<Subscribed, HostError> {
        let subscribing = &self.subscribing;
        let checked = subscribing.webhooks.check(&url).await;
        checked.map_err(|error| refused(&error))?;
        let _changing = subscribing.changing.lock().await;
        let batch = Batch::new().put(Tree::Subdomains, subscribing.key.as_str(), *b"{}");
        subscribing.commit(batch).await?;
        self.ask(|reply| Ask::Subscribe(owner, url, reply)).await
    }

    /// Ends the subscription. Nothing more is sent; updates that were not acknowledged wait.
    pub async fn unsubscribe(&self) -> Result<(), HostError> {
        let _changing = self.subscribing.changing.lock().await;
        self.ask(Ask::Unsubscribe).await?;
        self.subscribing.forget().await
    }

    /// The subscription, if there is one.
    pub async fn subscription(&self) -> Result<Option<Subscription>, HostError> {
        self.ask(Ask::Subscription).await
    }

    /// Forgets the record of a subscription that gets nothing any more.
    pub(in crate::domains) async fn tidy(&self) -> Result<(), HostError> {
        let _changing = self.subscribing.changing.lock().await;
        let subscription = self.subscription().await?;
        let is_over = subscription.is_none_or(|subscription| {
            matches!(subscription.state, SubscriptionState::Disabled { .. })
        });
        if is_over {
            self.subscribing.forget().await?;
        }
        Ok(())
    }
}

/// Where it is recorded that a subdomain has a subscription.
pub(in crate::domains) fn key(domain: &DomainId) -> String {
    match domain {
        DomainId::Gateway => PREFIX.to_owned(),
        DomainId::Subdomain { account, name } => format!("{PREFIX}{account}/{name}"),
    }
}

/// The subdomains that have a subscription, and perhaps some that had one.
pub(in crate::domains) fn recorded(store: &Store) -> Result<Vec<DomainId>, StoreError> {
    let records = store.scan(Tree::Subdomains)?.into_iter();
    Ok(records.filter_map(|(key, _)| parse(&key)).collect())
}

fn parse(key: &[u8]) -> Option<DomainId> {
    let key = std::str::from_utf8(key).ok()?;
    let (account, name) = key.strip_prefix(PREFIX)?.split_once('/')?;
    Some(DomainId::Subdomain {
        account: Name::parse(account).ok()?,
        name: Name::parse(name).ok()?,
    })
}

fn refused(error: &WebhookError) -> HostError {
    HostError::Bad(error.to_subscriber().into())
}
