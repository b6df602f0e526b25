//! Default lists (m-ld protocol, section 14).
//!
//! # Invariants
//! 1. In a list that has its default type, every slot is at one position.
//! 2. The indexes of slots are those of their positions, in this graph alone.
//! 3. A slot has one item.

mod edit;
mod walk;

use std::collections::{BTreeMap, BTreeSet};

use super::values;
use super::{Constraint, Interim, Local, Refusal, SingleValued};
use crate::dataset::Graph;
use crate::datatype::lseq;
use crate::rdf::{Iri, Term, Triple, vocab};
use crate::store::StoreError;
use edit::{Edit, edits};
use walk::{Plan, Slots};

/// Keeps default lists. Always in force.
#[derive(Clone, Copy, Debug, Default)]
pub struct DefaultList;

impl Constraint for DefaultList {
    fn check(
        &self,
        state: &Graph<'_>,
        update: &mut Interim,
        local: &mut Local<'_>,
    ) -> Result<(), Refusal> {
        items().check(state, update, local)?;
        remove_indexes(state, update)?;
        let edits = edits(update)?;
        let moved = moved(&edits);
        let site = lseq::site(local.clone_id);
        for (list, edit) in edits {
            check_list(state, update, (&list, edit), (&site, &moved))?;
        }
        Ok(())
    }

    fn apply(
        &self,
        state: &Graph<'_>,
        update: &mut Interim,
        local: &mut Local<'_>,
    ) -> Result<(), Refusal> {
        items().apply(state, update, local)?;
        let mut edits = edits(update)?;
        // A default list is sent by its positions: an index is that of a list of some other kind.
        for edit in edits.values_mut() {
            edit.by_index.clear();
        }
        let moved = moved(&edits);
        for (list, edit) in edits {
            apply_list(state, update, (&list, edit), &moved)?;
        }
        Ok(())
    }
}

/// That a slot has one item.
fn items() -> SingleValued {
    SingleValued(Iri::new(vocab::JRQL_ITEM))
}

/// The slots that are put somewhere in a list.
fn moved(edits: &BTreeMap<Iri, Edit>) -> BTreeSet<Iri> {
    edits.values().flat_map(Edit::inserted).cloned().collect()
}

fn check_list(
    state: &Graph<'_>,
    update: &mut Interim,
    (list, mut edit): (&Iri, Edit),
    (site, moved): (&str, &BTreeSet<Iri>),
) -> Result<(), Refusal> {
    let types = values::values(state, list, &Iri::new(vocab::RDF_TYPE))?;
    let default = Term::from(Iri::new(vocab::RDF_LSEQ));
    if has_other_type(update, list) {
        edit.forget_inserts();
    }
    if edit.is_empty() || (!types.is_empty() && !types.contains(&default)) {
        return Ok(());
    }
    if types.is_empty() && edit.inserted().next().is_some() {
        let class = Iri::new(vocab::RDF_TYPE);
        update
            .asserted
            .insert(Triple::new(list.clone(), class, default), None);
    }
    let slots = Slots::read(state, list)?;
    if let Some(slot) = edit.twice(&slots) {
        return Err(Refusal::not_writeable(format!(
            "{slot} would be in the list {list} twice"
        )));
    }
    let plan = Plan::new(slots, edit, site);
    plan.assert(update, list);
    for slot in plan.removed(moved) {
        cascade(state, update, slot)?;
    }
    plan.entail(state, update, (list, moved))
}

/// Whether an update makes something else of a list than a default one.
fn has_other_type(update: &Interim, list: &Iri) -> bool {
    let predicate = Iri::new(vocab::RDF_TYPE);
    let mut classes = values::inserts_of(&update.asserted, list, &predicate)
        .map(|triple| triple.object.as_iri().map_or("", Iri::as_str))
        .peekable();
    classes.peek().is_some() && classes.all(|class| class != vocab::RDF_LSEQ)
}

/// Deletes what a slot has, as it is no longer in its list.
fn cascade(state: &Graph<'_>, update: &mut Interim, slot: &Iri) -> Result<(), Refusal> {
    for triple in state.find(Some(slot), None, None) {
        let triple = triple?;
        let is_index = triple.predicate.as_str() == vocab::JRQL_INDEX;
        if !is_index && !update.asserted.inserts.contains_key(&triple) {
            update.asserted.delete(triple);
        }
    }
    Ok(())
}

fn apply_list(
    state: &Graph<'_>,
    update: &mut Interim,
    (list, mut edit): (&Iri, Edit),
    moved: &BTreeSet<Iri>,
) -> Result<(), Refusal> {
    let slots = Slots::read(state, list)?;
    for (position, slot) in edit.resolve(&slots) {
        let predicate = lseq::predicate(&position);
        update
            .resolution
            .delete(Triple::new(list.clone(), predicate, slot));
    }
    Plan::new(slots, edit, "").entail(state, update, (list, moved))
}

/// Takes indexes out of what is asserted. They follow from positions.
fn remove_indexes(state: &Graph<'_>, update: &mut Interim) -> Result<(), StoreError> {
    let deletes = update.asserted.deletes.iter();
    let indexes = deletes.filter(|triple| triple.predicate.as_str() == vocab::JRQL_INDEX);
    for index in indexes.cloned().collect::<Vec<_>>() {
        if state.tids(&index)?.is_empty() {
            update.asserted.deletes.remove(&index);
        }
    }
    Ok(())
}
