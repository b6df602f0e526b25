//! Queues that are bounded by what is in them, in bytes.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Room is counted in units of so many bytes: a semaphore counts no further than 32 bits.
const UNIT: usize = 256;

/// Room in a queue.
#[derive(Clone, Debug)]
pub(super) struct Room {
    free: Arc<Semaphore>,
    units: u32,
}

/// Room that something takes until this is dropped.
#[derive(Debug)]
pub(super) struct Taken {
    #[expect(dead_code, reason = "held for its drop")]
    permit: OwnedSemaphorePermit,
}

impl Room {
    /// Room for so many bytes.
    pub(super) fn new(bytes: usize) -> Self {
        let units = u32::try_from(bytes / UNIT).unwrap_or(u32::MAX).max(1);
        let permits = usize::try_from(units).unwrap_or(usize::MAX);
        Self {
            free: Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS))),
            units,
        }
    }

    /// Takes room, waiting for it. What is larger than all of it takes all of it.
    pub(super) async fn take(&self, bytes: usize) -> Option<Taken> {
        let units = self.units(bytes);
        let permit = Arc::clone(&self.free).acquire_many_owned(units).await;
        permit.ok().map(|permit| Taken { permit })
    }

    /// Takes room, if there is so much now.
    pub(super) fn try_take(&self, bytes: usize) -> Option<Taken> {
        let units = self.units(bytes);
        let permit = Arc::clone(&self.free).try_acquire_many_owned(units);
        permit.ok().map(|permit| Taken { permit })
    }

    /// Bytes that are taken, about.
    pub(super) fn taken(&self) -> usize {
        let all = usize::try_from(self.units).unwrap_or(usize::MAX);
        all.saturating_sub(self.free.available_permits())
            .saturating_mul(UNIT)
    }

    fn units(&self, bytes: usize) -> u32 {
        // One more, so that what is empty takes some too.
        let units = u32::try_from(bytes / UNIT).unwrap_or(u32::MAX);
        units.saturating_add(1).min(self.units)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_there_again_after_it() {
        let room = Room::new(1024);
        let taken = room.try_take(600).unwrap();
        assert_eq!(room.taken(), 768);
        assert!(room.try_take(600).is_none());
        drop(taken);
        assert_eq!(room.taken(), 0);
        assert!(room.try_take(usize::MAX).is_some(), "all of it");
    }

    #[test]
    fn even_nothing_takes_room() {
        let room = Room::new(1024);
        let taken: Vec<_> = std::iter::from_fn(|| room.try_take(0)).collect();
        assert_eq!(taken.len(), 4);
    }
}
