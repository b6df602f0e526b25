//! How many bytes of text wait for one receiver, where the text is shared with others.
//!
//! Who is present is one text for all of a room, and a queue holds what it says for as long as its receiver takes
//! nothing: in a large room, megabytes that the count of packets does not bound. A shared text does not tell when
//! one of its receivers has written it. So now and then a receiver gets a copy of its own, a *mark*: a queue is
//! written in order, so once nobody but us holds the mark, whatever was queued before it has been written.
//!
//! # Invariants
//! 1. No more waits than the limit and one text.
//! 2. A receiver that has written all is never over its limit.

use bytes::Bytes;
use engineioxide::Str;

/// There is one mark in this part of the limit: the copies are few, and what is written is noticed early.
const BETWEEN_MARKS: usize = 4;

/// The texts of one receiver's queue.
#[derive(Debug, Default)]
pub(super) struct Texts {
    /// The last mark, while it is not known to be written.
    mark: Option<Bytes>,
    /// Bytes up to the mark, with it.
    up_to_mark: usize,
    /// Bytes since then, or since all was written.
    since: usize,
}

/// There is no room for the text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct TooMuch;

impl Texts {
    /// Counts a text; gives it back as it is to be queued.
    pub(super) fn queue(&mut self, text: &Str, limit: usize) -> Result<Str, TooMuch> {
        if self.mark.as_ref().is_some_and(Bytes::is_unique) {
            self.mark = None;
            self.up_to_mark = 0;
        }
        self.since = self.since.saturating_add(text.len());
        if self.mark.is_some() {
            let waiting = self.up_to_mark.saturating_add(self.since);
            return if waiting > limit {
                Err(TooMuch)
            } else {
                Ok(text.clone())
            };
        }
        if self.since <= limit / BETWEEN_MARKS {
            return Ok(text.clone());
        }
        let copy = Str::copy_from_slice(text);
        self.mark = Some(Bytes::from(copy.clone()));
        self.up_to_mark = std::mem::take(&mut self.since);
        Ok(copy)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    const LIMIT: usize = 10_000;

    fn text(size: usize) -> Str {
        Str::from("x".repeat(size))
    }

    #[test]
    fn a_receiver_that_takes_nothing_is_over_once_the_limit_is_reached() {
        let (mut texts, mut queue) = (Texts::default(), Vec::new());
        let shared = text(100);
        while let Ok(queued) = texts.queue(&shared, LIMIT) {
            queue.push(queued);
        }
        assert_eq!(queue.len(), LIMIT / 100);
    }

    #[test]
    fn a_receiver_that_takes_everything_never_is_and_gets_few_copies() {
        let mut texts = Texts::default();
        let shared = text(100);
        let copies = (0..10_000).filter(|_| {
            let queued = texts.queue(&shared, LIMIT).unwrap();
            queued.as_bytes().as_ptr() != shared.as_bytes().as_ptr()
        });
        assert_eq!(copies.count(), 10_000 * 100 / (LIMIT / BETWEEN_MARKS + 100));
    }

    #[test]
    fn one_text_beyond_the_limit_passes_if_nothing_else_waits() {
        let mut texts = Texts::default();
        let large = text(LIMIT * 2);
        let queued = texts.queue(&large, LIMIT).unwrap();
        assert_eq!(texts.queue(&large, LIMIT), Err(TooMuch));
        drop(queued);
        let mut texts = Texts::default();
        for _ in 0..10 {
            drop(texts.queue(&large, LIMIT).unwrap());
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Queue(usize),
        Write(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (1..LIMIT / 2).prop_map(Step::Queue),
            1 => (1..12_usize).prop_map(Step::Write),
        ]
    }

    proptest! {
        #[test]
        fn what_waits_is_bounded_and_whoever_is_cut_had_something_waiting(script in prop::collection::vec(step(), 1..200)) {
            let (mut texts, mut queue) = (Texts::default(), VecDeque::new());
            for step in script {
                match step {
                    Step::Write(number) => drop(queue.drain(..number.min(queue.len()))),
                    Step::Queue(size) => {
                        let waited: usize = queue.iter().map(|queued: &Str| queued.len()).sum();
                        let Ok(queued) = texts.queue(&text(size), LIMIT) else {
                            prop_assert!(waited > 0);
                            break;
                        };
                        queue.push_back(queued);
                        prop_assert!(waited + size <= LIMIT + LIMIT / 2);
                    }
                }
            }
        }
    }
}
