//! Who is told of updates by webhook, and when the next batch may go.
//!
//! A subdomain has one subscription at most. Its batches go one at a time: each holds the lock of a poll until it is
//! acknowledged. One that is not, because its delivery failed or its lease ended, is put back, and waits longer each
//! time; whoever else waits for the state has it meanwhile.
//!
//! # Invariants
//! 1. While a batch is out, or its delivery is not over, no other goes.
//! 2. How long deliveries have failed is noted with the subscription, so that a restart does not begin anew.
//! 3. The secret is told once, to who subscribes, and kept where the data is: sealed.
//!
//! Source: the API page, section 2.4.

mod record;
#[cfg(test)]
mod tests;

use std::time::Duration;

use bytes::Bytes;
use m_ld_engine::clone::Notes;
use m_ld_engine::store::{StoreError, Table, View};
use serde_json::json;
use tokio::task::JoinHandle;

pub use self::record::{Subscription, SubscriptionState};

use self::record::{Active, DAMAGED, RECORD, Record};
use super::queue::Waiting;
use crate::clock::{Chance, Timestamp};
use crate::config;
use crate::domains::desk::Owner;
use crate::ids::DomainId;
use crate::notify::{HookUrl, Parcel, SigningSecret, WebhookError, Webhooks};
use crate::secret::KeySecret;

const ID_ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
const ID_LENGTH: usize = 16;
/// Doublings of a wait, after which it is the longest in any case.
const DOUBLINGS: u32 = 24;

/// A new subscription with its secret, which nobody is told again.
#[derive(Clone, Debug)]
pub struct Subscribed {
    /// What was made.
    pub subscription: Subscription,
    /// `whsec_…`: what its messages are signed with.
    pub secret: KeySecret,
}

/// The subscription of one subdomain, if it has one.
#[derive(Debug)]
pub(super) struct Hook {
    domain: DomainId,
    /// The m-ld domain.
    name: String,
    terms: config::Webhooks,
    active: Option<Active>,
    /// The lock of the batch that is out.
    lock: Option<u64>,
    delivery: Option<JoinHandle<Result<(), WebhookError>>>,
    /// Whether updates wait for it.
    pending: bool,
    try_at: Duration,
}

impl Hook {
    /// Finds the subscription as it was left.
    pub(super) fn open(
        view: &dyn View,
        (domain, name): (&DomainId, &str),
        terms: &config::Webhooks,
    ) -> Result<Self, StoreError> {
        let record = view.get(Table::Notes, RECORD)?;
        let read = |bytes: m_ld_engine::store::Bytes| {
            let record = serde_json::from_slice(&bytes).ok();
            record.and_then(Active::read).ok_or(DAMAGED)
        };
        Ok(Self {
            domain: domain.clone(),
            name: name.to_owned(),
            terms: terms.clone(),
            active: record.map(read).transpose()?,
            lock: None,
            delivery: None,
            pending: false,
            try_at: Duration::ZERO,
        })
    }

    /// Makes a subscription, in place of any other.
    pub(super) fn subscribe(
        &mut self,
        (owner, url): (&Owner, HookUrl),
        (today, chance): (Timestamp, &Chance),
    ) -> Result<(Subscribed, Notes), StoreError> {
        self.end();
        let secret = SigningSecret::mint(chance);
        let record = Record {
            id: format!("sub_{}", chance.text(ID_LENGTH, ID_ALPHABET)),
            url: url.to_string(),
            secret: secret.to_text().expose().to_owned(),
            account: match owner {
                Owner::Root => None,
                Owner::Account(name) => Some(name.to_string()),
            },
            created: today,
            failing: None,
            disabled: None,
        };
        log::info!(
            target: "meldgate::audit", event = "webhook.subscribed", domain:? = self.domain,
            subscription = record.id.as_str(), host = url.host();
            "subscribed by webhook"
        );
        let subscribed = Subscribed {
            subscription: record.shown(),
            secret: secret.to_text(),
        };
        let notes = record.note()?;
        self.active = Some(Active {
            record,
            url,
            secret,
            owner: owner.clone(),
        });
        self.try_at = Duration::ZERO;
        Ok((subscribed, notes))
    }

    /// Ends the subscription, if there is one. A batch that is out is the caller's to put back.
    pub(super) fn unsubscribe(&mut self) -> Option<Notes> {
        let ended = self.active.take()?;
        self.end();
        log::info!(
            target: "meldgate::audit", event = "webhook.unsubscribed", domain:? = self.domain,
            subscription = ended.record.id.as_str();
            "subscription by webhook ended"
        );
        let mut notes = Notes::default();
        notes.remove(RECORD.to_vec());
        Some(notes)
    }

    /// The subscription, as its owner sees it.
    pub(super) fn shown(&self) -> Option<Subscription> {
        self.active.as_ref().map(|active| active.record.shown())
    }

    // When.

    /// Whether there is somebody to tell.
    pub(super) fn is_active(&self) -> bool {
        let active = self.active.as_ref();
        active.is_some_and(|active| active.record.disabled.is_none())
    }

    /// Whether the clone has to stay open for it.
    pub(super) fn is_busy(&self) -> bool {
        self.is_active() && (self.pending || self.lock.is_some() || self.delivery.is_some())
    }

    /// Notes whether updates wait. Says whether a batch of them may go now, if the state is free.
    pub(super) fn wants(&mut self, pending: bool, now: Duration) -> bool {
        self.pending = pending;
        pending && self.is_resting() && self.try_at <= now
    }

