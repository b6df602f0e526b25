//! Update notifications (m-ld protocol, section 17).

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::list;
use super::output;
use crate::context::Context;
use crate::msgpack::Value;
use crate::rdf::{Iri, Triple, vocab};

/// A triple, with the data of its literal if that is kept apart.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The triple.
    pub triple: Triple,
    /// Its data: of shared data, the state. For what was deleted, as it was before.
    pub data: Option<Value>,
}

/// What a transaction did.
#[derive(Clone, Copy, Debug)]
pub struct Notice<'a> {
    /// What went out of the graph, and for a write what was to.
    pub deletes: &'a [Shown],
    /// What came into the graph.
    pub inserts: &'a [Shown],
    /// Operations on shared data, each as an expression or an array of such.
    pub updates: &'a [(Triple, Json)],
    /// Names for properties: subject, or all; property; name. A name that is the `data:` IRI of a
    /// list index is a place in the subject's list.
    pub aliases: &'a [(Option<Iri>, Iri, String)],
    /// The local tick.
    pub ticks: u64,
    /// Who is responsible.
    pub principal: Option<&'a Iri>,
    /// The proof, if it was an agreement.
    pub agree: Option<&'a Json>,
}

/// Tells an application what a transaction did, in its context.
pub fn notification(context: &Context, notice: &Notice<'_>) -> Json {
    let subjects = |shown: &[Shown]| {
        let mut subjects = Subjects::new(context, notice.aliases);
        for Shown { triple, data } in shown {
            subjects.add(triple, data.as_ref(), None);
        }
        subjects.json()
    };
    let mut updates = Subjects::new(context, notice.aliases);
    for (triple, expression) in notice.updates {
        updates.add(triple, None, Some(expression));
    }
    let mut update = json!({
        "@delete": subjects(notice.deletes),
        "@insert": subjects(notice.inserts),
        "@update": updates.json(),
        "@ticks": notice.ticks,
    });
    let principal = |iri: &Iri| json!({ "@id": context.compact_id(iri) });
    if let Json::Object(update) = &mut update {
        let principal = notice.principal.map(principal);
        update.extend(principal.map(|principal| ("@principal".to_owned(), principal)));
        let agree = notice.agree.cloned();
        update.extend(agree.map(|proof| ("@agree".to_owned(), proof)));
    }
    update
}

/// Partial subjects.
struct Subjects<'a> {
    context: &'a Context,
    /// Aliases for a subject, or for all.
    aliases: BTreeMap<(Option<&'a Iri>, &'a Iri), &'a str>,
    all: BTreeMap<Iri, Subject>,
}

#[derive(Default)]
struct Subject {
    properties: Map<String, Json>,
    /// By index; with several at one index, by their order.
    list: BTreeMap<u64, BTreeMap<Option<u64>, Json>>,
}

impl<'a> Subjects<'a> {
    fn new(context: &'a Context, aliases: &'a [(Option<Iri>, Iri, String)]) -> Self {
        let alias = |(subject, property, name): &'a (Option<Iri>, Iri, String)| {
            ((subject.as_ref(), property), name.as_str())
        };
        Self {
            context,
            aliases: aliases.iter().map(alias).collect(),
            all: BTreeMap::new(),
        }
    }

    /// Adds a triple, or instead of its object an expression.
    fn add(&mut self, triple: &Triple, data: Option<&Value>, expression: Option<&Json>) {
        let (subject, property) = (&triple.subject, &triple.predicate);
        let alias = self.aliases.get(&(Some(subject), property));
        let alias = alias
            .or_else(|| self.aliases.get(&(None, property)))
            .copied();
        let to = self.all.entry(subject.clone()).or_default();
        let name = alias.unwrap_or(property.as_str());
        if let Some((index, sub)) = list_index(name) {
            let value = output::value(self.context, "@list", &triple.object, data);
            to.list.entry(index).or_default().insert(sub, value);
            return;
        }
        let name = match alias {
            Some(name) => name.into(),
            None => output::property(self.context, property, &triple.object),
        };
        match expression {
            None => {
                let value = output::value(self.context, &name, &triple.object, data);
                output::add(&mut to.properties, &name, value);
            }
            Some(Json::Array(several)) => {
                for one in several {
                    output::add(&mut to.properties, &name, one.clone());
                }
            }
            Some(one) => output::add(&mut to.properties, &name, one.clone()),
        }
    }

    fn json(self) -> Json {
        let context = self.context;
        let subject = |(id, subject): (Iri, Subject)| {
            let mut json = subject.properties;
            json.insert("@id".to_owned(), context.compact_id(&id).into());
            if !subject.list.is_empty() {
                let list = subject.list.into_iter();
                let list = list.map(|(index, items)| (index.to_string(), at_index(items)));
                json.insert("@list".to_owned(), Json::Object(list.collect()));
            }
            Json::Object(json)
        };
        self.all.into_iter().map(subject).collect()
    }
}

/// What is at one index: one value, or an array of those that were inserted there.
fn at_index(mut items: BTreeMap<Option<u64>, Json>) -> Json {
    match (items.remove(&None), items.is_empty()) {
        (Some(one), true) => one,
        (one, _) => one.into_iter().chain(items.into_values()).collect(),
    }
}

fn list_index(name: &str) -> Option<(u64, Option<u64>)> {
    list::index(name).filter(|_| name.starts_with(vocab::LIST_INDEX))
}
