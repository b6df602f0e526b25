//! What the values of a property will be.

use std::collections::BTreeSet;

use super::Interim;
use crate::change::Change;
use crate::dataset::Graph;
use crate::rdf::{Iri, Term, Triple};
use crate::store::StoreError;

/// The triples of a subject and a property that go.
pub(super) fn deletes_of<'a>(
    change: &'a Change,
    subject: &Iri,
    predicate: &Iri,
) -> impl Iterator<Item = &'a Triple> {
    let from = first_of(subject, predicate);
    let (subject, predicate) = (subject.clone(), predicate.clone());
    let range = change.deletes.range(from..);
    range.take_while(move |triple| triple.subject == subject && triple.predicate == predicate)
}

/// The triples of a subject and a property that come.
pub(super) fn inserts_of<'a>(
    change: &'a Change,
    subject: &Iri,
    predicate: &Iri,
) -> impl Iterator<Item = &'a Triple> {
    let from = first_of(subject, predicate);
    let (subject, predicate) = (subject.clone(), predicate.clone());
    let range = change.inserts.range(from..).map(|(triple, _)| triple);
    range.take_while(move |triple| triple.subject == subject && triple.predicate == predicate)
}

/// What is before all triples of a subject and a property.
fn first_of(subject: &Iri, predicate: &Iri) -> Triple {
    Triple::new(subject.clone(), predicate.clone(), Iri::new(""))
}

/// The triples that are asserted or resolved to go.
pub(super) fn deletes(update: &Interim) -> impl Iterator<Item = &Triple> {
    update
        .asserted
        .deletes
        .iter()
        .chain(&update.resolution.deletes)
}

/// The triples that are asserted or resolved to come.
pub(super) fn inserts(update: &Interim) -> impl Iterator<Item = &Triple> {
    let asserted = update.asserted.inserts.keys();
    let asserted = asserted.filter(|triple| !update.resolution.deletes.contains(*triple));
    asserted.chain(update.resolution.inserts.keys())
}

/// Makes of values what an update makes of them, but for what it entails.
pub(super) fn change_values(
    values: &mut BTreeSet<Term>,
    update: &Interim,
    subject: &Iri,
    predicate: &Iri,
) {
    for change in [&update.asserted, &update.resolution] {
        for triple in deletes_of(change, subject, predicate) {
            values.remove(&triple.object);
        }
        values.extend(inserts_of(change, subject, predicate).map(|triple| triple.object.clone()));
    }
}

/// The values that a property has.
pub(super) fn values(
    state: &Graph<'_>,
    subject: &Iri,
    predicate: &Iri,
) -> Result<BTreeSet<Term>, StoreError> {
    let found = state.find(Some(subject), Some(predicate), None);
    found.map(|triple| Ok(triple?.object)).collect()
}

/// The values that a property will have, but for what is entailed.
pub(super) fn final_values(
    state: &Graph<'_>,
    update: &Interim,
    subject: &Iri,
    predicate: &Iri,
) -> Result<BTreeSet<Term>, StoreError> {
    let mut values = values(state, subject, predicate)?;
    change_values(&mut values, update, subject, predicate);
    Ok(values)
}

/// Whether a subject will have no property at all.
pub(super) fn is_gone(
    state: &Graph<'_>,
    update: &Interim,
    subject: &Iri,
) -> Result<bool, StoreError> {
    let from = Triple::new(subject.clone(), Iri::new(""), Iri::new(""));
    for change in [&update.asserted, &update.resolution] {
        let next = change.inserts.range(&from..).next();
        if next.is_some_and(|(triple, _)| triple.subject == *subject) {
            return Ok(false);
        }
    }
    for triple in state.find(Some(subject), None, None) {
        let triple = triple?;
        let asserted = update.asserted.deletes.contains(&triple);
        if !asserted && !update.resolution.deletes.contains(&triple) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The subjects of which a property changes.
pub(super) fn subjects_of(update: &Interim, predicate: &Iri) -> BTreeSet<Iri> {
    let all = deletes(update).chain(inserts(update));
    let with = all.filter(|triple| triple.predicate == *predicate);
    with.map(|triple| triple.subject.clone()).collect()
}

/// The references among values.
pub(super) fn references(values: BTreeSet<Term>) -> impl Iterator<Item = Iri> {
    values
        .into_iter()
        .filter_map(|value| value.as_iri().cloned())
}
