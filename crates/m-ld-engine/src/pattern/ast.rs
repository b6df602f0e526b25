//! Requests, parsed.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::operator::Operator;
use super::variable::Var;
use crate::msgpack::Value;
use crate::rdf::{Iri, Term};

/// What is at one place of a triple.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    /// Whatever is there.
    Var(Var),
    /// This.
    Term(Term),
}

impl Node {
    pub(super) fn var(&self) -> Option<Var> {
        match self {
            Self::Var(var) => Some(*var),
            Self::Term(_) => None,
        }
    }
}

impl From<Iri> for Node {
    fn from(iri: Iri) -> Self {
        Self::Term(Term::Iri(iri))
    }
}

/// A triple that has variables: to match, or to fill.
#[derive(Clone, Debug)]
pub(super) struct Template {
    pub(super) subject: Node,
    pub(super) predicate: Node,
    pub(super) object: Node,
    /// The indirected data of the object.
    pub(super) data: Option<Value>,
    /// Of an update: the variable of the value that this replaces, if the request has one.
    pub(super) before: Option<Var>,
}

impl Template {
    pub(super) fn new(subject: Node, predicate: Node, object: Node) -> Self {
        Self {
            subject,
            predicate,
            object,
            data: None,
            before: None,
        }
    }

    pub(super) fn nodes(&self) -> [&Node; 3] {
        [&self.subject, &self.predicate, &self.object]
    }

    pub(super) fn vars(&self) -> impl Iterator<Item = Var> {
        self.nodes().into_iter().filter_map(Node::var)
    }
}

/// Something that has a value in a solution, or an error.
#[derive(Clone, Debug)]
pub(super) enum Expression {
    Term(Term),
    Var(Var),
    /// A variable of the request that has no value here.
    Unbound,
    Apply(Operator, Vec<Expression>),
}

/// An expression in the place of a value to be written.
#[derive(Clone, Debug)]
pub(super) struct Inline {
    /// Has the result.
    pub(super) result: Var,
    /// The expression's first argument.
    pub(super) query: Var,
    /// None if the operator has no meaning but for shared data.
    pub(super) value: Option<Expression>,
    /// As it was requested, for shared data.
    pub(super) request: Json,
}

/// What subjects say.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) triples: Vec<Template>,
    /// Inline filters, of subjects that are to be matched.
    pub(super) filters: Vec<Expression>,
    /// Inline expressions, of subjects that are to be written.
    pub(super) inline: Vec<Inline>,
    /// The variables, also those without a name.
    pub(super) vars: BTreeSet<Var>,
}

/// What is to be so in a solution.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) triples: Vec<Template>,
    /// Alternatives; none if there is no such condition.
    pub(super) union: Vec<Group>,
    pub(super) filters: Vec<Expression>,
    /// Rows of inline data.
    pub(super) values: Option<Vec<Vec<(Var, Term)>>>,
    pub(super) binds: Vec<(Var, Expression)>,
    /// The variables that a solution can have, also those of alternatives.
    pub(super) vars: BTreeSet<Var>,
}
