//! Messages that wait, within bounds.

use std::collections::VecDeque;
use std::sync::Arc;

/// A message that waits.
pub(super) type Bytes = Arc<[u8]>;

/// A queue of messages, bounded in number and in bytes.
///
/// When one comes that does not fit, all are dropped: whoever lost one has to recover anyway, and
/// what he recovers includes the others.
#[derive(Debug)]
pub(super) struct Waiting<T> {
    queue: VecDeque<(T, Bytes)>,
    bytes: usize,
    max: (usize, usize),
    overflowed: bool,
}

impl<T> Waiting<T> {
    pub(super) fn new(max: (usize, usize)) -> Self {
        Self {
            queue: VecDeque::new(),
            bytes: 0,
            max,
            overflowed: false,
        }
    }

    /// Adds a message, or drops everything.
    pub(super) fn push(&mut self, key: T, message: Bytes) {
        self.bytes = self.bytes.saturating_add(message.len());
        self.queue.push_back((key, message));
        let (count, bytes) = self.max;
        if self.queue.len() > count || self.bytes > bytes {
            self.clear();
            self.overflowed = true;
        }
    }

    /// Takes the first message whose key is looked for.
    pub(super) fn take(&mut self, mut is_it: impl FnMut(&T) -> bool) -> Option<(T, Bytes)> {
        let at = self.queue.iter().position(|(key, _)| is_it(key))?;
        let taken = self.queue.remove(at)?;
        self.bytes = self.bytes.saturating_sub(taken.1.len());
        Some(taken)
    }

    /// Takes the first message.
    pub(super) fn take_first(&mut self) -> Option<Bytes> {
        self.take(|_| true).map(|(_, message)| message)
    }

    /// Whether something was dropped since this was last asked.
    pub(super) fn has_overflowed(&mut self) -> bool {
        std::mem::take(&mut self.overflowed)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.queue.clear();
        self.bytes = 0;
        self.overflowed = false;
    }

    /// Whether no more waits than may.
    pub(super) fn is_bounded(&self) -> bool {
        let (count, bytes) = self.max;
        let all = self.messages().map(|message| message.len());
        self.queue.len() <= count && self.bytes <= bytes && self.bytes == all.sum::<usize>()
    }

    pub(super) fn messages(&self) -> impl Iterator<Item = &Bytes> {
        self.queue.iter().map(|(_, message)| message)
    }
}
