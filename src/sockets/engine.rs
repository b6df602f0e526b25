//! The life of a socket: opened, asked who it is, let in or refused, listened to, gone.
//!
//! The engine calls a socket's handlers one after the other, from the task that reads it: what happens in
//! them happens in the order of its messages. So relaying is done right there, and only admission, which
//! may have to verify a password hash, is handed to a task of its own.

use std::collections::VecDeque;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use engineioxide::handler::EngineIoHandler;
use engineioxide::{DisconnectReason, Socket, Str, TransportType};
use m_ld_engine::wire;
use tokio::sync::watch;

use super::event::{Event, EventError, Params, Unicast};
use super::handshake::{Handshake, Refusal};
use super::held::Held;
use super::hub::Hub;
use super::judging::{Judge, Refused};
use super::keeping::Relayed;
use super::packet::{Incoming, Outgoing};
use super::peer::SocketPeer;
use super::polling::Polling;
use super::room::{Holder, JoinError, Member};
use super::session::Session;
use crate::accounts::{Accounts, Admission};
use crate::clock::Clock;
use crate::config;
use crate::domains::{Candidate, Domains};
use crate::ids::{DomainId, GatewayDomain};
use crate::limits::{Class, Limits, SocketBudget, Source};

/// A socket of ours, as the engine hands it to us.
pub(super) type Eio = Arc<Socket<Session>>;

/// Handles what the engine reads.
pub(super) struct Engine {
    pub(super) hub: Arc<Hub>,
    pub(super) accounts: Accounts,
    pub(super) domains: Domains,
    pub(super) limits: Arc<Limits>,
    pub(super) clock: Clock,
    pub(super) gateway: GatewayDomain,
    pub(super) config: config::Sockets,
    pub(super) undecided: Undecided,
    pub(super) polling: Polling,
    pub(super) judge: Judge,
    /// Every socket has a receiver for as long as it lives.
    pub(super) alive: watch::Sender<()>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("hub", &self.hub)
            .finish_non_exhaustive()
    }
}

impl EngineIoHandler for Engine {
    type Data = Session;

    fn on_connect(self: Arc<Self>, socket: Eio) {
        match self.limits.open_session(source_of(&socket)) {
            Ok(slot) => drop(socket.data.slot.set(slot)),
            Err(full) => {
                log::debug!(target: "meldgate::sockets", source:% = source_of(&socket); "a session was refused: {full}");
                return socket.close(DisconnectReason::ClosingServer);
            }
        }
        socket.data.alive.get_or_init(|| self.alive.subscribe());
        // One that polls comes on many connections, which it may share with others.
        if socket.transport_type() == TransportType::Polling {
            self.polling.add(&socket);
        } else if let Some(handle) = socket.req_parts.extensions.get() {
            socket.data.set_transport(Clone::clone(handle));
        }
        self.undecided
            .add(self.clock.running() + self.config.connect_timeout, &socket);
        if self.hub.is_draining() {
            socket.close(DisconnectReason::ClosingServer);
        }
    }

    fn on_disconnect(&self, socket: Eio, reason: DisconnectReason) {
        self.polling.remove(socket.id);
        if let Some(member) = socket.data.end() {
            log::debug!(
                target: "meldgate::sockets",
                clone = member.id.as_str(), reason:? = reason;
                "a clone's connection ended"
            );
            self.hub.leave(&member);
        }
    }

    fn on_message(self: &Arc<Self>, message: Str, socket: Eio) {
        let read = socket.data.reader.text(self.config.max_payload, message);
        self.take(read, socket);
    }

    fn on_binary(self: &Arc<Self>, data: Bytes, socket: Eio) {
        let read = socket.data.reader.binary(self.config.max_payload, data);
        self.take(read, socket);
    }
}

