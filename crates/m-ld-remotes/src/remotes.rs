//! What clones say to one another over Socket.io (m-ld protocol, section 9).
//!
//! # Invariants
//! 1. Nothing comes out before [`Message::Connected`], nor between [`Message::Disconnected`] and the next one.
//! 2. What is sent while there is no connection goes nowhere, as the protocol wants it: a clone that was away catches up
//!    by rev-up, and so do the others.
//! 3. Of what the server sends, that which is not of the protocol is passed over. It is the server's mistake, and
//!    harms nobody but those it should have served.
//! 4. Never is a notification missing before one that arrives: if one fails, the connection is given up, and
//!    whoever was being served starts again.

mod message;
mod trace;

use std::collections::BTreeMap;

use bytes::Bytes;
use m_ld_engine::chance::Chance;
use serde_json::{Value, json};

pub use message::Message;

use self::trace::Trace;
use crate::socket::{Argument, Client, Event, Events, Lost, NotAcknowledged, Options, Session};

/// Why there will be no connection any more.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Ended {
    /// The server does not let us in.
    #[error("the server refuses: {0}")]
    Refused(String),
    /// The server sent us away.
    #[error("the server sent this clone away")]
    SentAway,
    /// The task that kept the connection has stopped.
    #[error("the connection's task has stopped")]
    Stopped,
}

/// The other clones of a domain, as far as a server connects with them.
#[derive(Debug)]
pub struct Remotes {
    clone_id: String,
    client: Client,
    events: Events,
    /// The connection whose [`Message::Connected`] was given out last, if it is there yet.
    session: Option<Session>,
    /// What failure of what waits for acknowledgement means, by its id.
    unacknowledged: BTreeMap<u64, Unacknowledged>,
    /// Why the events are about to end.
    ended: Ended,
    trace: Option<Trace>,
}

#[derive(Debug)]
enum Unacknowledged {
    Message(String),
    Notification,
}

