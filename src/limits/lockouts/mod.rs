//! Lockouts: who guesses wrong too often may not guess for a while. Whoever is right always passes.
//!
//! # The order of checks
//! It depends on whether a credential could be guessed at all, and the two ways in differ so that the
//! wrong order cannot be written:
//! - *Cannot be guessed* (an account key, a signed token): verify first, then bring the outcome to
//!   [`Lockouts::proof`]. Right passes, whatever is locked; an attacker can lock nobody's key out.
//! - *Can be guessed* (an activation code): [`Lockouts::guess`] first, which refuses those who are locked
//!   out; then verify; then bring the outcome to [`Guess::verdict`].
//!
//! A wrong credential counts for its source, for the IPv6 /48 around it, and for the account it claimed
//! to be, whether or not there is such an account. An account's lock concerns guesses only.
//!
//! # Invariants
//! 1. Nobody has more wrong guesses within any window than the limit: guesses under way count as wrong.
//! 2. What is answered does not depend on whether an account exists.
//! 3. A success forgives nothing but its own guess: with one good account, nobody can buy a fresh budget
//!    for guessing at others.
//! 4. A source that is locked out adds no failures to any account: it cannot keep others locked out.
//! 5. Memory is bounded. When a table is full of entries that still count, subjects it does not know may
//!    not guess (fail closed); proofs pass all the same (open for the proven).
//! 6. Nobody can flood the log: a lock is told when it begins and when it is over, a bounded number of
//!    lines a minute; attempts are only counted, and summed up at most once a minute.
//!
//! Locks are durable before the answer that told of the failure leaves; failures are in memory, so a
//! crash gives an attacker one fresh budget at most.

mod durable;
mod failures;
mod locks;
mod subject;
mod telling;
mod verdict;

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;

pub use verdict::{Denied, Guess};

use super::rates::SocketBudget;
use super::{Refused, Source};
use crate::clock::Clock;
use crate::config::Lockout;
use crate::ids::Name;
use crate::store::{Store, StoreError};
use failures::{HIGHEST_LIMIT, Moment, Tally};
use locks::{Locks, Now, Start};
use subject::{Subject, Who, places};
use telling::LINES;

/// How often [`Lockouts::watch`] looks for locks that are over.
const SWEEP: Duration = Duration::from_mins(1);

/// Counts the wrong, and locks out. See the module's documentation for the order of checks.
#[derive(Debug)]
pub struct Lockouts {
    store: Store,
    clock: Clock,
    amounts: ArcSwap<Lockout>,
    sources: Tally,
    networks: Tally,
    accounts: Tally,
    locks: Mutex<Locks>,
    /// Held while a batch is made and committed, so that the last batch has the last state.
    saving: tokio::sync::Mutex<()>,
    lines: SocketBudget,
    refused: AtomicU64,
    untold: AtomicU64,
}

impl Lockouts {
    /// Takes up the locks that the store holds, and drops from it those that are over.
    pub async fn open(store: Store, config: &Lockout, clock: &Clock) -> Result<Self, StoreError> {
        let tally = || Tally::new(config.table_size);
        let lockouts = Self {
            clock: clock.clone(),
            amounts: ArcSwap::from_pointee(config.clone()),
            sources: tally(),
            networks: tally(),
            accounts: tally(),
            locks: Mutex::new(Locks::new(config.table_size)),
            saving: tokio::sync::Mutex::new(()),
            lines: SocketBudget::new(LINES, clock),
            refused: AtomicU64::new(0),
            untold: AtomicU64::new(0),
            store,
        };
        lockouts.load().await?;
        Ok(lockouts)
    }

    /// Takes other amounts, but not another table size. Locks in force stay as they are; failures are
    /// forgotten if the window changes.
    pub fn reload(&self, config: &Lockout) {
        let before = self.amounts.swap(Arc::new(config.clone()));
        if before.window != config.window {
            for tally in [&self.sources, &self.networks, &self.accounts] {
                tally.clear();
            }
        }
    }

    /// Whether a guess of this source could be allowed now. To go on and try one, use
    /// [`Lockouts::guess`], which also counts what is under way.
    pub fn check_source(&self, source: Source) -> Result<(), Refused> {
        self.check(places(source))
    }

    /// Whether a guess at this account could be allowed now. See [`Lockouts::check_source`].
    pub fn check_account(&self, account: &Name) -> Result<(), Refused> {
        self.check(std::iter::once(Subject::Account(account.clone())))
    }

    /// Counts a wrong credential that needs no answer from here, such as one that is malformed (no
    /// account then). Returns once the locks it led to are durable; counts also if it is
    /// cancelled while it waits for that.
    pub async fn failed(&self, source: Source, account: Option<&Name>) {
        if self.count(&Who::new(source, account)) {
            self.save().await;
        }
    }

    /// Takes note that a right credential passed. It forgives nothing: see the third invariant.
    pub fn succeeded(&self, source: Source, account: &Name) {
        let now = self.now();
        for subject in Who::new(source, Some(account)).subjects() {
            let mut locks = self.locks();
            let Some(lock) = locks.in_force(&subject, now) else {
                continue;
            };
            lock.passed += 1;
            let first = lock.passed == 1;
            drop(locks);
            if first && self.may_tell() {
                log::info!(
                    target: "meldgate::limits", locked:% = subject.key(), source:%, account:%;
                    "a right credential passes a lock"
                );
            }
        }
    }

    /// Tells of locks that are over, forgets those that were long ago, sums up what was not told, and
    /// saves what could not be saved before. For every minute or so; see [`Lockouts::watch`].
    pub async fn sweep(&self) {
        let ended = self.locks().ended(self.now());
        for (subject, lock) in &ended {
            self.tell_end(subject, lock);
        }
        self.sum_up();
        self.save().await;
    }

