//! When a batch of updates goes to the subscriber, and what becomes of it.

use std::time::Duration;

use super::actor::{Actor, Failure, Round};
use super::queue::Queue;
use super::{HostError, Subscribed};
use crate::domains::desk::{Owner, Turn};
use crate::notify::{HookUrl, WebhookError};

/// Bytes of updates in one batch, unless one update alone is larger.
const BATCH: usize = 256 * 1024;

impl Actor {
    pub(super) fn subscribe(
        &mut self,
        owner: &Owner,
        url: HookUrl,
        round: &mut Round,
    ) -> Result<Subscribed, Failure> {
        self.put_back();
        let subscribing = (owner, url);
        let made = self
            .hook
            .subscribe(subscribing, (self.clock.now(), &self.chance));
        let (subscribed, notes) = made?;
        self.note(notes, round)?;
        Ok(subscribed)
    }

    pub(super) fn unsubscribe(
        &mut self,
        round: &mut Round,
    ) -> Result<Result<(), HostError>, Failure> {
        self.put_back();
        match self.hook.unsubscribe() {
            None => Ok(Err(HostError::NotSubscribed)),
            Some(notes) => {
                self.note(notes, round)?;
                Ok(Ok(()))
            }
        }
    }

    /// Puts back the batch that is out, if one is.
    fn put_back(&mut self) {
        if let Some(lock) = self.hook.lock() {
            self.desk.let_go(lock);
        }
    }

    /// Hands out a batch to the subscriber, if one waits and the state is free.
    pub(super) fn offer(&mut self, round: &mut Round) -> Result<(), Failure> {
        let now = self.clock.running();
        let Some(view) = self.clone.view().filter(|_| self.hook.is_active()) else {
            // What waits cannot be seen now: whatever shows it again comes back here.
            self.hook.wants(false, now);
            return Ok(());
        };
        let wants = self.hook.wants(Queue::is_waiting(&*view)?, now);
        let Some(owner) = self.hook.owner().filter(|_| wants) else {
            return Ok(());
        };
        if self.desk.is_locked(now) {
            return Ok(());
        }
        let (waiting, through, notes) = self.queue.hand_out_some(&*view, BATCH)?;
        self.note(notes, round)?;
        let Some(through) = through else {
            return Ok(());
        };
        let lock = self.desk.lock(&owner, Turn::Poll, now);
        self.desk.handed_out_through(through);
        let time = (self.clone.status().ticks, self.clock.now());
        round.parcel = self.hook.pack(lock, time, waiting);
        Ok(())
    }

    /// When a batch may go that only waits for its time.
    pub(super) fn wake_for_hook(&mut self, now: Duration) -> Option<Duration> {
        // Whoever holds the lock wakes the task when it ends.
        if self.desk.is_locked(now) {
            return None;
        }
        self.hook.wake_at()
    }

    /// Whether the lock is that of a batch.
    pub(super) fn is_lock_of_hook(&mut self, now: Duration) -> bool {
        let lock = self.hook.lock();
        lock.is_some_and(|lock| self.desk.holds(lock, now))
    }

    /// Takes what became of a delivery. That it was accepted is no acknowledgement yet.
    pub(super) fn delivered(
        &mut self,
        outcome: &Result<(), WebhookError>,
        round: &mut Round,
    ) -> Result<(), Failure> {
        let Err(error) = outcome else {
            return Ok(());
        };
        log::debug!(
            target: "meldgate::domains", domain:? = self.domain, error:% = error;
            "a batch was not delivered"
        );
        let time = (self.clock.running(), self.clock.now());
        if let Some((lock, notes)) = self.hook.undelivered(error, time, &self.chance)? {
            self.desk.let_go(lock);
            self.note(notes, round)?;
        }
        Ok(())
    }

    /// Notes that the lease of a batch has ended.
    pub(super) fn lapse(&mut self, now: Duration, round: &mut Round) -> Result<(), Failure> {
        if self.hook.lock().is_none() || self.is_lock_of_hook(now) {
            return Ok(());
        }
        let time = (now, self.clock.now());
        let notes = self.hook.unacknowledged(time, &self.chance)?;
        self.note(notes, round)
    }
}
