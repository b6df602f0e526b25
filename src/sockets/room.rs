//! Who is connected to one domain, who of them is present, and what goes to whom.
//!
//! # Invariants
//! 1. A clone id belongs to at most one member.
//! 2. Whoever is present is a member.
//! 3. A member whose queue overflows is taken out before the sender of what did not fit goes on: no packet is
//!    ever missing on a member that stays, nor followed by a later one of the same sender.
//! 4. A room that was closed stays empty; whoever wants in gets a new one.
//! 5. Nobody hears an answer before what it answers: what is sent to everybody is queued for all before any of them
//!    can have said something. The original server does one thing at a time, and JavaScript clones that hear
//!    answers first can diverge (m-ld protocol, Q33).
//!
//! Source: m-ld protocol, section 9.2.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use engineioxide::socket::Sid;

use super::packet::Outgoing;
use super::peer::{Overflow, Peer};
use crate::accounts::{Admission, Principal};
use crate::clock::Timestamp;
use crate::domains::Candidate;
use crate::ids::{CloneId, DomainId, KeyId, Name};

/// Whose credential a member came with. Equal holders may replace each other.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Holder {
    /// The account, unless root or anonymous.
    pub(super) account: Option<Name>,
    /// The key that was presented or that signed.
    pub(super) key: Option<KeyId>,
    /// The account's user whose token it was: one key signs for many.
    pub(super) user: Option<Arc<str>>,
}

impl Holder {
    /// Whoever was admitted.
    pub(super) fn of(admission: &Admission) -> Self {
        let account = match admission.principal() {
            Principal::Account { name, .. } => Some(name.clone()),
            Principal::Root | Principal::Anonymous => None,
        };
        Self {
            account,
            key: admission.key().cloned(),
            user: admission.user().cloned(),
        }
    }

    /// The gateway itself, for its own clones: nobody else may replace them.
    pub(super) fn gateway() -> Self {
        Self {
            account: None,
            key: None,
            user: None,
        }
    }
}

/// A clone that is connected to a domain.
pub(super) struct Member {
    /// What the clone calls itself.
    pub(super) id: CloneId,
    /// Whose credential it came with.
    pub(super) holder: Holder,
    /// Where it is.
    pub(super) room: Arc<Room>,
    /// Something that it sent was refused: nothing of it is relayed any more.
    refused: AtomicBool,
    /// When its key ends, in milliseconds; `u64::MAX` if nothing is known of that.
    ends: AtomicU64,
    /// How it was let in; none for the gateway's own.
    admission: Option<Admission>,
    peer: Box<dyn Peer>,
}

impl Member {
    /// A member that is in no room until [`Room::join`].
    pub(super) fn new(id: CloneId, holder: Holder, room: Arc<Room>, peer: Box<dyn Peer>) -> Self {
        Self {
            id,
            holder,
            room,
            refused: AtomicBool::new(false),
            ends: AtomicU64::new(u64::MAX),
            admission: None,
            peer,
        }
    }

    /// Notes how it was let in.
    pub(super) fn admitted(self, admission: Admission) -> Self {
        Self {
            admission: Some(admission),
            ..self
        }
    }

    /// How it was let in; none for the gateway's own.
    pub(super) fn admission(&self) -> Option<&Admission> {
        self.admission.as_ref()
    }

    /// Sees that the member goes when its key ends.
    pub(super) fn limit(&self, end: Timestamp) {
        self.ends.fetch_min(end.as_millis(), Ordering::Relaxed);
    }

    /// Whether its key has ended.
    pub(super) fn has_ended(&self, now: Timestamp) -> bool {
        self.ends.load(Ordering::Relaxed) <= now.as_millis()
    }

    /// Sees that nothing more of it is relayed. False: that was so before.
    pub(super) fn silence(&self) -> bool {
        !self.refused.swap(true, Ordering::AcqRel)
    }

    /// Whether nothing of it is to be relayed any more.
    pub(super) fn is_silenced(&self) -> bool {
        self.refused.load(Ordering::Acquire)
    }

    /// Whether it is a clone in this process that has failed, and is not back: what it is told may be lost.
    pub(super) fn is_away(&self) -> bool {
        self.peer.is_away()
    }

    /// Has a clone in this process decide about an operation.
    pub(super) fn decide(&self, candidate: Candidate) -> Result<(), Overflow> {
        self.peer.decide(candidate)
    }

    /// Queues a packet for this member; cuts it if it cannot keep up. Says whether presence changed.
    pub(super) fn tell(self: &Arc<Self>, packet: &Outgoing) -> Presence {
        match self.peer.offer(packet) {
            Ok(()) => Presence::Same,
            Err(Overflow) => self.room.evict(self, "its queue is full"),
        }
    }

