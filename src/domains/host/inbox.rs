//! What the relay hands to a hosted clone, on its way there.
//!
//! A clone that closes while others are connected leaves its inbox in the room. While it dozes, who is present is only
//! remembered, and the first message for it calls it; from then on, and while a clone has failed, everything waits in
//! order for the next life.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
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
    way: Mutex<Way>,
    bytes: Arc<AtomicUsize>,
    /// The clone failed, and is not back.
    away: AtomicBool,
}

#[derive(Debug)]
struct Way {
    /// None once the line is cut.
    messages: Option<mpsc::Sender<Arriving>>,
    dozing: Option<Dozing>,
}

/// What is to be done about a clone that dozes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stir {
    /// There is something for it to do.
    Called,
    /// Nobody else is present any more.
    Deserted,
}

/// Stirs a clone that dozes. Never blocks.
#[derive(Clone)]
pub(super) struct Bell(Arc<dyn Fn(Stir) + Send + Sync>);

#[derive(Debug)]
struct Dozing {
    /// Who is present, if that was told since.
    present: Option<Vec<String>>,
    bell: Bell,
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
        way: Mutex::new(Way {
            messages: Some(sender),
            dozing: None,
        }),
        bytes: Arc::clone(&bytes),
        away: AtomicBool::new(false),
    };
    let arrivals = Arrivals {
        messages: receiver,
        bytes,
    };
    (Arc::new(entrance), arrivals)
}

impl Inbox for Entrance {
    fn deliver(&self, arriving: Arriving) -> Result<(), InboxFull> {
        let mut way = self.way();
        let Some(dozing) = &mut way.dozing else {
            return self.put(&way, arriving);
        };
        if let Arriving::Presence(ids) = arriving {
            // It is present itself.
            if ids.len() <= 1 {
                dozing.bell.ring(Stir::Deserted);
            }
            dozing.present = Some(ids);
            return Ok(());
        }
        let bell = dozing.bell.clone();
        self.rouse(&mut way)?;
        bell.ring(Stir::Called);
        self.put(&way, arriving)
    }

    fn cut(&self) {
        let mut way = self.way();
        way.messages = None;
        way.dozing = None;
    }

    fn is_away(&self) -> bool {
        self.away.load(Ordering::Acquire)
    }
}

impl Entrance {
    /// Lets the clone doze until there is something for it to do; not if something is there already.
    pub(super) fn doze(&self, bell: Bell) -> bool {
        let mut way = self.way();
        let is_empty = |sender: &mpsc::Sender<Arriving>| sender.capacity() == sender.max_capacity();
        if !way.messages.as_ref().is_some_and(is_empty) {
            return false;
        }
        way.dozing = Some(Dozing {
            present: None,
            bell,
        });
        true
    }

    /// Ends the doze, if there is one: what is delivered waits for whoever takes it.
    pub(super) fn wake(&self) {
        let mut way = self.way();
        // An error means that the line is cut, which whoever takes the next message hears.
        self.rouse(&mut way).ok();
    }

    /// Whether the line is cut.
    pub(super) fn is_cut(&self) -> bool {
        self.way().messages.is_none()
    }

    /// Notes whether the clone has failed and is not back. Says whether that was so before.
    pub(super) fn set_away(&self, away: bool) -> bool {
        self.away.swap(away, Ordering::AcqRel)
    }

    fn rouse(&self, way: &mut Way) -> Result<(), InboxFull> {
        let present = way.dozing.take().and_then(|dozing| dozing.present);
        present.map_or(Ok(()), |ids| self.put(way, Arriving::Presence(ids)))
    }

    fn put(&self, way: &Way, arriving: Arriving) -> Result<(), InboxFull> {
        let weight = weight(&arriving);
        let sender = way.messages.as_ref().ok_or(InboxFull)?;
        let before = self.bytes.fetch_add(weight, Ordering::AcqRel);
        if before.saturating_add(weight) <= BYTES && sender.try_send(arriving).is_ok() {
            return Ok(());
        }
        self.bytes.fetch_sub(weight, Ordering::AcqRel);
        Err(InboxFull)
    }

    fn way(&self) -> MutexGuard<'_, Way> {
        self.way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bell {
    pub(super) fn new(ring: impl Fn(Stir) + Send + Sync + 'static) -> Self {
        Self(Arc::new(ring))
    }

    fn ring(&self, stir: Stir) {
        (self.0)(stir);
    }
}

impl fmt::Debug for Bell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bell")
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
mod tests;
