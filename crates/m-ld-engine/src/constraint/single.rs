//! Properties with one value.

use std::collections::BTreeSet;

use super::values::{self, change_values, final_values};
use super::{Constraint, Interim, Local, Refusal, order};
use crate::dataset::Graph;
use crate::rdf::{Iri, Triple};

/// Keeps one value of a property: a second is refused, and of values that were written at once the
/// greatest stays. Unlike with a shape, the others are deleted for everybody.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SingleValued(pub Iri);

impl SingleValued {
    /// The subjects that get a value.
    fn subjects(&self, update: &Interim) -> BTreeSet<Iri> {
        let inserts = values::inserts(update).filter(|triple| triple.predicate == self.0);
        inserts.map(|triple| triple.subject.clone()).collect()
    }
}

impl Constraint for SingleValued {
    fn check(
        &self,
        state: &Graph<'_>,
        update: &mut Interim,
        _local: &mut Local<'_>,
    ) -> Result<(), Refusal> {
        for subject in self.subjects(update) {
            if final_values(state, update, &subject, &self.0)?.len() > 1 {
                // In the JavaScript engine's words: applications look for them, and the compliance suite does.
                let reason = format!("Multiple values for {subject}: {}", self.0);
                return Err(Refusal::not_writeable(reason));
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
        for subject in self.subjects(update) {
            let mut values = values::values(state, &subject, &self.0)?;
            change_values(&mut values, update, &subject, &self.0);
            let kept = values
                .iter()
                .max_by(|one, two| order::compare(one, two))
                .cloned();
            for value in values
                .into_iter()
                .filter(|value| Some(value) != kept.as_ref())
            {
                let triple = Triple::new(subject.clone(), self.0.clone(), value);
                update.resolution.delete(triple);
            }
        }
        Ok(())
    }
}
