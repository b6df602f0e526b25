//! What the security log says about accounts. Never a secret.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock::{Clock, Timestamp};
use crate::ids::{KeyId, Name};
use crate::limits::Source;

/// The target of security events.
const TARGET: &str = "meldgate::audit";
/// How many failures are told in each [`WINDOW`]: guesses must not fill the log.
const FAILURES_TOLD: u32 = 20;
const WINDOW: Duration = Duration::from_secs(10);

pub(super) fn minted(account: &Name, key: &KeyId, by: &'static str) {
    log::info!(
        target: TARGET, event = "key.minted", account = account.as_str(), key = key.as_str(), by;
        "key minted"
    );
}

pub(super) fn revoked(account: &Name, key: &KeyId, by: &'static str) {
    log::info!(
        target: TARGET, event = "key.revoked", account = account.as_str(), key = key.as_str(), by;
        "key revoked"
    );
}

pub(super) fn rotated(account: &Name, old: &KeyId, new: &KeyId, ends: Timestamp, by: &'static str) {
    log::info!(
        target: TARGET, event = "key.rotated", account = account.as_str(), key = old.as_str(),
        successor = new.as_str(), ends = ends.to_rfc3339(), by;
        "key rotated"
    );
}

/// A key that will not be good for long was used.
pub(super) fn ending(account: &str, key: &KeyId, ends: Timestamp) {
    log::warn!(
        target: TARGET, event = "key.ending", account, key = key.as_str(), ends = ends.to_rfc3339();
        "a key that ends soon is still in use"
    );
}

pub(super) fn closed(account: &Name, keys: usize, by: &'static str) {
    log::info!(
        target: TARGET, event = "account.closed", account = account.as_str(), revoked = keys, by;
        "account closed"
    );
}

/// A root key is in force for the first time, as at the first start; or again.
pub(super) fn root_key_recorded(key: &KeyId) {
    log::info!(target: TARGET, event = "root.key", key = key.as_str(), change = "recorded"; "root key recorded");
}

/// A root key that was in force is so no longer: the configuration names another.
pub(super) fn root_key_retired(key: &KeyId) {
    log::warn!(target: TARGET, event = "root.key", key = key.as_str(), change = "retired"; "root key retired");
}

pub(super) fn changed(account: &Name, by: &'static str) {
    log::info!(
        target: TARGET, event = "account.changed", account = account.as_str(), by;
        "account details changed"
    );
}

pub(super) fn activation(account: &Name, source: Source, outcome: &'static str) {
    log::info!(
        target: TARGET, event = "account.activation", account = account.as_str(), source:%, outcome;
        "activation"
    );
}

/// Tells of credentials that were not good; only so many.
#[derive(Debug)]
pub(super) struct Failures {
    clock: Clock,
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    since: Duration,
    failures: u32,
    silent: u64,
}

impl Failures {
    pub(super) fn new(clock: &Clock) -> Self {
        Self {
            clock: clock.clone(),
            told: Mutex::default(),
        }
    }

    /// Tells of a credential that was not good.
    pub(super) fn tell(&self, source: Source, account: Option<&Name>, what: &'static str) {
        let Some(silent) = self.may_tell() else {
            return;
        };
        log::warn!(
            target: TARGET, event = "auth.fail", source:%, what, unlogged = silent,
            account = account.map_or("", Name::as_str);
            "authentication failed"
        );
    }

    /// Whether a failure may be told now, and how many were not since the last one.
    fn may_tell(&self) -> Option<u64> {
        let now = self.clock.running();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_sub(told.since) >= WINDOW {
            (told.since, told.failures) = (now, 0);
        }
        if told.failures >= FAILURES_TOLD {
            told.silent += 1;
            return None;
        }
        told.failures += 1;
        Some(std::mem::take(&mut told.silent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    #[test]
    fn failures_do_not_fill_the_log_and_the_silent_ones_are_counted() {
        let (clock, hand) = Clock::manual(Timestamp::default());
        let audit = Failures::new(&clock);
        let told = (0..100).filter_map(|_| audit.may_tell()).count();
        assert_eq!(told, 20);
        hand.advance(WINDOW);
        assert_eq!(audit.may_tell(), Some(80));
        assert_eq!(audit.may_tell(), Some(0));
    }
}
