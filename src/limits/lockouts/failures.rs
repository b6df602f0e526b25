//! How often somebody was wrong of late.
//!
//! # Invariants
//! 1. A failure counts for at least the window, and at most an eighth longer: the window is kept in
//!    eighths, so an entry has a fixed size whatever the limit.
//! 2. Guesses under way count as if they were wrong, so many at once are no more than many in turn.
//! 3. An entry that still counts is never given up for another one. When a table is full of them, a
//!    subject it does not know is refused.

use std::time::Duration;

use super::subject::Subject;
use crate::limits::digest::{Digest, Digests};
use crate::limits::table::{Place, Table};

/// The parts of a window, and the one that is under way.
const SLOTS: usize = 9;
const PARTS: u64 = SLOTS as u64 - 1;
/// How long to wait when only guesses under way are too many.
const UNDER_WAY: Duration = Duration::from_secs(1);
/// The highest limit that the counts can tell from another one.
pub(super) const HIGHEST_LIMIT: u32 = u16::MAX as u32;

/// A moment, and the part of a window it lies in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    now: Duration,
    /// Nanoseconds of a part.
    width: u64,
    slot: u64,
}

impl Moment {
    pub(super) fn new(now: Duration, window: Duration) -> Self {
        let width = nanos(window).div_ceil(PARTS).max(1);
        let slot = nanos(now) / width;
        Self { now, width, slot }
    }

    /// How long until a slot begins.
    fn until(self, slot: u64) -> Duration {
        Duration::from_nanos(slot.saturating_mul(self.width)).saturating_sub(self.now)
    }
}

/// Time since the daemon started, or a window of it: five centuries fit.
fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// The failures of one subject.
#[derive(Clone, Copy, Debug, Default)]
struct Failures {
    /// The slot that `counts[0]` is for; the others are for the slots before it.
    newest: u64,
    counts: [u16; SLOTS],
    /// Guesses under way.
    pending: u16,
}

impl Failures {
    /// Lets the slots pass that are over.
    fn advance(&mut self, slot: u64) {
        let passed = slot.saturating_sub(self.newest).min(SLOTS as u64);
        for _ in 0..passed {
            self.counts.rotate_right(1);
            self.counts[0] = 0;
        }
        self.newest = self.newest.max(slot);
    }

    fn count(&self) -> u32 {
        self.counts.iter().copied().map(u32::from).sum()
    }

    /// How long until another guess is allowed; `None`: it is now. Wants to be advanced.
    fn wait(&self, limit: u32, at: Moment) -> Option<Duration> {
        let mut left = self.count() + u32::from(self.pending);
        if left < limit {
            return None;
        }
        for (ends, count) in (self.newest + 1..).zip(self.counts.iter().rev()) {
            left = left.saturating_sub(u32::from(*count));
            if left < limit {
                return Some(at.until(ends));
            }
        }
        Some(UNDER_WAY)
    }
}

/// The failures of many subjects of one kind, in a table of bounded size.
#[derive(Debug)]
pub(super) struct Tally {
    digests: Digests,
    table: Table<Digest, Failures>,
}

impl Tally {
    pub(super) fn new(size: usize) -> Self {
        Self {
            digests: Digests::new(),
            table: Table::new(size),
        }
    }

    /// Whether a guess is allowed; otherwise how long until one is.
    pub(super) fn check(&self, subject: &Subject, limit: u32, at: Moment) -> Result<(), Duration> {
        self.visit(subject, |place| admit(place, limit, at))
    }

    /// Like [`Tally::check`], and lets the guess count until it is [released](Tally::release).
    pub(super) fn reserve(
        &self,
        subject: &Subject,
        limit: u32,
        at: Moment,
    ) -> Result<(), Duration> {
        self.visit(subject, |place| {
            admit(place, limit, at)?;
            change(place, at, |failures| {
                failures.pending = failures.pending.saturating_add(1);
            });
            Ok(())
        })
    }

    /// Takes back a reservation. An entry that says nothing any more is forgotten.
    pub(super) fn release(&self, subject: &Subject, at: Moment) {
        self.visit(subject, |place| {
            if let Some(failures) = place.value() {
                failures.pending = failures.pending.saturating_sub(1);
                if current(failures, at).wait(1, at).is_none() {
                    place.remove();
                }
            }
        });
    }

    /// Counts a failure, and says how many there are. Without room it counts nothing: nobody who is not
    /// listed may guess then.
    pub(super) fn fail(&self, subject: &Subject, at: Moment) -> u32 {
        self.visit(subject, |place| {
            if is_closed(place, at).is_some() {
                return 0;
            }
            change(place, at, |failures| {
                failures.counts[0] = failures.counts[0].saturating_add(1);
            })
        })
    }

