//! All rooms, and what concerns more than one of them: finding, announcing, revoking, draining.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use engineioxide::socket::Sid;

use super::packet::Outgoing;
use super::room::{JoinError, Member, Presence, Room};
use crate::accounts::Admission;
use crate::clock::Timestamp;
use crate::config;
use crate::ids::{DomainId, KeyId, Name};

/// How often a room that is closing under us is asked for again.
const JOIN_TRIES: usize = 100;

/// The rooms of all domains that anybody is connected to.
#[derive(Debug)]
pub(super) struct Hub {
    rooms: Mutex<BTreeMap<DomainId, Arc<Room>>>,
    clones_per_domain: usize,
    presence_delay: Duration,
    draining: AtomicBool,
}

impl Hub {
    /// No rooms yet.
    pub(super) fn new(config: &config::Sockets) -> Self {
        Self {
            rooms: Mutex::default(),
            clones_per_domain: config.clones_per_domain,
            presence_delay: config.presence_delay,
            draining: AtomicBool::new(false),
        }
    }

    /// Puts a clone, made by `member` for the room that it gets, into its domain's room.
    pub(super) fn join(
        self: &Arc<Self>,
        domain: &DomainId,
        member: impl Fn(Arc<Room>) -> Arc<Member>,
        greeting: &Outgoing,
        session: &super::session::Session,
    ) -> Result<(), JoinError> {
        for _ in 0..JOIN_TRIES {
            let member = member(self.room(domain));
            let room = Arc::clone(&member.room);
            let mut presence = Presence::Same;
            let joined = session.joined(&member, || {
                presence = room.join(&member, Some(greeting), self.clones_per_domain)?;
                Ok(())
            });
            self.announce_if(presence, &room);
            match joined {
                Err(JoinError::Closed) => {}
                Err(error) => {
                    self.forget_if_empty(&room);
                    return Err(error);
                }
                Ok(true) if self.is_draining() => {
                    let presence = member.room.dismiss(&member);
                    self.announce_if(presence, &member.room);
                    return Ok(());
                }
                Ok(_) => {
                    self.forget_if_empty(&room); // it went before it came
                    return Ok(());
                }
            }
        }
        Err(JoinError::Closed)
    }

    /// Puts a clone of this process into its domain's room. No limit keeps it out.
    pub(super) fn join_local(
        self: &Arc<Self>,
        domain: &DomainId,
        member: impl Fn(Arc<Room>) -> Arc<Member>,
    ) -> Result<Arc<Member>, JoinError> {
        for _ in 0..JOIN_TRIES {
            let member = member(self.room(domain));
            if self.is_draining() {
                break;
            }
            match member.room.join(&member, None, usize::MAX) {
                Ok(presence) => {
                    self.announce_if(presence, &member.room);
                    return Ok(member);
                }
                Err(JoinError::Closed) => {}
                Err(error) => return Err(error),
            }
        }
        Err(JoinError::Closed)
    }

    /// Takes a clone out of its room, if it is still in it.
    pub(super) fn leave(self: &Arc<Self>, member: &Arc<Member>) {
        let presence = member.room.leave(member);
        self.announce_if(presence, &member.room);
        self.forget_if_empty(&member.room);
    }

    /// Tells a room, after a short while in which more changes may come, who is present.
    pub(super) fn announce_if(self: &Arc<Self>, presence: Presence, room: &Arc<Room>) {
        if presence == Presence::Same || !room.begin_announcing() {
            return;
        }
        let (hub, room) = (Arc::clone(self), Arc::clone(room));
        tokio::spawn(async move {
            // What one announcement costs grows with the square of the room, so a large room hears less often.
            let members = u32::try_from(room.len()).unwrap_or(u32::MAX);
            let crowd = Duration::from_micros(500)
                .saturating_mul(members)
                .min(Duration::from_secs(2));
            tokio::time::sleep(hub.presence_delay.max(crowd)).await;
            let presence = room.announce();
            hub.announce_if(presence, &room);
        });
    }

    /// Members whose clients take no bytes at this moment, with the ids of their sockets.
    pub(super) fn refused(&self) -> Vec<(Sid, Arc<Member>)> {
        let rooms = self.all();
        let members = rooms
            .iter()
            .flat_map(|room| room.members(|member| member.refused().is_some()));
        members
            .filter_map(|member| Some((member.refused()?, member)))
            .collect()
    }

