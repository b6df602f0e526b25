//! Solutions: values of variables.

use std::rc::Rc;

use super::PatternError;
use super::variable::Var;
use crate::dataset::{Graph, TermId};
use crate::rdf::Term;
use crate::store::StoreError;

/// The value of a variable: a term by its id, and itself if it is not from the graph.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    id: TermId,
    term: Option<Rc<Term>>,
}

impl Cell {
    /// A term of the graph.
    pub(super) fn stored(id: TermId) -> Self {
        Self { id, term: None }
    }

    /// A term that need not be in the graph.
    pub(super) fn of(graph: &Graph<'_>, term: Term) -> Self {
        Self {
            id: graph.id(&term),
            term: Some(Rc::new(term)),
        }
    }

    pub(super) fn id(&self) -> TermId {
        self.id
    }

    /// The term.
    pub(super) fn term(&self, graph: &Graph<'_>) -> Result<Term, PatternError> {
        match &self.term {
            Some(term) => Ok(Term::clone(term)),
            None => Ok(graph.term(self.id)?.ok_or(StoreError::Damaged(
                "a triple uses a term that is not stored",
            ))?),
        }
    }
}

/// The values of all variables of a request, where they have one.
#[derive(Clone, Debug)]
pub(super) struct Row(Vec<Option<Cell>>);

impl Row {
    /// No values.
    pub(super) fn new(vars: usize) -> Self {
        Self(vec![None; vars])
    }

    pub(super) fn get(&self, var: Var) -> Option<&Cell> {
        self.0.get(var.0)?.as_ref()
    }

    pub(super) fn set(&mut self, var: Var, value: Option<Cell>) {
        if let Some(cell) = self.0.get_mut(var.0) {
            *cell = value;
        }
    }
}
