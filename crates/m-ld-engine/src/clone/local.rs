//! Operations of this clone (m-ld protocol, section 5.2).

use super::apply::{Work, put_data};
use super::json;
use super::message;
use super::normal::normal;
use super::replica::Replica;
use super::{Update, WriteError};
use crate::change::Change;
use crate::clock::TreeClock;
use crate::constraint::Local;
use crate::context::Context;
use crate::dataset::Graph;
use crate::datatype::{self, DatatypeError};
use crate::journal::{JournalError, Kept, Record, Reversion, State, append, past};
use crate::msgpack::Value;
use crate::operation::{Agreement, Fusion, Operation, SharedUpdate, Tagged};
use crate::pattern::{self, PatternError};
use crate::rdf::Triple;
use crate::security::SecurityError;
use crate::store::{Pending, StoreError, View};
use crate::wire;

/// How many bytes of a process's past are sent in a snapshot, but for the latest operation. The past
/// is there to cut what others fuse later, and they fuse some kilobytes at a time. More would not
/// be accepted at all, once it does not fit into a message.
const MAX_PAST: usize = 128 << 10;

/// How many bytes of a process's past are looked at, but for the latest operation, to cut them from a
/// fusion. Nobody fuses that much, so one that would need more is nobody's, and is not worth the work.
const MAX_CUT: usize = 4 << 20;

/// What an assertion of this clone came to, before it is entered in the journal.
pub(super) struct Assertion {
    pub(super) operation: Operation,
    pub(super) reversion: Reversion,
    /// What edits of shared data came to, for the application.
    pub(super) edits: Vec<(Triple, serde_json::Value)>,
}

