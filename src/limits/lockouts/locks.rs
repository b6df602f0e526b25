//! Who is locked out, who was within a day, and what of it the store does not know yet.
//!
//! # Invariants
//! 1. There are never more locks than the capacity, those that are over but remembered included.
//! 2. Each held lock is in exactly one of two schedules: `ending` until it is told that it is over,
//!    `fading` from then until it is forgotten.
//! 3. A lock in force is never given up for another one.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use super::subject::{Record, Subject};
use crate::clock::Timestamp;

/// For how long after its end a lock makes the next one longer.
pub(super) const QUIET: Duration = Duration::from_hours(24);

/// One moment on both clocks: locks run by the one that never jumps, and are stored by the calendar.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    pub(super) running: Duration,
    pub(super) calendar: Timestamp,
}

/// What came of the wish to lock somebody out.
#[derive(Debug)]
pub(super) enum Start {
    Began(Record),
    /// It is so already.
    Already,
    /// There are as many locks in force as there may be.
    Full,
}

/// A lock, in force or remembered.
#[derive(Clone, Debug)]
pub(super) struct Lock {
    ends: Duration,
    fades: Duration,
    pub(super) record: Record,
    /// Guesses turned away because of it.
    pub(super) refused: u64,
    /// Right credentials that passed in spite of it.
    pub(super) passed: u64,
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Locks {
    capacity: usize,
    held: HashMap<Subject, Lock>,
    ending: BTreeSet<(Duration, Subject)>,
    fading: BTreeSet<(Duration, Subject)>,
    /// What the store does not know yet, each with the number of its last edit.
    unsaved: BTreeMap<Subject, u64>,
    edits: u64,
}

impl Locks {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            ..Self::default()
        }
    }

    /// Takes up a lock from the store, unless it is forgotten by now, or there is no room. None holds for
    /// longer than `longest` from now, whatever the calendar did meanwhile.
    pub(super) fn restore(
        &mut self,
        subject: &Subject,
        record: Record,
        now: Now,
        longest: Duration,
    ) {
        let rest = record.until.since(now.calendar);
        let fades = record.until.after(QUIET).since(now.calendar);
        if fades.is_zero() || self.held.len() >= self.capacity {
            return self.edited(subject);
        }
        let ends = now.running.saturating_add(rest.min(longest));
        let fades = now
            .running
            .saturating_add(fades.min(longest.saturating_add(QUIET)));
        self.schedule(subject, ends, fades, record);
        if rest.is_zero() {
            self.tell_end(ends, subject);
        }
    }

    /// How long `subject` is locked out; `None`: it is not.
    pub(super) fn rest(&self, subject: &Subject, now: Now) -> Option<Duration> {
        let lock = self.held.get(subject)?;
        (now.running < lock.ends).then(|| lock.ends.saturating_sub(now.running))
    }

    /// The lock of `subject`, if it is in force.
    pub(super) fn in_force(&mut self, subject: &Subject, now: Now) -> Option<&mut Lock> {
        let lock = self.held.get_mut(subject)?;
        (now.running < lock.ends).then_some(lock)
    }

    /// Locks `subject` out for `hold(level)`.
    pub(super) fn start(
        &mut self,
        subject: &Subject,
        now: Now,
        hold: impl Fn(u32) -> Duration,
    ) -> Start {
        if self.in_force(subject, now).is_some() {
            return Start::Already;
        }
        let before = self.remove(subject);
        if self.held.len() >= self.capacity && !self.make_room(now) {
            return Start::Full;
        }
        let again = before.filter(|lock| now.running < lock.fades);
        let level = again.map_or(0, |lock| lock.record.level.saturating_add(1));
        let hold = hold(level);
        let record = Record {
            since: now.calendar,
            until: now.calendar.after(hold),
            level,
        };
        let ends = now.running.saturating_add(hold);
        self.schedule(subject, ends, ends.saturating_add(QUIET), record);
        self.edited(subject);
        Start::Began(record)
    }

    /// The locks that are over and were not told yet. Forgets those that were over a day ago.
    pub(super) fn ended(&mut self, now: Now) -> Vec<(Subject, Lock)> {
        let mut ended = Vec::new();
        while let Some((ends, subject)) = first_before(&self.ending, now) {
            self.tell_end(ends, &subject);
            ended.extend(self.held.get(&subject).cloned().map(|lock| (subject, lock)));
        }
        while let Some((_, subject)) = first_before(&self.fading, now) {
            self.remove(&subject);
            self.edited(&subject);
        }
        ended
    }

    /// How many are in force or were not told to be over yet.
    pub(super) fn len(&self) -> usize {
        self.ending.len()
    }

    /// Up to `most` things that the store does not know: a record, or that there is none any more.
    pub(super) fn unsaved(&self, most: usize) -> Vec<(Subject, u64, Option<Record>)> {
        let unsaved = self.unsaved.iter().take(most);
        unsaved
            .map(|(subject, edit)| {
                let record = self.held.get(subject).map(|lock| lock.record);
                (subject.clone(), *edit, record)
            })
            .collect()
    }

    /// Takes note of what the store knows now. What was edited meanwhile stays unsaved.
    pub(super) fn saved(&mut self, saved: &[(Subject, u64, Option<Record>)]) {
        for (subject, edit, _) in saved {
            if self.unsaved.get(subject) == Some(edit) {
                self.unsaved.remove(subject);
            }
        }
    }

    fn schedule(&mut self, subject: &Subject, ends: Duration, fades: Duration, record: Record) {
        let lock = Lock {
            ends,
            fades,
            record,
            refused: 0,
            passed: 0,
        };
        self.ending.insert((ends, subject.clone()));
        self.held.insert(subject.clone(), lock);
    }

    /// Moves a lock from `ending` to `fading`.
    fn tell_end(&mut self, ends: Duration, subject: &Subject) {
        self.ending.remove(&(ends, subject.clone()));
        if let Some(lock) = self.held.get(subject) {
            self.fading.insert((lock.fades, subject.clone()));
        }
    }

    fn remove(&mut self, subject: &Subject) -> Option<Lock> {
        let lock = self.held.remove(subject)?;
        self.ending.remove(&(lock.ends, subject.clone()));
        self.fading.remove(&(lock.fades, subject.clone()));
        Some(lock)
    }

    /// Forgets a lock that is over, the one that would be forgotten first; `false` if all are in force.
    fn make_room(&mut self, now: Now) -> bool {
        let over = self.fading.first().map(|(_, subject)| subject.clone());
        let over = over.or_else(|| first_before(&self.ending, now).map(|(_, subject)| subject));
        over.is_some_and(|subject| {
            self.remove(&subject);
            self.edited(&subject);
            true
        })
    }

    /// A store that takes no changes must not make this list grow for ever. Beyond twice the capacity, all
    /// that it is not told is that something is over, which is found out when it is opened again.
    fn edited(&mut self, subject: &Subject) {
        self.edits += 1;
        if self.held.contains_key(subject) || self.unsaved.len() / 2 < self.capacity {
            self.unsaved.insert(subject.clone(), self.edits);
        }
    }
}

