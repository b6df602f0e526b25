//! What has changed since somebody last looked: for whoever follows the tables without being waited for.
//!
//! # Invariants
//! 1. What was noted is told, once or more, to whoever asks after it.
//! 2. However much is noted before somebody asks, each thing is there once: memory is bounded by what there is.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

/// Things that have changed and that nobody has looked at since. One follows them.
#[derive(Debug)]
pub struct Changes<T> {
    due: Mutex<BTreeSet<T>>,
    noted: Notify,
}

impl<T> Default for Changes<T> {
    fn default() -> Self {
        Self {
            due: Mutex::default(),
            noted: Notify::new(),
        }
    }
}

impl<T: Ord> Changes<T> {
    /// Notes that something has changed. Whoever asks after this sees the change itself.
    pub fn note(&self, what: T) {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        due.insert(what);
        drop(due);
        self.noted.notify_one();
    }

    /// Waits until something has changed, and takes all that has. If the future is dropped nothing is taken.
    pub async fn next(&self) -> BTreeSet<T> {
        loop {
            let due = self.take();
            if !due.is_empty() {
                return due;
            }
            self.noted.notified().await;
        }
    }

    fn take(&self) -> BTreeSet<T> {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut due)
    }
}

#[cfg(test)]
mod tests {
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn waits<F: Future>(future: Pin<&mut F>) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        matches!(future.poll(&mut context), Poll::Pending)
    }

    #[tokio::test]
    async fn what_was_noted_often_is_told_once_and_what_comes_later_wakes_who_waits() {
        let changes = Changes::default();
        for name in ["b", "a", "b"] {
            changes.note(name);
        }
        assert_eq!(changes.next().await, BTreeSet::from(["a", "b"]));
        let mut next = pin!(changes.next());
        assert!(waits(next.as_mut()));
        changes.note("c");
        assert_eq!(next.await, BTreeSet::from(["c"]));
    }

    #[tokio::test]
    async fn who_stops_waiting_takes_nothing_with_them() {
        let changes = Changes::default();
        {
            let mut next = pin!(changes.next());
            assert!(waits(next.as_mut()));
            changes.note("a");
        }
        assert_eq!(changes.next().await, BTreeSet::from(["a"]));
    }
}
