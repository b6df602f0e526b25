//! Opening clones again by themselves: those that were called while they dozed, and those that failed while others are
//! connected.
//!
//! # Invariants
//! 1. A clone that fails again and again is opened less and less often, and goes on being tried while others are
//!    connected.
//! 2. A place that somebody else has filled or emptied meanwhile is left alone.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use super::berth::Berth;
use super::inbox::{Bell, Stir};
use super::set::{Hosts, OpenError};
use crate::clock::Chance;
use crate::ids::DomainId;

/// How long is waited after the first failure, and at most.
const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_mins(1);
/// Without a failure for so long, the next one is the first again.
const FORGOTTEN: Duration = Duration::from_mins(10);

/// How often clones have failed of late.
#[derive(Debug, Default)]
pub(super) struct Troubles(Mutex<BTreeMap<DomainId, Trouble>>);

#[derive(Clone, Copy, Debug)]
struct Trouble {
    failures: u32,
    last: Duration,
}

/// Whose clone it is.
#[derive(Clone, Debug)]
pub(super) struct Whose {
    pub(super) domain: DomainId,
    pub(super) signed: bool,
    pub(super) berth: Weak<Berth>,
}

/// What trying to open a clone again came to.
enum Tried {
    /// It is open, or nobody needs it now, or not from us.
    Done,
    Failed(OpenError),
}

impl Hosts {
    /// What calls for the next life of a clone while its connection dozes.
    pub(super) fn bell(&self, domain: &DomainId, signed: bool, berth: &Arc<Berth>) -> Bell {
        let (hosts, runtime) = (Weak::clone(&self.me), tokio::runtime::Handle::current());
        let whose = Whose {
            domain: domain.clone(),
            signed,
            berth: Arc::downgrade(berth),
        };
        Bell::new(move |stir| {
            let (hosts, whose) = (Weak::clone(&hosts), whose.clone());
            match stir {
                Stir::Called => drop(runtime.spawn(reopen(hosts, whose))),
                Stir::Deserted => drop(runtime.spawn(clear_away(hosts, whose))),
            }
        })
    }

    /// Notes that a clone failed, and says how often it did of late.
    pub(super) fn note_failure(&self, domain: &DomainId) -> u32 {
        self.troubles.note(domain, self.clock.running())
    }

    async fn try_reopen(&self, whose: &Whose) -> Tried {
        let Some(slot) = self.slots().get(&whose.domain).cloned() else {
            return Tried::Done;
        };
        let mut place = slot.lock_owned().await;
        let berth = whose.berth.upgrade();
        let (Some(host), Some(berth)) = (place.as_ref(), berth) else {
            return Tried::Done;
        };
        if !Arc::ptr_eq(&host.berth, &berth) || !host.asks.is_closed() {
            return Tried::Done;
        }
        host.ended().await;
        if berth.is_deserted() {
            drop(berth.take());
            return Tried::Done;
        }
        match self.open_in(&mut place, &whose.domain, whose.signed).await {
            // The gateway is stopping.
            Ok(_) | Err(OpenError::NotReady) => Tried::Done,
            Err(cause) => {
                berth.set_away();
                Tried::Failed(cause)
            }
        }
    }
}

/// Opens a clone that others are connected to, and tries until it is open. In a box, since what is opened does the same
/// when it fails.
pub(super) fn reopen(hosts: Weak<Hosts>, whose: Whose) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(keep_trying(hosts, whose))
}

async fn keep_trying(hosts: Weak<Hosts>, whose: Whose) {
    loop {
        let Some(wait) = hosts.upgrade().map(|hosts| hosts.wait(&whose.domain)) else {
            return;
        };
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        let Some(hosts) = hosts.upgrade() else {
            return;
        };
        match hosts.try_reopen(&whose).await {
            Tried::Done => return,
            Tried::Failed(cause) => {
                let failures = hosts.note_failure(&whose.domain);
                log::error!(
                    target: "meldgate::domains", event = "clone.failed", error:err = cause,
                    domain:? = whose.domain, failures;
                    "the clone of a subdomain cannot be opened, though others are connected to it; it is tried again"
                );
            }
        }
    }
}

/// Lets go of what is kept for nobody.
async fn clear_away(hosts: Weak<Hosts>, whose: Whose) {
    let Some(hosts) = hosts.upgrade() else {
        return;
    };
    let Some(slot) = hosts.slots().get(&whose.domain).cloned() else {
        return;
    };
    let _place = slot.lock().await;
    if let Some(berth) = whose.berth.upgrade()
        && berth.is_deserted()
    {
        drop(berth.take());
    }
}

impl Hosts {
    fn wait(&self, domain: &DomainId) -> Duration {
        self.troubles
            .wait(domain, self.clock.running(), &self.chance)
    }
}

impl Troubles {
    fn note(&self, domain: &DomainId, now: Duration) -> u32 {
        let mut all = self.all();
        all.retain(|_, trouble| trouble.is_recent(now));
        let trouble = all.entry(domain.clone()).or_insert(Trouble {
            failures: 0,
            last: now,
        });
        trouble.failures = trouble.failures.saturating_add(1);
        trouble.last = now;
        trouble.failures
    }

    /// How long to wait before a clone is opened again: twice as long after each failure, less up to a half, so that those
    /// that failed together are not all tried together.
    fn wait(&self, domain: &DomainId, now: Duration, chance: &Chance) -> Duration {
        let all = self.all();
        let Some(trouble) = all.get(domain).filter(|trouble| trouble.is_recent(now)) else {
            return Duration::ZERO;
        };
        let doublings = trouble.failures.saturating_sub(1).min(16);
        let full = FIRST.saturating_mul(1 << doublings).min(LONGEST);
        let half = u64::try_from(full.as_millis() / 2).unwrap_or(0);
        full.saturating_sub(Duration::from_millis(chance.below(half + 1)))
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<DomainId, Trouble>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Trouble {
    fn is_recent(&self, now: Duration) -> bool {
        now.saturating_sub(self.last) < FORGOTTEN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_fails_again_waits_longer_and_never_longer_than_the_longest() {
        let (troubles, chance) = (Troubles::default(), Chance::seeded(1));
        let wait = |now| troubles.wait(&DomainId::Gateway, now, &chance);
        assert_eq!(wait(Duration::ZERO), Duration::ZERO);
        let mut full = FIRST;
        for failures in 1..40 {
            assert_eq!(troubles.note(&DomainId::Gateway, Duration::ZERO), failures);
            let wait = wait(Duration::ZERO);
            assert!(full / 2 <= wait && wait <= full, "{wait:?} of {full:?}");
            full = (full * 2).min(LONGEST);
        }
    }

    #[test]
    fn failures_of_long_ago_do_not_count() {
        let (troubles, chance) = (Troubles::default(), Chance::seeded(1));
        for _ in 0..5 {
            troubles.note(&DomainId::Gateway, Duration::ZERO);
        }
        assert_eq!(
            troubles.wait(&DomainId::Gateway, FORGOTTEN, &chance),
            Duration::ZERO
        );
        assert_eq!(troubles.note(&DomainId::Gateway, FORGOTTEN), 1);
    }
}
