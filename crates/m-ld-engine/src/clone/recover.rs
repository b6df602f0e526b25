//! Asking others for what they have (m-ld protocol, sections 8.3 to 8.6).

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "what is not awaited in a phase is left alone, in new phases too"
)]

use std::sync::Arc;
use std::time::Duration;

use super::collaborate::{Reason, Remotes};
use super::load::Loading;
use super::machine::MeldClone;
use super::message::Source;
use super::{CloneError, Effect};
use crate::clock::TreeClock;
use crate::security::SecurityError;
use crate::wire::control::{Notification, Request, Response};

/// What a clone is doing about what it lacks.
#[derive(Debug)]
pub(super) enum Phase {
    /// Nothing.
    Idle,
    /// It has asked.
    Requesting(Requesting),
    /// Operations are coming.
    RevUp(RevUp),
    /// A snapshot is coming.
    Snapshot(Box<Loading>),
}

/// A request that is open.
#[derive(Debug)]
pub(super) struct Requesting {
    request: Request,
    message_id: String,
    /// Who has been asked, the last one now.
    asked: Vec<String>,
    /// Whether somebody has nothing against it, but cannot serve it.
    declined: bool,
    /// How many of them do not let this clone have anything.
    refusals: usize,
    deadline: Duration,
}

/// A stream of operations.
#[derive(Debug)]
pub(super) struct RevUp {
    from: String,
    channel: String,
    deadline: Duration,
}

/// What a request came to without a stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Unserved {
    Declined,
    Refused,
    Failed,
}

impl MeldClone {
    /// Stops accepting operations, and asks others.
    pub(super) fn recover(&mut self, reason: Reason) -> Result<(), CloneError> {
        // What the stream has brought, it has brought out of order: another would too.
        let again = matches!(self.with.phase, Phase::RevUp(_) | Phase::Snapshot(_));
        self.with.second_look = None;
        self.with.looking_again = false;
        self.with.outdated = true;
        self.with.accepting = false;
        self.with.waiting.clear();
        self.with.chronic = None;
        self.with.phase = Phase::Idle;
        if reason == Reason::Unbased {
            self.with.reason = Reason::Unbased;
        }
        if again {
            self.retry_later();
            return Ok(());
        }
        self.begin_recovery()
    }

    /// Asks others for what precedes an operation of a process.
    ///
    /// Where nobody has the operations any more that are missing, but only data with them in it, those who have it
    /// decline; while others who lack the same go on serving rev-ups that do not help. Then a snapshot is asked for.
    pub(super) fn recover_missing(&mut self, process: TreeClock) -> Result<(), CloneError> {
        let state = self.replica.state()?;
        let seen = state.seen(&process);
        let before = self.with.missing.replace((process, seen));
        let in_vain = before.is_some_and(|(process, seen)| state.seen(&process) == seen);
        if in_vain && self.with.was_declined {
            return self.recover(Reason::Unbased);
        }
        self.recover(Reason::Outdated)
    }

    /// Asks for a rev-up if that can help, or else for a snapshot.
    pub(super) fn begin_recovery(&mut self) -> Result<(), CloneError> {
        let request = match &self.replica.state {
            None => Request::Snapshot { new_clock: true },
            // A process that never had its data is given up, for a new one.
            Some(state) if state.loading => Request::Snapshot { new_clock: true },
            Some(_) if self.with.reason == Reason::Unbased || self.with.reborn => self.snapshot(),
            Some(state) => Request::Revup {
                time: state.time.clone(),
            },
        };
        self.ask(request)
    }

    /// Asks for a rev-up once more, some time after this clone has recovered.
    ///
    /// A JavaScript clone that is busy serves what it has done and the one operation that it is about to do, but not those
    /// that it has received since: whoever recovers from it does not get them, nor knows of them before their process
    /// speaks again (m-ld protocol, Q34). So one that has sent no operation has not forgotten any. Nothing waits for the
    /// answer: all own operations have been sent.
    pub(super) fn look_again(&mut self) -> Result<(), CloneError> {
        self.with.second_look = None;
        let idle = matches!(self.with.phase, Phase::Idle) && self.with.retry.is_none();
        if !idle || !self.with.accepting {
            return Ok(());
        }
        self.with.looking_again = true;
        self.begin_recovery()
    }

    fn snapshot(&self) -> Request {
        Request::Snapshot {
            new_clock: self.with.reborn,
        }
    }

    fn ask(&mut self, request: Request) -> Result<(), CloneError> {
        self.with.retry = None;
        if self.with.remotes != Remotes::Live {
            return Ok(());
        }
        self.with.was_sent = false;
        self.with.was_declined = false;
        if !self.with.looking_again {
            self.hold();
        }
        let message_id = self.replica.chance.identity();
        let requesting = Requesting {
            request,
            message_id,
            asked: Vec::new(),
            declined: false,
            refusals: 0,
            deadline: Duration::ZERO,
        };
        self.ask_next(requesting)
    }

