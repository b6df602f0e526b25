//! Who is there, and what follows from that (m-ld protocol, sections 8.1 to 8.3).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::buffer::{Bytes, Waiting};
use super::machine::MeldClone;
use super::message::{Heading, Source};
use super::recover::Phase;
use super::resend::{Hold, Resend};
use super::serve::Serving;
use super::{CloneError, Config, Effect, Status};
use crate::clock::TreeClock;
use crate::journal::Position;

/// Whether others are there.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Remotes {
    /// It is not known.
    #[default]
    Gone,
    /// Nobody else is.
    Dead,
    /// Somebody is.
    Live,
}

/// Why others are asked for what they have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Reason {
    /// Something may be missing.
    Outdated,
    /// What is needed has gone from the journal.
    Unbased,
}

/// How a clone stands with the others.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own: none follows from others"
)]
pub(super) struct Collaboration {
    connected: bool,
    /// Who is present, this clone left out. None until it is told.
    pub(super) present: Option<Vec<String>>,
    /// Who was sent a request not long ago.
    pub(super) recent: BTreeSet<String>,
    /// Whether this clone has announced itself, or would if it were connected.
    pub(super) live: bool,
    pub(super) remotes: Remotes,
    /// Whether anybody else has been there.
    met: bool,
    pub(super) outdated: bool,
    pub(super) reason: Reason,
    /// Whether this clone needs to become another process, to take what others have.
    pub(super) reborn: bool,
    /// The time of an agreement that a snapshot has to include.
    pub(super) required: Option<TreeClock>,
    pub(super) phase: Phase,
    /// When to try again to recover.
    pub(super) retry: Option<Duration>,
    /// How often in a row recovering has failed after it had begun.
    pub(super) broken: u32,
    /// Whether who was asked last has sent an operation.
    pub(super) was_sent: bool,
    /// Whether somebody who was asked last could not rev this clone up.
    pub(super) was_declined: bool,
    /// A process of which something was missing last, with the ticks of it that had been applied.
    pub(super) missing: Option<(TreeClock, u64)>,
    /// When to ask once more, having recovered.
    pub(super) second_look: Option<Duration>,
    /// Whether this clone has recovered, and asks once more.
    pub(super) looking_again: bool,
    /// Whether live operations are delivered as they come.
    pub(super) accepting: bool,
    /// Live operations that came while they were not accepted.
    pub(super) held: Waiting<()>,
    /// Operations that wait for their causes.
    pub(super) waiting: Waiting<Heading>,
    /// When waiting has been long enough.
    pub(super) chronic: Option<Duration>,
    /// Since when own operations are not sent.
    pub(super) hold: Option<Hold>,
    pub(super) resend: Option<Resend>,
    pub(super) serving: Serving,
    /// When to tend the journal.
    pub(super) tend: Option<Duration>,
    /// Up to which entry the journal has been fused.
    pub(super) fused: Position,
    pub(super) has_been_ready: bool,
}

impl Collaboration {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            connected: false,
            present: None,
            recent: BTreeSet::new(),
            live: false,
            remotes: Remotes::Gone,
            met: false,
            outdated: true,
            reason: Reason::Outdated,
            reborn: false,
            required: None,
            phase: Phase::Idle,
            retry: None,
            broken: 0,
            was_sent: false,
            was_declined: false,
            missing: None,
            second_look: None,
            looking_again: false,
            accepting: false,
            held: Waiting::new(config.max_waiting),
            waiting: Waiting::new(config.max_waiting),
            chronic: None,
            hold: None,
            resend: None,
            serving: Serving::new(config.max_serving),
            tend: None,
            fused: Position::default(),
            has_been_ready: false,
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        self.connected
    }

    fn remotes_now(&self) -> Remotes {
        match &self.present {
            _ if !self.connected => Remotes::Gone,
            None => Remotes::Gone,
            Some(others) if others.is_empty() => Remotes::Dead,
            Some(_) => Remotes::Live,
        }
    }

    /// Gives up what is open with others.
    fn let_go(&mut self) {
        self.phase = Phase::Idle;
        self.retry = None;
        self.second_look = None;
        self.looking_again = false;
        self.accepting = false;
        self.chronic = None;
        self.held.clear();
        self.waiting.clear();
        self.resend = None;
    }
}

impl MeldClone {
    pub(super) fn connected(&mut self) {
        self.with.connected = true;
        if self.with.live {
            self.wanted.push(Effect::Present(true));
        }
    }