impl Engine {
    fn take(
        self: &Arc<Self>,
        read: Result<Option<Incoming>, super::packet::PacketError>,
        socket: Eio,
    ) {
        // CONNECT has a rate of its own, and comes once.
        let counts = matches!(&read, Ok(Some(packet)) if !matches!(packet, Incoming::Connect(_)));
        if counts && self.budget(&socket).spend().is_err() {
            return self.expel(&socket);
        }
        match read {
            Ok(None | Some(Incoming::Ack)) => {}
            Ok(Some(Incoming::Operation(message))) => {
                let event = Ok(Event::Operation(message));
                self.event(&socket, event, None);
            }
            Ok(Some(Incoming::Event {
                arguments,
                attachments,
                ack,
            })) => {
                let event = Event::parse(arguments.as_str(), attachments);
                self.event(&socket, event, ack);
            }
            Ok(Some(Incoming::Connect(auth))) => self.connect(socket, auth),
            Ok(Some(Incoming::ForeignNamespace(namespace))) => {
                if let Some(packet) = Outgoing::no_namespace(namespace.as_str()) {
                    emit(&socket, &packet);
                }
            }
            Ok(Some(Incoming::Disconnect)) => {
                if let Some(member) = socket.data.end() {
                    self.hub.leave(&member);
                }
                socket.close(DisconnectReason::TransportClose);
            }
            Err(error) => {
                log::debug!(target: "meldgate::sockets", error:err = error; "a socket sent what is no packet");
                self.expel(&socket);
            }
        }
    }

    // Admission.

    fn connect(self: &Arc<Self>, socket: Eio, auth: Option<Str>) {
        if !socket.data.begin_connecting() {
            return self.expel(&socket);
        }
        let engine = Arc::clone(self);
        tokio::spawn(Box::pin(async move {
            if let Err(refusal) = engine.admit(&socket, auth.as_ref().map(Str::as_str)).await {
                log::info!(
                    target: "meldgate::sockets",
                    source:% = source_of(&socket), reason = refusal.message();
                    "a socket was refused"
                );
                match (socket.data.end(), refusal.is_told()) {
                    (None, true) => emit(&socket, &Outgoing::refused(refusal.message())),
                    (member, _) => {
                        if let Some(member) = member {
                            engine.hub.leave(&member);
                        }
                        socket.close(DisconnectReason::ClosingServer);
                    }
                }
            }
        }));
    }

    async fn admit(self: &Arc<Self>, socket: &Eio, auth: Option<&str>) -> Result<(), Refusal> {
        let source = source_of(socket);
        self.limits
            .spend_source(Class::Connects, source)
            .map_err(|_| Refusal::TooManyRequests)?;
        let handshake = Handshake::parse(&socket.req_parts.uri, auth, &self.gateway)?;
        let admission = self
            .accounts
            .admit(
                &handshake.domain,
                &handshake.credential,
                source,
                &self.domains,
            )
            .await?;
        // Whoever joins finds the gateway's own clone there.
        let _there = self.domains.prepare(&handshake.domain).await?;
        self.join(socket, &handshake, &admission)?;
        // What ended, or was given an end, before the socket was in its room would not have found it there.
        let end = self.accounts.ends(&admission)?;
        if let Some((member, end)) = socket.data.member().zip(end) {
            member.limit(end);
        }
        if self.accounts.holds(&admission)? && self.domains.stands(&handshake.domain) {
            Ok(())
        } else {
            Err(Refusal::Unauthorized)
        }
    }

    fn join(
        self: &Arc<Self>,
        socket: &Eio,
        handshake: &Handshake,
        admission: &Admission,
    ) -> Result<(), Refusal> {
        let holder = Holder::of(admission);
        let member = |room| {
            let peer = SocketPeer::new(Arc::clone(socket), self.config.queue_bytes);
            let (id, peer) = (handshake.clone.clone(), Box::new(peer));
            let member = Member::new(id, holder.clone(), room, peer);
            Arc::new(member.admitted(admission.clone()))
        };
        let greeting = Outgoing::connected(&socket.id.to_string());
        let joined = self
            .hub
            .join(&handshake.domain, member, &greeting, &socket.data);
        joined.map_err(|error| match error {
            JoinError::Taken => Refusal::Forbidden,
            JoinError::Full | JoinError::Closed => Refusal::TooManyRequests,
        })?;
        log::debug!(
            target: "meldgate::sockets",
            domain = handshake.domain.to_mld(&self.gateway), clone = handshake.clone.as_str(), source:% = source_of(socket);
            "a clone is connected"
        );
        Ok(())
    }

