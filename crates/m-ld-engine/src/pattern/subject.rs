//! Subjects to triples (m-ld protocol, sections 16.2 and 16.3).

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::PatternError;
use super::ast::{Found, Inline, Node, Template};
use super::expression;
use super::operator::Operator;
use super::variable::{self, Var, Vars};
use crate::context::Context;
use crate::rdf::{Iri, vocab};

/// An object's members.
pub(super) type Object = Map<String, Json>;

/// What becomes of a subject.
pub(super) enum Mode<'a> {
    /// It is compared with the graph. Filters may take the place of values, and whatever has no
    /// identity matches any.
    Match,
    /// It is to be written. Expressions may take the place of values, and what has no identity is
    /// given one by this.
    Load(&'a mut dyn FnMut() -> Iri),
}

/// Reads subjects.
pub(super) struct Subjects<'a> {
    pub(super) context: &'a Context,
    pub(super) vars: &'a mut Vars,
    pub(super) mode: Mode<'a>,
    /// What blank nodes of the request stand for.
    blanks: BTreeMap<String, Node>,
    pub(super) found: Found,
}

/// A property of a subject, and what it is called.
#[derive(Clone, Copy)]
struct Outer<'a> {
    subject: &'a Node,
    name: &'a str,
    predicate: &'a Node,
}

impl<'a> Subjects<'a> {
    pub(super) fn new(context: &'a Context, vars: &'a mut Vars, mode: Mode<'a>) -> Self {
        Self {
            context,
            vars,
            mode,
            blanks: BTreeMap::new(),
            found: Found::default(),
        }
    }

    /// Reads a subject, or several.
    pub(super) fn read(mut self, subjects: &Json) -> Result<Found, PatternError> {
        self.values(subjects, None)?;
        Ok(self.found)
    }

    pub(super) fn matches(&self) -> bool {
        matches!(self.mode, Mode::Match)
    }

    /// A new variable that the request has no name for.
    pub(super) fn anonymous(&mut self) -> Var {
        let var = self.vars.anonymous();
        self.found.vars.insert(var);
        var
    }

    /// The variable that a text is, if it is one.
    pub(super) fn variable(&mut self, text: &str) -> Option<Var> {
        let var = self.vars.read(text)?;
        self.found.vars.insert(var);
        Some(var)
    }

    fn values(&mut self, values: &Json, outer: Option<Outer<'_>>) -> Result<(), PatternError> {
        match values {
            Json::Null => Ok(()),
            Json::Array(items) => items.iter().try_for_each(|item| self.values(item, outer)),
            Json::Object(map) => match map.get("@set") {
                Some(set) => self.values(set, outer),
                None if is_subject(map) => self.subject(map, outer),
                None => self.value(values, outer),
            },
            Json::Bool(_) | Json::Number(_) | Json::String(_) => self.value(values, outer),
        }
    }

    /// A value that is no subject.
    fn value(&mut self, value: &Json, outer: Option<Outer<'_>>) -> Result<(), PatternError> {
        let Some(outer) = outer else {
            return Err(PatternError::malformed(format!("no subject: {value}")));
        };
        if let Json::Object(map) = value
            && is_inline(map)
        {
            return self.inline(map, outer);
        }
        let (object, data) = self.object(Some(outer.name), value)?;
        let mut triple = Template::new(outer.subject.clone(), outer.predicate.clone(), object);
        triple.data = data;
        self.found.triples.push(triple);
        Ok(())
    }

    fn subject(&mut self, map: &Object, outer: Option<Outer<'_>>) -> Result<(), PatternError> {
        let id = self.identity(map)?;
        match outer {
            Some(outer) => self.push(outer.subject.clone(), outer.predicate.clone(), id.clone()),
            // A reference by itself matches all that is said of it.
            None if self.matches() && reference(map, "@id").is_some() => {
                let [predicate, object] = [(); 2].map(|()| Node::Var(self.anonymous()));
                self.push(id.clone(), predicate, object);
            }
            None => {}
        }
        self.properties(&id, map)
    }

    /// The properties of a subject, of which `id` is the identity.
    pub(super) fn properties(&mut self, id: &Node, map: &Object) -> Result<(), PatternError> {
        for (name, value) in map {
            match name.as_str() {
                "@id" | "@context" => {}
                _ if value.is_null() => {}
                "@list" => self.list(id, value)?,
                name => self.property(id, name, value)?,
            }
        }
        Ok(())
    }

    fn property(&mut self, id: &Node, name: &str, value: &Json) -> Result<(), PatternError> {
        let predicate = self.predicate(name)?;
        let outer = Outer {
            subject: id,
            name,
            predicate: &predicate,
        };
        self.values(value, Some(outer))
    }

    pub(super) fn push(&mut self, subject: Node, predicate: Node, object: Node) {
        let triple = Template::new(subject, predicate, object);
        self.found.triples.push(triple);
    }