    /// Takes out a member whose socket is over, though its connection would not let go.
    pub(super) fn bury(self: &Arc<Self>, member: &Arc<Member>) {
        let presence = member
            .room
            .evict(member, "its socket is over, and its client takes no bytes");
        self.announce_if(presence, &member.room);
        self.forget_if_empty(&member.room);
    }

    /// Ends every socket whose credential was this key, or was signed with it.
    pub(super) fn revoke(self: &Arc<Self>, key: &KeyId) -> usize {
        self.dismiss(|member| member.holder.key.as_ref() == Some(key))
    }

    /// Ends every socket in a domain that is no more.
    pub(super) fn delete(self: &Arc<Self>, domain: &DomainId) -> usize {
        self.dismiss(|member| member.room.domain == *domain)
    }

    /// Ends every socket in the domains of an account that is no more.
    pub(super) fn close_account(self: &Arc<Self>, account: &Name) -> usize {
        self.dismiss(|member| is_of(&member.room.domain, account))
    }

    /// Ends every socket in the domains of an account that is not to be let in any more.
    pub(super) fn reconsider(
        self: &Arc<Self>,
        account: &Name,
        holds: impl Fn(&Admission) -> bool,
    ) -> usize {
        let mut dismissed = 0;
        for room in self.all() {
            if !is_of(&room.domain, account) {
                continue;
            }
            // Outside the room's lock: it is asked what the store has.
            let members = room.members(|member| member.admission().is_some());
            for member in members {
                if member.admission().is_none_or(&holds) {
                    continue;
                }
                let presence = room.dismiss(&member);
                self.announce_if(presence, &room);
                dismissed += 1;
            }
        }
        dismissed
    }

    /// Notes that a key ends at a moment yet to come.
    pub(super) fn limit(&self, key: &KeyId, end: Timestamp) {
        for room in self.all() {
            for member in room.members(|member| member.holder.key.as_ref() == Some(key)) {
                member.limit(end);
            }
        }
    }

    /// Ends the sockets whose keys have ended by themselves.
    pub(super) fn expire(self: &Arc<Self>, now: Timestamp) -> usize {
        self.dismiss(|member| member.has_ended(now))
    }

    /// Ends every socket: their clients reconnect, to whoever answers then.
    pub(super) fn drain(self: &Arc<Self>) -> usize {
        self.draining.store(true, Ordering::SeqCst);
        self.dismiss(|_| true)
    }

    /// Ends every socket, so that whoever is still entitled comes back and is verified again.
    pub(super) fn reconnect_all(self: &Arc<Self>) -> usize {
        self.dismiss(|_| true)
    }

    /// Whether the gateway is stopping.
    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }

    /// Clones that are connected now.
    pub(super) fn len(&self) -> usize {
        self.all().iter().map(|room| room.len()).sum()
    }

    fn dismiss(self: &Arc<Self>, which: impl Fn(&Member) -> bool) -> usize {
        let mut dismissed = 0;
        for room in self.all() {
            for member in room.members(&which) {
                let presence = room.dismiss(&member);
                self.announce_if(presence, &room);
                dismissed += 1;
            }
        }
        dismissed
    }

    fn all(&self) -> Vec<Arc<Room>> {
        self.rooms().values().cloned().collect()
    }

    fn room(&self, domain: &DomainId) -> Arc<Room> {
        let mut rooms = self.rooms();
        Arc::clone(
            rooms
                .entry(domain.clone())
                .or_insert_with(|| Arc::new(Room::new(domain.clone()))),
        )
    }

    fn forget_if_empty(&self, room: &Arc<Room>) {
        let mut rooms = self.rooms();
        let current = rooms
            .get(&room.domain)
            .is_some_and(|found| Arc::ptr_eq(found, room));
        if current && room.close_if_empty() {
            rooms.remove(&room.domain);
        }
    }

    fn rooms(&self) -> MutexGuard<'_, BTreeMap<DomainId, Arc<Room>>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a domain is one of an account's.
fn is_of(domain: &DomainId, account: &Name) -> bool {
    matches!(domain, DomainId::Subdomain { account: own, .. } if own == account)
}

#[cfg(test)]
#[path = "hub_tests.rs"]
pub(super) mod tests;
