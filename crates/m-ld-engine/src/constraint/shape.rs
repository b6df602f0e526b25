//! Shapes: how many values a property may have (m-ld protocol, section 13.3).

use std::collections::BTreeSet;

use super::order::{compare, integer};
use super::values::{self, change_values, final_values, is_gone, references, subjects_of};
use super::{Constraint, Interim, Local, Refusal};
use crate::dataset::Graph;
use crate::rdf::{Iri, Term, Triple, vocab};
use crate::store::StoreError;

/// A description of subjects.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Shape {
    /// Of a property, in all subjects.
    Property(PropertyShape),
    /// Of all properties of the subjects of some classes. Constrains nothing.
    Node(BTreeSet<Iri>),
}

/// How many values a property may have.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PropertyShape {
    /// The property.
    pub path: Iri,
    /// The least number of values, of a subject that has any property.
    pub min_count: Option<usize>,
    /// The greatest number of values.
    pub max_count: Option<usize>,
}

impl Shape {
    /// Reads a shape from the data.
    pub fn read(state: &Graph<'_>, shape: &Iri) -> Result<Self, StoreError> {
        let values = |predicate: &str| values::values(state, shape, &Iri::new(predicate));
        let count = |predicate: &str| -> Result<Option<usize>, StoreError> {
            let counts = values(predicate)?;
            let count = counts.iter().find_map(integer);
            Ok(count.map(|count| usize::try_from(count).unwrap_or_default()))
        };
        let path = references(values(vocab::SH_PATH)?).next();
        Ok(match path {
            Some(path) => Self::Property(PropertyShape {
                path,
                min_count: count(vocab::SH_MIN_COUNT)?,
                max_count: count(vocab::SH_MAX_COUNT)?,
            }),
            None => Self::Node(references(values(vocab::SH_TARGET_CLASS)?).collect()),
        })
    }

    /// Reads the shapes that a subject refers to.
    pub(super) fn all(
        state: &Graph<'_>,
        subject: &Iri,
        predicate: &str,
    ) -> Result<Vec<Self>, StoreError> {
        let shapes = references(values::values(state, subject, &Iri::new(predicate))?);
        shapes.map(|shape| Self::read(state, &shape)).collect()
    }

    /// Whether a shape is about a triple that is deleted, inserted or edited together with others.
    pub(super) fn covers(
        &self,
        state: &Graph<'_>,
        triple: &Triple,
        others: &BTreeSet<Triple>,
    ) -> Result<bool, StoreError> {
        let classes = match self {
            Self::Property(shape) => return Ok(shape.path == triple.predicate),
            Self::Node(classes) => classes,
        };
        for class in classes {
            let kind = Iri::new(vocab::RDF_TYPE);
            let kind = Triple::new(triple.subject.clone(), kind, class.clone());
            if others.contains(&kind) || state.contains(&kind)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Keeps the subjects of a domain in some shapes.
#[derive(Clone, Debug, Default)]
pub struct ShapeConstrained(pub Vec<Shape>);

impl ShapeConstrained {
    fn properties(&self) -> impl Iterator<Item = &PropertyShape> {
        self.0.iter().filter_map(|shape| match shape {
            Shape::Property(shape) => Some(shape),
            Shape::Node(_) => None,
        })
    }
}

impl Constraint for ShapeConstrained {
    fn check(
        &self,
        state: &Graph<'_>,
        update: &mut Interim,
        _local: &mut Local<'_>,
    ) -> Result<(), Refusal> {
        for shape in self.properties() {
            for subject in subjects_of(update, &shape.path) {
                shape.check(state, update, &subject)?;
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
        for shape in self.properties() {
            for subject in subjects_of(update, &shape.path) {
                shape.apply(state, update, &subject)?;
            }
        }
        Ok(())
    }
}

impl PropertyShape {
    fn check(&self, state: &Graph<'_>, update: &mut Interim, subject: &Iri) -> Result<(), Refusal> {
        let count = final_values(state, update, subject, &self.path)?.len();
        if self.max_count.is_some_and(|max| count > max) {
            return Err(self.refuse("too many", subject));
        }
        let too_few = self.min_count.is_some_and(|min| count < min);
        if too_few && !is_gone(state, update, subject)? {
            return Err(self.refuse("too few", subject));
        }
        for hidden in state.hidden(subject, &self.path)? {
            if !update.asserted.inserts.contains_key(&hidden) {
                update.asserted.delete(hidden);
            }
        }
        Ok(())
    }

    fn refuse(&self, what: &str, subject: &Iri) -> Refusal {
        Refusal::not_writeable(format!("{what} values of {} for {subject}", self.path))
    }

    fn apply(
        &self,
        state: &Graph<'_>,
        update: &mut Interim,
        subject: &Iri,
    ) -> Result<(), StoreError> {
        let mut before = values::values(state, subject, &self.path)?;
        let hidden = state.hidden(subject, &self.path)?;
        before.extend(hidden.into_iter().map(|triple| triple.object));
        let mut after = before.clone();
        change_values(&mut after, update, subject, &self.path);
        let missing = self.min_count.unwrap_or(0).saturating_sub(after.len());
        if missing > 0 {
            return self.reinstate(state, update, subject, (before, after, missing));
        }
        let max = self.max_count.unwrap_or(usize::MAX);
        for (rank, value) in descending(after).into_iter().enumerate() {
            let triple = Triple::new(subject.clone(), self.path.clone(), value);
            if rank < max {
                update.entailed.insert(triple, None);
            } else {
                update.entailed.delete(triple);
            }
        }
        Ok(())
    }

    /// Inserts the greatest of the values that went, unless the subject is to go.
    fn reinstate(
        &self,
        state: &Graph<'_>,
        update: &mut Interim,
        subject: &Iri,
        (before, after, missing): (BTreeSet<Term>, BTreeSet<Term>, usize),
    ) -> Result<(), StoreError> {
        if is_gone(state, update, subject)? {
            return Ok(());
        }
        let gone = before.difference(&after).cloned().collect();
        for value in descending(gone).into_iter().take(missing) {
            let data = value.as_literal().map(|literal| state.data(literal));
            let triple = Triple::new(subject.clone(), self.path.clone(), value);
            update
                .resolution
                .insert(triple, data.transpose()?.flatten());
        }
        Ok(())
    }
}

fn descending(values: BTreeSet<Term>) -> Vec<Term> {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_by(|one, two| compare(two, one));
    values
}
