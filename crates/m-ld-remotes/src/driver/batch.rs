//! What is handled together, and made safe at once.

use std::time::Duration;

use m_ld_engine::clone::{CloneError, Effects, Input, MeldClone};

use super::handle::{Answer, Job};
use crate::remotes::Message;

/// So many messages and writes are handled together at most, and so many bytes of messages.
const MOST: usize = 256;
const MOST_BYTES: usize = 1 << 20;

/// Effects that wait until what they speak of is safe, and those who wait for that.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) effects: Effects,
    pub(super) answers: Vec<Answer>,
    count: usize,
    bytes: usize,
}

impl Batch {
    /// Whether no more should wait.
    pub(super) fn is_full(&self) -> bool {
        self.count >= MOST || self.bytes >= MOST_BYTES
    }

    /// Hands a message to the clone.
    pub(super) fn message(
        &mut self,
        clone: &mut MeldClone,
        message: &Message,
        now: Duration,
    ) -> Result<(), CloneError> {
        self.bytes = self.bytes.saturating_add(payload(message));
        let effects = clone.handle(input(message), now)?;
        self.effects(effects);
        Ok(())
    }

    /// Does what an application wants.
    pub(super) fn job(&mut self, clone: &mut MeldClone, job: Job, now: Duration) {
        let (effects, answer) = job(clone, now);
        self.effects(effects);
        self.answers.push(answer);
    }

    /// Adds what else the clone wants done.
    pub(super) fn effects(&mut self, effects: Effects) {
        self.count = self.count.saturating_add(1);
        self.effects.join(effects);
    }
}

fn payload(message: &Message) -> usize {
    match message {
        Message::Operation(payload)
        | Message::Request { payload, .. }
        | Message::Reply { payload, .. }
        | Message::Notification { payload, .. } => payload.len(),
        Message::Presence(ids) => ids.iter().map(String::len).sum(),
        Message::Connected | Message::Disconnected(_) | Message::SendFailed { .. } => 0,
    }
}

/// A message as the clone takes it.
fn input(message: &Message) -> Input<'_> {
    match message {
        Message::Connected => Input::Connected,
        Message::Disconnected(_) => Input::Disconnected,
        Message::Presence(ids) => Input::Presence(ids.clone()),
        Message::Operation(message) => Input::Operation(message),
        Message::Request {
            from,
            message_id,
            payload,
        } => Input::Request {
            from,
            message_id,
            payload,
        },
        Message::Reply {
            from,
            message_id,
            sent_message_id,
            payload,
        } => Input::Reply {
            from,
            message_id,
            sent_message_id,
            payload,
        },
        Message::Notification {
            from,
            channel,
            payload,
        } => Input::Notification {
            from,
            channel,
            payload,
        },
        Message::SendFailed { message_id } => Input::SendFailed { message_id },
    }
}
