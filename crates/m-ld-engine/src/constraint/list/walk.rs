//! A walk through a list that is edited: new positions, and new indexes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::edit::{Edit, Place};
use crate::constraint::order::integer;
use crate::constraint::{Interim, Refusal};
use crate::dataset::Graph;
use crate::datatype::lseq::{self, Position};
use crate::rdf::{Iri, Literal, Triple, vocab};
use crate::store::StoreError;

/// The slots of a list, in their order.
#[derive(Clone, Debug, Default)]
pub(super) struct Slots(pub(super) Vec<Place>);

impl Slots {
    /// Reads the slots of a list.
    pub(super) fn read(state: &Graph<'_>, list: &Iri) -> Result<Self, StoreError> {
        let mut slots = Vec::new();
        for triple in state.find(Some(list), None, None) {
            let triple = triple?;
            if let Some(position) = lseq::position_of(&triple.predicate)
                && let Some(slot) = triple.object.as_iri()
            {
                slots.push((position, slot.clone()));
            }
        }
        slots.sort();
        Ok(Self(slots))
    }
}

/// What becomes of a list.
#[derive(Debug)]
pub(super) struct Plan {
    old: Vec<Place>,
    edit: Edit,
    /// The slots that were inserted by index, with their new positions, and the triples that did.
    placed: Vec<(Place, Triple)>,
    /// Where slots went from or came to: their index before the update, and for those that came
    /// their place among those.
    aliases: Vec<(Position, String)>,
}

impl Plan {
    /// Plans an edit. New positions have a site.
    pub(super) fn new(slots: Slots, edit: Edit, site: &str) -> Self {
        let mut walk = Walk::new(&slots.0, &edit, site);
        for index in 0..=slots.0.len() {
            walk.step(index);
        }
        walk.flush(slots.0.len());
        let Walk {
            placed, aliases, ..
        } = walk;
        Self {
            old: slots.0,
            edit,
            placed,
            aliases,
        }
    }

    /// Asserts the new positions in place of the indexes.
    pub(super) fn assert(&self, update: &mut Interim, list: &Iri) {
        for ((position, slot), by_index) in &self.placed {
            update.asserted.inserts.remove(by_index);
            let predicate = lseq::predicate(position);
            let triple = Triple::new(list.clone(), predicate, slot.clone());
            update.asserted.insert(triple, None);
        }
    }

    /// The slots that are no longer in the list, but for those that are moved.
    pub(super) fn removed<'a>(&'a self, moved: &'a BTreeSet<Iri>) -> impl Iterator<Item = &'a Iri> {
        let kept: BTreeSet<_> = self.kept().map(|(_, slot)| slot).collect();
        let deleted = self
            .old
            .iter()
            .filter(|place| self.edit.deletes.contains(*place));
        let slots = deleted.map(|(_, slot)| slot);
        slots.filter(move |slot| !kept.contains(slot) && !moved.contains(*slot))
    }

    fn kept(&self) -> impl Iterator<Item = &Place> {
        self.old
            .iter()
            .filter(|place| !self.edit.deletes.contains(*place))
    }

    /// The list as it will be.
    fn result(&self) -> Vec<&Place> {
        let placed = self.placed.iter().map(|(place, _)| place);
        let all: BTreeSet<_> = self
            .kept()
            .chain(&self.edit.inserts)
            .chain(placed)
            .collect();
        all.into_iter().collect()
    }

    /// Entails the indexes that change, and names the positions that do in the notification.
    pub(super) fn entail(
        &self,
        state: &Graph<'_>,
        update: &mut Interim,
        (list, moved): (&Iri, &BTreeSet<Iri>),
    ) -> Result<(), Refusal> {
        let result = self.result();
        let same = self
            .old
            .iter()
            .zip(&result)
            .take_while(|(old, new)| old == *new)
            .count();
        for slot in self.removed(moved) {
            entail_index(state, update, slot, None)?;
        }
        for (index, (_, slot)) in result.into_iter().enumerate().skip(same) {
            entail_index(state, update, slot, i64::try_from(index).ok())?;
        }
        for (position, alias) in &self.aliases {
            let predicate = lseq::predicate(position);
            update
                .aliases
                .push((Some(list.clone()), predicate, alias.clone()));
        }
        Ok(())
    }
}

