//! What a clone leaves for its next life: its connection to the relay, with all that waits in it.
//!
//! So those who are connected notice nothing of a clone that closes to make room, and nothing that they say is lost
//! while one that failed is opened anew.
//!
//! # Invariants
//! 1. What is kept is taken by one life at most; whoever takes it, or drops it, holds the place of the clone.
//! 2. A clone whose connection is kept at rest stays present; one that has failed does not.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::actor::Connection;
use crate::ids::CloneId;

/// Where one clone's lives leave what the next one goes on with.
#[derive(Debug, Default)]
pub(super) struct Berth(Mutex<Option<Kept>>);

/// A connection without a clone.
#[derive(Debug)]
pub(super) struct Kept {
    /// The id that the clone has on it.
    pub(super) id: CloneId,
    pub(super) connection: Connection,
    pub(super) how: Left,
    /// Who else was present, as the clone knew it; none if it did not know.
    pub(super) others: Option<Vec<String>>,
}

/// How a clone left its connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Left {
    /// It had missed nothing.
    AtRest,
    /// It may have missed anything.
    Failed,
}

impl Berth {
    pub(super) fn put(&self, kept: Kept) {
        *self.kept() = Some(kept);
    }

    pub(super) fn take(&self) -> Option<Kept> {
        self.kept().take()
    }

    /// The id that the next life has to have.
    pub(super) fn id(&self) -> Option<CloneId> {
        self.kept().as_ref().map(|kept| kept.id.clone())
    }

    /// Whether nothing is kept here for anybody who is connected.
    pub(super) fn is_deserted(&self) -> bool {
        let kept = self.kept();
        kept.as_ref()
            .is_none_or(|kept| kept.connection.others() == 0)
    }

    /// Notes that the clone cannot be opened now: what waits for it may be lost.
    pub(super) fn set_away(&self) {
        if let Some(kept) = &*self.kept() {
            kept.connection.set_away(true);
        }
    }

    fn kept(&self) -> MutexGuard<'_, Option<Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