    /// When a batch may go that waits for nothing else.
    pub(super) fn wake_at(&self) -> Option<Duration> {
        let waits = self.pending && self.is_resting();
        waits.then_some(self.try_at)
    }

    fn is_resting(&self) -> bool {
        self.is_active() && self.lock.is_none() && self.delivery.is_none()
    }

    // A batch.

    /// Whose lock a batch takes.
    pub(super) fn owner(&self) -> Option<Owner> {
        self.active.as_ref().map(|active| active.owner.clone())
    }

    /// The lock of the batch that is out.
    pub(super) const fn lock(&self) -> Option<u64> {
        self.lock
    }

    /// Makes a batch of updates that are handed out under a lock. It goes once that is durable.
    pub(super) fn pack(
        &mut self,
        lock: u64,
        (tick, today): (u64, Timestamp),
        waiting: Vec<Waiting>,
    ) -> Option<Parcel> {
        let active = self.active.as_ref()?;
        let (first, last) = (waiting.first()?.tick, waiting.last()?.tick);
        let updates: Vec<_> = waiting.into_iter().map(|waiting| waiting.update).collect();
        let body = json!({
            "type": "m-ld.updates",
            "timestamp": today.to_rfc3339(),
            "data": {"@domain": self.name, "@ticks": tick, "updates": updates},
        });
        self.lock = Some(lock);
        Some(Parcel {
            url: active.url.clone(),
            secret: active.secret.clone(),
            id: format!("{}_{first}_{last}", active.record.id),
            body: Bytes::from(body.to_string()),
        })
    }

    /// Sends a batch.
    pub(super) fn send(&mut self, webhooks: &Webhooks, parcel: Parcel) {
        let webhooks = webhooks.clone();
        let sending = tokio::spawn(async move { webhooks.send(parcel).await });
        self.delivery = Some(sending);
    }

    /// Waits until a delivery is over, and says what became of it; for ever if there is none.
    pub(super) async fn delivered(&mut self) -> Result<(), WebhookError> {
        let Some(delivery) = &mut self.delivery else {
            return std::future::pending().await;
        };
        let outcome = delivery.await;
        self.delivery = None;
        outcome.unwrap_or(Err(WebhookError::TimedOut))
    }

    // What became of it.

    /// The batch that was out was acknowledged.
    pub(super) fn acknowledged(&mut self) -> Result<Notes, StoreError> {
        self.lock = None;
        self.try_at = Duration::ZERO;
        let Some(active) = &mut self.active else {
            return Ok(Notes::default());
        };
        match active.record.failing.take() {
            Some(_) => active.record.note(),
            None => Ok(Notes::default()),
        }
    }

    /// The batch that was out was not delivered. `None` where it was acknowledged all the same. Else its lock, to be
    /// let go of, with what is noted.
    pub(super) fn undelivered(
        &mut self,
        error: &WebhookError,
        time: (Duration, Timestamp),
        chance: &Chance,
    ) -> Result<Option<(u64, Notes)>, StoreError> {
        let Some(lock) = self.lock.take() else {
            return Ok(None);
        };
        let at_once = matches!(error, WebhookError::Gone);
        let notes = self.failed(&error.to_subscriber(), at_once, time, chance)?;
        Ok(Some((lock, notes)))
    }

    /// The lease of the batch that was out has ended.
    pub(super) fn unacknowledged(
        &mut self,
        time: (Duration, Timestamp),
        chance: &Chance,
    ) -> Result<Notes, StoreError> {
        self.lock = None;
        self.failed(
            "the batch was not acknowledged in time",
            false,
            time,
            chance,
        )
    }

    fn failed(
        &mut self,
        because: &str,
        for_good: bool,
        (now, today): (Duration, Timestamp),
        chance: &Chance,
    ) -> Result<Notes, StoreError> {
        let Some(Active { record, .. }) = &mut self.active else {
            return Ok(Notes::default());
        };
        let failing = record.fail(because, today);
        let lasted = today.since(failing.since);
        let wait = wait(&self.terms, failing.deliveries, chance);
        self.try_at = now.saturating_add(wait);
        if for_good || lasted >= self.terms.give_up_after {
            record.disabled = Some(today);
            log::warn!(
                target: "meldgate::audit", event = "webhook.disabled", domain:? = self.domain,
                subscription = record.id.as_str(), because, deliveries = failing.deliveries,
                since = failing.since.to_rfc3339();
                "a subscription by webhook is disabled"
            );
        } else {
            log::info!(
                target: "meldgate::domains", domain:? = self.domain, subscription = record.id.as_str(),
                because, deliveries = failing.deliveries, wait:? = wait;
                "a webhook did not take its batch, and is tried again"
            );
        }
        record.note()
    }

    /// Ends what is under way.
    fn end(&mut self) {
        self.lock = None;
        self.pending = false;
        if let Some(delivery) = self.delivery.take() {
            delivery.abort();
        }
    }
}

/// A delivery whose clone has closed could not be judged any more; it goes again when the clone is open.
impl Drop for Hook {
    fn drop(&mut self) {
        self.end();
    }
}

/// How long to wait after so many failures: twice as long each time, less up to a half, so that receivers that failed
/// together are not all tried together.
fn wait(terms: &config::Webhooks, failures: u32, chance: &Chance) -> Duration {
    let doublings = failures.saturating_sub(1).min(DOUBLINGS);
    let full = terms.retry_first.saturating_mul(1 << doublings);
    let full = full.min(terms.retry_longest);
    let half = u64::try_from(full.as_millis() / 2).unwrap_or(u64::MAX - 1);
    full.saturating_sub(Duration::from_millis(chance.below(half + 1)))
}
