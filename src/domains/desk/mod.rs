//! Whose turn it is to change one subdomain's state: a lock that is a lease, and those who wait for it.
//!
//! # Invariants
//! 1. At most one principal holds the lock, and no longer than its lease.
//! 2. Whoever waits is let in by order of arrival among those who may go, or told so when its time is over.
//! 3. What was handed out under a lock is named when it is released, and only then: a lease that ends names nothing,
//!    so its updates are handed out again.
//!
//! Time is passed in: durations since some start, never decreasing.
//!
//! Source: the API page, section 2.4.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

use crate::ids::Name;

/// Who takes locks: the principal of a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Owner {
    /// The root key.
    Root,
    /// An account, by any of its keys.
    Account(Name),
}

/// What a turn is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Turn {
    /// Changing the state.
    Write,
    /// Taking the updates that nobody has acknowledged.
    Poll,
}

/// How long a lock lasts, and how long somebody waits for one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) lease: Duration,
    pub(super) patience: Duration,
}

/// What was handed out under a lock.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct HandedOut {
    /// Every update up to this tick, if any.
    pub(super) through: Option<u64>,
    /// Updates of the owner's own writes, by tick.
    pub(super) own: Vec<u64>,
}

#[derive(Debug)]
struct Lock {
    /// No two locks of one desk have the same.
    serial: u64,
    owner: Owner,
    turn: Turn,
    ends: Duration,
    handed_out: HandedOut,
}

#[derive(Debug)]
struct Waiting<T> {
    owner: Owner,
    deadline: Duration,
    request: T,
}

/// The lock of one subdomain, and the requests `T` that wait for their turn.
#[derive(Debug)]
pub(super) struct Desk<T> {
    terms: Terms,
    lock: Option<Lock>,
    locks: u64,
    waiting: VecDeque<Waiting<T>>,
}

impl<T> Desk<T> {
    /// Nobody holds the lock, nobody waits.
    pub(super) fn new(terms: Terms) -> Self {
        Self {
            terms,
            lock: None,
            locks: 0,
            waiting: VecDeque::new(),
        }
    }

    /// Puts a request at the end of those who wait. [`Desk::next`] says when it is its turn.
    pub(super) fn queue(&mut self, owner: Owner, request: T, now: Duration) {
        let deadline = now.saturating_add(self.terms.patience);
        self.waiting.push_back(Waiting {
            owner,
            deadline,
            request,
        });
    }

    /// The first request that may go now, if any.
    pub(super) fn next(&mut self, now: Duration) -> Option<(Owner, T)> {
        self.lapse(now);
        let lock = self.lock.as_ref();
        let free = |waiting: &Waiting<T>| lock.is_none_or(|lock| lock.admits(waiting));
        let place = self.waiting.iter().position(free)?;
        let waiting = self.waiting.remove(place)?;
        Some((waiting.owner, waiting.request))
    }

    /// Takes out the requests that have waited long enough.
    pub(super) fn impatient(&mut self, now: Duration) -> Vec<T> {
        let waiting = std::mem::take(&mut self.waiting);
        let (over, on): (VecDeque<_>, _) = waiting.into_iter().partition(|w| w.deadline <= now);
        self.waiting = on;
        over.into_iter().map(|waiting| waiting.request).collect()
    }

    /// When something will change without anybody doing anything: a lease ends, or somebody's patience.
    pub(super) fn wake_at(&self) -> Option<Duration> {
        let deadlines = self.waiting.iter().map(|waiting| waiting.deadline);
        let lease = self.lock.as_ref().map(|lock| lock.ends);
        deadlines.chain(lease).min()
    }

    /// Requests that wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Takes the lock, or joins and renews it, for whoever's turn it is. Says which lock it is.
    pub(super) fn lock(&mut self, owner: &Owner, turn: Turn, now: Duration) -> u64 {
        self.lapse(now);
        let ends = now.saturating_add(self.terms.lease);
        if let Some(lock) = &mut self.lock {
            lock.ends = ends;
            if turn == Turn::Poll {
                lock.turn = turn;
            }
            return lock.serial;
        }
        self.locks += 1;
        self.lock = Some(Lock {
            serial: self.locks,
            owner: owner.clone(),
            turn,
            ends,
            handed_out: HandedOut::default(),
        });
        self.locks
    }

    /// Whether a lock that was taken is still held.
    pub(super) fn holds(&mut self, serial: u64, now: Duration) -> bool {
        self.lapse(now);
        self.lock.as_ref().is_some_and(|lock| lock.serial == serial)
    }

    /// Ends a lock, if it is still held, as the end of its lease does: nothing is acknowledged.
    pub(super) fn let_go(&mut self, serial: u64) {
        self.lock.take_if(|lock| lock.serial == serial);
    }

    /// Notes that every update up to a tick was handed out under the lock.
    pub(super) fn handed_out_through(&mut self, tick: u64) {
        if let Some(lock) = &mut self.lock {
            lock.handed_out.through = lock.handed_out.through.max(Some(tick));
        }
    }

    /// Notes that the update of the owner's own write was handed out under the lock.
    pub(super) fn handed_out_own(&mut self, tick: u64) {
        if let Some(lock) = &mut self.lock {
            lock.handed_out.own.push(tick);
        }
    }

    /// Releases the lock, if it is held and this principal may: its owner, or root. Says what is acknowledged by it.
    pub(super) fn release(&mut self, owner: &Owner, now: Duration) -> Option<HandedOut> {
        self.lapse(now);
        let may = |lock: &mut Lock| *owner == Owner::Root || lock.owner == *owner;
        self.lock.take_if(may).map(|lock| lock.handed_out)
    }

    /// Whether anybody holds the lock.
    pub(super) fn is_locked(&mut self, now: Duration) -> bool {
        self.lapse(now);
        self.lock.is_some()
    }

    /// Whether this principal holds the lock.
    pub(super) fn is_locked_by(&mut self, owner: &Owner, now: Duration) -> bool {
        self.lapse(now);
        self.lock.as_ref().is_some_and(|lock| lock.owner == *owner)
    }

    fn lapse(&mut self, now: Duration) {
        self.lock.take_if(|lock| lock.ends <= now);
    }
}

impl Lock {
    /// A write lock is joined by its owner, for whatever; a poll lock by nobody.
    fn admits<T>(&self, waiting: &Waiting<T>) -> bool {
        self.turn == Turn::Write && self.owner == waiting.owner
    }
}
