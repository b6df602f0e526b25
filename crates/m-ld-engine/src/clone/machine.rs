//! The state machine.

use std::sync::Arc;
use std::time::Duration;

use super::buffer::Bytes;
use super::collaborate::{Collaboration, Reason};
use super::deliver::{Delivered, Seen};
use super::message::{Heading, Source};
use super::replica::Replica;
use super::{CloneError, Config, Effect, Effects, Input, Status, Update, WriteError};
use crate::chance::Chance;
use crate::change::Change;
use crate::constraint::{Constraint, Extension};
use crate::context::Context;
use crate::msgpack::Value;
use crate::security::{NoSecurity, TransportSecurity};
use crate::store::{Store, View};

/// What an application adds to a clone.
pub struct Plugins {
    /// Rules that the data keeps, before all others.
    pub constraints: Vec<Box<dyn Constraint>>,
    /// Who may speak to whom.
    pub security: Box<dyn TransportSecurity>,
}

impl Default for Plugins {
    /// Nothing, and a domain that is open to whoever can send to it.
    fn default() -> Self {
        Self {
            constraints: Vec::new(),
            security: Box::new(NoSecurity),
        }
    }
}

/// What a write came to.
#[derive(Clone, Debug)]
pub struct Written {
    /// The clone's own tick for it.
    pub ticks: u64,
    /// What it did. None if nothing.
    pub update: Option<Box<Update>>,
}

/// A clone of a domain. See the [module](super).
pub struct MeldClone {
    pub(super) replica: Replica,
    pub(super) config: Config,
    context: Context,
    pub(super) with: Collaboration,
    /// The latest time that was told.
    pub(super) now: Duration,
    /// What is wanted, since it was last handed out.
    pub(super) wanted: Effects,
    pub(super) status: Status,
    pub(super) closed: bool,
}

impl MeldClone {
    /// Opens a clone on a store, which it alone uses.
    ///
    /// `now` is the time since any moment, as all times that follow: it never goes back.
    pub fn open(
        store: Box<dyn Store>,
        config: Config,
        plugins: Plugins,
        chance: Box<dyn Chance>,
        now: Duration,
    ) -> Result<(Self, Effects), CloneError> {
        if config.clone_id.is_empty() || config.clone_id == "present" {
            return Err(CloneError::CloneId);
        }
        let replica = Replica::open(store, &config, plugins, chance)?;
        let context = Context::new(&replica.base, &config.context)
            .map_err(|error| CloneError::Context(error.to_string()))?;
        let mut clone = Self {
            context,
            with: Collaboration::new(&config),
            replica,
            config,
            now,
            wanted: Effects::default(),
            status: Status::default(),
            closed: false,
        };
        clone.tell_status();
        let effects = clone.hand_out();
        Ok((clone, effects))
    }

    /// Takes in what has happened.
    ///
    /// # Errors
    /// Only what ends this clone: nothing that another sends does. The clone is then closed, and
    /// may be opened anew.
    pub fn handle(&mut self, input: Input<'_>, now: Duration) -> Result<Effects, CloneError> {
        self.run(now, |clone| clone.take(input))
    }

    /// Goes on with what is being sent in pieces, by a bounded step.
    ///
    /// To be called while [`MeldClone::is_streaming`] and there is room to send.
    pub fn pump(&mut self, now: Duration) -> Result<Effects, CloneError> {
        self.run(now, Self::stream)
    }

    /// Writes what an application asks for, in json-rql.
    pub fn write(
        &mut self,
        request: &serde_json::Value,
        now: Duration,
    ) -> Result<(Written, Effects), WriteError> {
        self.check_ready()?;
        let limits = &self.config.patterns;
        let (change, agreed) = self.replica.plan(&self.context, request, limits)?;
        self.change(change, agreed, now)
    }

    /// Makes a change to the graph. `agreed` makes an agreement of it, and proves that.
    pub fn change(
        &mut self,
        change: Change,
        agreed: Option<Value>,
        now: Duration,
    ) -> Result<(Written, Effects), WriteError> {
        self.check_ready()?;
        self.now = self.now.max(now);
        let made = self.replica.write(change, agreed)?;
        let update = made.map(|made| {
            self.send(made.message);
            self.tell(Box::new(made.update))
        });
        let written = Written {
            ticks: self.ticks(),
            update,
        };
        Ok((written, self.hand_out()))
    }

    /// Lets effects out, having made safe what they speak of.
    pub fn release(&mut self, effects: Effects) -> Result<Vec<Effect>, CloneError> {
        if effects.needs_sync {
            self.replica.sync()?;
        }
        Ok(effects.list)
    }

    /// Makes safe all that was committed, whether or not effects speak of it.
    pub fn sync(&mut self) -> Result<(), CloneError> {
        self.replica.sync()
    }

    /// The data as it is now, for reading: it never changes, nor keeps the clone from writing.
    /// None before the clone has any.
    pub fn view(&self) -> Option<Arc<dyn View>> {
        let is_open = self.replica.is_ready() || self.with.has_been_ready;
        is_open.then(|| Arc::clone(&self.replica.visible))
    }

    /// The context of requests and notifications, where they bring none.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Extensions that the data declares, and that have no effect here. The application should
    /// know.
    pub fn unknown_extensions(&self) -> &[Extension] {
        self.replica.unknown_extensions()
    }