/// Makes an index the only one of a slot.
fn entail_index(
    state: &Graph<'_>,
    update: &mut Interim,
    slot: &Iri,
    index: Option<i64>,
) -> Result<(), StoreError> {
    let predicate = Iri::new(vocab::JRQL_INDEX);
    let mut missing = index;
    for triple in state.find(Some(slot), Some(&predicate), None) {
        let triple = triple?;
        match integer(&triple.object) {
            Some(old) if Some(old) == index => missing = None,
            _ => update.entailed.delete(triple),
        }
    }
    if let Some(index) = missing {
        let index = Literal::integer(index);
        update
            .entailed
            .insert(Triple::new(slot.clone(), predicate, index), None);
    }
    Ok(())
}

/// A walk through the slots that were, which meets those that come.
struct Walk<'a> {
    old: &'a [Place],
    deletes: &'a BTreeSet<Place>,
    site: &'a str,
    by_position: VecDeque<&'a Place>,
    by_index: BTreeMap<usize, Vec<(&'a Iri, &'a Triple)>>,
    /// Slots that are to be placed before the next that is kept, and the index they were for.
    batch: Option<(usize, Vec<(&'a Iri, &'a Triple)>)>,
    /// The last position passed that is kept or new.
    last: Option<Position>,
    placed: Vec<(Place, Triple)>,
    aliases: Vec<(Position, String)>,
}

impl<'a> Walk<'a> {
    fn new(old: &'a [Place], edit: &'a Edit, site: &'a str) -> Self {
        let is_new = |place: &&Place| old.binary_search(place).is_err();
        let mut by_index: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for ((index, _, slot), triple) in &edit.by_index {
            // What is beyond the end is the end.
            let index = usize::try_from(*index).unwrap_or(old.len()).min(old.len());
            by_index.entry(index).or_default().push((slot, triple));
        }
        Self {
            old,
            deletes: &edit.deletes,
            site,
            by_position: edit.inserts.iter().filter(is_new).collect(),
            by_index,
            batch: None,
            last: None,
            placed: Vec::new(),
            aliases: Vec::new(),
        }
    }

    fn step(&mut self, index: usize) {
        let old = self.old;
        let next = old.get(index);
        let mut order = 0_usize;
        while let Some(place) = self.by_position.front().copied()
            && next.is_none_or(|next| place < next)
        {
            self.by_position.pop_front();
            self.came(&place.0, (index, order));
            self.last = Some(place.0.clone());
            order += 1;
        }
        if let Some(slots) = self.by_index.remove(&index) {
            self.batch
                .get_or_insert((index, Vec::new()))
                .1
                .extend(slots);
        }
        match next {
            Some(place) if self.deletes.contains(place) => {
                self.aliases
                    .push((place.0.clone(), format!("{}{index}", vocab::LIST_INDEX)));
            }
            Some(place) => {
                self.flush(index);
                self.last = Some(place.0.clone());
            }
            None => {}
        }
    }

    fn came(&mut self, position: &Position, (index, order): (usize, usize)) {
        let name = format!("{}{index},{order}", vocab::LIST_INDEX);
        self.aliases.push((position.clone(), name));
    }

    /// Places the slots that wait, before the slot that was at an index.
    fn flush(&mut self, index: usize) {
        let Some((from, slots)) = self.batch.take() else {
            return;
        };
        let next = self.old.get(index..).unwrap_or_default().iter();
        let next = next
            .map(|(position, _)| position)
            .find(|next| Some(*next) > self.last.as_ref());
        let positions = lseq::between(self.last.as_ref(), next, self.site, slots.len());
        for (order, (position, (slot, triple))) in positions.into_iter().zip(slots).enumerate() {
            self.came(&position, (from, order));
            self.last = Some(position.clone());
            self.placed.push(((position, slot.clone()), triple.clone()));
        }
    }
}