    // Relaying.

    fn event(self: &Arc<Self>, socket: &Eio, event: Result<Event, EventError>, ack: Option<i64>) {
        let Some(member) = socket.data.member() else {
            return self.expel(socket);
        };
        let account = member.holder.account.as_ref();
        let spent = account.map(|account| self.limits.spend_account(Class::Messages, account));
        if spent.is_some_and(|spent| spent.is_err()) {
            return self.expel(socket);
        }
        let outcome = match event {
            // The gateway's own domain has one source. Who copies it is asked by nobody for what the gateway says.
            Ok(Event::Present(_)) if member.room.domain == DomainId::Gateway => Ok(()),
            Ok(Event::Operation(_)) if member.room.domain == DomainId::Gateway => {
                return self.read_only(socket, &member);
            }
            Ok(Event::Present(present)) => {
                let presence = member.room.set_present(&member, present);
                self.hub.announce_if(presence, &member.room);
                Ok(())
            }
            Ok(Event::Operation(message)) => {
                match self.judge.judge(&message, self.budget(socket)) {
                    Ok(()) if self.domains.is_signed(&member.room.domain) => {
                        return self.hold(socket, &member, message);
                    }
                    Ok(()) => match self.relay(&member, message) {
                        Relayed::Kept => Ok(()),
                        // Who does not ask hears nothing: it is with the others, and waits for the clone.
                        Relayed::NotKept if ack.is_none() => Ok(()),
                        Relayed::NotKept => Err("Not kept"),
                        Relayed::ToNobody => return self.expel(socket),
                    },
                    // Of no use to anybody, and not its sender's fault: a JavaScript clone would not come back.
                    Err(Refused::Poison(wire::WireError::AfterItself)) => Ok(()),
                    Err(Refused::Poison(error)) => return self.poisoned(socket, &member, error),
                    Err(Refused::TooMuch) => return self.expel(socket),
                }
            }
            Ok(Event::Unicast {
                event,
                params,
                payload,
            }) if ack.is_some() => self.unicast(&member, event, &params, payload),
            Ok(Event::Unicast { .. }) => Err("No acknowledgement"),
            Err(EventError::Arguments) => Err("Bad arguments"),
            Err(EventError::Unknown) => Err("Unknown event"),
        };
        match (ack, outcome) {
            (Some(id), outcome) => emit(socket, &Outgoing::ack(id, outcome)),
            (None, Ok(())) => {}
            // There is no way to say what is wrong, and staying would hide it.
            (None, Err(_)) => self.expel(socket),
        }
    }

