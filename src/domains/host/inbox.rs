//! What the relay hands to a hosted clone, on its way there.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

use crate::domains::relay::{Arriving, Candidate, Inbox, InboxFull};

/// Messages that can wait, and their bytes.
const MESSAGES: usize = 4096;
const BYTES: usize = 16 * 1024 * 1024;
/// What a message weighs beside its payload.
const WEIGHT: usize = 128;

/// The relay's end.
#[derive(Debug)]
pub(super) struct Entrance {
    /// None once the line is cut.
    messages: Mutex<Option<mpsc::Sender<Arriving>>>,
    bytes: Arc<AtomicUsize>,
}

/// The clone's end.
#[derive(Debug)]
pub(super) struct Arrivals {
    messages: mpsc::Receiver<Arriving>,
    bytes: Arc<AtomicUsize>,
}

/// A new inbox.
pub(super) fn inbox() -> (Arc<Entrance>, Arrivals) {
    let (sender, receiver) = mpsc::channel(MESSAGES);
    let bytes = Arc::new(AtomicUsize::new(0));
    let entrance = Entrance {
        messages: Mutex::new(Some(sender)),
        bytes: Arc::clone(&bytes),
    };
    let arrivals = Arrivals {
        messages: receiver,
        bytes,
    };
    (Arc::new(entrance), arrivals)
}

impl Inbox for Entrance {
    fn deliver(&self, arriving: Arriving) -> Result<(), InboxFull> {
        let weight = weight(&arriving);
        let messages = self.messages();
        let sender = messages.as_ref().ok_or(InboxFull)?;
        let before = self.bytes.fetch_add(weight, Ordering::AcqRel);
        if before.saturating_add(weight) <= BYTES && sender.try_send(arriving).is_ok() {
            return Ok(());
        }
        self.bytes.fetch_sub(weight, Ordering::AcqRel);
        Err(InboxFull)
    }

    fn cut(&self) {
        drop(self.messages().take());
    }
}

impl Entrance {
    fn messages(&self) -> MutexGuard<'_, Option<mpsc::Sender<Arriving>>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Arrivals {
    /// The next message; `None` once the line is cut and everything before was taken.
    pub(super) async fn next(&mut self) -> Option<Arriving> {
        let arriving = self.messages.recv().await?;
        self.taken(&arriving);
        Some(arriving)
    }

    /// The next message, if it is there already.
    pub(super) fn next_now(&mut self) -> Option<Arriving> {
        let arriving = self.messages.try_recv().ok()?;
        self.taken(&arriving);
        Some(arriving)
    }

    fn taken(&self, arriving: &Arriving) {
        self.bytes.fetch_sub(weight(arriving), Ordering::AcqRel);
    }
}

fn weight(arriving: &Arriving) -> usize {
    let payload = match arriving {
        Arriving::Presence(ids) => ids.iter().map(|id| id.len() + WEIGHT).sum(),
        Arriving::Operation(message) | Arriving::Candidate(Candidate { message, .. }) => {
            message.len()
        }
        Arriving::Unicast { message, .. } => message.payload.len(),
    };
    payload + WEIGHT
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[tokio::test]
    async fn an_inbox_is_full_of_bytes_before_it_is_full_of_messages() {
        let (entrance, mut arrivals) = inbox();
        let large = Arriving::Operation(Bytes::from(vec![0; BYTES / 2]));
        assert_eq!(entrance.deliver(large.clone()), Ok(()));
        assert_eq!(entrance.deliver(large.clone()), Err(InboxFull));
        assert_eq!(arrivals.next().await, Some(large.clone()));
        assert_eq!(entrance.deliver(large), Ok(()));
    }

    #[tokio::test]
    async fn an_inbox_holds_so_many_messages() {
        let (entrance, mut arrivals) = inbox();
        let small = || Arriving::Operation(Bytes::new());
        for _ in 0..MESSAGES {
            assert_eq!(entrance.deliver(small()), Ok(()));
        }
        assert_eq!(entrance.deliver(small()), Err(InboxFull));
        assert_eq!(arrivals.next_now(), Some(small()));
        assert_eq!(entrance.deliver(small()), Ok(()));
    }

    #[tokio::test]
    async fn the_end_is_told_after_everything_before_it() {
        let (entrance, mut arrivals) = inbox();
        assert_eq!(entrance.deliver(Arriving::Presence(vec![])), Ok(()));
        entrance.cut();
        assert_eq!(entrance.deliver(Arriving::Presence(vec![])), Err(InboxFull));
        assert_eq!(arrivals.next().await, Some(Arriving::Presence(vec![])));
        assert_eq!(arrivals.next().await, None);
    }
}
