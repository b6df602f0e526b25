//! Subjects with all their properties.
//!
//! This is what applications ask for most, so it goes to the index directly: one range of it has
//! all triples of a subject side by side.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde_json::{Map, Value as Json};

use super::PatternError;
use super::list;
use super::output;
use super::plan::Plan;
use super::row::Cell;
use super::run::{Env, Run};
use super::variable::Var;
use crate::context::Context;
use crate::dataset::TermId;
use crate::rdf::{Iri, Term, vocab};
use crate::store::StoreError;

/// Describes subjects.
pub(super) struct Describer<'v> {
    pub(super) env: Env<'v>,
    pub(super) context: Context,
    /// Properties that were looked up before.
    known: BTreeMap<TermId, Iri>,
}

/// What is to be described.
pub(super) enum Described {
    Subject(Iri),
    /// Each different value of a variable.
    Var(Var),
}

/// Descriptions, one after another.
pub(super) struct Descriptions<'v> {
    describer: Describer<'v>,
    waiting: std::vec::IntoIter<Described>,
    plan: Rc<Plan>,
    current: Option<Current<'v>>,
}

struct Current<'v> {
    run: Run<'v>,
    var: Var,
    seen: BTreeSet<TermId>,
}

impl<'v> Describer<'v> {
    pub(super) fn new(env: Env<'v>, context: Context) -> Self {
        Self {
            env,
            context,
            known: BTreeMap::new(),
        }
    }

    /// A subject with its properties, if it has any.
    pub(super) fn subject(&mut self, id: &Iri) -> Result<Option<Json>, PatternError> {
        let mut subject = Map::new();
        let mut items = Vec::new();
        let pattern = [Some(self.env.graph.iri_id(id)), None, None];
        for found in self.env.graph.find_ids(pattern) {
            self.env.work.step()?;
            let [_, predicate, object] = found?;
            let predicate = self.property(predicate)?;
            let object = self.term(object)?;
            if let Some(slot) = object.as_iri().filter(|_| is_list_key(&predicate)) {
                let before = items.len();
                self.items(slot, &predicate, &mut items)?;
                if items.len() > before {
                    continue;
                }
            }
            let name = output::property(&self.context, &predicate, &object);
            let value = self.value(&name, &object)?;
            output::add(&mut subject, &name, value);
        }
        if !items.is_empty() {
            items.sort_by(|(a, _), (b, _)| by_position(a, b));
            let items = items.into_iter().map(|(_, item)| item).collect();
            subject.insert("@list".to_owned(), Json::Array(items));
        }
        if subject.is_empty() {
            return Ok(None);
        }
        output::sort(&mut subject);
        subject.insert("@id".to_owned(), self.context.compact_id(id).into());
        Ok(Some(Json::Object(subject)))
    }

    /// Some properties of a subject by their names, if it has any of them.
    pub(super) fn properties(
        &self,
        id: &str,
        subject: &Iri,
        properties: &[(&str, Iri)],
    ) -> Result<Option<Json>, PatternError> {
        let mut found = Map::new();
        let subject = self.env.graph.iri_id(subject);
        let properties: BTreeMap<&str, &Iri> =
            properties.iter().map(|(n, iri)| (*n, iri)).collect();
        for (name, property) in properties {
            let pattern = [Some(subject), Some(self.env.graph.iri_id(property)), None];
            for ids in self.env.graph.find_ids(pattern) {
                self.env.work.step()?;
                let [.., object] = ids?;
                let value = self.value(name, &self.term(object)?)?;
                output::add(&mut found, name, value);
            }
        }
        if found.is_empty() {
            return Ok(None);
        }
        output::sort(&mut found);
        found.insert("@id".to_owned(), id.into());
        Ok(Some(Json::Object(found)))
    }

    /// A term as the value of a property.
    pub(super) fn value(&self, property: &str, term: &Term) -> Result<Json, PatternError> {
        let indirect = term
            .as_literal()
            .filter(|literal| output::is_indirect(literal.datatype.as_str()));
        let data = match indirect {
            Some(literal) => self.env.graph.data(literal)?,
            None => None,
        };
        Ok(output::value(&self.context, property, term, data.as_ref()))
    }

    /// What is in a slot at a position.
    fn items(
        &self,
        slot: &Iri,
        position: &Iri,
        items: &mut Vec<(Iri, Json)>,
    ) -> Result<(), PatternError> {
        let item = Iri::new(vocab::JRQL_ITEM);
        for found in self.env.graph.find(Some(slot), Some(&item), None) {
            self.env.work.step()?;
            items.push((position.clone(), self.value("@list", &found?.object)?));
        }
        Ok(())
    }

    fn property(&mut self, id: TermId) -> Result<Iri, PatternError> {
        if let Some(property) = self.known.get(&id) {
            return Ok(property.clone());
        }
        match self.term(id)? {
            Term::Iri(iri) => {
                self.known.insert(id, iri.clone());
                Ok(iri)
            }
            Term::Literal(_) => Err(StoreError::Damaged("a property is a literal").into()),
        }
    }

    fn term(&self, id: TermId) -> Result<Term, PatternError> {
        Cell::stored(id).term(&self.env.graph)
    }
}

impl<'v> Descriptions<'v> {
    pub(super) fn new(describer: Describer<'v>, what: Vec<Described>, plan: Rc<Plan>) -> Self {
        Self {
            describer,
            waiting: what.into_iter(),
            plan,
            current: None,
        }
    }

    fn advance(&mut self) -> Result<Option<Json>, PatternError> {
        loop {
            let subject = match self.next_value()? {
                Some(subject) => subject,
                None => match self.waiting.next() {
                    None => return Ok(None),
                    Some(Described::Subject(subject)) => subject,
                    Some(Described::Var(var)) => {
                        let run = Run::new(self.describer.env.clone(), Rc::clone(&self.plan));
                        self.current = Some(Current {
                            run,
                            var,
                            seen: BTreeSet::new(),
                        });
                        continue;
                    }
                },
            };
            if let Some(found) = self.describer.subject(&subject)? {
                return Ok(Some(found));
            }
        }
    }

    /// The next identity among the values of the variable that is described now.
    fn next_value(&mut self) -> Result<Option<Iri>, PatternError> {
        let Some(current) = &mut self.current else {
            return Ok(None);
        };
        for row in &mut current.run {
            let row = row?;
            if let Some(cell) = row.get(current.var)
                && current.seen.insert(cell.id())
                && let Term::Iri(subject) = cell.term(&self.describer.env.graph)?
            {
                return Ok(Some(subject));
            }
        }
        self.current = None;
        Ok(None)
    }
}

impl Iterator for Descriptions<'_> {
    type Item = Result<Json, PatternError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.advance();
        if next.is_err() {
            self.current = None;
            self.waiting = Vec::new().into_iter();
        }
        next.transpose()
    }
}

/// Whether a property leads from a list to a slot.
fn is_list_key(property: &Iri) -> bool {
    let property = property.as_str();
    property.starts_with(vocab::LSEQ_POSITION) || property.starts_with(vocab::LIST_INDEX)
}

/// The order of a list: of positions by their texts, of indexes by their numbers.
fn by_position(a: &Iri, b: &Iri) -> std::cmp::Ordering {
    let index = |iri: &Iri| {
        iri.as_str()
            .strip_prefix(vocab::LIST_INDEX)
            .map(list::index)
    };
    index(a)
        .cmp(&index(b))
        .then_with(|| a.as_str().cmp(b.as_str()))
}
