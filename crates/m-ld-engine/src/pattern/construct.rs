//! Templates that solutions fill (m-ld protocol, section 16.4).
//!
//! Solutions merge into results by the identity that they give to the template's subject. A
//! template within a template has results of its own, which the outer ones refer to.

mod results;
mod template;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde_json::Value as Json;

use super::PatternError;
use super::describe::Describer;
use super::output;
use super::plan::Plan;
use super::row::Row;
use super::run::Run;
use crate::rdf::Term;
use results::{Built, Item, Results, Seen, Target};
pub(super) use template::Templates;
use template::{Content, Identity, Key, Template};

/// Results of construction. They are all made before the first is given.
pub(super) struct Construction<'v> {
    describer: Describer<'v>,
    templates: Rc<Templates>,
    state: State<'v>,
}

enum State<'v> {
    Filling(Run<'v>),
    Giving(std::vec::IntoIter<Json>),
}

impl<'v> Construction<'v> {
    pub(super) fn new(describer: Describer<'v>, templates: Templates, plan: Rc<Plan>) -> Self {
        let run = Run::new(describer.env.clone(), plan);
        Self {
            describer,
            templates: Rc::new(templates),
            state: State::Filling(run),
        }
    }

    fn fill(&mut self) -> Result<Vec<Json>, PatternError> {
        let State::Filling(run) = &mut self.state else {
            return Ok(Vec::new());
        };
        let templates = Rc::clone(&self.templates);
        let mut results = Results::default();
        for row in run {
            let row = row?;
            let mut filler = Filler {
                describer: &self.describer,
                templates: &templates,
                results: &mut results,
                row: &row,
            };
            for top in &templates.top {
                filler.fill(*top)?;
            }
        }
        templates
            .top
            .iter()
            .flat_map(|top| results.of(*top))
            .filter(|result| results.has_content(*result))
            .map(|result| results.json(&self.describer, result))
            .collect()
    }
}

impl Iterator for Construction<'_> {
    type Item = Result<Json, PatternError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let State::Filling(_) = self.state {
            match self.fill() {
                Ok(results) => self.state = State::Giving(results.into_iter()),
                Err(error) => {
                    self.state = State::Giving(Vec::new().into_iter());
                    return Some(Err(error));
                }
            }
        }
        match &mut self.state {
            State::Giving(results) => results.next().map(Ok),
            State::Filling(_) => None,
        }
    }
}

/// Fills templates from one solution.
struct Filler<'a, 'v> {
    describer: &'a Describer<'v>,
    templates: &'a Templates,
    results: &'a mut Results,
    row: &'a Row,
}

impl Filler<'_, '_> {
    /// The result that the solution goes into; none if there is nothing in it worth a reference.
    fn fill(&mut self, index: usize) -> Result<Option<usize>, PatternError> {
        let Some(template) = self.templates.all.get(index) else {
            return Ok(None);
        };
        self.describer.env.work.keep()?;
        let identity = self.identity(template)?;
        let known = identity.is_some() || matches!(template.identity, Identity::Fixed(_));
        let (result, is_new) = self.result(index, template, identity);
        for (place, (key, content)) in template.contents.iter().enumerate() {
            self.content(result, is_new, place, key, content)?;
        }
        Ok((known || self.results.has_content(result)).then_some(result))
    }

    fn identity(&self, template: &Template) -> Result<Option<String>, PatternError> {
        let Identity::Var(var) = template.identity else {
            return Ok(None);
        };
        let Some(cell) = self.row.get(var) else {
            return Ok(None);
        };
        Ok(Some(match cell.term(&self.describer.env.graph)? {
            Term::Iri(iri) => self.describer.context.compact_id(&iri).into_owned(),
            Term::Literal(literal) => literal.lexical.as_ref().to_owned(),
        }))
    }

    fn result(
        &mut self,
        index: usize,
        template: &Template,
        identity: Option<String>,
    ) -> (usize, bool) {
        let key = (index, identity);
        if let Some(result) = self.results.by_identity.get(&key) {
            return (*result, false);
        }
        let result = self.results.all.len();
        let id = match (&key.1, &template.identity) {
            (Some(id), _) | (None, Identity::Fixed(id)) => id.clone(),
            (None, Identity::Var(_) | Identity::None) => format!("_:b{result}"),
        };
        self.results.all.push(Built {
            id,
            properties: BTreeMap::new(),
            list: BTreeMap::new(),
            has_list: false,
            seen: BTreeSet::new(),
        });
        self.results.by_identity.insert(key, result);
        self.results.order.entry(index).or_default().push(result);
        (result, true)
    }

    fn content(
        &mut self,
        result: usize,
        is_new: bool,
        place: usize,
        key: &Key,
        content: &Content,
    ) -> Result<(), PatternError> {
        match content {
            Content::Fixed(json) => {
                // What does not depend on the solution is there once.
                if let Some(target) = self.target(key)?.filter(|_| is_new || key.is_var()) {
                    let item = Item::Json(json.clone());
                    self.put(result, target, Seen::Fixed(place), item)?;
                }
            }
            Content::Var(var) => {
                if let (Some(cell), Some(target)) = (self.row.get(*var), self.target(key)?) {
                    let term = cell.term(&self.describer.env.graph)?;
                    let json = self.describer.value(target.name(), &term)?;
                    self.put(result, target, Seen::Term(cell.id()), Item::Json(json))?;
                }
            }
            Content::Nested(nested) => {
                if let Some(nested) = self.fill(*nested)?
                    && let Some(target) = self.target(key)?
                {
                    self.put(result, target, Seen::Nested(nested), Item::Nested(nested))?;
                }
            }
        }
        Ok(())
    }

    /// What a key is in this solution.
    fn target(&self, key: &Key) -> Result<Option<Target>, PatternError> {
        let var = match key {
            Key::Name(name) => return Ok(Some(Target::Property(name.clone()))),
            Key::Index(index) => return Ok(Some(Target::Index(*index))),
            Key::Var(var) | Key::IndexVar(var) => *var,
        };
        let Some(cell) = self.row.get(var) else {
            return Ok(None);
        };
        let term = cell.term(&self.describer.env.graph)?;
        Ok(match (key, &term) {
            (Key::IndexVar(_), Term::Literal(literal)) => {
                literal.lexical.parse().ok().map(Target::Index)
            }
            (Key::Var(_), Term::Iri(iri)) => {
                let name = output::property(&self.describer.context, iri, &term);
                Some(Target::Property(name.into_owned()))
            }
            _ => None,
        })
    }

    fn put(
        &mut self,
        result: usize,
        target: Target,
        seen: Seen,
        item: Item,
    ) -> Result<(), PatternError> {
        self.describer.env.work.keep()?;
        let Some(built) = self.results.all.get_mut(result) else {
            return Ok(());
        };
        match target {
            Target::Index(index) => {
                built.has_list = true;
                built.list.insert(index, item);
            }
            Target::Property(property) => {
                if built.seen.insert((property.clone(), seen)) {
                    built.properties.entry(property).or_default().push(item);
                }
            }
        }
        Ok(())
    }
}
