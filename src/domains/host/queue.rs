//! Updates that nobody has acknowledged, and how often each was handed out.
//!
//! The engine keeps every update with the transaction that made it. Beside that this keeps, as notes, which of them
//! wait: so what was not noted because of a crash is found again, and handed out once too often rather than not at all.
//!
//! # Invariants
//! 1. An update waits from the moment that it is committed until it is acknowledged, unless it was the answer to a
//!    write that took no lock.
//! 2. How often it was handed out is noted before it is.
//!
//! Source: the API page, section 2.4, "what counts as acknowledged".

use std::collections::BTreeMap;
use std::ops::Bound;

use m_ld_engine::clone::Notes;
use m_ld_engine::store::{Bytes, StoreError, Table, View};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Followed;
use crate::domains::desk::HandedOut;

/// Where what is not about one update is noted.
const RECORD: &[u8] = b"queue";
/// Where it is noted that an update waits; its tick follows.
const WAITING: &[u8] = b"waiting/";
/// Updates that one poll hands out at most. The next one has the others.
const HAND_OUT: usize = 10_000;
/// Polls without acknowledgement that are told apart; beyond, the earliest are taken together.
const POLLS: usize = 64;
/// Ticks after which an update that does not wait is forgotten.
const REMEMBERED: u64 = if cfg!(test) { 600 } else { 20_000 };
/// How many updates are forgotten at a time, and how often.
const FORGOTTEN: usize = 512;

/// The queue of one subdomain.
#[derive(Debug)]
pub(super) struct Queue {
    record: Record,
    /// Since something was last forgotten.
    arrived: usize,
}

#[derive(Debug, Default, Deserialize, Serialize)]
struct Record {
    /// Every update up to this tick was noted, or needs no note.
    noted: u64,
    /// Updates up to this tick may have been forgotten, or were never known.
    #[serde(default)]
    forgotten: u64,
    /// Polls that were not acknowledged: up to which tick they handed out everything, and how many did.
    polls: Vec<(u64, u32)>,
}

impl Record {
    fn read(view: &dyn View) -> Result<Self, StoreError> {
        let record = view.get(Table::Notes, RECORD)?;
        record.map_or_else(|| Ok(Self::default()), |bytes| parse(&bytes))
    }
}

/// How a write of the gateway was answered with its update.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Answered {
    /// Without a lock: that acknowledges it.
    AtOnce,
    /// Under a lock, whose release will acknowledge it.
    UnderLock,
}

/// An update that is handed out.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) tick: u64,
    pub(super) update: Value,
}

impl Queue {
    /// Finds the queue as it was left. What a crash kept from being noted is noted when it next catches up.
    pub(super) fn open(view: &dyn View) -> Result<Self, StoreError> {
        Ok(Self {
            record: Record::read(view)?,
            arrived: 0,
        })
    }

    /// Notes the updates that came since this was done last. Of its own writes the gateway says how they were answered.
    pub(super) fn catch_up(
        &mut self,
        view: &dyn View,
        own: &BTreeMap<u64, Answered>,
    ) -> Result<Notes, StoreError> {
        let mut notes = Notes::default();
        let before = self.record.noted;
        let from = before.to_be_bytes();
        for entry in view.range(Table::Updates, Bound::Excluded(&from), Bound::Unbounded) {
            let tick = tick_of(&entry?.0)?;
            match own.get(&tick) {
                None => self.wait(tick, 0, &mut notes),
                Some(Answered::UnderLock) => self.wait(tick, 1, &mut notes),
                Some(Answered::AtOnce) => self.record.noted = tick,
            }
            self.forget(view, tick, &mut notes)?;
        }
        if self.record.noted != before {
            self.note(&mut notes)?;
        }
        Ok(notes)
    }

    /// Whether anything waits.
    pub(super) fn is_waiting(view: &dyn View) -> Result<bool, StoreError> {
        let first = view.scan(Table::Notes, WAITING).next().transpose()?;
        Ok(first.is_some())
    }

    /// Hands out what waits, in order. Says up to which tick.
    pub(super) fn hand_out(
        &mut self,
        view: &dyn View,
    ) -> Result<(Vec<Waiting>, Option<u64>, Notes), StoreError> {
        self.hand_out_some(view, usize::MAX)
    }

    /// Hands out what waits, in order, until it is so many bytes of JSON, but one update at least. Says up to which
    /// tick.
    pub(super) fn hand_out_some(
        &mut self,
        view: &dyn View,
        bytes: usize,
    ) -> Result<(Vec<Waiting>, Option<u64>, Notes), StoreError> {
        let mut waiting = Vec::new();
        let mut size: usize = 0;
        for entry in view.scan(Table::Notes, WAITING).take(HAND_OUT) {
            let (key, count) = entry?;
            let tick = tick_of(key.strip_prefix(WAITING).unwrap_or_default())?;
            let text = view.get(Table::Updates, &tick.to_be_bytes())?;
            let text = text.ok_or(DAMAGED)?;
            size = size.saturating_add(text.len());
            if size > bytes && !waiting.is_empty() {
                break;
            }
            let mut update: Value = parse(&text)?;
            let before = self
                .record
                .polls
                .iter()
                .filter(|(through, _)| *through >= tick);
            let polls: u32 = before.map(|(_, count)| *count).sum();
            let emits = number_of(&count)?.saturating_add(polls).saturating_add(1);
            if let Some(members) = update.as_object_mut() {
                members.insert("@emitCount".to_owned(), emits.into());
            }
            waiting.push(Waiting { tick, update });
        }
        let through = waiting.last().map(|waiting| waiting.tick);
        let mut notes = Notes::default();
        if let Some(through) = through {
            self.count(through);
            self.note(&mut notes)?;
        }
        Ok((waiting, through, notes))
    }

