//! Applying operations of others (m-ld protocol, section 5.3).

use super::doubt;
use super::message::{Arrived, record_of};
use super::problem::Problem;
use super::replica::Replica;
use super::{CloneError, Trace, Update};
use crate::clock::{MAX_TICKS, Tid, TreeClock};
use crate::constraint::Interim;
use crate::dataset::Writer;
use crate::datatype;
use crate::journal::{self, Kept, Reversion, State, append};
use crate::msgpack::Value;
use crate::operation::{Operation, Tagged};
use crate::rdf::{Literal, Term, Triple};
use crate::security::SecurityError;
use crate::store::{Pending, StoreError};

/// What became of an operation.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It is applied. If constraints answered it, with the message to send.
    Applied(Box<Update>, Option<Vec<u8>>),
    /// It is refused, and its process blocked.
    Blocked(Box<Update>),
    /// It is an agreement, what it voids is void, and something that it has seen is missing.
    Missing(Box<Update>),
    /// It is an agreement that voids more than the journal has.
    Unbased,
    /// It is an agreement that voids what this clone's process began with.
    Orphaned,
    /// It is not of this domain: its clock does not go with this clone's.
    Foreign,
}

/// A transaction in the making.
pub(super) struct Work {
    pub(super) pending: Pending,
    pub(super) state: State,
    pub(super) interim: Interim,
    pub(super) edits: Vec<(Triple, serde_json::Value)>,
    pub(super) voids: Vec<Tid>,
}

impl Work {
    pub(super) fn new(pending: Pending, state: State) -> Self {
        Self {
            pending,
            state,
            interim: Interim::default(),
            edits: Vec::new(),
            voids: Vec::new(),
        }
    }
}

impl Replica {
    /// Applies an operation that is ready, in order and not seen.
    pub(super) fn apply(&mut self, arrived: &Arrived) -> Result<Outcome, CloneError> {
        match self.try_apply(arrived) {
            Ok(outcome) => Ok(outcome),
            Err(Problem::Refused(status, reason)) => self.block(arrived, status, reason),
            Err(Problem::Foreign) => Ok(Outcome::Foreign),
            Err(Problem::Orphaned) => Ok(Outcome::Orphaned),
            Err(Problem::Clone(error)) => Err(error),
        }
    }

    fn try_apply(&mut self, arrived: &Arrived) -> Result<Outcome, Problem> {
        let operation = &arrived.operation;
        let mut state = self.state()?.clone();
        let rewinds = operation.agreed.is_some() && operation.time.any_lt_global(&state.gwc);
        state.time = join(&state.time, &operation.time)?;
        let mut work = Work::new(self.begin(), state);
        let reversion = self.take_in(&mut work, operation)?;
        self.resolve(&mut work, operation)?;
        if operation.agreed.is_some() {
            self.test_agreement(&work.interim)?;
        }
        if rewinds {
            return self.rewind_and_apply(arrived);
        }
        self.finish(work, arrived, reversion)
    }

    /// Applies an agreement to a state from which what it voids has been taken.
    pub(super) fn apply_rewound(
        &mut self,
        mut work: Work,
        arrived: &Arrived,
    ) -> Result<Outcome, Problem> {
        let reversion = self.take_in(&mut work, &arrived.operation)?;
        self.resolve(&mut work, &arrived.operation)?;
        self.finish(work, arrived, reversion)
    }