    pub(super) fn disconnected(&mut self) -> Result<(), CloneError> {
        self.with.connected = false;
        self.with.present = None;
        self.with.serving.clear();
        self.decide_if_changed()
    }

    pub(super) fn presence(&mut self, mut ids: Vec<String>) -> Result<(), CloneError> {
        if !self.with.connected {
            return Ok(());
        }
        ids.retain(|id| *id != self.config.clone_id);
        self.with.recent.retain(|id| ids.contains(id));
        self.with.present = Some(ids);
        self.decide_if_changed()
    }

    fn decide_if_changed(&mut self) -> Result<(), CloneError> {
        let remotes = self.with.remotes_now();
        if remotes == self.with.remotes {
            return Ok(());
        }
        self.with.remotes = remotes;
        self.hear_out()?;
        self.with.let_go();
        match remotes {
            Remotes::Gone => {
                self.with.live = false;
                self.with.hold = None;
                Ok(())
            }
            Remotes::Dead => self.be_alone(),
            Remotes::Live => self.join(),
        }
    }

    /// Takes in what those who have gone have said last, while they were asked for what they have: nobody else may
    /// have it.
    fn hear_out(&mut self) -> Result<(), CloneError> {
        while self.replica.is_ready()
            && let Some(message) = self.with.held.take_first()
        {
            self.receive(message, Source::Live)?;
        }
        Ok(())
    }

    /// Goes on as at rest, with those who were there then.
    pub(super) fn go_on(&mut self, mut others: Vec<String>) -> Result<(), CloneError> {
        others.retain(|id| *id != self.config.clone_id);
        self.with.connected = true;
        self.with.present = Some(others);
        self.with.remotes = self.with.remotes_now();
        if self.with.remotes != Remotes::Live {
            return self.be_alone();
        }
        self.with.met = true;
        self.with.outdated = false;
        self.with.accepting = true;
        self.go_live();
        Ok(())
    }

    /// Nobody else is there.
    fn be_alone(&mut self) -> Result<(), CloneError> {
        self.with.hold = None;
        match &self.replica.state {
            None => Err(CloneError::Alone),
            // What was being loaded has to be loaded again, from whoever comes.
            Some(state) if state.loading => Ok(()),
            Some(_) => {
                self.go_live();
                Ok(())
            }
        }
    }

    /// Somebody is there.
    fn join(&mut self) -> Result<(), CloneError> {
        self.with.met = true;
        if self.is_only() {
            return self.meet_strangers();
        }
        self.with.broken = 0;
        self.begin_recovery()
    }

    /// Whether nobody has joined this clone, which began the domain: whoever is there has begun it too.
    fn is_only(&self) -> bool {
        let state = self.replica.state.as_ref();
        state.is_some_and(|state| state.time.is_id())
    }

    fn meet_strangers(&mut self) -> Result<(), CloneError> {
        if !self.config.steadfast {
            return Err(CloneError::GenesisConflict);
        }
        self.with.hold = None;
        // From whoever joins this clone; see `hear`.
        self.with.accepting = true;
        self.go_live();
        Ok(())
    }

    /// Announces the clone, if it has data that it can serve.
    pub(super) fn go_live(&mut self) {
        if !self.with.live && self.replica.is_ready() {
            self.with.live = true;
            if self.with.connected {
                self.wanted.push(Effect::Present(true));
            }
        }
    }

    /// Takes in a live operation.
    pub(super) fn hear(&mut self, message: &[u8]) -> Result<(), CloneError> {
        if self.with.remotes != Remotes::Live || self.is_only() {
            return Ok(());
        }
        let message: Bytes = Arc::from(message);
        if !self.with.accepting {
            self.with.held.push((), message);
            return Ok(());
        }
        self.receive(message, Source::Live)
    }

    /// Keeps a message until its causes are here.
    pub(super) fn wait_for_others(
        &mut self,
        heading: Heading,
        message: Bytes,
    ) -> Result<(), CloneError> {
        self.with.waiting.push(heading, message);
        if self.with.waiting.has_overflowed() {
            return self.recover(Reason::Outdated);
        }
        self.with.chronic = Some(self.now.saturating_add(self.config.network_timeout));
        Ok(())
    }

    pub(super) fn current_status(&self) -> Status {
        let with = &self.with;
        let silo = with.live && with.remotes == Remotes::Dead;
        let is_first = self.is_only() || (silo && !with.met);
        Status {
            online: with.remotes != Remotes::Gone,
            outdated: with.outdated && !is_first,
            silo,
            ticks: self.ticks(),
        }
    }
}
