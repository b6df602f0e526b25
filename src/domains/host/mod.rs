//! The gateway's own clones: one for each named subdomain that somebody uses, and one for the gateway's own domain.
//!
//! Each is an actor: a task that alone owns its clone, takes what arrives by a bounded mailbox, and lets nothing out
//! before it is durable. Everything that waits at a moment shares one durable commit. Readers take a view and never
//! wait for it.
//!
//! # Invariants
//! 1. A view that readers get shows nothing that a crash could take back.
//! 2. An answer to a write, and an operation of this clone, go out after what they speak of is durable.
//! 3. An update is kept until it is acknowledged, over crashes and restarts; see [`queue`].
//! 4. A failed write changes nothing and leaves no lock.
//!
//! Source: the API page, section 2.4; m-ld protocol, sections 8 and 19.

mod actor;
mod answer;
mod batches;
mod berth;
mod bound;
mod hook;
mod inbox;
mod lives;
mod opening;
mod queue;
mod reopening;
mod set;
mod signatures;
mod signing;
pub(super) mod subscribing;
mod turns;
mod usage;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use m_ld_engine::change::Change;
use m_ld_engine::context::Context;
use m_ld_engine::store::View;
use serde_json::Value;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

pub use self::hook::{Subscribed, Subscription, SubscriptionState};
pub(super) use self::set::Hosts;
pub use self::set::OpenError;
pub use self::signatures::Signer;
pub(super) use self::signatures::literal as binary;

use self::berth::Berth;
use self::subscribing::Subscribing;
use self::usage::Usage;
use super::desk::Owner;
use crate::notify::HookUrl;

/// Requests that wait in a clone's mailbox before those who ask wait to ask.
const MAILBOX: usize = 256;
/// Requests that can wait for one lock.
const WAITING: usize = 1024;
/// Updates that a follower can be behind before it has to read them from the store. Room for all of them is there from the
/// beginning, for each clone that is open.
const FOLLOWING: usize = 32;

/// Why a hosted clone did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum HostError {
    /// The request is none that can be done; says what is wrong.
    #[error("{0}")]
    Bad(Arc<str>),
    /// The state is not the one that the request was meant for.
    #[error("the state is another than the request was meant for")]
    Stale,
    /// The lock was not to be had in time.
    #[error("the state is locked by somebody else; the wait was too long")]
    Locked,
    /// There is no subscription.
    #[error("the subdomain has no subscription")]
    NotSubscribed,
    /// There is no lock to release.
    #[error("the state is not locked")]
    NotLocked,
    /// Too many wait for the subdomain.
    #[error("too many requests wait for the subdomain")]
    Busy,
    /// The clone does not permit the write.
    #[error("{0}")]
    Refused(Arc<str>),
    /// The principal has as many keys in the subdomain as it can have.
    #[error("the principal has as many keys in the subdomain as it can have")]
    TooManyKeys,
    /// The clone has closed, or is about to.
    #[error("the subdomain's clone is not available")]
    Closed,
}

/// A condition on the state that a request is meant for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Condition {
    /// Any state will do.
    Any,
    /// The state of this tick.
    Tick(u64),
    /// No state: what was named is none.
    None,
}

impl Condition {
    /// Whether it is fulfilled by the state of a tick.
    pub fn holds(self, tick: u64) -> bool {
        match self {
            Self::Any => true,
            Self::Tick(wanted) => wanted == tick,
            Self::None => false,
        }
    }
}

/// A change to the state.
#[derive(Clone, Debug)]
pub struct Writing {
    /// json-rql; `None` just takes the lock.
    pub request: Option<Value>,
    /// What state it is meant for.
    pub condition: Condition,
    /// Whether the state is to stay locked.
    pub lock: bool,
}

/// What a change came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// The tick of the state after it.
    pub tick: u64,
    /// The update; an empty object if nothing changed.
    pub update: Value,
}

/// Updates that were handed out under the lock.
#[derive(Clone, Debug, PartialEq)]
pub struct Polled {
    /// The tick of the state.
    pub tick: u64,
    /// The updates in their order, each with its `@emitCount`.
    pub updates: Vec<Value>,
}

/// A state that can be read: it never changes.
#[derive(Clone)]
pub struct State {
    /// Its tick.
    pub tick: u64,
    /// What is in it.
    pub view: Arc<dyn View>,
    /// How it is read where a request brings no context of its own.
    pub context: Arc<Context>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("tick", &self.tick)
            .finish_non_exhaustive()
    }
}

/// What followers get.
#[derive(Clone, Debug)]
pub enum Following {
    /// An update.
    Update(Followed),
    /// The data of this tick came anew from another clone: whatever is known of it may be wrong.
    Anew(u64),
}

/// An update as followers get it.
#[derive(Clone, Debug)]
pub struct Followed {
    /// Its tick.
    pub tick: u64,
    /// It, as JSON text.
    pub text: Arc<str>,
}

