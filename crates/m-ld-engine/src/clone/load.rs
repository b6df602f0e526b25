//! Taking a snapshot (m-ld protocol, section 8.5).
//!
//! Loading takes several transactions, so the state says that it is under way, and the application
//! goes on seeing what was there before. Operations that the collaborator has not seen are carried
//! over: they are kept apart before the journal is cleared, and applied when the data is whole. A
//! crash at any moment leaves a clone that begins to load anew, or has everything.

use std::sync::Arc;
use std::time::Duration;

use super::apply::put_data;
use super::buffer::{Bytes, Waiting};
use super::deliver::{Delivered, Seen};
use super::doubt;
use super::machine::MeldClone;
use super::message::{Source, compose, record_of};
use super::recover::Phase;
use super::replica::Replica;
use super::{CloneError, Effect};
use crate::clock::{GlobalClock, TreeClock};
use crate::dataset::Writer;
use crate::journal::{self, Position, State, entries_after, insert_past};
use crate::operation::{Datum, Tagged};
use crate::store::{Pending, StoreError, Table, View};
use crate::wire::WireError;
use crate::wire::control::{Notification, Response};

/// What the keys of carried operations begin with, in [`Table::Meta`].
const CARRIED: &[u8] = b"carried/";

/// A snapshot that is coming.
#[derive(Debug)]
pub(super) struct Loading {
    from: String,
    data: String,
    updates: String,
    gwc: GlobalClock,
    pub(super) deadline: Duration,
    has_data: bool,
    has_updates: bool,
    /// Operations that came before the data was whole.
    early: Waiting<()>,
}

impl Loading {
    pub(super) fn is_from(&self, clone: &str) -> bool {
        self.from == clone
    }

    /// Whether no more operations wait for the data than may.
    pub(super) fn is_bounded(&self) -> bool {
        self.early.is_bounded()
    }
}

impl MeldClone {
    /// A collaborator will send a snapshot.
    pub(super) fn loading(
        &mut self,
        from: &str,
        message_id: &str,
        response: Response,
        new_clock: bool,
    ) -> Result<(), CloneError> {
        let Response::Snapshot {
            clock,
            gwc,
            agreed,
            data_address: data,
            updates_address: updates,
        } = response
        else {
            return Ok(());
        };
        let state = self.replica.state.as_ref();
        let lacks = |known: &TreeClock| agreed.any_lt(known);
        let forgets = state.is_some_and(|state| gwc.any_lt(&state.agreed))
            || self.with.required.as_ref().is_some_and(lacks);
        if forgets {
            self.give_up(from, message_id, 5002);
            self.retry_later();
            return Ok(());
        }
        let time = match state {
            Some(state) if !new_clock => state.time.based_on(&gwc),
            _ => clock.and_then(|clock| clock.based_on(&gwc)),
        };
        let Some(time) = time else {
            // The snapshot lacks what this process began with, because an agreement made it void:
            // only another process can take it.
            self.with.reborn = !new_clock;
            self.with.required = Some(agreed);
            self.give_up(from, message_id, 5002);
            self.retry_later();
            return Ok(());
        };
        self.with.reborn = false;
        self.with.required = None;
        self.break_off_all();
        self.with.resend = None;
        self.with.fused = Position::default();
        self.replica.begin_loading(time, gwc.clone(), agreed)?;
        self.acknowledge(from, message_id);
        self.with.phase = Phase::Snapshot(Box::new(Loading {
            from: from.to_owned(),
            data,
            updates,
            gwc,
            deadline: self.now.saturating_add(self.config.network_timeout),
            has_data: false,
            has_updates: false,
            early: Waiting::new(self.config.max_waiting),
        }));
        Ok(())
    }

    /// Takes a notification of the collaborator that sends the snapshot.
    pub(super) fn loaded(
        &mut self,
        channel: &str,
        notification: &Result<Notification<'_>, WireError>,
    ) -> Result<(), CloneError> {
        let Phase::Snapshot(loading) = &mut self.with.phase else {
            return Ok(());
        };
        let is_data = channel == loading.data;
        if !is_data && channel != loading.updates {
            return Ok(());
        }
        match notification {
            Ok(Notification::Next(datum)) if is_data && !loading.has_data => self.load(datum),
            Ok(Notification::Next(message)) if !is_data => {
                let message: Bytes = Arc::from(*message);
                self.with.was_sent = true;
                if loading.has_data {
                    return self.receive(message, Source::Served);
                }
                loading.early.push((), message);
                Ok(())
            }
            Ok(Notification::Complete) if is_data => self.load_ends(),
            Ok(Notification::Complete) => {
                loading.has_updates = true;
                self.loaded_if_all()
            }
            Ok(Notification::Next(_)) => Ok(()),
            Ok(Notification::Error { .. }) | Err(_) => self.broken_off(),
        }
    }

    fn load(&mut self, datum: &[u8]) -> Result<(), CloneError> {
        match self.replica.load(datum)? {
            Ok(()) => Ok(()),
            Err(error) => {
                self.wanted.push(Effect::Discarded(error.into()));
                self.broken_off()
            }
        }
    }

