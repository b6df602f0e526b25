//! Letting go of a clone while its connection is kept, and going on with it later.
//!
//! Whoever does so keeps what arrives meanwhile, in order: the clone that is opened then has missed nothing, and need
//! not ask others for what they have.

use std::time::Duration;

use super::collaborate::Remotes;
use super::machine::MeldClone;
use super::recover::Phase;
use super::{CloneError, Effects};

impl MeldClone {
    /// Whether nothing is under way with others: what the store has is all that there is to go on with. Whoever lets go of
    /// the clone then makes that safe first, as ever (see [`MeldClone::sync`]).
    pub fn is_at_rest(&self) -> bool {
        let with = &self.with;
        let knows_all = match with.remotes {
            Remotes::Gone => false,
            Remotes::Dead => true,
            Remotes::Live => with.accepting && !self.current_status().outdated,
        };
        knows_all
            && !self.closed
            && with.live
            && self.replica.is_ready()
            && matches!(with.phase, Phase::Idle)
            && (with.retry, with.chronic) == (None, None)
            && with.held.is_empty()
            && with.waiting.is_empty()
            && with.hold.is_none()
            && with.resend.is_none()
            && with.serving.is_empty()
    }

    /// The clones that are present, this one left out, as it was last told.
    pub fn others(&self) -> &[String] {
        self.with.present.as_deref().unwrap_or_default()
    }

    /// Goes on with a connection that an earlier life of this clone had, under the same id, when it was [at
    /// rest](MeldClone::is_at_rest). `others` is what that life knew of [them](MeldClone::others); whatever has
    /// arrived since comes next.
    ///
    /// # Errors
    /// As [`MeldClone::handle`].
    pub fn resume(&mut self, others: Vec<String>, now: Duration) -> Result<Effects, CloneError> {
        self.run(now, |clone| clone.go_on(others))
    }
}