    fn budget<'a>(&self, socket: &'a Eio) -> &'a SocketBudget {
        socket
            .data
            .budget
            .get_or_init(|| self.limits.socket_messages())
    }

    /// Holds an operation until the gateway's own clone has decided about it. Whoever sends more than it can take, or
    /// while it is away, is cut off, and comes back.
    fn hold(self: &Arc<Self>, socket: &Eio, member: &Arc<Member>, message: Bytes) {
        let gateway = member.room.gateway();
        let sender = Held::new(Arc::clone(self), Arc::clone(socket), Arc::clone(member));
        let candidate = Candidate {
            message,
            sender: Arc::new(sender),
        };
        // What is not taken is dropped, which is what cuts the sender off.
        gateway
            .map_or(Ok(()), |gateway| gateway.decide(candidate))
            .ok();
    }

    fn unicast(
        self: &Arc<Self>,
        member: &Member,
        event: Unicast,
        params: &Params,
        payload: Bytes,
    ) -> Result<(), &'static str> {
        if params.value("fromId") != Some(member.id.as_str()) || !member.room.has(member) {
            return Err("Forbidden");
        }
        let to = params.value("toId").ok_or("Bad arguments")?;
        let packet = Outgoing::unicast(event.name(), params, payload).ok_or("Bad arguments")?;
        let presence = member.room.unicast(to, &packet);
        self.hub.announce_if(presence, &member.room);
        Ok(())
    }

    /// Ends a socket whose operation would have harmed others; its clone is not to try again.
    fn poisoned(self: &Arc<Self>, socket: &Eio, member: &Arc<Member>, error: wire::WireError) {
        log::warn!(
            target: "meldgate::audit",
            event = "operation-refused", domain = member.room.domain.to_mld(&self.gateway), clone = member.id.as_str(),
            account = member.holder.account.as_ref().map_or("", |account| account.as_str()),
            source:% = source_of(socket), error:err = error;
            "an operation that would have closed other clones was refused, and its sender disconnected"
        );
        member.tell_last(&Outgoing::disconnect());
        self.expel(socket);
    }

    /// Ends a socket that wrote where the gateway alone does. What it wrote reaches nobody; its clone learns why by the
    /// message that it would have got if it had not been let in, and does not try again.
    fn read_only(self: &Arc<Self>, socket: &Eio, member: &Arc<Member>) {
        log::warn!(
            target: "meldgate::audit",
            event = "operation-refused", domain = member.room.domain.to_mld(&self.gateway), clone = member.id.as_str(),
            source:% = source_of(socket);
            "the gateway's own domain is changed by the API alone: an operation was refused, and its sender disconnected"
        );
        member.tell_last(&Outgoing::refused(Refusal::Forbidden.message()));
        self.expel(socket);
    }

    /// Ends a socket that does not keep to the protocol.
    pub(super) fn expel(self: &Arc<Self>, socket: &Eio) {
        if let Some(member) = socket.data.end() {
            self.hub.leave(&member);
        }
        socket.close(DisconnectReason::PacketParsingError);
    }
}

fn emit(socket: &Eio, packet: &Outgoing) {
    socket.data.polled.queues(packet);
    if socket.emit(packet.text.clone()).is_err() {
        socket.close(DisconnectReason::TransportError);
        socket.data.cut_transport();
    }
}

pub(super) fn source_of(socket: &Eio) -> Source {
    socket
        .req_parts
        .extensions
        .get()
        .copied()
        .unwrap_or(Source::of(IpAddr::V4(Ipv4Addr::UNSPECIFIED)))
}

/// Sockets that have not yet said who they are, in the order of their deadlines.
#[derive(Debug, Default)]
pub(super) struct Undecided(Mutex<VecDeque<(Duration, Weak<Socket<Session>>)>>);

impl Undecided {
    fn add(&self, deadline: Duration, socket: &Eio) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_back((deadline, Arc::downgrade(socket)));
    }

    /// Closes those whose time is up. To be called now and then.
    pub(super) fn close_late(&self, now: Duration) {
        while let Some(socket) = self.next_late(now) {
            let late = socket
                .upgrade()
                .filter(|socket| !socket.is_closed() && socket.data.member().is_none());
            if let Some(socket) = late {
                socket.data.end();
                socket.close(DisconnectReason::TransportError);
            }
        }
    }

    /// Closes all of them.
    pub(super) fn close_all(&self) {
        self.close_late(Duration::MAX);
    }

    fn next_late(&self, now: Duration) -> Option<Weak<Socket<Session>>> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match waiting.front() {
            Some((deadline, _)) if *deadline <= now => {
                waiting.pop_front().map(|(_, socket)| socket)
            }
            _ => None,
        }
    }
}
