//! Templates of writes, filled with solutions (m-ld protocol, section 16.5).

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::Value as Json;

use super::PatternError;
use super::ast::{Inline, Node, Template};
use super::output::is_indirect;
use super::plan::Plan;
use super::row::{Cell, Row};
use super::run::{Env, Run};
use super::update::Update;
use super::variable::{Derived, Var, Vars};
use crate::change::{Change, Edit};
use crate::datatype;
use crate::msgpack::Value;
use crate::rdf::{Iri, Literal, Term, Triple, vocab};

/// Fills templates with solutions.
pub(super) struct Filler<'a, 'v> {
    env: Env<'v>,
    vars: &'a Vars,
    identity: &'a mut dyn FnMut() -> Iri,
    /// Edits of shared data, by the triple and the expression's variable: each once, however
    /// many solutions have it.
    edits: BTreeMap<(Triple, Var), Json>,
}

impl<'a, 'v> Filler<'a, 'v> {
    pub(super) fn new(env: Env<'v>, vars: &'a Vars, identity: &'a mut dyn FnMut() -> Iri) -> Self {
        Self {
            env,
            vars,
            identity,
            edits: BTreeMap::new(),
        }
    }

    /// What an update does.
    pub(super) fn change(mut self, mut update: Update) -> Result<Change, PatternError> {
        let mut change = Change::default();
        let fixed = update.pattern.is_none() && !update.inserts_vary;
        match update.group()? {
            Some(group) => {
                let plan = Rc::new(Plan::new(&self.env, group)?);
                for row in Run::new(self.env.clone(), plan) {
                    self.solution(&update, row?, &mut change)?;
                }
                drop_unchanged(&mut change);
            }
            // Nothing depends on what is there.
            None => self.fixed(&update.deletes, |triple, _| {
                change.deletes.insert(triple);
            })?,
        }
        if fixed {
            self.fixed(&update.inserts, |triple, data| change.insert(triple, data))?;
        }
        copy_text(&mut change);
        change.edits = std::mem::take(&mut self.edits)
            .into_iter()
            .map(|((triple, _), expression)| Edit { triple, expression })
            .collect();
        Ok(change)
    }

    fn fixed(
        &self,
        templates: &[Template],
        mut each: impl FnMut(Triple, Option<Value>),
    ) -> Result<(), PatternError> {
        let row = Row::new(0);
        for template in templates {
            self.env.work.step()?;
            if let Some(triple) = self.filled(template, &row)? {
                each(triple, template.data.clone());
            }
        }
        Ok(())
    }

    fn solution(
        &mut self,
        update: &Update,
        mut row: Row,
        change: &mut Change,
    ) -> Result<(), PatternError> {
        for template in &update.deletes {
            self.env.work.keep()?;
            if let Some(triple) = self.filled(template, &row)? {
                self.edit(template, &triple, &update.inline, &mut row);
                change.deletes.insert(triple);
            }
        }
        for template in &update.inserts {
            self.env.work.keep()?;
            self.derive(template, &mut row)?;
            if let Some(triple) = self.filled(template, &row)? {
                let data = match &template.data {
                    Some(data) => Some(data.clone()),
                    None => self.data(&triple.object)?,
                };
                change.inserts.insert(triple, data);
            }
        }
        Ok(())
    }

    /// If an expression is for shared data, it edits the data, which stays where it is.
    fn edit(&mut self, template: &Template, triple: &Triple, inline: &[Inline], row: &mut Row) {
        let (Node::Var(var), Term::Literal(literal)) = (&template.object, &triple.object) else {
            return;
        };
        if !datatype::is_shared(&literal.datatype) {
            return;
        }
        for inline in inline.iter().filter(|inline| inline.query == *var) {
            let cell = Cell::of(&self.env.graph, triple.object.clone());
            row.set(inline.result, Some(cell));
            self.edits
                .insert((triple.clone(), inline.result), inline.request.clone());
        }
    }

    /// The triple of a template. None if a variable has no value, or one that cannot be there.
    fn filled(&self, template: &Template, row: &Row) -> Result<Option<Triple>, PatternError> {
        let term = |node: &Node| match node {
            Node::Term(term) => Ok(Some(term.clone())),
            Node::Var(var) => {
                let cell = row.get(*var);
                cell.map(|cell| cell.term(&self.env.graph)).transpose()
            }
        };
        let [subject, predicate, object] = template.nodes().map(term);
        Ok(match (subject?, predicate?, object?) {
            (Some(Term::Iri(subject)), Some(Term::Iri(predicate)), Some(object)) => {
                Some(Triple::new(subject, predicate, object))
            }
            _ => None,
        })
    }

    /// Gives values to variables for places in lists that follow from their index.
    fn derive(&mut self, template: &Template, row: &mut Row) -> Result<(), PatternError> {
        for var in template.vars() {
            if row.get(var).is_some() {
                continue;
            }
            let iri = match self.vars.derived(var) {
                Some(Derived::ListKey(index)) => self
                    .index(row, index)?
                    .map(|index| Iri::new(format!("{}{index}", vocab::LIST_INDEX))),
                Some(Derived::Slot(index)) => self.index(row, index)?.map(|_| (self.identity)()),
                None => None,
            };
            if let Some(iri) = iri {
                row.set(var, Some(Cell::of(&self.env.graph, iri.into())));
            }
        }
        Ok(())
    }

    fn index(&self, row: &Row, var: Var) -> Result<Option<u64>, PatternError> {
        let Some(cell) = row.get(var) else {
            return Ok(None);
        };
        let term = cell.term(&self.env.graph)?;
        let literal = term.as_literal();
        Ok(literal.and_then(|literal| literal.lexical.parse().ok()))
    }

    /// The data of a literal that is kept apart.
    fn data(&self, term: &Term) -> Result<Option<Value>, PatternError> {
        match term {
            Term::Literal(literal) if is_indirect(literal.datatype.as_str()) => {
                Ok(self.env.graph.data(literal)?)
            }
            Term::Iri(_) | Term::Literal(_) => Ok(None),
        }
    }
}

/// Shared data has one place. What is inserted elsewhere is a copy of its text.
fn copy_text(change: &mut Change) {
    let shared = change.inserts.keys().filter(|triple| {
        let literal = triple.object.as_literal();
        literal.is_some_and(|literal| datatype::is_shared(&literal.datatype))
    });
    let shared: Vec<Triple> = shared.cloned().collect();
    for triple in shared {
        let state = change.inserts.remove(&triple).flatten();
        let text = state.and_then(|state| datatype::text(&state).ok());
        if let Some(text) = text {
            let copy = Triple {
                object: Literal::string(text).into(),
                ..triple
            };
            change.inserts.insert(copy, None);
        }
    }
}

/// What solutions both delete and insert was there, and stays.
fn drop_unchanged(change: &mut Change) {
    let Change {
        deletes, inserts, ..
    } = change;
    let both: Vec<Triple> = deletes
        .iter()
        .filter(|triple| inserts.contains_key(*triple))
        .cloned()
        .collect();
    for triple in both {
        deletes.remove(&triple);
        inserts.remove(&triple);
    }
}
