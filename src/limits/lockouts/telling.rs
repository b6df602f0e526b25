//! What the log is told: locks, never attempts, and a bounded number of lines whatever happens.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Lockouts;
use super::locks::Lock;
use super::subject::{Record, Subject, Who};
use crate::clock::Timestamp;
use crate::config::Rate;
use crate::ids::Name;

/// Lines about locks that the log takes; beyond that, they are counted for the summary.
pub(super) const LINES: Rate = Rate {
    burst: 60,
    period: Duration::from_mins(10),
};

/// 9999-12-31T23:59:59Z.
const LAST_SECOND: u64 = 253_402_300_799;

impl Lockouts {
    pub(super) fn tell_start(&self, subject: &Subject, failures: u32, who: &Who, record: Record) {
        if self.may_tell() {
            let account = who.account.as_ref().map_or("-", Name::as_str);
            log::warn!(
                target: "meldgate::limits", locked:% = subject.key(), source:% = who.source, account,
                failures, until:% = calendar(record.until);
                "locked out"
            );
        }
    }

    pub(super) fn tell_end(&self, subject: &Subject, lock: &Lock) {
        if self.may_tell() {
            log::warn!(
                target: "meldgate::limits", locked:% = subject.key(), since:% = calendar(lock.record.since),
                refused = lock.refused, passed = lock.passed;
                "lock is over"
            );
        }
    }

    pub(super) fn sum_up(&self) {
        let refused = self.refused.swap(0, Ordering::Relaxed);
        let untold = self.untold.swap(0, Ordering::Relaxed);
        if refused + untold > 0 {
            let locked = self.locked();
            log::warn!(target: "meldgate::limits", refused, untold, locked; "guesses were refused");
        }
    }

    /// Whether a line may be written; if not, counts it.
    pub(super) fn may_tell(&self) -> bool {
        let told = self.lines.spend().is_ok();
        self.untold.fetch_add(u64::from(!told), Ordering::Relaxed);
        told
    }
}

/// A moment as people write it. The notation ends with the year 9999.
fn calendar(at: Timestamp) -> humantime::Rfc3339Timestamp {
    let secs = Duration::from_secs(at.as_secs().min(LAST_SECOND));
    humantime::format_rfc3339_seconds(std::time::UNIX_EPOCH + secs)
}