impl Remotes {
    /// Begins to connect a clone to its domain, in a task of the current tokio runtime. `options` say where and how; the
    /// clone's id and the domain are added to them.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn connect(
        clone_id: &str,
        domain: &str,
        mut options: Options,
        chance: Box<dyn Chance>,
    ) -> Self {
        let own = [("@id", clone_id), ("@domain", domain)];
        let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
        options
            .query
            .retain(|(name, _)| own.iter().all(|(own, _)| own != name));
        options.query.extend(own);
        let (client, events) = Client::connect(options, chance);
        Self {
            clone_id: clone_id.to_owned(),
            client,
            events,
            session: None,
            unacknowledged: BTreeMap::new(),
            ended: Ended::Stopped,
            trace: None,
        }
    }

    /// Tells, from now on, all that passes: an object with `in` or `out` for each message, payloads in hexadecimal. They
    /// are the domain's data, legible.
    #[must_use]
    pub fn traced(mut self, tell: impl FnMut(Value) + Send + 'static) -> Self {
        self.trace = Some(Trace::to(tell));
        self
    }

    /// What comes next; an error if nothing will any more. Safe to cancel.
    pub async fn next(&mut self) -> Result<Message, Ended> {
        loop {
            let Some(event) = self.events.next().await else {
                return Err(self.ended.clone());
            };
            if let Some(message) = self.event(event) {
                return Ok(message);
            }
        }
    }

    /// What comes next, if it is there already.
    pub fn try_next(&mut self) -> Option<Message> {
        loop {
            let event = self.events.try_next()?;
            if let Some(message) = self.event(event) {
                return Some(message);
            }
        }
    }

    /// Bytes that wait to be sent or acknowledged, about. Whoever has much to send that can wait, such as a snapshot, does
    /// well to wait until this is little.
    pub fn unsent(&self) -> usize {
        self.client.unsent()
    }

    /// What comes next, as [`next`](Self::next), or `None` once there is [less unsent](Self::unsent) than so many bytes. Safe to
    /// cancel.
    pub async fn next_or_room(&mut self, bytes: usize) -> Option<Result<Message, Ended>> {
        loop {
            let event = tokio::select! {
                event = self.events.next() => event,
                () = self.client.until_unsent_below(bytes) => return None,
            };
            let Some(event) = event else {
                return Some(Err(self.ended.clone()));
            };
            if let Some(message) = self.event(event) {
                return Some(Ok(message));
            }
        }
    }

    /// Says whether this clone is present.
    pub fn present(&mut self, present: bool) {
        self.trace_out("present", &json!(present), &[]);
        self.emit("present", vec![json!(present).into()]);
    }

    /// Sends an operation message to everybody else.
    pub fn operation(&mut self, message: impl Into<Bytes>) {
        let message = message.into();
        self.trace_out("operation", &Value::Null, &message);
        self.emit("operation", vec![message.into()]);
    }

    /// Sends a request to a clone.
    pub fn request(&mut self, to: &str, message_id: &str, payload: impl Into<Bytes>) {
        let params = json!({"fromId": self.clone_id, "toId": to, "messageId": message_id});
        let failed = Unacknowledged::Message(message_id.to_owned());
        self.emit_acknowledged("send", params, payload.into(), failed);
    }

    /// Sends a response, or the acknowledgement of one, to a clone.
    pub fn reply(
        &mut self,
        to: &str,
        message_id: &str,
        sent_message_id: &str,
        payload: impl Into<Bytes>,
    ) {
        let params = json!({
            "fromId": self.clone_id, "toId": to,
            "messageId": message_id, "sentMessageId": sent_message_id
        });
        let failed = Unacknowledged::Message(message_id.to_owned());
        self.emit_acknowledged("reply", params, payload.into(), failed);
    }

    /// Sends a notification to a clone.
    pub fn notify(&mut self, to: &str, channel: &str, payload: impl Into<Bytes>) {
        let params = json!({"fromId": self.clone_id, "toId": to, "channelId": channel});
        self.emit_acknowledged(
            "notify",
            params,
            payload.into(),
            Unacknowledged::Notification,
        );
    }

    /// Gives the connection up, as if it was lost.
    pub fn cut(&self) {
        if let Some(session) = self.session {
            self.client.cut(session);
        }
    }

    /// Sends what waits, takes leave of the server, and waits until that is done.
    pub async fn close(self) {
        let Self {
            client, mut events, ..
        } = self;
        drop(client);
        while events.next().await.is_some() {}
    }

    fn emit(&mut self, event: &str, arguments: Vec<Argument>) {
        let Some(session) = self.session else {
            return;
        };
        if self.client.emit(session, event, arguments).is_err() {
            log::warn!("the server does not take what is sent: giving the connection up");
            self.client.cut(session);
        }
    }

    fn emit_acknowledged(
        &mut self,
        event: &str,
        params: Value,
        payload: Bytes,
        failed: Unacknowledged,
    ) {
        self.trace_out(event, &params, &payload);
        let Some(session) = self.session else {
            return;
        };
        let arguments = vec![params.into(), payload.into()];
        match self.client.emit_acknowledged(session, event, arguments) {
            Ok(id) => {
                self.unacknowledged.insert(id, failed);
            }
            Err(congested) => {
                log::warn!("{congested}: giving the connection up");
                self.client.cut(session);
            }
        }
    }

    fn trace_out(&mut self, event: &str, params: &Value, payload: &[u8]) {
        if let Some(trace) = self.trace.as_mut().filter(|_| self.session.is_some()) {
            trace.goes(event, params, payload);
        }
    }

    fn event(&mut self, event: Event) -> Option<Message> {
        let message = self.message(event);
        if let (Some(trace), Some(message)) = (&mut self.trace, &message) {
            trace.came(message);
        }
        message
    }

    fn message(&mut self, event: Event) -> Option<Message> {
        match event {
            Event::Connected(session) => {
                self.session = Some(session);
                Some(Message::Connected)
            }
            Event::Disconnected(lost) => Some(self.disconnected(&lost)),
            Event::Unreachable(why) => {
                log::debug!("no connection: {why}");
                None
            }
            Event::Refused { message } => {
                self.ended = Ended::Refused(message);
                None
            }
            Event::Acknowledged { id, arguments } => self.acknowledged(id, arguments),
            Event::Received {
                name, arguments, ..
            } => {
                let message = Message::read(&name, &arguments, &self.clone_id);
                if message.is_none() {
                    log::debug!("passing over an event that is none of ours or not well formed");
                }
                message
            }
        }
    }

    fn disconnected(&mut self, lost: &Lost) -> Message {
        self.session = None;
        self.unacknowledged.clear();
        if *lost == Lost::ByServer {
            self.ended = Ended::SentAway;
        }
        Message::Disconnected(lost.to_string())
    }

    fn acknowledged(
        &mut self,
        id: u64,
        arguments: Result<Vec<Argument>, NotAcknowledged>,
    ) -> Option<Message> {
        let failed = self.unacknowledged.remove(&id)?;
        // The server calls back with null, or with what went wrong.
        let fine = arguments.is_ok_and(|arguments| {
            arguments
                .first()
                .is_none_or(|error| error.as_json().is_some_and(Value::is_null))
        });
        match failed {
            _ if fine => None,
            Unacknowledged::Message(message_id) => Some(Message::SendFailed { message_id }),
            Unacknowledged::Notification => {
                log::warn!("a notification was not delivered: giving the connection up");
                self.cut();
                None
            }
        }
    }
}
