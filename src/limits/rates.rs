//! Rates by the generic cell rate algorithm, over tables of bounded size.
//!
//! The arithmetic is the `governor` crate's; where states are kept, what happens when there is no room,
//! and what time it is, is ours.

use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::middleware::{StateInformationMiddleware, StateSnapshot};
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed, StateStore};
use governor::{NotUntil, Quota, RateLimiter};

use super::table::Table;
use super::{Allowance, Refused};
use crate::clock::Clock;
use crate::config::Rate;

/// A period beyond this is meant as "for ever", and would overflow the arithmetic's nanoseconds.
const LONGEST_PERIOD: Duration = Duration::from_hours(366 * 24);

/// What happens to a key that a full table does not know.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum WhenFull {
    /// It takes the place of the key that was used longest ago, which starts afresh when it comes back.
    Forget,
    /// It is refused until the key that was used longest ago has its whole budget back, so that nobody
    /// can buy a fresh budget by bringing many keys.
    Refuse,
}

/// One rate for each key.
#[derive(Debug)]
pub(super) struct Keyed<K: Clone + Eq + Hash> {
    rate: Rate,
    when_full: WhenFull,
    size: usize,
    table: Arc<Table<K, Nanos>>,
    limiter: RateLimiter<K, Bounded<K>, Running, StateInformationMiddleware>,
}

impl<K: Clone + Eq + Hash> Keyed<K> {
    /// A rate over a table of at most `size` keys.
    pub(super) fn new(rate: Rate, size: usize, when_full: WhenFull, clock: &Clock) -> Self {
        let table = Arc::new(Table::new(size));
        let store = Bounded {
            table: Arc::clone(&table),
            full_at: match when_full {
                WhenFull::Forget => None,
                WhenFull::Refuse => Some(tolerance(rate)),
            },
        };
        Self {
            rate,
            when_full,
            size,
            table,
            limiter: RateLimiter::new(quota(rate), store, Running(clock.clone())),
        }
    }

    /// This, if it is already so; otherwise a new one, in which every key starts afresh.
    pub(super) fn changed(self: &Arc<Self>, rate: Rate, size: usize, clock: &Clock) -> Arc<Self> {
        if (self.rate, self.size) == (rate, size) {
            Arc::clone(self)
        } else {
            Arc::new(Self::new(rate, size, self.when_full, clock))
        }
    }

    /// Takes one from the key's budget.
    pub(super) fn spend(&self, key: &K) -> Result<Allowance, Refused> {
        answer(self.rate, self.limiter.check_key(key), self.limiter.clock())
    }

    /// How many keys are remembered.
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }
}

/// One rate for one thing that lives as long as this: no table, no lock.
#[derive(Debug)]
pub struct SocketBudget {
    rate: Rate,
    limiter: RateLimiter<NotKeyed, InMemoryState, Running, StateInformationMiddleware>,
}

impl SocketBudget {
    pub(super) fn new(rate: Rate, clock: &Clock) -> Self {
        let running = Running(clock.clone());
        Self {
            rate,
            limiter: RateLimiter::new(quota(rate), InMemoryState::default(), running),
        }
    }

    /// Takes one message from the budget.
    pub fn spend(&self) -> Result<Allowance, Refused> {
        answer(self.rate, self.limiter.check(), self.limiter.clock())
    }

    /// Takes so many messages from the budget, all of them or none. More than a full budget holds is refused for
    /// good: its wait is the whole window.
    pub fn spend_many(&self, messages: u32) -> Result<Allowance, Refused> {
        let messages = NonZeroU32::new(messages).unwrap_or(NonZeroU32::MIN);
        match self.limiter.check_n(messages) {
            Ok(outcome) => answer(self.rate, outcome, self.limiter.clock()),
            Err(_) => Err(Refused {
                retry_after: self.rate.period,
                limit: self.rate.burst,
                remaining: 0,
                window: self.rate.period,
            }),
        }
    }
}

fn answer(
    rate: Rate,
    outcome: Result<StateSnapshot, NotUntil<Duration>>,
    clock: &Running,
) -> Result<Allowance, Refused> {
    match outcome {
        Ok(state) => Ok(Allowance {
            limit: rate.burst,
            remaining: state.remaining_burst_capacity(),
            window: rate.period,
        }),
        Err(refusal) => Err(Refused {
            retry_after: refusal.wait_time_from(governor::clock::Clock::now(clock)),
            limit: rate.burst,
            remaining: 0,
            window: rate.period,
        }),
    }
}

/// How long one takes to come back: never rounded up, so that a full period refills a whole burst.
fn interval(rate: Rate) -> Duration {
    let each = rate.period.min(LONGEST_PERIOD) / rate.burst.max(1);
    each.max(Duration::from_nanos(1))
}

/// How far ahead of its time a key may be: all of a burst but the first one.
fn tolerance(rate: Rate) -> Nanos {
    let burst = u64::from(rate.burst.max(1));
    Nanos::from(Nanos::from(interval(rate)).as_u64() * (burst - 1))
}

fn quota(rate: Rate) -> Quota {
    let each = Quota::with_period(interval(rate));
    let burst = NonZeroU32::new(rate.burst).unwrap_or(NonZeroU32::MIN);
    // `interval` is never zero, so the other quota is never used.
    each.unwrap_or(Quota::per_second(NonZeroU32::MIN))
        .allow_burst(burst)
}

/// Our clock, as the algorithm reads it: time that never goes back.
#[derive(Debug)]
struct Running(Clock);

impl governor::clock::Clock for Running {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.running()
    }
}

/// Each key's theoretical arrival time: when its budget is whole again.
#[derive(Debug)]
struct Bounded<K> {
    table: Arc<Table<K, Nanos>>,
    /// The tolerance, if a full table refuses.
    full_at: Option<Nanos>,
}

impl<K: Clone + Eq + Hash> StateStore for Bounded<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        self.table.visit(key, |place| {
            if let (Some(tolerance), Some(whole_at)) = (self.full_at, place.victim()) {
                // A state this far ahead is refused until `whole_at`, when the victim's entry says no
                // more than a missing one would. `measure` is pure: a passed probe changes nothing.
                measure(Some(*whole_at + tolerance))?;
            }
            // A refused key is used as well: whoever hammers is not forgotten for it.
            place.touch();
            let (answer, next) = measure(place.value().copied())?;
            place.put(next);
            Ok(answer)
        })
    }
}
