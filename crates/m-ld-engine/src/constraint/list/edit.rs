//! What an update does to a list.

use std::collections::{BTreeMap, BTreeSet};

use super::walk::Slots;
use crate::constraint::{Interim, Refusal, values};
use crate::datatype::lseq::{self, Position};
use crate::rdf::{Iri, Triple, vocab};

/// A slot at a position.
pub(super) type Place = (Position, Iri);

/// What an update does to a list.
#[derive(Clone, Debug, Default)]
pub(super) struct Edit {
    /// Slots inserted by index, with the triples that say so. Of several at one index, a second
    /// number says in which order.
    pub(super) by_index: BTreeMap<(u64, u64, Iri), Triple>,
    /// Slots inserted at positions.
    pub(super) inserts: BTreeSet<Place>,
    /// Slots deleted from positions.
    pub(super) deletes: BTreeSet<Place>,
}

/// What an update asserts about slots, by list.
pub(super) fn edits(update: &Interim) -> Result<BTreeMap<Iri, Edit>, Refusal> {
    let mut edits: BTreeMap<Iri, Edit> = BTreeMap::new();
    for triple in values::deletes(update) {
        if let Some(place) = place(triple)? {
            let edit = edits.entry(triple.subject.clone()).or_default();
            edit.deletes.insert(place);
        }
    }
    for triple in values::inserts(update) {
        if let Some(place) = place(triple)? {
            let edit = edits.entry(triple.subject.clone()).or_default();
            edit.deletes.remove(&place);
            edit.inserts.insert(place);
        } else if let Some((index, sub)) = index(&triple.predicate)
            && let Some(slot) = triple.object.as_iri()
        {
            let edit = edits.entry(triple.subject.clone()).or_default();
            edit.by_index
                .insert((index, sub, slot.clone()), triple.clone());
        }
    }
    Ok(edits)
}

/// The slot and its position, if a triple says so.
fn place(triple: &Triple) -> Result<Option<Place>, Refusal> {
    if !triple.predicate.as_str().starts_with(vocab::LSEQ_POSITION) {
        return Ok(None);
    }
    let position = lseq::position_of(&triple.predicate)
        .ok_or_else(|| Refusal::not_writeable(format!("{} is no position", triple.predicate)))?;
    Ok(triple.object.as_iri().map(|slot| (position, slot.clone())))
}

/// The index that a predicate stands for, and the place among those inserted there.
fn index(predicate: &Iri) -> Option<(u64, u64)> {
    let text = predicate.as_str().strip_prefix(vocab::LIST_INDEX)?;
    let (index, sub) = text.split_once(',').unwrap_or((text, "0"));
    Some((index.parse().ok()?, sub.parse().ok()?))
}

/// Where a slot is, or is to be.
#[derive(Eq, Ord, PartialEq, PartialOrd)]
enum At<'a> {
    Index(u64, u64),
    Position(&'a Position),
}

impl Edit {
    pub(super) fn is_empty(&self) -> bool {
        self.by_index.is_empty() && self.inserts.is_empty() && self.deletes.is_empty()
    }

    pub(super) fn forget_inserts(&mut self) {
        self.by_index.clear();
        self.inserts.clear();
    }

    /// The slots that are inserted.
    pub(super) fn inserted(&self) -> impl Iterator<Item = &Iri> {
        let by_index = self.by_index.keys().map(|(.., slot)| slot);
        by_index.chain(self.inserts.iter().map(|(_, slot)| slot))
    }

    /// A slot that is inserted although it is, or is inserted, somewhere else in the list.
    pub(super) fn twice<'a>(&'a self, slots: &'a Slots) -> Option<&'a Iri> {
        let mut places: BTreeMap<&Iri, BTreeSet<At<'_>>> = BTreeMap::new();
        for (index, sub, slot) in self.by_index.keys() {
            places
                .entry(slot)
                .or_default()
                .insert(At::Index(*index, *sub));
        }
        for (position, slot) in &self.inserts {
            places
                .entry(slot)
                .or_default()
                .insert(At::Position(position));
        }
        for place @ (position, slot) in &slots.0 {
            if let Some(places) = places
                .get_mut(slot)
                .filter(|_| !self.deletes.contains(place))
            {
                places.insert(At::Position(position));
            }
        }
        places
            .into_iter()
            .find(|(_, places)| places.len() > 1)
            .map(|(slot, _)| slot)
    }

    /// Deletes all but the least position of each slot that is inserted. Says which.
    pub(super) fn resolve(&mut self, slots: &Slots) -> Vec<Place> {
        let inserted: BTreeSet<_> = self.inserts.iter().map(|(_, slot)| slot.clone()).collect();
        let retained = slots
            .0
            .iter()
            .filter(|place| !self.deletes.contains(*place));
        let all = retained
            .chain(&self.inserts)
            .cloned()
            .collect::<BTreeSet<_>>();
        let mut seen = BTreeSet::new();
        let others = all.into_iter().filter(|(_, slot)| inserted.contains(slot));
        let others: Vec<_> = others
            .filter(|(_, slot)| !seen.insert(slot.clone()))
            .collect();
        for place in &others {
            self.inserts.remove(place);
            if slots.0.binary_search(place).is_ok() {
                self.deletes.insert(place.clone());
            }
        }
        others
    }
}