fn first_before(schedule: &BTreeSet<(Duration, Subject)>, now: Now) -> Option<(Duration, Subject)> {
    schedule
        .first()
        .filter(|(at, _)| *at <= now.running)
        .cloned()
}

#[cfg(test)]
impl Locks {
    /// Recomputes what is cached and compares.
    pub(super) fn check_invariants(&self) {
        assert!(self.held.len() <= self.capacity);
        assert_eq!(self.held.len(), self.ending.len() + self.fading.len());
        for (subject, lock) in self.held.iter().collect::<BTreeMap<_, _>>() {
            let ending = self.ending.contains(&(lock.ends, subject.clone()));
            let fading = self.fading.contains(&(lock.fades, subject.clone()));
            assert!(ending != fading, "{subject:?}");
        }
    }

    pub(super) fn held(&self) -> usize {
        self.held.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Source;
    use proptest::collection::vec;
    use proptest::prelude::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn subject(number: u8) -> Subject {
        Subject::Source(Source::of([192, 0, 2, number].into()))
    }

    fn now(running: Duration) -> Now {
        let calendar = Timestamp::from_millis(0).after(running);
        Now { running, calendar }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Start(u8, u64),
        Wait(u64),
        Sweep,
        Save,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..6_u8, 0..40_u64).prop_map(|(who, hours)| Step::Start(who, hours)),
            3 => (0..20_u64).prop_map(Step::Wait),
            1 => Just(Step::Sweep),
            1 => Just(Step::Save),
        ]
    }

    proptest! {
        #[test]
        fn locks_hold_as_long_as_they_should_and_the_store_learns_of_all(
            script in vec(step(), 1..80),
        ) {
            let (mut locks, mut at) = (Locks::new(4), Duration::ZERO);
            let (mut ends, mut stored) = (BTreeMap::new(), BTreeMap::new());
            for step in script {
                match step {
                    Step::Wait(hours) => at += HOUR * u32::try_from(hours).unwrap(),
                    Step::Sweep => {
                        for (subject, lock) in locks.ended(now(at)) {
                            prop_assert!(lock.ends <= at && locks.rest(&subject, now(at)).is_none());
                        }
                    }
                    Step::Save => {
                        let unsaved = locks.unsaved(100);
                        for (subject, _, record) in &unsaved {
                            stored.insert(subject.clone(), *record);
                        }
                        locks.saved(&unsaved);
                        prop_assert!(locks.unsaved(100).is_empty());
                        stored.retain(|_, record| record.is_some());
                        let held = locks.held.iter().map(|(who, lock)| (who.clone(), Some(lock.record)));
                        prop_assert_eq!(&stored, &held.collect::<BTreeMap<_, _>>());
                    }
                    Step::Start(who, hours) => {
                        let hold = HOUR * u32::try_from(hours).unwrap();
                        let in_force = ends.values().filter(|end| **end > at).count();
                        let locked = ends.get(&who).is_some_and(|end| *end > at);
                        match locks.start(&subject(who), now(at), |_| hold) {
                            Start::Began(_) => drop(ends.insert(who, at + hold)),
                            Start::Already => prop_assert!(locked),
                            Start::Full => prop_assert!(in_force == 4 && !locked),
                        }
                    }
                }
                locks.check_invariants();
                for who in 0..6 {
                    let rest = ends.get(&who).map(|end| end.saturating_sub(at));
                    let rest = rest.filter(|rest| !rest.is_zero());
                    prop_assert_eq!(locks.rest(&subject(who), now(at)), rest);
                }
            }
        }
    }
}
