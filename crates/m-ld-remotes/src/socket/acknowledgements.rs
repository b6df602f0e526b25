//! What the server has yet to acknowledge.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::queue::Taken;

/// Emitted events that wait for their acknowledgements, on one connection.
#[derive(Debug)]
pub(super) struct Acknowledgements {
    timeout: Duration,
    /// Each holds its room in the queue, so that a server which is slow to acknowledge is sent no more.
    pending: BTreeMap<u64, Taken>,
    /// In the order of sending, those that were acknowledged since among them.
    deadlines: VecDeque<(Instant, u64)>,
}

impl Acknowledgements {
    pub(super) fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            pending: BTreeMap::new(),
            deadlines: VecDeque::new(),
        }
    }

    /// Notes what is sent at this moment.
    pub(super) fn expect(&mut self, id: u64, room: Taken, now: Instant) {
        self.pending.insert(id, room);
        self.deadlines.push_back((now + self.timeout, id));
    }

    /// Whether this was waited for; it is not any more.
    pub(super) fn settle(&mut self, id: u64) -> bool {
        let waited_for = self.pending.remove(&id).is_some();
        self.tidy();
        waited_for
    }

    /// When the next one is overdue.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadlines.front().map(|(deadline, _)| *deadline)
    }

    /// The next one that is overdue, and is not waited for any more.
    pub(super) fn overdue(&mut self, now: Instant) -> Option<u64> {
        let (deadline, id) = *self.deadlines.front()?;
        if now < deadline {
            return None;
        }
        self.settle(id).then_some(id)
    }

    /// Lets the first deadline be that of one which is pending.
    fn tidy(&mut self) {
        while let Some((_, id)) = self.deadlines.front() {
            if self.pending.contains_key(id) {
                return;
            }
            self.deadlines.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::queue::Room;
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_not_acknowledged_in_time_is_overdue_once() {
        let room = Room::new(1 << 20);
        let mut waiting = Acknowledgements::new(Duration::from_secs(5));
        let start = Instant::now();
        for id in 0..3 {
            let second = Duration::from_secs(id);
            waiting.expect(id, room.try_take(1).unwrap(), start + second);
        }
        assert!(waiting.settle(0));
        assert!(!waiting.settle(0), "only once");
        assert_eq!(waiting.deadline(), Some(start + Duration::from_secs(6)));
        let later = start + Duration::from_secs(6);
        assert_eq!(waiting.overdue(later), Some(1));
        assert_eq!(waiting.overdue(later), None);
        assert!(waiting.settle(2));
        assert_eq!(waiting.deadline(), None);
        assert_eq!(room.taken(), 0);
    }
}