    /// Queues a packet for a member that is about to be cut; whether it arrives does not matter.
    pub(super) fn tell_last(&self, packet: &Outgoing) {
        self.peer.offer(packet).ok();
    }

    /// The id of the member's socket, if its client takes no bytes at this moment.
    pub(super) fn refused(&self) -> Option<Sid> {
        self.peer.refused()
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member")
            .field("id", &self.id)
            .field("domain", &self.room.domain)
            .finish_non_exhaustive()
    }
}

/// Whether what was done changed who is present, so that the room has to be told.
#[must_use = "a change of presence has to be announced"]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Presence {
    Same,
    Changed,
}

impl Presence {
    fn of(changed: bool) -> Self {
        if changed { Self::Changed } else { Self::Same }
    }

    /// Changed if either is.
    pub(super) fn or(self, other: Self) -> Self {
        if self == Self::Changed { self } else { other }
    }
}

/// Why somebody is not let into a room.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum JoinError {
    /// The clone id belongs to a member with another credential.
    Taken,
    /// The domain has as many clones as it may.
    Full,
    /// The room was closed; ask for it again.
    Closed,
}

/// One domain's members.
pub(super) struct Room {
    /// Which domain it is.
    pub(super) domain: DomainId,
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    members: BTreeMap<CloneId, Arc<Member>>,
    /// The gateway's own clone, one of them.
    gateway: Option<Arc<Member>>,
    /// In the order in which they became present.
    present: Vec<CloneId>,
    announcing: bool,
    closed: bool,
}

impl Room {
    /// An empty room.
    pub(super) fn new(domain: DomainId) -> Self {
        Self {
            domain,
            state: RwLock::default(),
        }
    }

    /// Lets a member in: greets it, tells it who is present, and from then on sends it everything.
    ///
    /// An older member of the same id and holder is replaced and cut: a client that reconnects.
    pub(super) fn join(
        &self,
        member: &Arc<Member>,
        greeting: Option<&Outgoing>,
        limit: usize,
    ) -> Result<Presence, JoinError> {
        let (replaced, mut presence, told) = {
            let mut state = self.write();
            state.admits(member, limit)?;
            let replaced = state.members.remove(&member.id);
            let changed = state.absent(&member.id);
            state.members.insert(member.id.clone(), Arc::clone(member));
            if member.peer.decides() {
                state.gateway = Some(Arc::clone(member));
            }
            let presence = Outgoing::presence(&state.present_texts());
            let told = [greeting, presence.as_ref()]
                .into_iter()
                .flatten()
                .try_for_each(|packet| member.peer.offer(packet));
            (replaced, Presence::of(changed), told)
        };
        if let Some(old) = replaced {
            log::debug!(target: "meldgate::sockets", clone = old.id.as_str(); "a newer connection replaces the clone's");
            old.peer.close();
        }
        if told == Err(Overflow) {
            presence = presence.or(self.evict(member, "its queue was full before it came"));
        }
        Ok(presence)
    }

    /// Takes a member out. Does nothing if another one has taken its place.
    pub(super) fn leave(&self, member: &Arc<Member>) -> Presence {
        let mut state = self.write();
        if !state
            .members
            .get(&member.id)
            .is_some_and(|found| Arc::ptr_eq(found, member))
        {
            return Presence::Same;
        }
        state.members.remove(&member.id);
        state
            .gateway
            .take_if(|gateway| Arc::ptr_eq(gateway, member));
        Presence::of(state.absent(&member.id))
    }

    /// Takes a member out and ends its connection once what is queued for it is written.
    pub(super) fn dismiss(&self, member: &Arc<Member>) -> Presence {
        let presence = self.leave(member);
        member.peer.close();
        presence
    }

    /// Takes a member out and cuts its connection.
    pub(super) fn evict(&self, member: &Arc<Member>, why: &'static str) -> Presence {
        let presence = self.leave(member);
        log::info!(target: "meldgate::sockets", clone = member.id.as_str(), reason = why; "a clone's connection is cut");
        member.peer.cut();
        presence
    }

    /// Puts a member among those present, or takes it from them.
    pub(super) fn set_present(&self, member: &Arc<Member>, present: bool) -> Presence {
        let mut state = self.write();
        if !state
            .members
            .get(&member.id)
            .is_some_and(|found| Arc::ptr_eq(found, member))
        {
            return Presence::Same;
        }
        if !present {
            return Presence::of(state.absent(&member.id));
        }
        if state.present.contains(&member.id) {
            return Presence::Same;
        }
        state.present.push(member.id.clone());
        Presence::Changed
    }

