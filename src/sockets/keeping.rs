//! Relaying operations, and whether the gateway's own clone is there to keep them.

use std::sync::Arc;

use bytes::Bytes;

use super::engine::Engine;
use super::packet::Outgoing;
use super::room::Member;

/// What became of an operation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Relayed {
    /// All others have it, or will: the gateway's own clone too, if the domain has one.
    Kept,
    /// All others have it, but the gateway's own clone failed and is not back: it waits for it, and may be lost.
    NotKept,
    /// Nobody has it, since the gateway's own clone would miss it: its sender is to come back, and to send it again.
    ToNobody,
}

impl Engine {
    /// Sends an operation to everybody but its sender.
    pub(super) fn relay(self: &Arc<Self>, member: &Member, message: Bytes) -> Relayed {
        let room = &member.room;
        let relayed = match room.gateway() {
            Some(clone) if clone.is_away() => Relayed::NotKept,
            // It is connecting again, or cannot.
            None if self.domains.keeps(&room.domain) => return Relayed::ToNobody,
            Some(_) | None => Relayed::Kept,
        };
        let presence = room.broadcast(member, &Outgoing::operation(message));
        self.hub.announce_if(presence, room);
        relayed
    }
}
