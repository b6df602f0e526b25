//! What solutions have come to so far.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json};

use crate::dataset::TermId;
use crate::pattern::PatternError;
use crate::pattern::describe::Describer;
use crate::pattern::output;

/// How many gaps a list of results may have for each of its items, and in any case.
const GAPS: u64 = 16;
const MIN_GAPS: u64 = 1024;

/// All results, of all templates.
#[derive(Default)]
pub(super) struct Results {
    pub(super) all: Vec<Built>,
    /// By template, and the identity that a variable gave.
    pub(super) by_identity: BTreeMap<(usize, Option<String>), usize>,
    pub(super) order: BTreeMap<usize, Vec<usize>>,
}

/// A result.
pub(super) struct Built {
    pub(super) id: String,
    pub(super) properties: BTreeMap<String, Vec<Item>>,
    pub(super) list: BTreeMap<u64, Item>,
    pub(super) has_list: bool,
    /// What it has already.
    pub(super) seen: BTreeSet<(String, Seen)>,
}

#[derive(Clone)]
pub(super) enum Item {
    Json(Json),
    Nested(usize),
}

#[derive(Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Seen {
    Term(TermId),
    /// Content of the template, by its place.
    Fixed(usize),
    Nested(usize),
}

/// Where in a result something goes.
pub(super) enum Target {
    Property(String),
    Index(u64),
}

impl Results {
    pub(super) fn of(&self, template: usize) -> impl Iterator<Item = usize> + '_ {
        self.order.get(&template).into_iter().flatten().copied()
    }

    pub(super) fn has_content(&self, result: usize) -> bool {
        self.all
            .get(result)
            .is_some_and(|built| built.has_list || !built.properties.is_empty())
    }

    pub(super) fn json(
        &self,
        describer: &Describer<'_>,
        result: usize,
    ) -> Result<Json, PatternError> {
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

impl Target {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Property(name) => name,
            Self::Index(_) => "@list",
        }
    }
}