/// What a clone is asked.
#[derive(Debug)]
enum Ask {
    Write(Owner, Writing, Reply<Written>),
    Poll(Owner, Reply<Polled>),
    Release(Owner, Condition, Reply<u64>),
    IsLocked(Reply<bool>),
    Subscribe(Owner, HookUrl, Reply<Subscribed>),
    Unsubscribe(Reply<()>),
    Subscription(Reply<Option<Subscription>>),
    Register(Box<Signer>, Reply<()>),
    SettleKeys(Reply<()>),
    Change(Box<Change>, Reply<()>),
    Rest(oneshot::Sender<()>),
    Close(oneshot::Sender<()>),
}

type Reply<T> = oneshot::Sender<Result<T, HostError>>;

/// The way to a hosted clone.
#[derive(Clone, Debug)]
pub struct Host {
    asks: mpsc::Sender<Ask>,
    state: watch::Receiver<Option<State>>,
    updates: broadcast::WeakSender<Following>,
    usage: Arc<Usage>,
    berth: Arc<Berth>,
    subscribing: Subscribing,
}

impl Host {
    /// The state as it is now. Waits for nothing but the clone's first state.
    pub async fn state(&self) -> Result<State, HostError> {
        let mut state = self.state.clone();
        let ready = state.wait_for(Option::is_some).await;
        ready
            .ok()
            .and_then(|state| state.clone())
            .ok_or(HostError::Closed)
    }

    /// Changes the state, and says so once that is durable.
    pub async fn write(&self, owner: Owner, writing: Writing) -> Result<Written, HostError> {
        self.ask(|reply| Ask::Write(owner, writing, reply)).await
    }

    /// Takes the lock, and all updates that nobody has acknowledged.
    pub async fn poll(&self, owner: Owner) -> Result<Polled, HostError> {
        self.ask(|reply| Ask::Poll(owner, reply)).await
    }

    /// Releases the lock, and acknowledges what was handed out under it. Says the tick.
    pub async fn release(&self, owner: Owner, condition: Condition) -> Result<u64, HostError> {
        self.ask(|reply| Ask::Release(owner, condition, reply))
            .await
    }

    /// Whether anybody holds the lock.
    pub async fn is_locked(&self) -> Result<bool, HostError> {
        self.ask(Ask::IsLocked).await
    }

    /// Has somebody speak in a subdomain with signatures: says so once that is durable.
    pub(super) async fn register(&self, signer: Signer) -> Result<(), HostError> {
        self.ask(|reply| Ask::Register(Box::new(signer), reply))
            .await
    }

    /// Has keys that are no longer good go from a subdomain with signatures.
    pub(super) async fn settle_keys(&self) -> Result<(), HostError> {
        self.ask(Ask::SettleKeys).await
    }

    /// Changes the state as it is, whoever has it locked, and says so once that is durable.
    pub(super) async fn change(&self, change: Change) -> Result<(), HostError> {
        self.ask(|reply| Ask::Change(Box::new(change), reply)).await
    }

    /// Updates to come.
    pub fn follow(&self) -> Result<broadcast::Receiver<Following>, HostError> {
        let updates = self.updates.upgrade().ok_or(HostError::Closed)?;
        Ok(updates.subscribe())
    }

    /// Updates after a tick, at most `limit`, on the blocking pool. None if they do not lead from that tick to the state
    /// as it is now: some are not kept any more, or this clone has never been there.
    pub async fn past(&self, after: u64, limit: usize) -> Result<Option<Vec<Followed>>, HostError> {
        let state = self.state().await?;
        if after > state.tick {
            return Ok(None);
        }
        let reading = tokio::task::spawn_blocking(move || queue::past(&*state.view, after, limit));
        let read = reading.await.map_err(|_| HostError::Closed)?;
        read.map_err(|cause| {
            log::error!(target: "meldgate::domains", error:err = cause; "updates cannot be read");
            HostError::Closed
        })
    }

    /// Closes the clone to make room for another, if nothing is against it. Says if it did; its tables are free then,
    /// and its connection waits for its next life.
    async fn rest(&self) -> bool {
        let (reply, rested) = oneshot::channel();
        self.asks.send(Ask::Rest(reply)).await.is_ok() && rested.await.is_ok()
    }

    /// Closes the clone for good, and returns once everything is durable and its tables are free.
    async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.asks.send(Ask::Close(done)).await.is_ok() {
            // An error means that it is closed.
            let _closed = closed.await;
        }
        self.ended().await;
        drop(self.berth.take());
    }

    /// Returns once the clone has closed, for whatever reason, and its tables are free.
    pub(super) async fn ended(&self) {
        let mut state = self.state.clone();
        while state.changed().await.is_ok() {}
    }

    /// Whether the clone has closed and its tables are free.
    fn has_ended(&self) -> bool {
        self.state.has_changed().is_err()
    }

    async fn ask<T>(&self, ask: impl FnOnce(Reply<T>) -> Ask) -> Result<T, HostError> {
        let (reply, answer) = oneshot::channel();
        let sent = self.asks.send(ask(reply)).await;
        sent.map_err(|_| HostError::Closed)?;
        answer.await.unwrap_or(Err(HostError::Closed))
    }
}