    /// Sweeps each minute, for ever. Without it locks hold and end as they should; only the log is poorer.
    pub async fn watch(&self) {
        loop {
            tokio::time::sleep(SWEEP).await;
            self.sweep().await;
        }
    }

    /// How many sources, networks and accounts are locked out.
    pub fn locked(&self) -> usize {
        self.locks().len()
    }

    /// How many sources, networks and accounts have failures that are remembered.
    pub fn remembered(&self) -> usize {
        self.sources.len() + self.networks.len() + self.accounts.len()
    }

    fn check(&self, mut subjects: impl Iterator<Item = Subject>) -> Result<(), Refused> {
        let at = self.moment();
        subjects.try_for_each(|subject| {
            let asked = self
                .tally(&subject)
                .check(&subject, self.limit(&subject), at);
            self.unless_locked(&subject, asked)
        })
    }

    /// Lets a guess of `who` count as wrong for as long as it is under way.
    fn reserve(&self, who: &Who) -> Result<(), Refused> {
        let at = self.moment();
        let mut reserved = Vec::with_capacity(3);
        for subject in who.subjects() {
            let asked = self
                .tally(&subject)
                .reserve(&subject, self.limit(&subject), at);
            let answer = self.unless_locked(&subject, asked);
            reserved.extend(asked.is_ok().then_some(subject));
            if answer.is_err() {
                self.release(reserved.into_iter());
                return answer;
            }
        }
        Ok(())
    }

    fn release(&self, subjects: impl Iterator<Item = Subject>) {
        let at = self.moment();
        for subject in subjects {
            self.tally(&subject).release(&subject, at);
        }
    }

    /// The answer of the tally, unless there is a lock.
    ///
    /// The lock is asked after the tally, because a lock begins before the failures that led to it are
    /// forgotten: the other way round, a guess could slip through between.
    fn unless_locked(&self, subject: &Subject, asked: Result<(), Duration>) -> Result<(), Refused> {
        let wait = self.refuse_if_locked(subject).or(asked.err());
        wait.map_or(Ok(()), |wait| Err(self.refusal(subject, wait)))
    }

    /// How long the lock of `subject` still holds; counts that it turned somebody away.
    fn refuse_if_locked(&self, subject: &Subject) -> Option<Duration> {
        let (now, mut locks) = (self.now(), self.locks());
        let rest = locks.rest(subject, now)?;
        if let Some(lock) = locks.in_force(subject, now) {
            lock.refused += 1;
        }
        Some(rest)
    }

    fn refusal(&self, subject: &Subject, retry_after: Duration) -> Refused {
        self.refused.fetch_add(1, Ordering::Relaxed);
        Refused {
            retry_after,
            limit: self.limit(subject),
            remaining: 0,
            window: self.amounts.load().window,
        }
    }

    /// Why the source of `who` is turned away, if it is.
    fn refusal_of_place(&self, who: &Who) -> Option<Refused> {
        let refused = |subject| {
            let rest = self.refuse_if_locked(&subject)?;
            Some(self.refusal(&subject, rest))
        };
        places(who.source).find_map(refused)
    }

    /// Counts a failure, and says whether a lock began with it.
    fn count(&self, who: &Who) -> bool {
        let (at, now) = (self.moment(), self.now());
        let is_locked = |subject: &Subject| self.locks().rest(subject, now).is_some();
        if places(who.source).any(|place| is_locked(&place)) {
            return false;
        }
        let mut began = false;
        for subject in who.subjects().filter(|subject| !is_locked(subject)) {
            let failures = self.tally(&subject).fail(&subject, at);
            if failures >= self.limit(&subject) {
                began |= self.begin(&subject, failures, who);
            }
        }
        began
    }

    /// Locks `subject` out, if that is not so already.
    fn begin(&self, subject: &Subject, failures: u32, who: &Who) -> bool {
        let amounts = self.amounts.load();
        let start = self
            .locks()
            .start(subject, self.now(), |level| hold(&amounts, level));
        match start {
            Start::Began(record) => {
                self.tally(subject).forget(subject);
                self.tell_start(subject, failures, who, record);
                true
            }
            Start::Already => false,
            // Its failures stay, and refuse it for the rest of the window.
            Start::Full => {
                self.untold.fetch_add(1, Ordering::Relaxed);
                false
            }
        }
    }

    fn limit(&self, subject: &Subject) -> u32 {
        let amounts = self.amounts.load();
        let source = amounts.failures_per_source.max(1);
        let limit = match subject {
            Subject::Source(_) => source,
            Subject::Network(_) => source.saturating_mul(amounts.sources_per_network.max(1)),
            Subject::Account(_) => amounts.failures_per_account.max(1),
        };
        limit.min(HIGHEST_LIMIT)
    }

    const fn tally(&self, subject: &Subject) -> &Tally {
        match subject {
            Subject::Source(_) => &self.sources,
            Subject::Network(_) => &self.networks,
            Subject::Account(_) => &self.accounts,
        }
    }

    fn locks(&self) -> MutexGuard<'_, Locks> {
        self.locks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Now {
        Now {
            running: self.clock.running(),
            calendar: self.clock.now(),
        }
    }

    fn moment(&self) -> Moment {
        Moment::new(self.clock.running(), self.amounts.load().window)
    }
}

/// How long the lock after `level` others holds.
fn hold(amounts: &Lockout, level: u32) -> Duration {
    let times = 2_u32.checked_pow(level);
    let doubled = times.and_then(|times| amounts.first.checked_mul(times));
    doubled.map_or(amounts.longest, |hold| hold.min(amounts.longest))
}
