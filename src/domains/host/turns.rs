//! What is done when it is somebody's turn at the state.

use std::time::Duration;

use m_ld_engine::clone::{CloneError, WriteError};
use m_ld_engine::constraint::Refusal;
use serde_json::{Map, Number, Value};

use super::actor::{Actor, Failure, Request, Round};
use super::queue::Answered;
use super::{Condition, HostError, Polled, Writing, Written};
use crate::domains::desk::{Owner, Turn};

/// Up to here every whole number is a JavaScript number.
const EXACT: u64 = 1 << 53;

impl Actor {
    /// Does whatever may be done now, in turn; tells those who have waited too long.
    pub(super) fn turns(&mut self, now: Duration, round: &mut Round) -> Result<(), Failure> {
        self.lapse(now, round)?;
        while let Some((owner, request)) = self.desk.next(now) {
            match request {
                Request::Write(writing, reply) => {
                    let answer = self.write(&owner, &writing, round)?;
                    round.answers.push(reply, answer);
                }
                Request::Poll(reply) => {
                    let answer = self.poll(&owner, round)?;
                    round.answers.push(reply, Ok(answer));
                }
            }
        }
        for request in self.desk.impatient(now) {
            match request {
                Request::Write(_, reply) => round.answers.push(reply, Err(HostError::Locked)),
                Request::Poll(reply) => round.answers.push(reply, Err(HostError::Locked)),
            }
        }
        Ok(())
    }

    fn write(
        &mut self,
        owner: &Owner,
        writing: &Writing,
        round: &mut Round,
    ) -> Result<Result<Written, HostError>, Failure> {
        let now = self.clock.running();
        if !writing.condition.holds(self.clone.status().ticks) {
            return Ok(Err(HostError::Stale));
        }
        if let Some(number) = writing.request.as_ref().and_then(inexact) {
            let why = format!("{number}: JavaScript clones cannot hold integers beyond 2^53");
            return Ok(Err(HostError::Bad(why.into())));
        }
        let update = match &writing.request {
            None => None,
            Some(request) => match self.clone.write(request, now) {
                Ok((written, effects)) => {
                    round.effects.join(effects);
                    written.update
                }
                Err(error) => return refused(error).map(Err),
            },
        };
        let tick = update.as_ref().map(|update| update.ticks);
        self.lock_for(owner, writing, (tick, now), round)?;
        Ok(Ok(Written {
            tick: self.clone.status().ticks,
            update: update.map_or_else(
                || Value::Object(Map::new()),
                |update| counted(update.to_json(&self.context)),
            ),
        }))
    }

    /// Takes, keeps or releases the lock as a write that was made wants it. Its own update, if there is one, is
    /// acknowledged with the lock that is held then, or else at once.
    fn lock_for(
        &mut self,
        owner: &Owner,
        writing: &Writing,
        (tick, now): (Option<u64>, Duration),
        round: &mut Round,
    ) -> Result<(), Failure> {
        let held = self.desk.is_locked_by(owner, now);
        let acknowledges = held && matches!(writing.condition, Condition::Tick(_));
        let under_lock = writing.lock || held && !acknowledges;
        // Before anything is acknowledged: that looks at the updates that came, and this is one of them.
        if let Some(tick) = tick {
            let answered = if under_lock {
                Answered::UnderLock
            } else {
                Answered::AtOnce
            };
            round.own.insert(tick, answered);
        }
        if acknowledges && let Some(handed_out) = self.desk.release(owner, now) {
            self.acknowledge(&handed_out, round)?;
        }
        if writing.lock {
            self.desk.lock(owner, Turn::Write, now);
        }
        if let Some(tick) = tick.filter(|_| under_lock) {
            self.desk.handed_out_own(tick);
        }
        Ok(())
    }

    fn poll(&mut self, owner: &Owner, round: &mut Round) -> Result<Polled, Failure> {
        self.catch_up(round)?;
        let mut updates = Vec::new();
        self.desk.lock(owner, Turn::Poll, self.clock.running());
        if let Some(view) = self.clone.view() {
            let (waiting, through, notes) = self.queue.hand_out(&*view)?;
            self.note(notes, round)?;
            if let Some(through) = through {
                self.desk.handed_out_through(through);
            }
            updates = waiting.into_iter().map(|waiting| waiting.update).collect();
        }
        Ok(Polled {
            tick: self.clone.status().ticks,
            updates,
        })
    }

    pub(super) fn release(
        &mut self,
        owner: &Owner,
        condition: Condition,
        round: &mut Round,
    ) -> Result<Result<u64, HostError>, Failure> {
        let now = self.clock.running();
        let tick = self.clone.status().ticks;
        if !self.desk.is_locked(now) {
            return Ok(Err(HostError::NotLocked));
        }
        if !condition.holds(tick) {
            return Ok(Err(HostError::Stale));
        }
        let is_hook_s = self.is_lock_of_hook(now);
        match self.desk.release(owner, now) {
            None => Ok(Err(HostError::NotLocked)),
            Some(handed_out) => {
                self.acknowledge(&handed_out, round)?;
                if is_hook_s {
                    let notes = self.hook.acknowledged()?;
                    self.note(notes, round)?;
                }
                Ok(Ok(tick))
            }
        }
    }

    fn acknowledge(
        &mut self,
        handed_out: &crate::domains::desk::HandedOut,
        round: &mut Round,
    ) -> Result<(), Failure> {
        self.catch_up(round)?;
        if let Some(view) = self.clone.view() {
            let notes = self.queue.acknowledge(&*view, handed_out)?;
            self.note(notes, round)?;
        }
        Ok(())
    }

    /// Notes the updates that came, from whoever.
    pub(super) fn catch_up(&mut self, round: &mut Round) -> Result<(), Failure> {
        if let Some(view) = self.clone.view() {
            let notes = self.queue.catch_up(&*view, &round.own)?;
            self.note(notes, round)?;
        }
        Ok(())
    }

    pub(super) fn note(
        &mut self,
        notes: m_ld_engine::clone::Notes,
        round: &mut Round,
    ) -> Result<(), Failure> {
        if !notes.is_empty() {
            self.clone.note(notes)?;
            round.noted = true;
        }
        Ok(())
    }
}

/// A whole number that would be another one as a JavaScript number, if there is one anywhere.
fn inexact(request: &Value) -> Option<&Number> {
    match request {
        Value::Null | Value::Bool(_) | Value::String(_) => None,
        Value::Number(number) => {
            let size = number
                .as_u64()
                .or_else(|| number.as_i64().map(i64::unsigned_abs));
            size.is_some_and(|size| size > EXACT).then_some(number)
        }
        Value::Array(values) => values.iter().find_map(inexact),
        Value::Object(members) => members.values().find_map(inexact),
    }
}

/// An update that is handed out for the first time.
fn counted(mut update: Value) -> Value {
    if let Some(members) = update.as_object_mut() {
        members.insert("@emitCount".to_owned(), 1.into());
    }
    update
}

/// What a refused write is to whoever asked for it, or that the clone cannot go on.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "whatever else is wrong is wrong with the request"
)]
fn refused(error: WriteError) -> Result<HostError, Failure> {
    Ok(match error {
        WriteError::NotReady => HostError::Closed,
        WriteError::Refused(Refusal::Rule { reason, .. }) => HostError::Refused(reason.into()),
        WriteError::Refused(Refusal::Store(cause)) => return Err(CloneError::from(cause).into()),
        WriteError::Clone(cause) => return Err(cause.into()),
        other => HostError::Bad(other.to_string().into()),
    })
}
