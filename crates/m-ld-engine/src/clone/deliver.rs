//! Delivery of operation messages (m-ld protocol, section 7).

use super::apply::Outcome;
use super::message::{Heading, Source};
use super::replica::Replica;
use super::{CloneError, Update};
use crate::clock::TreeClock;
use crate::journal::JournalError;
use crate::operation::Received;
use crate::security::SecurityError;
use crate::wire::WireError;

const FOREIGN: WireError = WireError::Update("not of this domain's history");

/// What became of a message.
#[derive(Debug)]
pub(super) enum Delivered {
    /// Its operation is applied. If constraints answered it, with the message to send.
    Applied(Box<Update>, Option<Vec<u8>>),
    /// It waits for others.
    NotReady(Heading),
    /// It was seen before, or is to be ignored.
    Ignored,
    /// It is refused, and its process blocked.
    Blocked(Box<Update>),
    /// An earlier message of its process is missing.
    Disordered(Heading),
    /// It is an agreement that has seen more than is here. What it voids is void.
    Missing(Box<Update>),
    /// It is an agreement of this time, that voids more than the journal has.
    Unbased(TreeClock),
    /// It is an agreement of this time, that voids what this clone's process began with.
    Orphaned(TreeClock),
    /// It cannot be applied, here or anywhere.
    Discarded(SecurityError),
}

/// What says which ticks of a process have been seen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Seen {
    /// The clock, as the protocol has it.
    ByClock,
    /// The data. The clock always has this clone's own ticks, when its data may not.
    ByData,
}

impl Replica {
    /// Delivers a message of a stranger.
    pub(super) fn deliver(
        &mut self,
        message: &[u8],
        source: Source,
        by: Seen,
    ) -> Result<Delivered, CloneError> {
        let opened = self.codec.receive(message, self.limits_of(source));
        let opened = opened.and_then(|opened| Ok((Heading::of(&opened.envelope, source)?, opened)));
        let (heading, opened) = match opened {
            Ok(opened) => opened,
            Err(error) => return Ok(Delivered::Discarded(error.into())),
        };
        let state = self.state()?;
        if state.time.any_non_id_lt(&heading.time) {
            return Ok(Delivered::NotReady(heading));
        }
        let seen = match by {
            Seen::ByClock => state.time.get_ticks(&heading.time).unwrap_or(0),
            Seen::ByData => state.seen(&heading.time),
        };
        self.deliver_ready(heading, opened, seen)
    }

    /// Delivers a message whose causes are here, and of whose process so many ticks were seen.
    fn deliver_ready(
        &mut self,
        heading: Heading,
        opened: Received<'_>,
        seen: u64,
    ) -> Result<Delivered, CloneError> {
        if heading.time.ticks() <= seen {
            return Ok(Delivered::Ignored);
        }
        // First of all: what it may be missing is to be ignored too. The last agreement's causes are
        // here, and those it is not among.
        let state = self.state()?;
        let is_old = !heading.agrees && heading.time.any_lt(&state.agreed);
        if is_old || state.is_blocked(&heading.time) {
            return self.ignore(&heading);
        }
        if heading.prev > seen {
            return Ok(Delivered::Disordered(heading));
        }
        let arrived = match self.authentic(heading, opened) {
            Ok(arrived) => arrived,
            Err(SecurityError::Store(error)) => return Err(error.into()),
            Err(error) => return Ok(Delivered::Discarded(error)),
        };
        let arrived = self.applicable(arrived)?;
        Ok(match self.apply(&arrived)? {
            Outcome::Applied(update, answer) => Delivered::Applied(update, answer),
            Outcome::Blocked(update) => Delivered::Blocked(update),
            Outcome::Missing(update) => Delivered::Missing(update),
            Outcome::Unbased => Delivered::Unbased(arrived.heading.time),
            Outcome::Orphaned => Delivered::Orphaned(arrived.heading.time),
            Outcome::Foreign => Delivered::Discarded(FOREIGN.into()),
        })
    }

    /// Sets the clock's ticks for the process back to those that were applied, so that what it
    /// sends next is in order.
    fn ignore(&mut self, heading: &Heading) -> Result<Delivered, CloneError> {
        let mut state = self.state()?.clone();
        let joined = state.time.update(&heading.time);
        let forgotten = joined.map_err(JournalError::from).and_then(|time| {
            state.time = time;
            state.forget(&heading.time)
        });
        match forgotten {
            Ok(()) if &state == self.state()? => {}
            Ok(()) => self.commit(self.begin(), state)?,
            Err(JournalError::Clock(error)) => {
                return Ok(Delivered::Discarded(WireError::from(error).into()));
            }
            Err(JournalError::Orphaned) => return Ok(Delivered::Orphaned(state.agreed)),
            Err(JournalError::Store(error)) => return Err(error.into()),
        }
        Ok(Delivered::Ignored)
    }
}
