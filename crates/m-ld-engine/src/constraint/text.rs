//! Text among the values of properties (m-ld protocol, section 15.1).

use std::collections::BTreeSet;

use super::values::{change_values, values};
use super::{Constraint, Interim, Local, Refusal};
use crate::dataset::Graph;
use crate::datatype;
use crate::rdf::{Iri, Literal, Term, Triple, vocab};
use crate::store::StoreError;

/// Makes shared text of the strings that are written to some properties.
#[derive(Clone, Debug, Default)]
pub struct TextProperties(pub BTreeSet<Iri>);

impl TextProperties {
    fn is_to_be_text(&self, triple: &Triple) -> bool {
        let literal = triple.object.as_literal();
        self.0.contains(&triple.predicate)
            && literal.is_some_and(|literal| literal.datatype.as_str() == vocab::XS_STRING)
    }
}

impl Constraint for TextProperties {
    fn check(
        &self,
        _state: &Graph<'_>,
        update: &mut Interim,
        local: &mut Local<'_>,
    ) -> Result<(), Refusal> {
        let strings = update.asserted.inserts.keys();
        let strings: Vec<_> = strings
            .filter(|triple| self.is_to_be_text(triple))
            .cloned()
            .collect();
        for string in strings {
            update.asserted.inserts.remove(&string);
            let content = string
                .object
                .as_literal()
                .map_or("", |literal| &*literal.lexical);
            let state = datatype::create(content, local.clone_id)
                .map_err(|error| Refusal::not_writeable(error.to_string()))?;
            let identity = Literal::typed(local.chance.identity(), vocab::TSEQ);
            let text = Triple::new(string.subject, string.predicate, identity);
            update.asserted.insert(text, Some(state));
        }
        Ok(())
    }

    fn apply(
        &self,
        _state: &Graph<'_>,
        _update: &mut Interim,
        _local: &mut Local<'_>,
    ) -> Result<(), Refusal> {
        Ok(())
    }
}

/// Keeps one value where there is one with shared data. Always in force, after all others.
#[derive(Clone, Copy, Debug, Default)]
pub struct SharedValues;

impl Constraint for SharedValues {
    fn check(
        &self,
        state: &Graph<'_>,
        update: &mut Interim,
        _local: &mut Local<'_>,
    ) -> Result<(), Refusal> {
        for (subject, predicate) in inserted_properties(state, update)? {
            let mut visible = values(state, &subject, &predicate)?;
            change_values(&mut visible, update, &subject, &predicate);
            entail_values(&mut visible, update, &subject, &predicate);
            if visible.len() > 1 && visible.iter().any(is_shared) {
                return Err(Refusal::not_writeable(format!(
                    "{subject} would have several values of {predicate}, of which one is shared text"
                )));
            }
            for hidden in hidden(state, update, &subject, &predicate)? {
                update.asserted.deletes.insert(hidden);
            }
        }
        Ok(())
    }

    fn apply(
        &self,
        state: &Graph<'_>,
        update: &mut Interim,
        _local: &mut Local<'_>,
    ) -> Result<(), Refusal> {
        for (subject, predicate) in shared_properties(update) {
            let mut all = values(state, &subject, &predicate)?;
            let hidden = state.hidden(&subject, &predicate)?;
            all.extend(hidden.into_iter().map(|triple| triple.object));
            change_values(&mut all, update, &subject, &predicate);
            let shared = all.iter().filter(|value| is_shared(value));
            let Some(top) = shared
                .max_by(|one, two| super::order::compare(one, two))
                .cloned()
            else {
                continue;
            };
            for value in all.into_iter().filter(|value| *value != top) {
                let triple = Triple::new(subject.clone(), predicate.clone(), value);
                update.entailed.delete(triple);
            }
        }
        Ok(())
    }
}

/// The subjects and properties which get a value of shared data, or one beside such a value.
fn inserted_properties(
    state: &Graph<'_>,
    update: &Interim,
) -> Result<BTreeSet<(Iri, Iri)>, StoreError> {
    let mut found = BTreeSet::new();
    if !state.has_data()? && !update.inserts().any(|triple| is_shared(&triple.object)) {
        return Ok(found);
    }
    // A property can have very many values, and get many at once.
    let mut looked = BTreeSet::new();
    for triple in update.inserts() {
        let place = (triple.subject.clone(), triple.predicate.clone());
        if found.contains(&place) {
            continue;
        }
        let shared = is_shared(&triple.object)
            || looked.insert(place.clone())
                && values(state, &place.0, &place.1)?.iter().any(is_shared);
        if shared {
            found.insert(place);
        }
    }
    Ok(found)
}

/// The subjects and properties of which a value of shared data comes or goes.
fn shared_properties(update: &Interim) -> BTreeSet<(Iri, Iri)> {
    let all = update.deletes().chain(update.inserts());
    let shared = all.filter(|triple| is_shared(&triple.object));
    shared
        .map(|triple| (triple.subject.clone(), triple.predicate.clone()))
        .collect()
}

fn entail_values(values: &mut BTreeSet<Term>, update: &Interim, subject: &Iri, predicate: &Iri) {
    for triple in super::values::deletes_of(&update.entailed, subject, predicate) {
        values.remove(&triple.object);
    }
    let inserts = super::values::inserts_of(&update.entailed, subject, predicate);
    values.extend(inserts.map(|triple| triple.object.clone()));
}

/// The hidden triples of a property that an update does not show.
fn hidden(
    state: &Graph<'_>,
    update: &Interim,
    subject: &Iri,
    predicate: &Iri,
) -> Result<Vec<Triple>, StoreError> {
    let mut hidden = state.hidden(subject, predicate)?;
    hidden.retain(|triple| !update.inserts().any(|inserted| inserted == triple));
    Ok(hidden)
}

fn is_shared(value: &Term) -> bool {
    value
        .as_literal()
        .is_some_and(|literal| datatype::is_shared(&literal.datatype))
}
