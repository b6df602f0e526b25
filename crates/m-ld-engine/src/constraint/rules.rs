//! All the constraints that are in force, in their order.

use std::collections::BTreeSet;

use super::extension::{Loadable, from_declared};
use super::shape::PropertyShape;
use super::{
    Constraint, DefaultList, Extension, Interim, Local, Refusal, Shape, ShapeConstrained,
    SharedValues, SingleValued, TextProperties, declared,
};
use crate::dataset::Graph;
use crate::rdf::Iri;
use crate::store::StoreError;

/// Rules that an application configures, beside those that the data declares. All clones of a domain
/// must have the same.
#[derive(Clone, Debug, Default)]
pub struct Configured {
    /// The properties that have text.
    pub text: BTreeSet<Iri>,
    /// Shapes that subjects keep.
    pub shapes: Vec<PropertyShape>,
    /// Properties that have one value.
    pub single_valued: BTreeSet<Iri>,
}

impl Configured {
    fn constraints(&self) -> Vec<Box<dyn Constraint>> {
        let mut found: Vec<Box<dyn Constraint>> = Vec::new();
        if !self.text.is_empty() {
            found.push(Box::new(TextProperties(self.text.clone())));
        }
        if !self.shapes.is_empty() {
            let shapes = self.shapes.iter().cloned().map(Shape::Property);
            found.push(Box::new(ShapeConstrained(shapes.collect())));
        }
        for property in &self.single_valued {
            found.push(Box::new(SingleValued(property.clone())));
        }
        found
    }
}

/// The constraints that are in force: configured, declared in the data, and those that always are.
///
/// An update is subject to the rules in force before it: they are loaded anew after each.
pub struct Rules {
    constraints: Vec<Box<dyn Constraint>>,
    unknown: Vec<Extension>,
}

impl Rules {
    /// Loads the rules that are in force in a graph.
    pub fn load(state: &Graph<'_>, configured: &Configured) -> Result<Self, StoreError> {
        let mut constraints = configured.constraints();
        let mut extensions = declared(state)?;
        constraints.extend(from_declared(state, &extensions)?);
        constraints.push(Box::new(DefaultList));
        constraints.push(Box::new(Loadable));
        constraints.push(Box::new(SharedValues));
        extensions.retain(|extension| extension.kind.is_none());
        Ok(Self {
            constraints,
            unknown: extensions,
        })
    }

    /// Adds a constraint of the application, before those that always are in force.
    #[must_use]
    pub fn with(mut self, constraint: Box<dyn Constraint>) -> Self {
        self.constraints.insert(0, constraint);
        self
    }

    /// Extensions that are declared, but have no effect here. The application is to be warned.
    pub fn unknown(&self) -> &[Extension] {
        &self.unknown
    }
}

impl Constraint for Rules {
    fn check(
        &self,
        state: &Graph<'_>,
        update: &mut Interim,
        local: &mut Local<'_>,
    ) -> Result<(), Refusal> {
        let mut all = self.constraints.iter();
        all.try_for_each(|constraint| constraint.check(state, update, local))
    }

    fn apply(
        &self,
        state: &Graph<'_>,
        update: &mut Interim,
        local: &mut Local<'_>,
    ) -> Result<(), Refusal> {
        let mut all = self.constraints.iter();
        all.try_for_each(|constraint| constraint.apply(state, update, local))
    }

    fn test_agreement(&self, state: &Graph<'_>, update: &Interim) -> Result<(), Refusal> {
        let mut all = self.constraints.iter();
        all.try_for_each(|constraint| constraint.test_agreement(state, update))
    }
}
