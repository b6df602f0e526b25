//! What the journal takes in, and lets go.

use super::{
    Entry, JournalError, Position, Record, Reversion, State, entries_after, entries_before, entry,
    past, record,
};
use crate::clock::Tid;
use crate::store::{Pending, StoreError, Table, View};

/// An operation that has been applied, to be kept.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The operation. Its position is set on keeping it.
    pub record: Record,
    /// What undoes it.
    pub reversion: Reversion,
}

/// Enters an operation at the state's time, and moves the global clock and the last agreement on.
///
/// A past operation that this makes useless is let go.
pub fn append(pending: &mut Pending, state: &mut State, kept: Kept) -> Result<(), JournalError> {
    let Kept {
        mut record,
        reversion,
    } = kept;
    let time = record.span.time.clone();
    let prev = Entry {
        prev_tick: state.seen(&time),
        prev_tid: state.gwc.tid(&time).unwrap_or(Tid::NONE),
        tid: record.tid(),
        reversion,
    };
    let position = state.position();
    record.position = Some(position);
    state.gwc = state.gwc.set(&time)?;
    if let Some(agreed) = record.agreed_time() {
        state.agreed = agreed;
    }
    prev.write(pending, position);
    record.write(pending);
    dispose(pending, state, prev.prev_tid, Some(&record))?;
    state.write(pending);
    Ok(())
}

/// Keeps an operation of a snapshot, which has no entry.
pub fn insert_past(pending: &mut Pending, mut record: Record) {
    record.position = None;
    record.write(pending);
}

/// Undoes the keeping of an entry, and sets the clocks back to before it (m-ld protocol, section
/// 12.3). Undoing its effects is up to the caller.
pub fn void(
    pending: &mut Pending,
    state: &mut State,
    position: Position,
    entry: &Entry,
    record: &Record,
) -> Result<(), JournalError> {
    let prev = record.span.time.ticked_to(entry.prev_tick)?;
    pending.remove(Table::Entries, position.key());
    pending.remove(Table::Operations, entry.tid.as_str());
    state.gwc = state.gwc.set_to(&prev, entry.prev_tid)?;
    state.wind(&prev)?;
    Ok(())
}

/// Puts an entry in the place of another one of the same operation.
pub fn amend(pending: &mut Pending, position: Position, entry: &Entry) {
    entry.write(pending, position);
}

/// Puts one operation in the place of two that it fuses, at the position of the second.
///
/// The second must be the next entry after the first.
pub fn replace(
    pending: &mut Pending,
    (one, two): (Position, Position),
    fused: Kept,
) -> Result<(), StoreError> {
    let (Some(first), Some(_)) = (entry(pending, one)?, entry(pending, two)?) else {
        return Err(StoreError::Damaged("an entry to be fused is missing"));
    };
    let Kept {
        mut record,
        reversion,
    } = fused;
    pending.remove(Table::Entries, one.key());
    pending.remove(Table::Operations, first.tid.as_str());
    record.position = Some(two);
    let replacing = Entry {
        tid: record.tid(),
        reversion,
        ..first
    };
    replacing.write(pending, two);
    record.write(pending);
    Ok(())
}

/// Lets go of the oldest entries, at most `most` of them, so that no fewer than `keep` are left,
/// and none that only this clone may have.
///
/// Says how many went. Whoever needs one of them is refused a rev-up from now on.
pub fn truncate(
    pending: &mut Pending,
    state: &mut State,
    keep: usize,
    most: usize,
) -> Result<usize, StoreError> {
    // The first that stays is known once `keep` have been counted from the end.
    let stays = entries_before(pending, None)
        .take(keep)
        .last()
        .transpose()?
        .map(|(position, _)| position);
    let old: Vec<_> = entries_after(pending, Position::default())
        .take(most)
        .collect::<Result<_, _>>()?;
    let mut gone = 0;
    for (position, entry) in old {
        if stays.is_some_and(|stays| position >= stays) || position.tick > state.shown {
            break;
        }
        let_go(pending, state, position, &entry)?;
        gone += 1;
    }
    state.write(pending);
    Ok(gone)
}

fn let_go(
    pending: &mut Pending,
    state: &mut State,
    position: Position,
    entry: &Entry,
) -> Result<(), StoreError> {
    pending.remove(Table::Entries, position.key());
    state.start = state.start.max(position.tick);
    if let Some(mut record) = record(pending, entry.tid)? {
        record.position = None;
        record.write(pending);
        // What follows it may need it for its history; then it goes when that goes.
        dispose(pending, state, entry.prev_tid, Some(&record))?;
        if !is_latest(state, entry.tid) && !is_followed(pending, state, &record)? {
            pending.remove(Table::Operations, entry.tid.as_str());
        }
    }
    Ok(())
}

/// Whether the history of the latest operation of the same process goes back to this one.
fn is_followed(view: &dyn View, state: &State, of: &Record) -> Result<bool, StoreError> {
    let latest = state.gwc.tid(&of.span.time);
    let Some(latest) = latest.map(|tid| record(view, tid)).transpose()?.flatten() else {
        return Ok(false);
    };
    for found in past(view, &latest, of.span.from) {
        if found?.tid() == of.tid() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_latest(state: &State, tid: Tid) -> bool {
    state.gwc.tids().any(|latest| latest == tid)
}

/// Lets go of a past operation, and those that it continues, unless `next` continues it or the
/// global clock names it.
fn dispose(
    pending: &mut Pending,
    state: &State,
    tid: Tid,
    next: Option<&Record>,
) -> Result<(), StoreError> {
    let Some(latest) = record(pending, tid)?.filter(|record| record.position.is_none()) else {
        return Ok(());
    };
    let continued = next.is_some_and(|next| next.span.follows(&latest.span));
    if continued || is_latest(state, tid) {
        return Ok(());
    }
    let chain: Vec<_> = past(pending, &latest, 0).collect::<Result<_, _>>()?;
    pending.remove(Table::Operations, tid.as_str());
    let without_entry = chain
        .iter()
        .take_while(|record| record.position.is_none() && !is_latest(state, record.tid()));
    for record in without_entry {
        pending.remove(Table::Operations, record.tid().as_str());
    }
    Ok(())
}
