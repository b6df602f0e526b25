//! Where a clone is in the history of its domain.

use super::codec::Stored;
use super::{JournalError, Position};
use crate::clock::{GlobalClock, Tid, TreeClock};
use crate::msgpack::Writer;
use crate::store::{Pending, StoreError, Table, View};

const KEY: &[u8] = b"journal";

/// What stands in the global clock, in the place of a transaction id, for a process whose
/// operations are ignored (m-ld protocol, section 12.4).
pub const BLOCKED: &str = "!blocked!";

/// The journal's state (m-ld protocol, section 6.1).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct State {
    /// The clone's own tick at which this journal began. Nobody who has seen less can be revved
    /// up from it.
    pub start: u64,
    /// The clock of the clone, with its internal ticks.
    pub time: TreeClock,
    /// The public ticks of every process, with their latest transactions.
    pub gwc: GlobalClock,
    /// The time of the last agreement.
    pub agreed: TreeClock,
    /// The greatest of the clone's own ticks in every epoch that is over.
    pub epochs: Vec<u64>,
    /// How many of the clone's own ticks somebody else has shown to have seen.
    pub shown: u64,
    /// Whether a snapshot is being loaded: the data is incomplete, and good for nothing.
    pub loading: bool,
}

impl State {
    /// The state of a clone that begins a domain.
    pub fn genesis() -> Self {
        Self {
            start: 0,
            time: TreeClock::genesis(),
            gwc: GlobalClock::genesis(),
            agreed: TreeClock::genesis(),
            epochs: Vec::new(),
            shown: 0,
            loading: false,
        }
    }

    /// The state of a clone that loads a snapshot.
    pub fn loading(time: TreeClock, gwc: GlobalClock, agreed: TreeClock) -> Self {
        Self {
            start: time.ticks(),
            time,
            gwc,
            agreed,
            epochs: Vec::new(),
            shown: 0,
            loading: true,
        }
    }

    /// Reads the state, if there is one.
    pub fn read(view: &dyn View) -> Result<Option<Self>, StoreError> {
        let stored = view.get(Table::Meta, KEY)?;
        stored.map(|bytes| Self::decode(&bytes)).transpose()
    }

    /// Keeps this state.
    pub fn write(&self, pending: &mut Pending) {
        pending.put(Table::Meta, KEY, self.encode());
    }

    /// The ticks of a process that have been applied here.
    pub fn seen(&self, process: &TreeClock) -> u64 {
        self.gwc.get_ticks(process).unwrap_or(0)
    }

    /// Whether operations of a process are to be ignored.
    pub fn is_blocked(&self, process: &TreeClock) -> bool {
        let tid = self.gwc.tid(process);
        tid.is_some_and(|tid| tid.as_str() == BLOCKED)
    }

    /// Blocks a process from an operation on.
    pub fn block(&mut self, time: &TreeClock) -> Result<(), JournalError> {
        let blocked = Tid::parse(BLOCKED).map_err(crate::clock::ClockError::from)?;
        self.gwc = self.gwc.set_to(time, blocked)?;
        Ok(())
    }

    /// Sets the clock's ticks for another process to those in the global clock: an operation of
    /// it has been ignored.
    pub fn forget(&mut self, process: &TreeClock) -> Result<(), JournalError> {
        let known = process.ticked_to(self.seen(process))?;
        self.wind(&known)
    }

    /// Sets the clock's ticks for a process, which may be the clone's own, to those of `time`.
    ///
    /// # Errors
    /// [`JournalError::Orphaned`] if that is before the clone's process was forked from another,
    /// or forked itself: two would be in one place then.
    pub fn wind(&mut self, time: &TreeClock) -> Result<(), JournalError> {
        let before = self.time.ticks();
        let wound = self.time.ticked_for(time)?;
        if wound.forks() < self.time.forks() {
            return Err(JournalError::Orphaned);
        }
        self.time = wound;
        if self.time.ticks() < before {
            self.epochs.push(before);
            self.shown = self.shown.min(self.time.ticks());
        }
        Ok(())
    }

    /// Ticks the clock once.
    pub fn tick(&mut self) -> Result<(), JournalError> {
        self.time = self.time.ticked()?;
        Ok(())
    }

    /// The position of what is applied now.
    pub fn position(&self) -> Position {
        Position {
            epoch: self.epoch(),
            tick: self.time.ticks(),
        }
    }

    /// The position after which everything is news to somebody who has seen so many of the
    /// clone's own ticks. None if they have not seen the start of the journal.
    pub fn position_of(&self, seen: u64) -> Option<Position> {
        if seen < self.start {
            return None;
        }
        let epoch = self.epochs.iter().position(|last| *last >= seen);
        let epoch = epoch.map_or(self.epoch(), narrow);
        Some(Position { epoch, tick: seen })
    }

    fn epoch(&self) -> u32 {
        narrow(self.epochs.len())
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut out = Writer::new(&mut bytes);
        out.array(7);
        out.uint(self.start);
        self.time.write(&mut out);
        self.gwc.write(&mut out);
        self.agreed.write(&mut out);
        out.array(self.epochs.len());
        self.epochs.iter().for_each(|tick| out.uint(*tick));
        out.uint(self.shown);
        out.uint(self.loading.into());
        bytes
    }

    fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let mut stored = Stored::new(bytes, "the journal's state");
        stored.array(7)?;
        let state = Self {
            start: stored.uint()?,
            time: stored.time()?,
            gwc: stored.gwc()?,
            agreed: stored.time()?,
            epochs: (0..stored.len()?)
                .map(|_| stored.uint())
                .collect::<Result<_, _>>()?,
            shown: stored.uint()?,
            loading: stored.uint()? != 0,
        };
        stored.end()?;
        Ok(state)
    }
}

fn narrow(epochs: usize) -> u32 {
    u32::try_from(epochs).unwrap_or(u32::MAX)
}
