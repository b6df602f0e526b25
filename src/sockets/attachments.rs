//! The bytes of the attachments that are queued for one peer.
//!
//! Whoever writes them does not say so; that a `Bytes` is dropped does, but to hear of it takes memory for each and a
//! look at another processor's. So one of a few carries the count of all since the last such one: what was queued
//! before it is written before it.
//!
//! What is queued thus differs from what is counted by what was written of the first such group and is still counted,
//! and by what came since the last and is not counted yet: each less than a stride. The limit is applied so that what
//! keeps to it always fits.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

use super::texts::TooMuch;

/// How many bytes are counted together, with the last of them.
const STRIDE: usize = 32 * 1024;

/// How much of what is counted may wait when more of a stream is sent.
const ROOM: usize = 128 * 1024;

/// What is queued of attachments.
pub(super) struct Attachments {
    counted: Arc<AtomicUsize>,
    uncounted: AtomicUsize,
    limit: usize,
}

impl Attachments {
    /// An empty queue that takes `limit` bytes, and less than three [`STRIDE`]s more.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            counted: Arc::default(),
            uncounted: AtomicUsize::new(0),
            limit,
        }
    }

    /// Whether little waits, so that whoever sends much may send more of it.
    pub(super) fn has_room(&self) -> bool {
        self.counted.load(Ordering::Relaxed) < ROOM.min(self.limit / 2)
    }

    /// The attachment as it is to be queued, if there is room.
    pub(super) fn queue(&self, attachment: &Bytes) -> Result<Bytes, TooMuch> {
        let length = attachment.len();
        let since = self.uncounted.fetch_add(length, Ordering::Relaxed);
        if since.saturating_add(length) < STRIDE {
            return Ok(attachment.clone());
        }
        let weight = self.uncounted.swap(0, Ordering::Relaxed);
        let before = self.counted.fetch_add(weight, Ordering::Relaxed);
        let counted = Counted {
            bytes: attachment.clone(),
            weight,
            queued: Arc::clone(&self.counted),
        };
        if before.saturating_add(length) > self.limit.saturating_add(STRIDE) {
            return Err(TooMuch); // dropping `counted` takes it off again
        }
        Ok(Bytes::from_owner(counted))
    }
}

/// Bytes that know whose queue they are in, and how much of it goes with them.
struct Counted {
    bytes: Bytes,
    weight: usize,
    queued: Arc<AtomicUsize>,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.queued.fetch_sub(self.weight, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    const LIMIT: usize = 4 * STRIDE;

    #[test]
    fn a_queue_takes_its_limit_and_less_than_three_strides_more() {
        for size in [1, 300, 4096, STRIDE - 1, STRIDE, LIMIT / 2, LIMIT] {
            let attachments = Attachments::new(LIMIT);
            let attachment = Bytes::from(vec![0; size]);
            let held: Vec<_> = std::iter::from_fn(|| attachments.queue(&attachment).ok()).collect();
            let bytes = held.len() * size;
            assert!(bytes + size > LIMIT, "{size}: it holds {bytes}");
            assert!(bytes < LIMIT + 3 * STRIDE, "{size}: it holds {bytes}");
        }
    }

    #[test]
    fn what_is_written_makes_room() {
        let attachments = Attachments::new(LIMIT);
        for size in [1, 300, 4096, STRIDE, LIMIT] {
            let attachment = Bytes::from(vec![0; size]);
            let mut held = VecDeque::new();
            for _ in 0..10 * LIMIT / size {
                while (held.len() + 1) * size > LIMIT {
                    held.pop_front();
                }
                held.push_back(attachments.queue(&attachment).unwrap());
            }
        }
        assert_eq!(attachments.counted.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_full_queue_takes_again_what_it_refused() {
        let attachments = Attachments::new(LIMIT);
        let attachment = Bytes::from(vec![0; LIMIT]);
        let held = attachments.queue(&attachment).unwrap();
        assert_eq!(attachments.queue(&attachment), Err(TooMuch));
        drop(held);
        assert!(attachments.queue(&attachment).is_ok());
    }
}