    /// Sends a request to the next clone, unless that has been asked already.
    fn ask_next(&mut self, mut requesting: Requesting) -> Result<(), CloneError> {
        let next = self.choose();
        let Some(to) = next.filter(|to| !requesting.asked.contains(to)) else {
            return self.unserved(&requesting);
        };
        self.with.recent.insert(to.clone());
        requesting.asked.push(to.clone());
        requesting.deadline = self.now.saturating_add(self.config.network_timeout);
        let Ok(payload) = self.replica.request(&requesting.request) else {
            self.retry_later();
            return Ok(());
        };
        self.wanted.push(Effect::Request {
            to,
            message_id: requesting.message_id.clone(),
            payload,
        });
        self.with.phase = Phase::Requesting(requesting);
        Ok(())
    }

    /// The first clone that was not sent a request not long ago; or if all were, the first.
    fn choose(&mut self) -> Option<String> {
        let present = self.with.present.as_deref().unwrap_or_default();
        let fresh = present.iter().find(|id| !self.with.recent.contains(*id));
        if let Some(fresh) = fresh {
            return Some(fresh.clone());
        }
        self.with.recent.clear();
        present.first().cloned()
    }

    /// Nobody has served a request.
    fn unserved(&mut self, requesting: &Requesting) -> Result<(), CloneError> {
        if std::mem::take(&mut self.with.looking_again) {
            // It was only to be sure.
            self.with.phase = Phase::Idle;
            self.let_loose();
            return Ok(());
        }
        if requesting.declined && matches!(requesting.request, Request::Revup { .. }) {
            return self.ask(self.snapshot());
        }
        let by_all = requesting.refusals == requesting.asked.len();
        if self.replica.state.is_none() && by_all && requesting.refusals > 0 {
            return Err(CloneError::Refused);
        }
        self.retry_later();
        Ok(())
    }

    /// Tries again after a while. Meanwhile the clone is live, if it has data.
    pub(super) fn retry_later(&mut self) {
        self.with.phase = Phase::Idle;
        self.go_live();
        self.let_loose();
        let delay = self.soft_delay();
        self.with.retry = Some(self.now.saturating_add(delay));
    }

    /// A stream has ended too early. Tries again at once, but not for ever.
    pub(super) fn broken_off(&mut self) -> Result<(), CloneError> {
        self.with.phase = Phase::Idle;
        self.with.looking_again = false;
        self.with.broken = self.with.broken.saturating_add(1);
        if self.with.broken > 1 {
            self.retry_later();
            return Ok(());
        }
        self.begin_recovery()
    }

    pub(super) fn replied(
        &mut self,
        from: &str,
        message_id: &str,
        sent_message_id: &str,
        payload: &[u8],
    ) -> Result<(), CloneError> {
        let limits = self.config.limits;
        let response = match self.replica.answer_in(payload, &limits) {
            Ok(None) => {
                self.acknowledged(from, sent_message_id);
                return Ok(());
            }
            Ok(Some(response)) => Some(response),
            Err(SecurityError::Store(error)) => return Err(error.into()),
            Err(_) => None,
        };
        let phase = std::mem::replace(&mut self.with.phase, Phase::Idle);
        let requesting = match phase {
            Phase::Requesting(requesting) if requesting.message_id == sent_message_id => requesting,
            other => {
                self.with.phase = other;
                // Not an answer: the requester of something gives up.
                self.with.serving.forget(from, sent_message_id);
                return Ok(());
            }
        };
        let is_last = requesting.asked.last().is_some_and(|last| last == from);
        match (response, &requesting.request) {
            (
                Some(Response::Revup {
                    gwc: Some(gwc),
                    updates_address,
                }),
                Request::Revup { .. },
            ) => self.revving_up(from, message_id, gwc, updates_address),
            (Some(response @ Response::Snapshot { .. }), Request::Snapshot { new_clock }) => {
                let new_clock = *new_clock;
                self.loading(from, message_id, response, new_clock)
            }
            // An earlier one's refusal has been counted when it was late.
            _ if !is_last => {
                self.with.phase = Phase::Requesting(requesting);
                Ok(())
            }
            (Some(Response::Revup { gwc: None, .. }), _) => {
                self.refused(requesting, Unserved::Declined)
            }
            (Some(Response::Rejected { status }), _) if status == SecurityError::STATUS => {
                self.refused(requesting, Unserved::Refused)
            }
            _ => self.refused(requesting, Unserved::Failed),
        }
    }

    fn refused(&mut self, mut requesting: Requesting, how: Unserved) -> Result<(), CloneError> {
        match how {
            Unserved::Declined => requesting.declined = true,
            Unserved::Refused => requesting.refusals = requesting.refusals.saturating_add(1),
            Unserved::Failed => {}
        }
        self.with.was_declined |= requesting.declined;
        self.ask_next(requesting)
    }

