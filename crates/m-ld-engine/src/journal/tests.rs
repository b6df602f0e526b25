use super::*;
use crate::clock::{GlobalClock, TreeClock};
use crate::store::{MemoryStore, Pending, Store};

/// A journal on a store, with the clock of its clone.
struct Book {
    store: MemoryStore,
    state: State,
}

impl Book {
    fn new() -> Self {
        Self {
            store: MemoryStore::new(),
            state: State::genesis(),
        }
    }

    fn change<T>(&mut self, change: impl FnOnce(&mut Pending, &mut State) -> T) -> T {
        let mut pending = Pending::new(self.store.view());
        let done = change(&mut pending, &mut self.state);
        self.state.write(&mut pending);
        self.store.commit(pending.into_batch()).unwrap();
        done
    }

    /// Enters an operation of this clone.
    fn write(&mut self) -> TreeClock {
        self.state.tick().unwrap();
        let time = self.state.time.clone();
        self.enter(&time);
        time
    }

    /// Enters an operation of another.
    fn hear(&mut self, time: &TreeClock) {
        self.state.time = self.state.time.update(time).unwrap();
        self.state.tick().unwrap();
        self.enter(time);
    }

    fn enter(&mut self, time: &TreeClock) {
        let kept = Kept {
            record: record_at(time),
            reversion: Reversion::default(),
        };
        self.change(|pending, state| append(pending, state, kept))
            .unwrap();
    }

    fn void_last(&mut self) {
        let view = self.store.view();
        let (position, entry) = entries_before(&*view, None).next().unwrap().unwrap();
        let record = record(&*view, entry.tid).unwrap().unwrap();
        self.change(|pending, state| void(pending, state, position, &entry, &record))
            .unwrap();
    }

    fn positions(&self) -> Vec<(u32, u64)> {
        let view = self.store.view();
        let entries = entries_after(&*view, Position::default());
        entries
            .map(|found| found.map(|(at, _)| (at.epoch, at.tick)).unwrap())
            .collect()
    }
}

fn record_at(time: &TreeClock) -> Record {
    Record {
        span: Span {
            from: time.ticks(),
            time: time.clone(),
            principal: None,
        },
        agreed: None,
        encoded: vec![1, 2, 3],
        secured: None,
        attribution: None,
        position: None,
    }
}

#[test]
fn a_state_is_read_as_it_was_written() {
    let mut book = Book::new();
    assert_eq!(State::read(&*book.store.view()).unwrap(), None);
    book.write();
    book.state.epochs = vec![4, 9];
    book.state.loading = true;
    book.change(|_, _| ());
    let read = State::read(&*book.store.view()).unwrap();
    assert_eq!(read, Some(book.state));
}

#[test]
fn a_damaged_state_is_said_to_be_so() {
    let mut book = Book::new();
    let mut pending = Pending::new(book.store.view());
    pending.put(
        crate::store::Table::Meta,
        b"journal".as_slice(),
        [0x97, 1].as_slice(),
    );
    book.store.commit(pending.into_batch()).unwrap();
    assert!(State::read(&*book.store.view()).is_err());
}

#[test]
fn entries_have_the_public_tick_before_them() {
    let mut book = Book::new();
    book.write();
    book.state.tick().unwrap();
    book.write();
    let view = book.store.view();
    let entries: Vec<_> = entries_after(&*view, Position::default())
        .map(|found| found.unwrap().1)
        .collect();
    assert_eq!(entries[0].prev_tick, 0);
    assert_eq!(entries[0].prev_tid, TreeClock::genesis().tid());
    assert_eq!(
        (entries[1].prev_tick, entries[1].prev_tid),
        (1, entries[0].tid)
    );
}

#[test]
fn history_is_what_follows_without_a_gap() {
    let mut book = Book::new();
    book.write();
    book.state.tick().unwrap();
    let third = book.write();
    let fourth = book.write();
    let view = book.store.view();
    let latest = record(&*view, fourth.tid()).unwrap().unwrap();
    let past: Vec<_> = past(&*view, &latest, 0)
        .map(|found| found.unwrap().tid())
        .collect();
    assert_eq!(past, [third.tid()]);
    assert!(super::past(&*view, &latest, 4).next().is_none());
}

#[test]
fn ticks_that_come_again_are_in_another_epoch() {
    let mut book = Book::new();
    (0..3).for_each(|_| drop(book.write()));
    book.void_last();
    book.void_last();
    assert_eq!(book.state.time.ticks(), 1);
    book.write();
    assert_eq!(book.positions(), [(0, 1), (2, 2)]);
    // Who has seen the third tick has not seen what came instead of the second.
    let after = book.state.position_of(3).unwrap();
    assert!(after < Position { epoch: 2, tick: 2 });
    assert!(after > Position { epoch: 0, tick: 1 });
    assert_eq!(book.state.seen(&book.state.time), 2);
}

#[test]
fn a_clock_does_not_go_back_beyond_a_fork() {
    let mut book = Book::new();
    book.write();
    book.write();
    let (ours, _) = book.state.time.forked().unwrap();
    book.state.time = ours;
    let before = book.state.time.clone();
    let wound = book.state.wind(&TreeClock::genesis().ticked().unwrap());
    assert!(matches!(wound, Err(JournalError::Orphaned)));
    assert_eq!(book.state.time, before);
}

#[test]
fn who_has_not_seen_the_start_cannot_be_revved_up() {
    let mut book = Book::new();
    for _ in 0..4 {
        book.write();
        book.state.tick().unwrap();
    }
    book.state.shown = 7;
    let gone = book
        .change(|pending, state| truncate(pending, state, 2, 10))
        .unwrap();
    assert_eq!(gone, 2);
    assert_eq!(book.positions(), [(0, 5), (0, 7)]);
    assert_eq!(book.state.position_of(2), None);
    assert!(book.state.position_of(3).is_some());
}

#[test]
fn what_nobody_has_shown_to_have_is_not_let_go() {
    let mut book = Book::new();
    (0..4).for_each(|_| drop(book.write()));
    book.state.shown = 1;
    let gone = book
        .change(|pending, state| truncate(pending, state, 0, 10))
        .unwrap();
    assert_eq!(gone, 1);
}

#[test]
fn an_operation_without_entry_goes_when_another_follows_with_a_gap() {
    let mut book = Book::new();
    let first = book.write();
    let (ours, theirs) = book.state.time.forked().unwrap();
    book.state.time = ours;
    let past = theirs.ticked().unwrap();
    book.change(|pending, state| {
        insert_past(pending, record_at(&past));
        state.gwc = state.gwc.set(&past).unwrap();
    });
    let kept = |book: &Book, tid| record(&*book.store.view(), tid).unwrap().is_some();
    book.hear(&past.ticked().unwrap());
    assert!(kept(&book, past.tid()), "it is continued");
    book.hear(&past.ticked_to(9).unwrap());
    assert!(kept(&book, past.tid()), "what continues it has an entry");
    assert!(kept(&book, first.tid()));
}

#[test]
fn a_blocked_process_is_known_by_any_of_its_times() {
    let mut book = Book::new();
    let (_, theirs) = book.state.time.forked().unwrap();
    let time = theirs.ticked().unwrap();
    book.state.block(&time).unwrap();
    assert!(book.state.is_blocked(&time.ticked().unwrap()));
    assert!(!book.state.is_blocked(&book.state.time.forked().unwrap().0));
    assert!(!book.state.gwc.any_lt_global(&GlobalClock::genesis()));
}
