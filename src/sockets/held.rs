//! Operations that are held until it is decided who they are from.
//!
//! # Invariants
//! 1. What is held is passed, refused, or its sender is cut off: no operation is missing on a socket that stays.
//! 2. After one that is refused, none of the same sender passes.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;

use super::engine::{Eio, Engine, source_of};
use super::packet::Outgoing;
use super::room::Member;
use crate::domains::Sender;

/// The sender of one operation that is held.
pub(super) struct Held {
    engine: Arc<Engine>,
    socket: Eio,
    member: Arc<Member>,
    decided: AtomicBool,
}

impl Held {
    pub(super) fn new(engine: Arc<Engine>, socket: Eio, member: Arc<Member>) -> Self {
        Self {
            engine,
            socket,
            member,
            decided: AtomicBool::new(false),
        }
    }
}

impl Sender for Held {
    fn is_over(&self) -> bool {
        self.member.is_silenced()
    }

    fn pass(&self, message: &Bytes) {
        self.decided.store(true, Ordering::Release);
        let (member, hub) = (&self.member, &self.engine.hub);
        let packet = Outgoing::operation(message.clone());
        let presence = member.room.relay_decided(member, &packet);
        hub.announce_if(presence, &member.room);
    }

    fn refuse(&self, why: &str) {
        self.decided.store(true, Ordering::Release);
        let member = &self.member;
        if !member.silence() {
            return;
        }
        log::warn!(
            target: "meldgate::audit",
            event = "operation-refused", domain = member.room.domain.to_mld(&self.engine.gateway),
            clone = member.id.as_str(),
            account = member.holder.account.as_ref().map_or("", |account| account.as_str()),
            source:% = source_of(&self.socket), error = why;
            "an operation of nobody who may speak was refused, and its sender disconnected"
        );
        member.tell_last(&Outgoing::disconnect());
        self.engine.expel(&self.socket);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.decided.load(Ordering::Acquire) && self.member.silence() {
            self.engine.expel(&self.socket);
        }
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held")
            .field("clone", &self.member.id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "held_tests.rs"]
mod tests;