    /// A collaborator will send operations.
    fn revving_up(
        &mut self,
        from: &str,
        message_id: &str,
        gwc: crate::clock::GlobalClock,
        updates: String,
    ) -> Result<(), CloneError> {
        self.resend(gwc)?;
        self.acknowledge(from, message_id);
        self.go_live();
        self.with.accepting = false;
        self.with.phase = Phase::RevUp(RevUp {
            from: from.to_owned(),
            channel: updates,
            deadline: self.now.saturating_add(self.config.network_timeout),
        });
        Ok(())
    }

    pub(super) fn acknowledge(&mut self, to: &str, message_id: &str) {
        let payload = self.replica.acknowledgement();
        self.reply(to, message_id, payload);
    }

    /// Tells a collaborator not to wait for an acknowledgement.
    pub(super) fn give_up(&mut self, to: &str, message_id: &str, status: u16) {
        self.respond(to, message_id, &Response::Rejected { status });
    }

    /// Responds to a request. Says under which id.
    pub(super) fn respond(&mut self, to: &str, request: &str, response: &Response) -> String {
        let payload = self.replica.response(response);
        self.reply(to, request, payload)
    }

    /// Replies, unless transport security does not let this clone speak: nobody waits for ever.
    fn reply(
        &mut self,
        to: &str,
        sent_message_id: &str,
        payload: Result<Vec<u8>, SecurityError>,
    ) -> String {
        let message_id = self.replica.chance.identity();
        match payload {
            Ok(payload) => self.wanted.push(Effect::Reply {
                to: to.to_owned(),
                message_id: message_id.clone(),
                sent_message_id: sent_message_id.to_owned(),
                payload,
            }),
            Err(error) => self.wanted.push(Effect::Discarded(error)),
        }
        message_id
    }

    pub(super) fn send_failed(&mut self, message_id: &str) {
        match &self.with.phase {
            Phase::Requesting(requesting) if requesting.message_id == message_id => {
                self.retry_later();
            }
            _ => self.with.serving.unsent(message_id),
        }
    }

    pub(super) fn notified(
        &mut self,
        from: &str,
        channel: &str,
        payload: &[u8],
    ) -> Result<(), CloneError> {
        let deadline = self.now.saturating_add(self.config.network_timeout);
        let limits = self.config.served_limits;
        match &mut self.with.phase {
            Phase::RevUp(revup) if revup.from == from && revup.channel == channel => {
                revup.deadline = deadline;
                match Notification::decode(payload, &limits) {
                    Ok(Notification::Next(message)) => {
                        self.with.was_sent = true;
                        self.receive(Arc::from(message), Source::Served)
                    }
                    Ok(Notification::Complete) => self.recovered(),
                    Ok(Notification::Error { .. }) | Err(_) => self.broken_off(),
                }
            }
            Phase::Snapshot(loading) if loading.is_from(from) => {
                loading.deadline = deadline;
                self.loaded(channel, &Notification::decode(payload, &limits))
            }
            _ => Ok(()),
        }
    }

    /// The last operation of a stream has been applied: live operations are next.
    pub(super) fn recovered(&mut self) -> Result<(), CloneError> {
        self.with.phase = Phase::Idle;
        self.with.reason = Reason::Outdated;
        self.with.broken = 0;
        if self.with.held.has_overflowed() {
            // What was dropped was live, so somebody has it by now.
            return self.begin_recovery();
        }
        self.with.accepting = true;
        self.with.outdated = false;
        let was_sent = std::mem::take(&mut self.with.was_sent);
        if !std::mem::take(&mut self.with.looking_again) && was_sent {
            self.with.second_look = Some(self.now.saturating_add(self.config.network_timeout));
        }
        self.let_loose();
        while self.with.accepting
            && let Some(message) = self.with.held.take_first()
        {
            self.receive(message, Source::Live)?;
        }
        Ok(())
    }

    /// Does what an open request or stream has been waiting for too long for.
    pub(super) fn time_out(&mut self) -> Result<(), CloneError> {
        let now = self.now;
        match &self.with.phase {
            Phase::Requesting(requesting) if requesting.deadline <= now => {
                let phase = std::mem::replace(&mut self.with.phase, Phase::Idle);
                match phase {
                    Phase::Requesting(requesting) => self.refused(requesting, Unserved::Failed),
                    _ => Ok(()),
                }
            }
            Phase::RevUp(revup) if revup.deadline <= now => self.broken_off(),
            Phase::Snapshot(loading) if loading.deadline <= now => self.broken_off(),
            _ => Ok(()),
        }
    }

    /// When an open request or stream has waited long enough.
    pub(super) fn deadline(&self) -> Option<Duration> {
        match &self.with.phase {
            Phase::Idle => None,
            Phase::Requesting(requesting) => Some(requesting.deadline),
            Phase::RevUp(revup) => Some(revup.deadline),
            Phase::Snapshot(loading) => Some(loading.deadline),
        }
    }
}
