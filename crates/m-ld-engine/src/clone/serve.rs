//! Serving the requests of others (m-ld protocol, sections 8.4 to 8.6).

use std::sync::Arc;
use std::time::Duration;

use super::CloneError;
use super::machine::MeldClone;
use super::replica::Replica;
use super::stream::Stream;
use crate::clock::{ClockError, TreeClock};
use crate::security::SecurityError;
use crate::wire::control::{Request, Response};

/// A request that is being served.
#[derive(Debug)]
pub(super) struct Served {
    /// The id of the response.
    message_id: String,
    pub(super) to: String,
    /// When to give up waiting for the acknowledgement. None once it has come.
    deadline: Option<Duration>,
    pub(super) stream: Stream,
}

/// All requests that are being served.
#[derive(Debug)]
pub(super) struct Serving {
    list: Vec<Served>,
    max: usize,
}

impl Served {
    /// Whether the requester is ready for what is sent.
    pub(super) fn is_streaming(&self) -> bool {
        self.deadline.is_none()
    }
}

impl Serving {
    pub(super) fn new(max: usize) -> Self {
        Self {
            list: Vec::new(),
            max,
        }
    }

    pub(super) fn clear(&mut self) {
        self.list.clear();
    }

    /// Takes all that is being served.
    pub(super) fn take_all(&mut self) -> Vec<Served> {
        std::mem::take(&mut self.list)
    }

    /// A requester has given up.
    pub(super) fn forget(&mut self, from: &str, message_id: &str) {
        self.list
            .retain(|served| served.to != from || served.message_id != message_id);
    }

    /// A response could not be sent.
    pub(super) fn unsent(&mut self, message_id: &str) {
        self.list.retain(|served| served.message_id != message_id);
    }

    /// Whether no more requests are served than may be.
    pub(super) fn is_bounded(&self) -> bool {
        self.list.len() <= self.max
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether there is something to send.
    pub(super) fn is_streaming(&self) -> bool {
        self.list.iter().any(Served::is_streaming)
    }

    /// Takes the stream whose turn it is.
    pub(super) fn take_next(&mut self) -> Option<Served> {
        let at = self
            .list
            .iter()
            .position(|served| served.deadline.is_none())?;
        Some(self.list.remove(at))
    }

    /// Puts back a stream that is to go on, after all others.
    pub(super) fn put_back(&mut self, served: Served) {
        self.list.push(served);
    }

    pub(super) fn time_out(&mut self, now: Duration) {
        self.list
            .retain(|served| served.deadline.is_none_or(|deadline| deadline > now));
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        self.list.iter().filter_map(|served| served.deadline).min()
    }
}

impl MeldClone {
    /// Answers a request.
    pub(super) fn requested(
        &mut self,
        from: &str,
        message_id: &str,
        payload: &[u8],
    ) -> Result<(), CloneError> {
        let can_serve = self.with.live && self.replica.is_ready() && !self.with.reborn;
        let is_busy = self.with.serving.list.len() >= self.with.serving.max;
        let status = if !can_serve || is_busy {
            // Not for good: a refusal would be.
            5004
        } else {
            match self.replica.verified(payload, &self.config.limits) {
                Ok(Request::Snapshot { new_clock }) => {
                    return self.serve_snapshot(from, message_id, new_clock);
                }
                Ok(Request::Revup { time }) => {
                    return self.serve_rev_up(from, message_id, time);
                }
                Err(SecurityError::Store(error)) => return Err(error.into()),
                Err(_) => SecurityError::STATUS,
            }
        };
        self.give_up(from, message_id, status);
        Ok(())
    }

    fn serve_rev_up(
        &mut self,
        from: &str,
        message_id: &str,
        time: TreeClock,
    ) -> Result<(), CloneError> {
        let state = self.replica.state()?;
        let seen = time.get_ticks(&state.time).unwrap_or(0);
        let Some(after) = state.position_of(seen) else {
            let declined = Response::Revup {
                gwc: None,
                updates_address: self.config.clone_id.clone(),
            };
            self.respond(from, message_id, &declined);
            return Ok(());
        };
        let gwc = Some(state.gwc.clone());
        let channel = self.replica.chance.identity();
        let response = Response::Revup {
            gwc,
            updates_address: channel.clone(),
        };
        let stream = Stream::rev_up(channel, after, time);
        self.serve(from, message_id, &response, stream);
        Ok(())
    }

    fn serve_snapshot(
        &mut self,
        from: &str,
        message_id: &str,
        new_clock: bool,
    ) -> Result<(), CloneError> {
        let clock = match new_clock.then(|| self.replica.fork()).transpose()? {
            Some(Err(_)) => {
                self.give_up(from, message_id, 5003);
                return Ok(());
            }
            Some(Ok(clock)) => Some(clock),
            None => None,
        };
        let (data, updates) = (
            self.replica.chance.identity(),
            self.replica.chance.identity(),
        );
        let state = self.replica.state()?;
        let response = Response::Snapshot {
            clock,
            gwc: state.gwc.clone(),
            agreed: state.agreed.clone(),
            data_address: data.clone(),
            updates_address: updates.clone(),
        };
        let view = Arc::clone(&self.replica.view);
        let stream = Stream::snapshot(view, data, updates, state);
        self.serve(from, message_id, &response, stream);
        Ok(())
    }

    fn serve(&mut self, to: &str, request: &str, response: &Response, stream: Stream) {
        let message_id = self.respond(to, request, response);
        // A requester that asks anew has given up what it asked for before.
        self.with.serving.list.retain(|served| served.to != to);
        self.with.serving.list.push(Served {
            message_id,
            to: to.to_owned(),
            deadline: Some(self.now.saturating_add(self.config.network_timeout)),
            stream,
        });
    }

    /// A requester is ready.
    pub(super) fn acknowledged(&mut self, from: &str, message_id: &str) {
        for served in &mut self.with.serving.list {
            if served.to == from && served.message_id == message_id {
                served.deadline = None;
            }
        }
    }
}

impl Replica {
    /// Forks the clock: gives the clock of a new clone. The fork is for good, used or not.
    fn fork(&mut self) -> Result<Result<TreeClock, ClockError>, CloneError> {
        let mut state = self.state()?.clone();
        let forked = fork(&state.time, state.seen(&state.time));
        let (ours, theirs) = match forked {
            Ok(both) => both,
            Err(error) => return Ok(Err(error)),
        };
        state.time = ours;
        self.commit(self.begin(), state)?;
        Ok(Ok(theirs))
    }
}

/// Forks at the last public tick, and goes forward again on the one side.
fn fork(time: &TreeClock, public: u64) -> Result<(TreeClock, TreeClock), ClockError> {
    let (ours, theirs) = time.ticked_to(public)?.forked()?;
    Ok((ours.ticked_to(time.ticks())?, theirs))
}