    /// Takes out what was handed out under a lock that is released.
    pub(super) fn acknowledge(
        &mut self,
        view: &dyn View,
        handed_out: &HandedOut,
    ) -> Result<Notes, StoreError> {
        let mut notes = Notes::default();
        if let Some(through) = handed_out.through {
            let last = waiting_key(through);
            let range = view.range(
                Table::Notes,
                Bound::Included(WAITING),
                Bound::Included(&last),
            );
            for entry in range {
                notes.remove(entry?.0);
            }
            self.record.polls.retain(|(polled, _)| *polled > through);
            self.note(&mut notes)?;
        }
        for tick in &handed_out.own {
            if handed_out.through.is_none_or(|through| *tick > through) {
                notes.remove(waiting_key(*tick));
            }
        }
        Ok(notes)
    }

    /// Notes that the data of this tick came anew: no updates lead to it.
    pub(super) fn begin_anew(&mut self, tick: u64) -> Result<Notes, StoreError> {
        let mut notes = Notes::default();
        self.record.forgotten = tick;
        self.note(&mut notes)?;
        Ok(notes)
    }

    fn wait(&mut self, tick: u64, emits: u32, notes: &mut Notes) {
        notes.put(waiting_key(tick), emits.to_be_bytes().to_vec());
        self.record.noted = self.record.noted.max(tick);
    }

    fn count(&mut self, through: u64) {
        let polls = &mut self.record.polls;
        match polls.iter_mut().find(|(polled, _)| *polled == through) {
            Some((_, count)) => *count = count.saturating_add(1),
            None => polls.push((through, 1)),
        }
        if polls.len() > POLLS {
            // The first counts for fewer updates than the second: together they count for the more.
            let (_, count) = polls.remove(0);
            if let Some(next) = polls.first_mut() {
                next.1 = next.1.saturating_add(count);
            }
        }
    }

    fn note(&self, notes: &mut Notes) -> Result<(), StoreError> {
        let record = serde_json::to_vec(&self.record).map_err(|_| DAMAGED)?;
        notes.put(RECORD.to_vec(), record);
        Ok(())
    }

    /// Now and then forgets updates that are old and do not wait.
    fn forget(&mut self, view: &dyn View, tick: u64, notes: &mut Notes) -> Result<(), StoreError> {
        self.arrived += 1;
        if self.arrived < FORGOTTEN / 2 {
            return Ok(());
        }
        self.arrived = 0;
        let end = tick.saturating_sub(REMEMBERED).to_be_bytes();
        let old = view.range(Table::Updates, Bound::Unbounded, Bound::Excluded(&end));
        for entry in old.take(FORGOTTEN) {
            let (key, _) = entry?;
            let tick = tick_of(&key)?;
            if view.get(Table::Notes, &waiting_key(tick))?.is_none() {
                self.record.forgotten = self.record.forgotten.max(tick);
                notes.forget_update(tick);
            }
        }
        Ok(())
    }
}

/// Updates after a tick, at most `limit`, as JSON text. None if some of them are not kept any more.
pub(super) fn past(
    view: &dyn View,
    after: u64,
    limit: usize,
) -> Result<Option<Vec<Followed>>, StoreError> {
    if after < Record::read(view)?.forgotten {
        return Ok(None);
    }
    let after = after.to_be_bytes();
    let entries = view.range(Table::Updates, Bound::Excluded(&after), Bound::Unbounded);
    let entries = entries.take(limit).map(|entry| {
        let (key, text) = entry?;
        let text = std::str::from_utf8(&text).map_err(|_| DAMAGED)?;
        let tick = tick_of(&key)?;
        Ok(Followed {
            tick,
            text: text.into(),
        })
    });
    entries.collect::<Result<_, _>>().map(Some)
}

const DAMAGED: StoreError = StoreError::Damaged("the queue of updates");

fn waiting_key(tick: u64) -> Vec<u8> {
    [WAITING, &tick.to_be_bytes()].concat()
}

fn tick_of(key: &[u8]) -> Result<u64, StoreError> {
    let tick = key.try_into().map_err(|_| DAMAGED)?;
    Ok(u64::from_be_bytes(tick))
}

fn number_of(bytes: &Bytes) -> Result<u32, StoreError> {
    let number = (**bytes).try_into().map_err(|_| DAMAGED)?;
    Ok(u32::from_be_bytes(number))
}

fn parse<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(bytes).map_err(|_| DAMAGED)
}

#[cfg(test)]
mod tests;