/// Why an operation of this clone is not made.
#[derive(Debug, thiserror::Error)]
pub(super) enum AssertError {
    /// An edit of shared data cannot be made.
    #[error(transparent)]
    Edit(#[from] DatatypeError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an operation of this clone cannot be entered in the journal.
#[derive(Debug, thiserror::Error)]
pub(super) enum EnterError {
    /// It cannot be signed.
    #[error(transparent)]
    Security(#[from] SecurityError),
    /// The journal cannot take it.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// What a write came to.
pub(super) struct Made {
    pub(super) update: Update,
    /// The operation message.
    pub(super) message: Vec<u8>,
}

impl Replica {
    /// Works out what a request of the application does.
    pub(super) fn plan(
        &mut self,
        context: &Context,
        request: &serde_json::Value,
        limits: &pattern::Limits,
    ) -> Result<(Change, Option<Value>), PatternError> {
        let graph = Graph::new(&*self.view)?;
        let mut local = Local {
            clone_id: &self.clone_id,
            base: &self.base,
            chance: &mut *self.chance,
        };
        let planned = pattern::write(&graph, context, request, &mut local, limits)?;
        Ok((planned.change, planned.agree.as_ref().map(json::to_value)))
    }

    /// Makes a change. None if it is nothing.
    pub(super) fn write(
        &mut self,
        change: Change,
        agreed: Option<Value>,
    ) -> Result<Option<Made>, WriteError> {
        if change.is_empty() {
            return Ok(None);
        }
        let mut work = Work::new(self.begin(), self.state()?.clone());
        work.interim.asserted = change;
        work.interim.agreed = agreed;
        work.interim.principal.clone_from(&self.principal);
        self.constrain(&mut work.interim, |constraint, state, update, local| {
            constraint.check(state, update, local)
        })?;
        work.state.tick()?;
        let asserted = std::mem::take(&mut work.interim.asserted);
        let asserted = normal(asserted);
        let time = work.state.time.clone();
        let mut assertion = self.assert(&mut work.pending, &asserted, time)?;
        work.interim.asserted = asserted;
        assertion
            .operation
            .principal
            .clone_from(&work.interim.principal);
        assertion.operation.agreed = work.interim.agreed.clone().map(|proof| Agreement {
            tick: assertion.operation.from,
            proof,
        });
        work.edits.append(&mut assertion.edits);
        let tid = assertion.operation.tid();
        let message = self.enter_own(&mut work.pending, &mut work.state, assertion)?;
        self.check_message(&message)?;
        self.entail(&mut work)?;
        let mut update = self.update_of(&work, work.state.time.ticks())?;
        update.trace.trigger = Some(tid);
        self.keep_update(&mut work.pending, &update);
        self.commit(work.pending, work.state)?;
        Ok(Some(Made { update, message }))
    }

    /// Checks that a message is not too large to be sent, and that it harms nobody.
    fn check_message(&self, message: &[u8]) -> Result<(), WriteError> {
        let envelope = wire::judge(message, &self.limits)?;
        let size = message::size(&envelope);
        let limit = self.max_operation_size;
        if size > limit {
            return Err(WriteError::TooLarge { size, limit });
        }
        Ok(())
    }

    /// Makes a change in a transaction. Says what operation that is at a time, and what undoes it.
    pub(super) fn assert(
        &mut self,
        pending: &mut Pending,
        change: &Change,
        time: TreeClock,
    ) -> Result<Assertion, AssertError> {
        let tid = time.tid();
        let clone_id = self.clone_id.clone();
        let mut writer = self.writer(pending)?;
        let mut assertion = Assertion {
            operation: Operation {
                from: time.ticks(),
                time,
                deletes: Vec::new(),
                inserts: Vec::new(),
                updates: Vec::new(),
                principal: None,
                agreed: None,
            },
            reversion: Reversion::default(),
            edits: Vec::new(),
        };
        for triple in &change.deletes {
            let tids = writer.delete_all(triple)?;
            if !tids.is_empty() {
                assertion.reversion.deletes.push(tids.clone());
                assertion.operation.deletes.push(Tagged {
                    triple: triple.clone(),
                    tids,
                    data: None,
                });
            }
        }
        for (triple, data) in &change.inserts {
            writer.insert(triple, &[tid])?;
            if let (Some(data), Some(literal)) = (data, triple.object.as_literal()) {
                put_data(&mut writer, literal, data)?;
            }
            assertion.operation.inserts.push(Tagged {
                triple: triple.clone(),
                tids: vec![tid],
                data: data.clone(),
            });
        }
        for edit in &change.edits {
            let Some(literal) = edit.triple.object.as_literal() else {
                continue;
            };
            let Some(state) = writer.graph().data(literal)? else {
                continue;
            };
            let edited = datatype::edit(&state, &edit.expression, &clone_id)?;
            writer.put_data(literal, &edited.state)?;
            assertion.reversion.updates.push(edited.reversion);
            assertion.operation.updates.push(SharedUpdate {
                triple: edit.triple.clone(),
                operation: edited.operation,
            });
            assertion
                .edits
                .push((edit.triple.clone(), edited.expression));
        }
        Ok(assertion)
    }

    /// Enters an operation of this clone in the journal. Says its message.
    pub(super) fn enter_own(
        &mut self,
        pending: &mut Pending,
        state: &mut State,
        assertion: Assertion,
    ) -> Result<Vec<u8>, EnterError> {
        let prev = state.seen(&assertion.operation.time);
        let record = self.sealed(&assertion.operation)?;
        let message = message::compose(prev, &record);
        let reversion = assertion.reversion;
        append(pending, state, Kept { record, reversion })?;
        Ok(message)
    }

    /// The operation of a record.
    pub(super) fn decoded(&self, record: &Record) -> Result<Operation, StoreError> {
        const DAMAGED: StoreError = StoreError::Damaged("an operation in the journal");
        // It was within limits when it came, whatever they are now.
        let limits = wire::Limits {
            max_message: usize::MAX,
            max_inflated: usize::MAX,
            max_elements: usize::MAX,
            ..self.served_limits
        };
        let decoded = self.codec.decode(&record.encoded, &limits);
        decoded.map_err(|_| DAMAGED)
    }

    /// An operation, fused with those that precede it without a gap and are kept, going no further
    /// back than what contains the tick `to`. None if these are more than [`MAX_CUT`].
    pub(super) fn fused_past(
        &self,
        view: &dyn View,
        latest: &Record,
        to: u64,
    ) -> Result<Option<Operation>, StoreError> {
        let mut latest_first = vec![self.decoded(latest)?];
        let mut size = 0_usize;
        for before in past(view, latest, to) {
            let before = before?;
            size = size.saturating_add(before.encoded.len());
            if size > MAX_CUT {
                return Ok(None);
            }
            latest_first.push(self.decoded(&before)?);
        }
        let unknown = Reversion::default();
        let mut fused: Option<Fusion> = None;
        for operation in latest_first.iter().rev() {
            let goes_on = match &mut fused {
                Some(fused) => fused.push(operation, &unknown).is_ok(),
                None => false,
            };
            if !goes_on {
                // What cannot be fused with what comes after it is left out.
                fused = Some(Fusion::new(operation, &unknown));
            }
        }
        Ok(fused.map(|fused| fused.finish().0))
    }

    /// An operation, fused with those that precede it without a gap and are kept, up to about
    /// [`MAX_PAST`], encoded.
    pub(super) fn encoded_past(
        &self,
        view: &dyn View,
        latest: &Record,
    ) -> Result<Vec<u8>, StoreError> {
        let mut size = latest.encoded.len();
        let mut from = latest.span.from;
        for before in past(view, latest, 0) {
            let before = before?;
            size = size.saturating_add(before.encoded.len());
            if size > MAX_PAST {
                break;
            }
            from = before.span.from;
        }
        if from == latest.span.from {
            return Ok(latest.encoded.clone());
        }
        let fused = self.fused_past(view, latest, from)?;
        Ok(fused.map_or_else(|| latest.encoded.clone(), |fused| self.codec.encode(&fused)))
    }
}

impl From<AssertError> for WriteError {
    fn from(error: AssertError) -> Self {
        match error {
            AssertError::Edit(error) => error.into(),
            AssertError::Store(error) => error.into(),
        }
    }
}

impl From<EnterError> for WriteError {
    fn from(error: EnterError) -> Self {
        match error {
            EnterError::Security(error) => Self::Security(error),
            EnterError::Journal(error) => error.into(),
        }
    }
}
