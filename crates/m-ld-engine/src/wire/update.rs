//! The update of an operation, as far as it can harm (m-ld protocol, sections 4.3 to 4.7).
//!
//! An update is `[deletes, inserts]` or `[deletes, inserts, updates]`. Each of them is a set of
//! subjects in a form like JSON-LD: nothing, one map, or arrays of them. The inserts of a simple
//! operation are plain subjects with their properties; everything else is *reified* triples, maps
//! with the subject `s`, predicate `p` and object `o` of one triple and what is said of it.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "whatever is not looked for is refused, new kinds too"
)]

mod list;
mod literal;
mod object;
mod reified;

use object::{Object, values};

use super::{Limits, WireError, term};
use crate::msgpack::{Error, Reader, Token};

/// How deep arrays, sets and subjects may be in one another. Engines send none in another.
const MAX_NESTING: usize = 32;

/// What a member of an update is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Role {
    /// Reified triples, with the ids of the transactions that are undone.
    Deletes,
    /// Plain subjects.
    Inserts,
    /// Reified triples, with the ids of the transactions that inserted them.
    FusedInserts,
    /// Reified triples, with operations on their shared data.
    Updates,
    /// Reified triples of a snapshot. Those without ids are entailed.
    Snapshot,
}

impl Role {
    fn inserts(self) -> bool {
        matches!(self, Self::Inserts | Self::FusedInserts | Self::Snapshot)
    }
}

/// Checks the MessagePack of an update. `fused` says if it is of a fusion.
pub(crate) fn check(update: &[u8], fused: bool, limits: &Limits) -> Result<(), WireError> {
    let mut reader = Reader::new(update, (*limits).into());
    let inserts = if fused {
        Role::FusedInserts
    } else {
        Role::Inserts
    };
    let roles = [Role::Deletes, inserts, Role::Updates];
    let count = reader.array_len()?;
    if !(2..=roles.len()).contains(&count) {
        return Err(WireError::Update("not deletes, inserts and updates"));
    }
    for role in roles.into_iter().take(count) {
        subjects(&mut reader, role, 0)?;
    }
    Ok(reader.end()?)
}

/// Checks the MessagePack of a batch of triples in a snapshot (m-ld protocol, section 8.5).
pub(crate) fn check_snapshot(triples: &[u8], limits: &Limits) -> Result<(), WireError> {
    let mut reader = Reader::new(triples, (*limits).into());
    subjects(&mut reader, Role::Snapshot, 0)?;
    Ok(reader.end()?)
}

/// Checks a set of subjects.
fn subjects(reader: &mut Reader<'_>, role: Role, level: usize) -> Result<(), WireError> {
    match reader.token()? {
        Token::Nil | Token::Undefined | Token::Map(0) => Ok(()),
        Token::Array(count) => {
            let level = deeper(level)?;
            (0..count).try_for_each(|_| subjects(reader, role, level))
        }
        Token::Map(count) if role == Role::Inserts => subject(reader, count, role, level),
        Token::Map(count) => reified::check(reader, count, role, level),
        _ => Err(WireError::Update("a value in the place of a subject")),
    }
}

/// Checks a plain subject, of which `count` keys follow.
fn subject(
    reader: &mut Reader<'_>,
    count: usize,
    role: Role,
    level: usize,
) -> Result<(), WireError> {
    let mut id = None;
    for _ in 0..count {
        match reader.key()? {
            "@id" => once(&mut id, reader.str()?)?,
            "@set" if count == 1 => return subjects(reader, role, deeper(level)?),
            key => property(reader, key, role, level)?,
        }
    }
    term::check(id.ok_or(WireError::Update("a subject without identity"))?)
}

/// Checks a property of a subject, and all its values.
fn property(reader: &mut Reader<'_>, key: &str, role: Role, level: usize) -> Result<(), WireError> {
    match key {
        "@type" => return object::types(reader, role, deeper(level)?),
        "@list" if role == Role::Inserts => return list::check(reader, role, deeper(level)?),
        "@item" | "@index" => {}
        _ => term::check_property(key)?,
    }
    values(reader, role, deeper(level)?)
}

fn deeper(level: usize) -> Result<usize, WireError> {
    if level < MAX_NESTING {
        Ok(level.saturating_add(1))
    } else {
        Err(Error::TooDeep.into())
    }
}

/// Takes a member that must not come twice: JavaScript takes the last, others might not.
fn once<T>(slot: &mut Option<T>, value: T) -> Result<(), WireError> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(WireError::Update("a key that comes twice")),
    }
}