    /// Forgets the failures of one subject, but not its guesses under way: they will be released.
    pub(super) fn forget(&self, subject: &Subject) {
        self.visit(subject, |place| {
            if let Some(failures) = place.value() {
                failures.counts = [0; SLOTS];
                if failures.pending == 0 {
                    place.remove();
                }
            }
        });
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        self.table.clear();
    }

    /// How many subjects are remembered.
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    fn visit<R>(&self, subject: &Subject, look: impl FnOnce(&mut Held<'_>) -> R) -> R {
        self.table.visit(&self.digests.of(subject), look)
    }
}

type Held<'t> = Place<'t, Digest, Failures>;

fn current(failures: &mut Failures, at: Moment) -> &Failures {
    failures.advance(at.slot);
    failures
}

fn admit(place: &mut Held<'_>, limit: u32, at: Moment) -> Result<(), Duration> {
    let wait = match place.value() {
        Some(failures) => current(failures, at).wait(limit, at),
        None => is_closed(place, at),
    };
    wait.map_or(Ok(()), Err)
}

/// How long until a new entry finds room; `None`: there is.
///
/// Only the entry that failed longest ago is asked: it is the first to run out.
fn is_closed(place: &mut Held<'_>, at: Moment) -> Option<Duration> {
    current(place.victim()?, at).wait(1, at)
}

/// Changes the entry, makes it the newest, and says what it counts now.
fn change(place: &mut Held<'_>, at: Moment, change: impl FnOnce(&mut Failures)) -> u32 {
    let mut failures = place.value().copied().unwrap_or(Failures {
        newest: at.slot,
        ..Failures::default()
    });
    failures.advance(at.slot);
    change(&mut failures);
    place.put(failures);
    failures.count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Source;
    use proptest::collection::vec;
    use proptest::prelude::*;

    const LIMIT: u32 = 5;
    const WINDOW: Duration = Duration::from_secs(8);
    const NANO: Duration = Duration::from_nanos(1);

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Fail,
        Wait(u64),
        Reserve,
        Release,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => Just(Step::Fail),
            3 => (0..3000_u64).prop_map(Step::Wait),
            2 => Just(Step::Reserve),
            2 => Just(Step::Release),
        ]
    }

    /// The plain way: a list of moments, and the part of the window that each lies in.
    #[derive(Default)]
    struct Model {
        now: Duration,
        failed: Vec<Duration>,
        pending: usize,
    }

    impl Model {
        fn at(&self) -> Moment {
            Moment::new(self.now, WINDOW)
        }

        fn count(&self, counts: impl Fn(Duration) -> bool) -> usize {
            self.failed.iter().filter(|at| counts(**at)).count() + self.pending
        }

        fn is_open(&self, now: Duration) -> bool {
            self.count(|at| at.as_secs() + 9 > now.as_secs()) < LIMIT as usize
        }
    }

    proptest! {
        #[test]
        fn a_tally_counts_what_a_list_of_moments_would(script in vec(step(), 1..150)) {
            let subject = Subject::Source(Source::of([192, 0, 2, 1].into()));
            let (tally, mut model) = (Tally::new(1), Model::default());
            for step in script {
                let at = model.at();
                match step {
                    Step::Wait(millis) => model.now += Duration::from_millis(millis),
                    Step::Release if model.pending == 0 => {}
                    Step::Release => {
                        model.pending -= 1;
                        tally.release(&subject, at);
                    }
                    Step::Reserve => {
                        let open = model.is_open(model.now);
                        prop_assert_eq!(tally.reserve(&subject, LIMIT, at).is_ok(), open);
                        model.pending += usize::from(open);
                    }
                    Step::Fail => {
                        tally.fail(&subject, at);
                        model.failed.push(model.now);
                    }
                }
                let (now, checked) = (model.now, tally.check(&subject, LIMIT, model.at()));
                prop_assert_eq!(checked.is_ok(), model.is_open(now));
                if let (Err(wait), 0) = (checked, model.pending) {
                    prop_assert!(model.is_open(now + wait) && !model.is_open(now + wait.saturating_sub(NANO)));
                }
                let within = model.count(|at| at + WINDOW > now);
                prop_assert!(checked.is_err() || within < LIMIT as usize, "too many in a window");
                let longer = model.count(|at| at + WINDOW * 9 / 8 > now);
                prop_assert!(checked.is_ok() || longer >= LIMIT as usize, "refused for too long");
            }
        }
    }
}