    /// Makes the changes of an operation. Says what undoes them.
    fn take_in(&mut self, work: &mut Work, operation: &Operation) -> Result<Reversion, Problem> {
        let mut writer = self.writer(&mut work.pending)?;
        let mut reversion = Reversion::default();
        for Tagged { triple, tids, .. } in &operation.deletes {
            let removed = writer.remove_tids(triple, tids)?;
            let gone = match removed.as_slice() {
                [] => doubt::give_up(&mut writer, triple)?,
                _ => writer.graph().tids(triple)?.is_empty(),
            };
            if gone {
                work.interim.asserted.delete(triple.clone());
            }
            reversion.deletes.push(removed);
        }
        for Tagged { triple, tids, data } in &operation.inserts {
            writer.insert(triple, tids)?;
            if let (Some(data), Some(literal)) = (data, triple.object.as_literal()) {
                put_data(&mut writer, literal, data)?;
            }
            work.interim.asserted.insert(triple.clone(), data.clone());
        }
        work.interim.updates.clone_from(&operation.updates);
        for update in &operation.updates {
            let (undo, expression) =
                change_data(&mut writer, &update.triple, &[], Some(&update.operation))?;
            reversion.updates.push(undo);
            work.edits
                .extend(expression.map(|told| (update.triple.clone(), told)));
        }
        Ok(reversion)
    }

    fn resolve(&mut self, work: &mut Work, operation: &Operation) -> Result<(), Problem> {
        work.interim.principal.clone_from(&operation.principal);
        let agreed = operation.agreed.as_ref();
        work.interim.agreed = agreed.map(|agreed| agreed.proof.clone());
        self.constrain(&mut work.interim, |constraint, state, update, local| {
            constraint.apply(state, update, local)
        })?;
        Ok(())
    }

    fn test_agreement(&mut self, interim: &Interim) -> Result<(), Problem> {
        let mut tested = interim.clone();
        self.constrain(&mut tested, |constraint, state, update, _| {
            constraint.test_agreement(state, update)
        })?;
        Ok(())
    }

    /// Enters the operation, then what constraints answer, and commits.
    fn finish(
        &mut self,
        mut work: Work,
        arrived: &Arrived,
        reversion: Reversion,
    ) -> Result<Outcome, Problem> {
        work.state.tick()?;
        let ticks = work.state.time.ticks();
        let record = arrived.record.clone();
        append(
            &mut work.pending,
            &mut work.state,
            Kept { record, reversion },
        )?;
        work.state.tick()?;
        let resolution = self.answer(&mut work)?;
        self.entail(&mut work)?;
        let operation = &arrived.operation;
        let mut update = self.update_of(&work, ticks)?;
        update.trace.trigger = Some(operation.tid());
        update.trace.resolution.clone_from(&resolution);
        self.keep_update(&mut work.pending, &update);
        self.commit(work.pending, work.state)?;
        Ok(Outcome::Applied(Box::new(update), resolution))
    }

    /// Makes an operation of what constraints assert, if anything.
    fn answer(&mut self, work: &mut Work) -> Result<Option<Vec<u8>>, Problem> {
        let resolution = std::mem::take(&mut work.interim.resolution);
        let asserted = !resolution.is_empty();
        let message = if asserted {
            let time = work.state.time.clone();
            let assertion = self.assert(&mut work.pending, &resolution, time)?;
            Some(self.enter_own(&mut work.pending, &mut work.state, assertion)?)
        } else {
            None
        };
        work.interim.resolution = resolution;
        Ok(message)
    }

    /// Makes what constraints entail, in this graph alone.
    pub(super) fn entail(&mut self, work: &mut Work) -> Result<(), CloneError> {
        let mut writer = self.writer(&mut work.pending)?;
        let entailed = &work.interim.entailed;
        for triple in &entailed.deletes {
            writer.entail_delete(triple)?;
        }
        for triple in entailed.inserts.keys() {
            writer.entail(triple)?;
        }
        Ok(())
    }

    /// Ignores whatever a process sends, from an operation on.
    fn block(
        &mut self,
        arrived: &Arrived,
        status: u16,
        reason: String,
    ) -> Result<Outcome, CloneError> {
        let operation = &arrived.operation;
        let mut state = self.state()?.clone();
        let joined = join(&state.time, &operation.time);
        let blocked = joined.and_then(|time| {
            state.time = time;
            Ok(state.block(&operation.time)?)
        });
        match blocked {
            Ok(()) => {}
            Err(Problem::Clone(error)) => return Err(error),
            Err(_) => return Ok(Outcome::Foreign),
        }
        let update = Update {
            ticks: state.time.ticks(),
            principal: operation.principal.clone(),
            trace: Trace {
                trigger: Some(operation.tid()),
                error: Some((status, reason)),
                ..Trace::default()
            },
            ..Update::default()
        };
        self.commit(self.begin(), state)?;
        Ok(Outcome::Blocked(Box::new(update)))
    }

