//! How many clones are open at a time, and which one makes room for another.
//!
//! # Invariants
//! 1. No more clones are open than there are places; the one of the gateway's own domain needs none.
//! 2. A clone that makes room has nothing under way, and nothing handed out that is not acknowledged; its next life
//!    goes on with its connection.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;

use super::Host;
use super::set::{Hosts, OpenError, Slot};
use crate::ids::DomainId;
use crate::store::finish;

/// How often a place is asked for, where others take it first or no clone can make room just now; and how long is waited
/// after the first time, and twice as long each time after.
const TRIES: u32 = 7;
const WAIT: Duration = Duration::from_millis(20);
/// How many clones are asked to make room before it is said that none can.
const ASKED: usize = 32;
/// How long one of them has to answer.
const ANSWER: Duration = Duration::from_secs(1);

impl Hosts {
    /// A place for one more clone, if need be that of the clone which has been idle longest.
    pub(super) async fn take_place(
        &self,
        domain: &DomainId,
    ) -> Result<Option<OwnedSemaphorePermit>, OpenError> {
        if *domain == DomainId::Gateway {
            return Ok(None);
        }
        for tried in 0..TRIES {
            if let Ok(permit) = Arc::clone(&self.places).try_acquire_owned() {
                return Ok(Some(permit));
            }
            let hosts = self.me.upgrade().ok_or(OpenError::NotReady)?;
            // To its end: a clone that makes room is not asked for meanwhile.
            match finish(async move { hosts.make_room().await }).await {
                Ok(()) => {}
                // What is in use is often so for a moment.
                Err(OpenError::Full) => tokio::time::sleep(WAIT * 2_u32.pow(tried)).await,
                Err(cause) => return Err(cause),
            }
        }
        Err(OpenError::Full)
    }

    async fn make_room(&self) -> Result<(), OpenError> {
        let _one_at_a_time = self.evicting.lock().await;
        if self.places.available_permits() > 0 {
            return Ok(());
        }
        for (_, slot) in self.idle().into_iter().take(ASKED) {
            let Ok(place) = slot.try_lock_owned() else {
                continue;
            };
            // While the place is held nobody else can begin to use the clone.
            if let Some(host) = place.as_ref().filter(|host| host.is_unused())
                && tokio::time::timeout(ANSWER, host.rest()).await == Ok(true)
            {
                return Ok(());
            }
        }
        Err(OpenError::Full)
    }

    /// The clones that no request uses, the one first that has been idle longest.
    fn idle(&self) -> Vec<(Duration, Arc<Slot>)> {
        let slots = self.slots();
        let idle = slots.iter().filter_map(|(domain, slot)| {
            let place = slot.try_lock().ok()?;
            let host = place.as_ref().filter(|host| host.is_unused())?;
            (*domain != DomainId::Gateway).then(|| (host.usage.last(), Arc::clone(slot)))
        });
        let mut idle: Vec<_> = idle.collect();
        idle.sort_by_key(|(last, _)| *last);
        idle
    }
}

impl Host {
    /// Whether the clone is open, and nobody has a way to it but the place that it has.
    fn is_unused(&self) -> bool {
        // The clone's own, and that of the place.
        !self.asks.is_closed() && Arc::strong_count(&self.usage) == 2
    }
}
