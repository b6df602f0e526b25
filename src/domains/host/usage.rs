//! When a clone was last used: what those who use it share with the clone, which closes when nobody does.
//!
//! # Invariants
//! 1. Who has noted a use finds the clone open until the limit has passed since.
//! 2. Once it has ended no use is noted any more.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What is there instead of a time once the clone closes.
const ENDED: u64 = u64::MAX;

/// The last use, in milliseconds of the time that is passed in.
#[derive(Debug)]
pub(super) struct Usage(AtomicU64);

impl Usage {
    /// Begins now.
    pub(super) fn new(now: Duration) -> Self {
        Self(AtomicU64::new(millis(now)))
    }

    /// Notes a use. False if it comes too late: the clone closes, or has closed.
    pub(super) fn note(&self, now: Duration) -> bool {
        let later = |last| (last != ENDED).then(|| millis(now).max(last));
        self.0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, later)
            .is_ok()
    }

    /// When it was last used.
    pub(super) fn last(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Acquire))
    }

    /// Ends it if there was no use after `last`, which is what [`Usage::last`] gave. Says if it did.
    pub(super) fn end_after(&self, last: Duration) -> bool {
        self.0
            .compare_exchange(millis(last), ENDED, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    /// Ends it whatever uses there were.
    pub(super) fn end(&self) {
        self.0.store(ENDED, Ordering::Release);
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).map_or(ENDED - 1, |millis| millis.min(ENDED - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_clone_that_is_used_at_the_last_moment_stays_open() {
        let usage = Usage::new(at(5));
        let last = usage.last();
        assert!(usage.note(at(7)));
        assert!(!usage.end_after(last));
        assert_eq!(usage.last(), at(7));
    }

    #[test]
    fn nobody_uses_a_clone_that_closes() {
        let usage = Usage::new(at(5));
        assert!(usage.end_after(usage.last()));
        assert!(!usage.note(at(7)));
        let usage = Usage::new(at(5));
        usage.end();
        assert!(!usage.note(at(7)));
    }

    #[test]
    fn uses_that_are_noted_late_take_nothing_back() {
        let usage = Usage::new(at(5));
        assert!(usage.note(at(7)));
        assert!(usage.note(at(6)));
        assert_eq!(usage.last(), at(7));
    }
}