    /// Cuts from a fusion what of it has been applied here (m-ld protocol, section 6.5).
    pub(super) fn applicable(&mut self, arrived: Arrived) -> Result<Arrived, CloneError> {
        let operation = &arrived.operation;
        if !operation.is_fusion() {
            return Ok(arrived);
        }
        let seen = self.state()?.seen(&operation.time);
        let Ok(latest) = operation.time.ticked_to(seen) else {
            return Ok(arrived);
        };
        let latest = match journal::record(&*self.view, latest.tid())? {
            Some(latest) if seen >= operation.from => latest,
            _ => return Ok(arrived),
        };
        let prefix = self.fused_past(&*self.view, &latest, operation.from)?;
        let cut = prefix.map(|prefix| crate::operation::cut(&prefix, operation));
        let Some(Ok(Some(cut))) = cut else {
            // What cannot be cut is applied whole, as other engines do.
            return Ok(arrived);
        };
        let mut record = match self.signed(&cut) {
            Ok(record) => record,
            Err(SecurityError::Store(error)) => return Err(error.into()),
            // Whoever gets it from here has to make do without a signature.
            Err(_) => record_of(&cut, self.codec.encode(&cut), None),
        };
        if arrived.record.secured.is_some() {
            record = self.sealed(&cut).unwrap_or(record);
        }
        Ok(Arrived {
            operation: cut,
            record,
            ..arrived
        })
    }
}

/// Puts indirected data in its place. The state of shared data that is there stays: it has what
/// the new one has, and operations since.
pub(super) fn put_data(
    writer: &mut Writer<'_>,
    literal: &Literal,
    data: &Value,
) -> Result<(), StoreError> {
    if datatype::is_shared(&literal.datatype) && writer.graph().data(literal)?.is_some() {
        return Ok(());
    }
    writer.put_data(literal, data)
}

/// Reverts operations on shared data, then makes one. Says what undoes that, and what to tell the
/// application. Data of a type that is not known is left alone.
pub(super) fn change_data(
    writer: &mut Writer<'_>,
    triple: &Triple,
    reverts: &[(Value, Value)],
    operation: Option<&Value>,
) -> Result<(Value, Option<serde_json::Value>), Problem> {
    const UNCHANGED: (Value, Option<serde_json::Value>) = (Value::Null, None);
    let Term::Literal(literal) = &triple.object else {
        return Ok(UNCHANGED);
    };
    if !datatype::is_shared(&literal.datatype) {
        return Ok(UNCHANGED);
    }
    let Some(state) = writer.graph().data(literal)? else {
        return Ok(UNCHANGED);
    };
    let applied = datatype::apply(&state, reverts, operation)?;
    writer.put_data(literal, &applied.state)?;
    let told = Some(applied.expression).filter(|told| !is_nothing(told));
    Ok((applied.reversion, told))
}

fn is_nothing(expression: &serde_json::Value) -> bool {
    expression.as_array().is_some_and(Vec::is_empty)
}

/// What a clone knows after an operation of another.
///
/// Whoever sends it can say anything. What no clone of the domain would say is refused, or else this
/// clone's own process could be put where it cannot write any more: at a fork that never was, or at the
/// end of all ticks, to which only half of the way is taken on the word of others.
fn join(time: &TreeClock, other: &TreeClock) -> Result<TreeClock, Problem> {
    let joined = time.update(other).map_err(|_| Problem::Foreign)?;
    let sound = time.forks_as(other) && joined.deep_ticks() <= MAX_TICKS / 2;
    sound.then_some(joined).ok_or(Problem::Foreign)
}
