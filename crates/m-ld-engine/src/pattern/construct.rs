//! Templates that solutions fill (m-ld protocol, section 16.4).
//!
//! Solutions merge into results by the identity that they give to the template's subject. A
//! template within a template has results of its own, which the outer ones refer to.

mod template;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde_json::{Map, Value as Json};

use super::PatternError;
use super::describe::Describer;
use super::output;
use super::plan::Plan;
use super::row::Row;
use super::run::Run;
use crate::dataset::TermId;
use crate::rdf::Term;
pub(super) use template::Templates;
use template::{Content, Identity, Key, Template};

/// How many gaps a list of results may have for each of its items, and in any case.
const GAPS: u64 = 16;
const MIN_GAPS: u64 = 1024;

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

/// All results, of all templates.
#[derive(Default)]
struct Results {
    all: Vec<Built>,
    /// By template, and the identity that a variable gave.
    by_identity: BTreeMap<(usize, Option<String>), usize>,
    order: BTreeMap<usize, Vec<usize>>,
}

/// A result.
struct Built {
    id: String,
    properties: BTreeMap<String, Vec<Item>>,
    list: BTreeMap<u64, Item>,
    has_list: bool,
    /// What it has already.
    seen: BTreeSet<(String, Seen)>,
}

#[derive(Clone)]
enum Item {
    Json(Json),
    Nested(usize),
}

#[derive(Eq, Ord, PartialEq, PartialOrd)]
enum Seen {
    Term(TermId),
    /// Content of the template, by its place.
    Fixed(usize),
    Nested(usize),
}

/// Where in a result something goes.
enum Target {
    Property(String),
    Index(u64),
}

impl Results {
    fn of(&self, template: usize) -> impl Iterator<Item = usize> + '_ {
        self.order.get(&template).into_iter().flatten().copied()
    }

    fn has_content(&self, result: usize) -> bool {
        self.all
            .get(result)
            .is_some_and(|built| built.has_list || !built.properties.is_empty())
    }

    fn json(&self, describer: &Describer<'_>, result: usize) -> Result<Json, PatternError> {
        describer.env.work.step()?;
        let Some(built) = self.all.get(result) else {
            return Ok(Json::Null);
        };
        let mut subject = Map::new();
        subject.insert("@id".to_owned(), built.id.as_str().into());
        for (property, items) in &built.properties {
            for item in items {
                output::add(&mut subject, property, self.item(describer, item)?);
            }
        }
        if built.has_list {
            subject.insert("@list".to_owned(), self.list(describer, &built.list)?);
        }
        Ok(Json::Object(subject))
    }

    /// A list, with null where nothing was asked for.
    fn list(
        &self,
        describer: &Describer<'_>,
        items: &BTreeMap<u64, Item>,
    ) -> Result<Json, PatternError> {
        let most = u64::try_from(items.len()).unwrap_or(u64::MAX);
        let most = most.saturating_mul(GAPS).saturating_add(MIN_GAPS);
        let mut list = Vec::new();
        for (index, item) in items {
            if *index > most {
                return Err(PatternError::malformed("a list would have too many gaps"));
            }
            let index = usize::try_from(*index).unwrap_or(usize::MAX);
            list.resize(index, Json::Null);
            list.push(self.item(describer, item)?);
        }
        Ok(Json::Array(list))
    }

    fn item(&self, describer: &Describer<'_>, item: &Item) -> Result<Json, PatternError> {
        match item {
            Item::Json(json) => Ok(json.clone()),
            Item::Nested(result) => self.json(describer, *result),
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

impl Target {
    fn name(&self) -> &str {
        match self {
            Self::Property(name) => name,
            Self::Index(_) => "@list",
        }
    }
}
