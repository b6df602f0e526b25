//! Sending own operations, and those that others have not seen (m-ld protocol, section 8.3).

use super::collaborate::Remotes;
use super::machine::MeldClone;
use super::message::compose;
use super::{CloneError, Effect};
use crate::clock::GlobalClock;
use crate::journal::{self, Position, Record, entries_after};
use crate::store::StoreError;

/// Since when own operations are not sent.
#[derive(Clone, Debug)]
pub(super) struct Hold {
    after: Position,
    gwc: GlobalClock,
}

/// Operations in the journal that are being sent again.
#[derive(Clone, Debug)]
pub(super) struct Resend {
    after: Position,
    gwc: GlobalClock,
    /// After which entry own operations have been held back: nobody has heard them, though whoever
    /// was served meanwhile may have them.
    held_after: Option<Position>,
}

impl Resend {
    /// Whether an entry has to be sent.
    fn wants(&self, position: Position, record: &Record) -> bool {
        // An own operation is entered at its own tick. Others' are, rarely, and are sent in vain.
        let is_own = position.tick == record.span.time.ticks();
        let was_held = || self.held_after.is_some_and(|after| position > after);
        self.gwc.any_lt(&record.span.time) || (is_own && was_held())
    }
}

impl MeldClone {
    /// Sends an operation of this clone, unless it has to wait, or nobody could hear it. It is in
    /// the journal, and is sent from there later.
    pub(super) fn send(&mut self, message: Vec<u8>) {
        let with = &mut self.with;
        let waits = with.hold.is_some() || with.resend.is_some();
        if with.remotes != Remotes::Gone && !waits {
            self.wanted.push(Effect::Operation(message));
        }
        self.tend_later();
    }

    /// Holds back own operations from now on.
    pub(super) fn hold(&mut self) {
        if self.with.hold.is_none()
            && let Some(state) = &self.replica.state
        {
            self.with.hold = Some(Hold {
                after: state.position(),
                gwc: state.gwc.clone(),
            });
        }
    }

    /// Sends what was held back.
    pub(super) fn let_loose(&mut self) {
        if let Some(Hold { after, gwc }) = self.with.hold.take()
            && self.with.resend.is_none()
        {
            self.with.resend = Some(Resend {
                after,
                gwc,
                held_after: Some(after),
            });
        }
    }

    /// Sends all that a collaborator has not seen.
    ///
    /// What has gone from the journal was shown to be seen by others, who will see to it.
    pub(super) fn resend(&mut self, gwc: GlobalClock) -> Result<(), CloneError> {
        // What is about to be sent has not been, either.
        let pending = self.with.resend.take();
        let pending = pending.and_then(|resend| Some(resend.held_after?.max(resend.after)));
        let held = self.with.hold.take().map(|hold| hold.after);
        let held_after = [held, pending].into_iter().flatten().min();
        let mut state = self.replica.state()?.clone();
        let shown = gwc.get_ticks(&state.time).unwrap_or(0);
        let after = state.position_of(shown).unwrap_or_default();
        let after = held_after.map_or(after, |held| after.min(held));
        if shown > state.shown {
            state.shown = shown;
            self.replica.commit(self.replica.begin(), state)?;
        }
        self.with.resend = Some(Resend {
            after,
            gwc,
            held_after,
        });
        Ok(())
    }

    /// Sends all of the journal that a collaborator has not seen.
    pub(super) fn resend_all(&mut self, gwc: GlobalClock) {
        self.with.hold = None;
        self.with.resend = Some(Resend {
            after: Position::default(),
            gwc,
            held_after: None,
        });
    }

    /// Goes on sending again, at most so many operations.
    pub(super) fn go_on_resending(&mut self, most: usize) -> Result<(), CloneError> {
        let Some(mut resend) = self.with.resend.take() else {
            return Ok(());
        };
        let view = &self.replica.view;
        let mut looked_at = 0;
        for found in entries_after(&**view, resend.after).take(most) {
            let (position, entry) = found?;
            let record = journal::record(&**view, entry.tid)?
                .ok_or(StoreError::Damaged("an entry's operation is missing"))?;
            if resend.wants(position, &record) {
                let message = compose(entry.prev_tick, &record);
                self.wanted.push(Effect::Operation(message));
            }
            resend.after = position;
            looked_at += 1;
        }
        if looked_at == most {
            self.with.resend = Some(resend);
        }
        Ok(())
    }
}