    /// How the clone is doing.
    pub fn status(&self) -> Status {
        self.status
    }

    /// Whether the clone has closed.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Closes the clone. Its effects are the last.
    pub fn close(&mut self, now: Duration) -> Effects {
        self.now = self.now.max(now);
        if !self.closed {
            self.shut(None);
        }
        self.hand_out()
    }

    fn check_ready(&self) -> Result<(), WriteError> {
        if self.closed {
            return Err(CloneError::Closed.into());
        }
        let ready = self.replica.is_ready();
        ready.then_some(()).ok_or(WriteError::NotReady)
    }

    pub(super) fn run(
        &mut self,
        now: Duration,
        step: impl FnOnce(&mut Self) -> Result<(), CloneError>,
    ) -> Result<Effects, CloneError> {
        if self.closed {
            return Err(CloneError::Closed);
        }
        self.now = self.now.max(now);
        match step(self) {
            Ok(()) => {}
            // These end a clone as it is meant to.
            Err(
                error @ (CloneError::GenesisConflict | CloneError::Alone | CloneError::Refused),
            ) => {
                self.shut(Some(error));
            }
            Err(error) => {
                self.closed = true;
                return Err(error);
            }
        }
        self.tell_status();
        Ok(self.hand_out())
    }

    fn take(&mut self, input: Input<'_>) -> Result<(), CloneError> {
        match input {
            Input::Connected => self.connected(),
            Input::Disconnected => return self.disconnected(),
            Input::Presence(ids) => return self.presence(ids),
            Input::Operation(message) => return self.hear(message),
            Input::Request {
                from,
                message_id,
                payload,
            } => return self.requested(from, message_id, payload),
            Input::Reply {
                from,
                message_id,
                sent_message_id,
                payload,
            } => return self.replied(from, message_id, sent_message_id, payload),
            Input::Notification {
                from,
                channel,
                payload,
            } => return self.notified(from, channel, payload),
            Input::SendFailed { message_id } => self.send_failed(message_id),
            Input::Time => return self.wake(),
        }
        Ok(())
    }

    /// Delivers a message, and whatever was waiting for it.
    pub(super) fn receive(&mut self, message: Bytes, source: Source) -> Result<(), CloneError> {
        let mut next = Some((source, message));
        while let Some((source, message)) = next.take() {
            let delivered = self.replica.deliver(&message, source, Seen::ByClock)?;
            if !self.take_delivered(delivered, message)? {
                return Ok(());
            }
            let time = self.replica.state()?.time.clone();
            let ready = |heading: &Heading| !time.any_non_id_lt(&heading.time);
            let waited = self.with.waiting.take(ready);
            next = waited.map(|(heading, message)| (heading.source, message));
        }
        Ok(())
    }

    /// Does what follows from a delivery. Says whether others may be ready now.
    pub(super) fn take_delivered(
        &mut self,
        delivered: Delivered,
        message: Bytes,
    ) -> Result<bool, CloneError> {
        match delivered {
            Delivered::Applied(update, answer) => {
                self.tell(update);
                match answer {
                    Some(answer) => self.send(answer),
                    None => self.tend_later(),
                }
                return Ok(true);
            }
            Delivered::Ignored => return Ok(true),
            Delivered::Blocked(update) => self.wanted.push(Effect::Update(update)),
            Delivered::Discarded(error) => self.wanted.push(Effect::Discarded(error)),
            Delivered::NotReady(heading) => self.wait_for_others(heading, message)?,
            Delivered::Disordered(heading) => self.recover_missing(heading.time)?,
            Delivered::Missing(update) => {
                self.tell(update);
                self.recover(Reason::Outdated)?;
            }
            Delivered::Unbased(agreement) => {
                self.with.required = Some(agreement);
                self.recover(Reason::Unbased)?;
            }
            Delivered::Orphaned(agreement) => {
                self.with.required = Some(agreement);
                self.with.reborn = true;
                self.recover(Reason::Unbased)?;
            }
        }
        Ok(false)
    }

    /// Tells the application of an update, if there is anything to tell.
    pub(super) fn tell(&mut self, update: Box<Update>) -> Box<Update> {
        if !update.is_empty() {
            self.wanted.push(Effect::Update(update.clone()));
        }
        update
    }

    pub(super) fn ticks(&self) -> u64 {
        let state = self.replica.state.as_ref();
        state.map_or(0, |state| state.time.ticks())
    }

    pub(super) fn shut(&mut self, why: Option<CloneError>) {
        if self.with.is_connected() {
            self.wanted.push(Effect::Present(false));
        }
        self.closed = true;
        self.wanted.push(Effect::Closed(why));
    }

    fn tell_status(&mut self) {
        let status = self.current_status();
        let changed = Status {
            ticks: self.status.ticks,
            ..status
        } != self.status;
        self.status = status;
        if changed {
            self.wanted.push(Effect::Status(status));
        }
    }

    pub(super) fn hand_out(&mut self) -> Effects {
        self.with.has_been_ready |= self.replica.is_ready();
        self.status.ticks = self.ticks();
        let mut effects = std::mem::take(&mut self.wanted);
        effects.needs_sync = self.replica.unsynced;
        effects
    }
}
