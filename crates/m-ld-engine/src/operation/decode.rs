//! Triples from the JSON form (m-ld protocol, sections 4.4 to 4.7).
//!
//! What comes here has been judged, so everything that is not as it should be is just an error.
//! The judge also limits how deep anything is nested, to far less than a stack could bear; here
//! the limit is only enforced again.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "whatever is not looked for is refused, new kinds too"
)]

mod datum;
mod plain;
mod reified;
mod value;

pub(super) use datum::datum;

use super::{SharedUpdate, Tagged};
use crate::clock::Tid;
use crate::context::Context;
use crate::msgpack::{Error, Reader};
use crate::rdf::Iri;
use crate::wire::{Limits, WireError};

/// More than the judge allows.
const MAX_NESTING: usize = 40;

const NO_IRI: WireError = WireError::Update("a name that is none");
const PARTIAL: WireError = WireError::Update("a triple without all its parts");

/// What an update has in it.
#[derive(Debug, Default)]
pub(super) struct Update {
    pub(super) deletes: Vec<Tagged>,
    pub(super) inserts: Vec<Tagged>,
    pub(super) updates: Vec<SharedUpdate>,
}

/// Reads the MessagePack of an update. Its inserts all have `tid`, unless it is of a fusion.
pub(super) fn update(
    context: &Context,
    data: &[u8],
    tid: Option<Tid>,
    limits: &Limits,
) -> Result<Update, WireError> {
    let decoder = Decoder::new(context, limits);
    let mut reader = Reader::new(data, (*limits).into());
    let members = reader.array_len()?;
    let mut update = Update::default();
    if members > 0 {
        decoder.reified(&mut reader, false, 0, &mut |triple| {
            update.deletes.push(triple.tagged());
            Ok(())
        })?;
    }
    if members > 1 {
        match tid {
            Some(tid) => decoder.plain(&mut reader, tid, &mut update.inserts)?,
            None => decoder.reified(&mut reader, true, 0, &mut |triple| {
                update.inserts.push(triple.tagged());
                Ok(())
            })?,
        }
    }
    if members > 2 {
        decoder.reified(&mut reader, false, 0, &mut |triple| {
            update.updates.push(triple.update()?);
            Ok(())
        })?;
    }
    Ok(update)
}

/// Reads the MessagePack of a snapshot's triples.
pub(super) fn triples(
    context: &Context,
    data: &[u8],
    limits: &Limits,
) -> Result<Vec<Tagged>, WireError> {
    let mut triples = Vec::new();
    let mut reader = Reader::new(data, (*limits).into());
    Decoder::new(context, limits).reified(&mut reader, true, 0, &mut |triple| {
        triples.push(triple.tagged());
        Ok(())
    })?;
    Ok(triples)
}

/// Makes triples of the JSON form.
struct Decoder<'c> {
    context: &'c Context,
    max_depth: usize,
}

impl<'c> Decoder<'c> {
    fn new(context: &'c Context, limits: &Limits) -> Self {
        Self {
            context,
            max_depth: limits.max_depth,
        }
    }

    fn id(&self, id: &str) -> Result<Iri, WireError> {
        self.context.expand_id(id).ok_or(NO_IRI)
    }

    fn name(&self, name: &str) -> Result<Iri, WireError> {
        self.context.expand_vocab(name).ok_or(NO_IRI)
    }
}

fn deeper(level: usize) -> Result<usize, WireError> {
    if level < MAX_NESTING {
        Ok(level.saturating_add(1))
    } else {
        Err(Error::TooDeep.into())
    }
}
