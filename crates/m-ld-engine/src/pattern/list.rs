//! Lists in subjects (m-ld protocol, sections 14.4 and 16.3).
//!
//! A list has *slots*, and each slot an item. Where a request has an item in the place of a slot,
//! the slot is implied.

use serde_json::{Value as Json, json};

use super::PatternError;
use super::ast::Node;
use super::subject::{Object, Subjects, is_subject};
use super::variable::{self, Var};
use crate::rdf::{Iri, vocab};

/// Where in a list something is.
pub(super) enum Index {
    /// A variable; of name or none.
    Var(Var),
    /// An index, and the place of what is inserted there among others.
    At(u64, Option<u64>),
}

impl Subjects<'_> {
    /// The items of a list that `list` identifies.
    pub(super) fn list(&mut self, list: &Node, items: &Json) -> Result<(), PatternError> {
        match items {
            Json::Array(items) => (0..)
                .zip(items)
                .try_for_each(|(index, item)| self.slot(list, &Index::At(index, None), item)),
            Json::Object(map) => map
                .iter()
                .try_for_each(|(key, item)| self.indexed(list, key, item)),
            item => self.slot(list, &Index::At(0, None), item),
        }
    }

    fn indexed(&mut self, list: &Node, key: &str, item: &Json) -> Result<(), PatternError> {
        if variable::name(key).is_some()
            && let Some(var) = self.variable(key)
        {
            return self.slot(list, &Index::Var(var), item);
        }
        let (index, sub) = index(key).ok_or_else(|| no_index(key))?;
        match item {
            // Several that are inserted at one index.
            Json::Array(items) if sub.is_none() && !self.matches() => (0..)
                .zip(items)
                .try_for_each(|(sub, item)| self.slot(list, &Index::At(index, Some(sub)), item)),
            item => self.slot(list, &Index::At(index, sub), item),
        }
    }

    fn slot(&mut self, list: &Node, index: &Index, item: &Json) -> Result<(), PatternError> {
        if item.is_null() {
            return Ok(());
        }
        let mut slot = as_slot(item);
        let id = match (slot.get("@id"), index) {
            (None | Some(Json::Null), Index::Var(var)) => {
                let slot = self.vars.slot(*var);
                self.found.vars.insert(slot);
                Node::Var(slot)
            }
            _ => self.identity(&slot)?,
        };
        let key = self.list_key(index, &id);
        self.push(list.clone(), key, id.clone());
        if self.matches() {
            // The index is never asserted: it follows from the position.
            slot.remove("@index");
            self.slot_index(&id, index);
        }
        self.properties(&id, &slot)
    }

    /// The property from a list to a slot.
    fn list_key(&mut self, index: &Index, slot: &Node) -> Node {
        let var = match (index, slot) {
            (Index::Var(index), _) => self.vars.list_key(*index),
            (Index::At(index, sub), _) if !self.matches() => {
                let sub = sub.map_or_else(String::new, |sub| format!(",{sub}"));
                return Iri::new(format!("{}{index}{sub}", vocab::LIST_INDEX)).into();
            }
            (Index::At(..), Node::Var(slot)) => self.vars.list_key(*slot),
            (Index::At(..), Node::Term(_)) => self.vars.anonymous(),
        };
        self.found.vars.insert(var);
        Node::Var(var)
    }

    fn slot_index(&mut self, slot: &Node, index: &Index) {
        let index = match index {
            Index::Var(var) => Node::Var(*var),
            Index::At(index, _) => {
                let number = i64::try_from(*index).unwrap_or(i64::MAX);
                Node::Term(crate::rdf::Literal::integer(number).into())
            }
        };
        self.push(slot.clone(), Iri::new(vocab::JRQL_INDEX).into(), index);
    }
}

/// What is at an index, as a slot. A list within a list is one, and not flattened.
fn as_slot(item: &Json) -> Object {
    match item {
        Json::Object(map) if is_subject(map) && map.contains_key("@item") => map.clone(),
        Json::Array(_) => object(json!({ "@item": { "@list": item } })),
        item => object(json!({ "@item": item })),
    }
}

fn object(value: Json) -> Object {
    match value {
        Json::Object(map) => map,
        _ => Object::new(),
    }
}

/// The index that a key is: `1`, or `1,2`, or as a `data:` IRI.
pub(super) fn index(key: &str) -> Option<(u64, Option<u64>)> {
    let text = key.strip_prefix(vocab::LIST_INDEX).unwrap_or(key);
    match text.split_once(',') {
        None => Some((natural(text)?, None)),
        Some((index, sub)) => Some((natural(index)?, Some(natural(sub)?))),
    }
}

pub(super) fn no_index(key: &str) -> PatternError {
    PatternError::malformed(format!("{key:?} is no index of a list"))
}

/// A natural number that JavaScript has exactly.
fn natural(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let number = text.parse().ok().filter(|_| digits)?;
    (number < 1 << 53).then_some(number)
}