    /// The data is whole.
    fn load_ends(&mut self) -> Result<(), CloneError> {
        let Phase::Snapshot(loading) = &mut self.with.phase else {
            return Ok(());
        };
        loading.has_data = true;
        let gwc = loading.gwc.clone();
        let mut early = std::mem::replace(&mut loading.early, Waiting::new((0, 0)));
        let overflowed = early.has_overflowed();
        self.replica.end_loading()?;
        self.with.reason = super::collaborate::Reason::Outdated;
        self.wanted.push(Effect::Reloaded);
        self.apply_carried()?;
        self.go_live();
        self.resend_all(gwc);
        if overflowed {
            return self.broken_off();
        }
        while matches!(self.with.phase, Phase::Snapshot(_))
            && let Some(message) = early.take_first()
        {
            self.receive(message, Source::Served)?;
        }
        self.loaded_if_all()
    }

    fn loaded_if_all(&mut self) -> Result<(), CloneError> {
        let is_all = matches!(&self.with.phase, Phase::Snapshot(loading)
            if loading.has_data && loading.has_updates);
        if is_all { self.recovered() } else { Ok(()) }
    }

    /// Applies operations that were carried over, where the snapshot does not have them.
    pub(super) fn apply_carried(&mut self) -> Result<(), CloneError> {
        for message in self.replica.carried()? {
            let delivered = self
                .replica
                .deliver(&message, Source::Served, Seen::ByData)?;
            if let Delivered::Applied(update, answer) = delivered {
                if let Some(answer) = answer {
                    self.send(answer);
                }
                self.tell(update);
            }
        }
        self.replica.forget_carried()
    }
}

impl Replica {
    /// Clears all data in favour of what will be loaded, but for operations that whoever sends it
    /// has not seen.
    fn begin_loading(
        &mut self,
        time: TreeClock,
        gwc: GlobalClock,
        agreed: TreeClock,
    ) -> Result<(), CloneError> {
        let mut pending = self.begin();
        if self.is_ready() {
            carry(&*self.view, &mut pending, &gwc)?;
        }
        Writer::clear(&mut pending);
        doubt::clear(&*self.view, &mut pending)?;
        pending.clear(Table::Entries);
        pending.clear(Table::Operations);
        self.commit(pending, State::loading(time, gwc, agreed))
    }

    /// Takes in one datum.
    fn load(&mut self, datum: &[u8]) -> Result<Result<(), WireError>, CloneError> {
        let codec = self.codec.clone();
        let mut pending = self.begin();
        match codec.decode_datum(datum, &self.served_limits) {
            Ok(Datum::Triples(triples)) => self.load_triples(&mut pending, &triples)?,
            Ok(Datum::Operation { operation, encoded }) => {
                insert_past(&mut pending, record_of(&operation, encoded.to_vec(), None));
            }
            Err(error) => return Ok(Err(error)),
        }
        let state = self.state()?.clone();
        self.commit(pending, state)?;
        Ok(Ok(()))
    }

    fn load_triples(
        &mut self,
        pending: &mut Pending,
        triples: &[Tagged],
    ) -> Result<(), StoreError> {
        let mut writer = self.writer(pending)?;
        for Tagged { triple, tids, data } in triples {
            if tids.is_empty() {
                writer.entail(triple)?;
                doubt::doubt(&mut writer, triple);
            } else {
                writer.insert(triple, tids)?;
            }
            if let (Some(data), Some(literal)) = (data, triple.object.as_literal()) {
                put_data(&mut writer, literal, data)?;
            }
        }
        Ok(())
    }

    /// All data has been loaded: from now on it is the clone's.
    fn end_loading(&mut self) -> Result<(), CloneError> {
        let mut state = self.state()?.clone();
        state.loading = false;
        state.time = state.time.update_global(&state.gwc)?;
        self.commit(self.begin(), state)
    }

    /// The messages that were carried over, in the order of the journal that they come from.
    fn carried(&self) -> Result<Vec<Bytes>, StoreError> {
        self.view
            .scan(Table::Meta, CARRIED)
            .map(|found| found.map(|(_, message)| message))
            .collect()
    }

    fn forget_carried(&mut self) -> Result<(), CloneError> {
        let keys: Vec<_> = self
            .view
            .scan(Table::Meta, CARRIED)
            .map(|found| found.map(|(key, _)| key))
            .collect::<Result<_, _>>()?;
        if keys.is_empty() {
            return Ok(());
        }
        let mut pending = self.begin();
        for key in keys {
            pending.remove(Table::Meta, key);
        }
        let state = self.state()?.clone();
        self.commit(pending, state)
    }
}

/// Keeps apart the operations of the journal that a global clock has not seen.
fn carry(view: &dyn View, pending: &mut Pending, gwc: &GlobalClock) -> Result<(), StoreError> {
    for found in entries_after(view, Position::default()) {
        let (position, entry) = found?;
        let Some(record) = journal::record(view, entry.tid)? else {
            continue;
        };
        if gwc.any_lt(&record.span.time) {
            let key = [CARRIED, &position.key()].concat();
            pending.put(Table::Meta, key, compose(entry.prev_tick, &record));
        }
    }
    Ok(())
}