    /// Sends a packet to everybody but its sender, in the order in which one sender calls.
    pub(super) fn broadcast(&self, sender: &Member, packet: &Outgoing) -> Presence {
        let behind: Vec<_> = {
            let state = self.write();
            if !state.has(sender) {
                return Presence::Same;
            }
            let others = state
                .members
                .values()
                .filter(|member| !std::ptr::eq(&raw const ***member, sender));
            others
                .filter(|member| member.peer.offer(packet).is_err())
                .cloned()
                .collect()
        };
        self.evict_all(&behind)
    }

    /// The gateway's own clone, if it is connected just now.
    pub(super) fn gateway(&self) -> Option<Arc<Member>> {
        self.read().gateway.clone()
    }

    /// Sends an operation that the gateway's own clone let pass to everybody but it and the sender, who may have gone.
    pub(super) fn relay_decided(&self, sender: &Member, packet: &Outgoing) -> Presence {
        let behind: Vec<_> = {
            let state = self.write();
            let others = state
                .members
                .values()
                .filter(|member| member.id != sender.id && !state.is_gateway(member));
            others
                .filter(|member| member.peer.offer(packet).is_err())
                .cloned()
                .collect()
        };
        self.evict_all(&behind)
    }

    /// Whether a member is still in the room: frames of one that was taken out may still be read.
    pub(super) fn has(&self, member: &Member) -> bool {
        self.read().has(member)
    }

    /// Sends a packet to one member, if there is one of that id.
    pub(super) fn unicast(&self, to: &str, packet: &Outgoing) -> Presence {
        let Ok(id) = CloneId::parse(to) else {
            return Presence::Same;
        };
        let found = self.read().members.get(&id).cloned();
        found.map_or(Presence::Same, |member| member.tell(packet))
    }

    /// Whether a member's queue is far from full; also if there is no such member.
    pub(super) fn has_room(&self, id: &str) -> bool {
        let Ok(id) = CloneId::parse(id) else {
            return true;
        };
        let found = self.read().members.get(&id).cloned();
        found.is_none_or(|member| member.peer.has_room())
    }

    /// Notes that presence is to be announced. False: somebody is about to do so already.
    pub(super) fn begin_announcing(&self) -> bool {
        !std::mem::replace(&mut self.write().announcing, true)
    }

    /// Tells everybody who is present now.
    pub(super) fn announce(&self) -> Presence {
        let behind: Vec<_> = {
            let mut state = self.write();
            state.announcing = false;
            let Some(packet) = Outgoing::presence(&state.present_texts()) else {
                return Presence::Same;
            };
            state
                .members
                .values()
                .filter(|member| member.peer.offer(&packet).is_err())
                .cloned()
                .collect()
        };
        self.evict_all(&behind)
    }

    /// Members but for one, which need not be one any more.
    pub(super) fn others(&self, than: &Member) -> usize {
        let state = self.read();
        state
            .members
            .len()
            .saturating_sub(usize::from(state.has(than)))
    }

    /// Members now.
    pub(super) fn len(&self) -> usize {
        self.read().members.len()
    }

    /// The members that `which` chooses.
    pub(super) fn members(&self, which: impl Fn(&Member) -> bool) -> Vec<Arc<Member>> {
        self.read()
            .members
            .values()
            .filter(|member| which(member))
            .cloned()
            .collect()
    }

    /// Closes the room if nobody is in it. True: it is closed, and can be forgotten.
    pub(super) fn close_if_empty(&self) -> bool {
        let mut state = self.write();
        state.closed |= state.members.is_empty();
        state.closed
    }

    fn evict_all(&self, behind: &[Arc<Member>]) -> Presence {
        behind.iter().fold(Presence::Same, |presence, member| {
            presence.or(self.evict(member, "its queue is full"))
        })
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Room")
            .field("domain", &self.domain)
            .field("members", &self.len())
            .finish_non_exhaustive()
    }
}

impl State {
    fn is_gateway(&self, member: &Arc<Member>) -> bool {
        self.gateway
            .as_ref()
            .is_some_and(|gateway| Arc::ptr_eq(gateway, member))
    }

    fn has(&self, member: &Member) -> bool {
        self.members
            .get(&member.id)
            .is_some_and(|found| std::ptr::eq(&raw const **found, member))
    }

    fn admits(&self, member: &Member, limit: usize) -> Result<(), JoinError> {
        if self.closed {
            return Err(JoinError::Closed);
        }
        match self.members.get(&member.id) {
            Some(old) if old.holder != member.holder => Err(JoinError::Taken),
            None if self.members.len() >= limit => Err(JoinError::Full),
            _ => Ok(()),
        }
    }

    fn absent(&mut self, id: &CloneId) -> bool {
        let before = self.present.len();
        self.present.retain(|present| present != id);
        self.present.len() != before
    }

    fn present_texts(&self) -> Vec<&str> {
        self.present.iter().map(CloneId::as_str).collect()
    }
}

#[cfg(test)]
#[path = "room_tests.rs"]
mod tests;
