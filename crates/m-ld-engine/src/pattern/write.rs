//! Writes (m-ld protocol, section 16.5).

use serde_json::Value as Json;

use super::PatternError;
use super::fill::Filler;
use super::limits::{Limits, Work};
use super::read::in_context;
use super::run::Env;
use super::subject::Object;
use super::update::{Reader, Update};
use super::variable::Vars;
use crate::change::Change;
use crate::constraint::Local;
use crate::context::Context;
use crate::dataset::Graph;
use crate::rdf::{Iri, Term};

/// What a write comes to.
#[derive(Clone, Debug)]
pub struct Write {
    /// What it does to the graph, before constraints.
    pub change: Change,
    /// If it is to be an agreement: its proof.
    pub agree: Option<Json>,
}

/// Works out what a write does: a subject, a group of subjects (an array of them, or `@graph`), or an update.
///
/// New identities come from `local`. A change that is empty is no transaction.
///
/// # Errors
/// [`PatternError::Unsupported`] if it is no write. Nothing has happened then, nor with any other.
pub fn write(
    graph: &Graph<'_>,
    context: &Context,
    request: &Json,
    local: &mut Local<'_>,
    limits: &Limits,
) -> Result<Write, PatternError> {
    limits.admit(request)?;
    let group = as_group(request);
    let request = group
        .as_ref()
        .or(request.as_object())
        .ok_or(PatternError::Unsupported("write"))?;
    let context = in_context(context, request)?;
    let mut vars = Vars::default();
    let base = local.base.clone();
    let mut identity = || new_identity(&base, local);
    let mut reader = Reader {
        context: &context,
        vars: &mut vars,
        identity: &mut identity,
    };
    let update = reader.request(request)?;
    let env = Env {
        graph: graph.clone(),
        work: Work::new(limits),
        vars: vars.len(),
    };
    let filler = Filler::new(env, &vars, &mut identity);
    Ok(Write {
        change: filler.change(update)?,
        agree: request
            .get("@agree")
            .filter(|proof| is_truthy(proof))
            .cloned(),
    })
}

/// A group that is an array, as the same one in `@graph`.
fn as_group(request: &Json) -> Option<Object> {
    let subjects = request.is_array().then(|| request.clone())?;
    Some(Object::from_iter([("@graph".to_owned(), subjects)]))
}

/// Works out what it takes to delete a subject, and every reference to it.
pub fn delete(
    graph: &Graph<'_>,
    context: &Context,
    id: &str,
    limits: &Limits,
) -> Result<Change, PatternError> {
    let id = context
        .expand_id(id)
        .ok_or_else(|| PatternError::malformed(format!("no identity: {id:?}")))?;
    let work = Work::new(limits);
    let term = Term::Iri(id.clone());
    let mut change = Change::default();
    let from = graph.find(Some(&id), None, None);
    for triple in from.chain(graph.find(None, None, Some(&term))) {
        work.keep()?;
        change.delete(triple?);
    }
    Ok(change)
}

/// A new identity under the base (m-ld protocol, section 1).
fn new_identity(base: &Iri, local: &mut Local<'_>) -> Iri {
    Iri::new(format!(
        "{base}.well-known/genid/{}",
        local.chance.identity()
    ))
}

/// Whether JavaScript takes a value for true.
fn is_truthy(value: &Json) -> bool {
    match value {
        Json::Null => false,
        Json::Bool(truth) => *truth,
        Json::Number(number) => number.as_f64() != Some(0.0),
        Json::String(text) => !text.is_empty(),
        Json::Array(_) | Json::Object(_) => true,
    }
}

impl Reader<'_> {
    /// Any write, as an update.
    fn request(&mut self, request: &Object) -> Result<Update, PatternError> {
        let has = |keys: &[&str]| keys.iter().any(|key| request.contains_key(*key));
        let mut update = Update::default();
        if let Some(subjects) = request.get("@graph").filter(|_| !has(&["@union"])) {
            self.inserts(&mut update, subjects)?;
        } else if has(&[
            "@union",
            "@filter",
            "@values",
            "@describe",
            "@select",
            "@construct",
        ]) {
            return Err(PatternError::Unsupported("write"));
        } else if has(&["@insert", "@delete", "@update"]) {
            return self.update(request);
        } else {
            self.inserts(&mut update, &Json::Object(request.clone()))?;
        }
        Ok(update)
    }
}
