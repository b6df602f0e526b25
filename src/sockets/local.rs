//! Clones in this process: members of a room without a socket.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use engineioxide::socket::Sid;
use serde::Serialize;

use super::event::{Event, Params, Unicast as Name};
use super::hub::Hub;
use super::packet::Outgoing;
use super::peer::{Overflow, Peer};
use super::room::{Holder, Member};
use super::service::Sockets;
use crate::domains::{Arriving, Candidate, Inbox, Line, Relay, Unicast, UnicastKind};
use crate::ids::{CloneId, DomainId};

impl Relay for Sockets {
    fn connect(
        &self,
        domain: &DomainId,
        clone: &CloneId,
        inbox: Arc<dyn Inbox>,
    ) -> Option<Box<dyn Line>> {
        connect(self.hub(), domain, clone, &inbox)
    }
}

fn connect(
    hub: Arc<Hub>,
    domain: &DomainId,
    clone: &CloneId,
    inbox: &Arc<dyn Inbox>,
) -> Option<Box<dyn Line>> {
    let member = |room| {
        let peer = Box::new(LocalPeer(Arc::clone(inbox)));
        Arc::new(Member::new(clone.clone(), Holder::gateway(), room, peer))
    };
    let member = hub.join_local(domain, member).ok()?;
    Some(Box::new(LocalLine { hub, member }))
}

/// The receiving side: packets become what they mean.
struct LocalPeer(Arc<dyn Inbox>);

impl Peer for LocalPeer {
    fn offer(&self, packet: &Outgoing) -> Result<(), Overflow> {
        match arriving(packet) {
            Some(arriving) => self.0.deliver(arriving).map_err(|_| Overflow),
            // A greeting, or a farewell: that of a socket.
            None => Ok(()),
        }
    }

    fn close(&self) {
        self.0.cut();
    }

    fn cut(&self) {
        self.0.cut();
    }

    fn refused(&self) -> Option<Sid> {
        None
    }

    fn has_room(&self) -> bool {
        true
    }

    fn decides(&self) -> bool {
        true
    }

    fn is_away(&self) -> bool {
        self.0.is_away()
    }

    fn decide(&self, candidate: Candidate) -> Result<(), Overflow> {
        let delivered = self.0.deliver(Arriving::Candidate(candidate));
        delivered.map_err(|_| Overflow)
    }
}

impl fmt::Debug for LocalPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LocalPeer")
    }
}

/// What a packet to a clone means.
fn arriving(packet: &Outgoing) -> Option<Arriving> {
    if let Some(message) = packet.as_operation() {
        return Some(Arriving::Operation(message.clone()));
    }
    let Some(payload) = &packet.attachment else {
        return packet.as_presence().map(Arriving::Presence);
    };
    let attachments = VecDeque::from([payload.clone()]);
    match Event::parse(packet.arguments()?, attachments).ok()? {
        Event::Unicast {
            event,
            params,
            payload,
        } => unicast(event, &params, payload),
        Event::Present(_) | Event::Operation(_) => None,
    }
}

fn unicast(event: Name, params: &Params, payload: Bytes) -> Option<Arriving> {
    let value = |name| params.value(name).map(str::to_owned);
    let kind = match event {
        Name::Send => UnicastKind::Send {
            message: value("messageId")?,
        },
        Name::Reply => UnicastKind::Reply {
            message: value("messageId")?,
            to: value("sentMessageId")?,
        },
        Name::Notify => UnicastKind::Notify {
            channel: value("channelId")?,
        },
    };
    Some(Arriving::Unicast {
        from: value("fromId")?,
        message: Unicast { kind, payload },
    })
}

/// The sending side.
#[derive(Debug)]
struct LocalLine {
    hub: Arc<Hub>,
    member: Arc<Member>,
}

impl Line for LocalLine {
    fn present(&self, present: bool) {
        let presence = self.member.room.set_present(&self.member, present);
        self.hub.announce_if(presence, &self.member.room);
    }

    fn operation(&self, message: Bytes) {
        let packet = Outgoing::operation(message);
        let presence = self.member.room.broadcast(&self.member, &packet);
        self.hub.announce_if(presence, &self.member.room);
    }

    fn unicast(&self, to: &str, message: Unicast) {
        let params = Sent::new(self.member.id.as_str(), to, &message.kind);
        let packet = Outgoing::unicast(name(&message.kind), &params, message.payload);
        if let Some(packet) = packet.filter(|_| self.member.room.has(&self.member)) {
            let presence = self.member.room.unicast(to, &packet);
            self.hub.announce_if(presence, &self.member.room);
        }
    }

    fn has_room(&self, to: &str) -> bool {
        self.member.room.has_room(to)
    }

    fn others(&self) -> usize {
        self.member.room.others(&self.member)
    }
}

impl Drop for LocalLine {
    fn drop(&mut self) {
        self.hub.leave(&self.member);
    }
}

fn name(kind: &UnicastKind) -> &'static str {
    match kind {
        UnicastKind::Send { .. } => Name::Send.name(),
        UnicastKind::Reply { .. } => Name::Reply.name(),
        UnicastKind::Notify { .. } => Name::Notify.name(),
    }
}

/// The parameters of a unicast, as clones write them.
#[derive(Serialize)]
struct Sent<'a> {
    #[serde(rename = "fromId")]
    from: &'a str,
    #[serde(rename = "toId")]
    to: &'a str,
    #[serde(rename = "messageId", skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(rename = "sentMessageId", skip_serializing_if = "Option::is_none")]
    replied: Option<&'a str>,
    #[serde(rename = "channelId", skip_serializing_if = "Option::is_none")]
    channel: Option<&'a str>,
}

impl<'a> Sent<'a> {
    fn new(from: &'a str, to: &'a str, kind: &'a UnicastKind) -> Self {
        let (message, replied, channel) = match kind {
            UnicastKind::Send { message } => (Some(message), None, None),
            UnicastKind::Reply { message, to } => (Some(message), Some(to), None),
            UnicastKind::Notify { channel } => (None, None, Some(channel)),
        };
        Self {
            from,
            to,
            message: message.map(String::as_str),
            replied: replied.map(String::as_str),
            channel: channel.map(String::as_str),
        }
    }
}

#[cfg(test)]
#[path = "local_tests.rs"]
mod tests;