    pub(super) fn identity(&mut self, map: &Object) -> Result<Node, PatternError> {
        match map.get("@id") {
            None | Some(Json::Null) => Ok(self.unnamed()),
            Some(Json::String(id)) => match id.strip_prefix("_:") {
                Some(label) => Ok(self.blank(label)),
                None => self.name(id, Context::expand_id),
            },
            Some(id) => Err(PatternError::malformed(format!("no identity: {id}"))),
        }
    }

    fn blank(&mut self, label: &str) -> Node {
        if let Some(node) = self.blanks.get(label) {
            return node.clone();
        }
        let node = self.unnamed();
        self.blanks.insert(label.to_owned(), node.clone());
        node
    }

    fn unnamed(&mut self) -> Node {
        match &mut self.mode {
            Mode::Match => Node::Var(self.anonymous()),
            Mode::Load(identity) => Node::from(identity()),
        }
    }

    /// What a name or an identity stands for: a variable, or an IRI.
    pub(super) fn name(
        &mut self,
        text: &str,
        expand: fn(&Context, &str) -> Option<Iri>,
    ) -> Result<Node, PatternError> {
        if let Some(var) = self.variable(text) {
            return Ok(Node::Var(var));
        }
        let iri = expand(self.context, text).filter(|iri| is_absolute(iri.as_str()));
        iri.map(Node::from)
            .ok_or_else(|| PatternError::malformed(format!("{text:?} does not stand for an IRI")))
    }

    fn predicate(&mut self, name: &str) -> Result<Node, PatternError> {
        match name {
            "@type" => Ok(Iri::new(vocab::RDF_TYPE).into()),
            "@index" => Ok(Iri::new(vocab::JRQL_INDEX).into()),
            "@item" => Ok(Iri::new(vocab::JRQL_ITEM).into()),
            name => self.name(name, Context::expand_vocab),
        }
    }

    /// A filter or an expression in the place of a value.
    fn inline(&mut self, map: &Object, outer: Outer<'_>) -> Result<(), PatternError> {
        let query = match map.get("@value") {
            None => self.anonymous(),
            Some(value) => value
                .as_str()
                .and_then(|text| self.variable(text))
                .ok_or_else(|| PatternError::malformed(format!("no variable: {value}")))?,
        };
        let mut operators = map.clone();
        operators.remove("@value");
        let (subject, predicate) = (outer.subject.clone(), outer.predicate.clone());
        if operators.is_empty() {
            self.push(subject, predicate, Node::Var(query));
        } else if self.matches() {
            self.push(subject, predicate, Node::Var(query));
            for (key, arguments) in &operators {
                let filter = expression::of_variable(self, query, key, arguments)?;
                self.found.filters.push(filter);
            }
        } else {
            self.replacement(subject, predicate, query, operators)?;
        }
        Ok(())
    }

    /// An expression of which the result is to be written.
    fn replacement(
        &mut self,
        subject: Node,
        predicate: Node,
        query: Var,
        operators: Object,
    ) -> Result<(), PatternError> {
        let mut each = operators.iter();
        let (Some((key, arguments)), None) = (each.next(), each.next()) else {
            return Err(PatternError::malformed(
                "a value to be written has more than one operator",
            ));
        };
        let value = match Operator::of(key) {
            Some(Operator::Splice) => None,
            _ => Some(expression::of_variable(self, query, key, arguments)?),
        };
        let result = self.anonymous();
        let mut triple = Template::new(subject, predicate, Node::Var(result));
        triple.before = Some(query);
        self.found.triples.push(triple);
        self.found.inline.push(Inline {
            result,
            query,
            value,
            request: Json::Object(operators),
        });
        Ok(())
    }
}

/// Whether an object is a subject, or a reference to one.
pub(super) fn is_subject(map: &Object) -> bool {
    !is_value(map) && reference(map, "@vocab").is_none() && !is_inline(map)
}

/// Whether an object is a value.
pub(super) fn is_value(map: &Object) -> bool {
    const KEYS: [&str; 4] = ["@value", "@type", "@language", "@id"];
    map.contains_key("@value")
        && !is_inline(map)
        && map.keys().all(|key| KEYS.contains(&key.as_str()))
}

/// Whether an object is a filter or an expression.
pub(super) fn is_inline(map: &Object) -> bool {
    let operator = |key: &String| key == "@value" || Operator::of(key).is_some();
    !map.is_empty() && map.keys().all(operator)
}

/// What an object refers to, if it is only a reference, by `key`.
pub(super) fn reference<'a>(map: &'a Object, key: &str) -> Option<&'a str> {
    let nothing = |value: &Json| value.is_null() || value.as_array().is_some_and(Vec::is_empty);
    let only = map.iter().all(|(k, value)| k == key || nothing(value));
    map.get(key).filter(|_| only)?.as_str()
}

/// Whether a text begins with a scheme (RFC 3986, section 3.1), and is no blank node.
fn is_absolute(text: &str) -> bool {
    let Some((scheme, _)) = text.split_once(':') else {
        return false;
    };
    let mut bytes = scheme.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic())
        && bytes.all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
}

/// Whether a text is a variable.
pub(super) fn is_variable(text: &str) -> bool {
    variable::name(text).is_some()
}
