//! Queues that are bounded by what is in them, in bytes.

use std::sync::Arc;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// Room is counted in units of so many bytes: a semaphore counts no further than 32 bits.
const UNIT: usize = 256;

/// Room in a queue.
#[derive(Clone, Debug)]
pub(super) struct Room {
    free: Arc<Semaphore>,
    units: u32,
    given_back: Arc<Notify>,
}

/// Room that something takes until this is dropped.
#[derive(Debug)]
pub(super) struct Taken {
    permit: Option<OwnedSemaphorePermit>,
    given_back: Arc<Notify>,
}

impl Drop for Taken {
    fn drop(&mut self) {
        drop(self.permit.take());
        self.given_back.notify_one();
    }
}

impl Room {
    /// Room for so many bytes.
    pub(super) fn new(bytes: usize) -> Self {
        let units = u32::try_from(bytes / UNIT).unwrap_or(u32::MAX).max(1);
        let permits = usize::try_from(units).unwrap_or(usize::MAX);
        Self {
            free: Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS))),
            units,
            given_back: Arc::new(Notify::new()),
        }
    }

    /// Takes room, waiting for it. What is larger than all of it takes all of it.
    pub(super) async fn take(&self, bytes: usize) -> Option<Taken> {
        let units = self.units(bytes);
        let permit = Arc::clone(&self.free).acquire_many_owned(units).await;
        permit.ok().map(|permit| self.taken_by(permit))
    }

    /// Takes room, if there is so much now.
    pub(super) fn try_take(&self, bytes: usize) -> Option<Taken> {
        let units = self.units(bytes);
        let permit = Arc::clone(&self.free).try_acquire_many_owned(units);
        permit.ok().map(|permit| self.taken_by(permit))
    }

    /// Waits until less than so many bytes are taken. One may wait at a time.
    pub(super) async fn until_below(&self, bytes: usize) {
        while self.taken() >= bytes {
            self.given_back.notified().await;
        }
    }

    /// Bytes that are taken, about.
    pub(super) fn taken(&self) -> usize {
        let all = usize::try_from(self.units).unwrap_or(usize::MAX);
        all.saturating_sub(self.free.available_permits())
            .saturating_mul(UNIT)
    }

    fn taken_by(&self, permit: OwnedSemaphorePermit) -> Taken {
        Taken {
            permit: Some(permit),
            given_back: Arc::clone(&self.given_back),
        }
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

    #[tokio::test]
    async fn whoever_waits_for_room_goes_on_when_there_is_some() {
        let room = Room::new(1024);
        let [one, other] = [(); 2].map(|()| room.try_take(300).unwrap());
        let waiting = tokio::spawn({
            let room = room.clone();
            async move { room.until_below(600).await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(one);
        waiting.await.unwrap();
        drop(other);
        room.until_below(1).await;
    }

    #[test]
    fn even_nothing_takes_room() {
        let room = Room::new(1024);
        let taken: Vec<_> = std::iter::from_fn(|| room.try_take(0)).collect();
        assert_eq!(taken.len(), 4);
    }
}
