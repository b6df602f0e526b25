//! Sending own operations, and those that others have not seen (m-ld protocol, section 8.3).

use super::collaborate::Remotes;
use super::machine::MeldClone;
use super::message::compose;
use super::{CloneError, Effect};
use crate::clock::GlobalClock;
use crate::journal::{self, Position, entries_after};
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
            self.with.resend = Some(Resend { after, gwc });
        }
    }

    /// Sends all that a collaborator has not seen.
    ///
    /// What has gone from the journal was shown to be seen by others, who will see to it.
    pub(super) fn resend(&mut self, gwc: GlobalClock) -> Result<(), CloneError> {
        self.with.hold = None;
        let mut state = self.replica.state()?.clone();
        let shown = gwc.get_ticks(&state.time).unwrap_or(0);
        let after = state.position_of(shown).unwrap_or_default();
        if shown > state.shown {
            state.shown = shown;
            self.replica.commit(self.replica.begin(), state)?;
        }
        self.with.resend = Some(Resend { after, gwc });
        Ok(())
    }

    /// Sends all of the journal that a collaborator has not seen.
    pub(super) fn resend_all(&mut self, gwc: GlobalClock) {
        self.with.hold = None;
        let after = Position::default();
        self.with.resend = Some(Resend { after, gwc });
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
            if resend.gwc.any_lt(&record.span.time) {
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
