//! Values to terms (m-ld protocol, section 16.2).

use serde_json::{Number, Value as Json};

use super::PatternError;
use super::ast::Node;
use super::literal;
use super::subject::{Object, Subjects, reference};
use crate::context::{Context, TermType};
use crate::msgpack::Value;
use crate::rdf::{Iri, Literal, Term, vocab};

/// A term, and its data if that is kept apart.
type Content = (Node, Option<Value>);

impl Subjects<'_> {
    /// A value that is no subject, filter or expression; of the property called `property`, if it
    /// is of one.
    pub(super) fn object(
        &mut self,
        property: Option<&str>,
        value: &Json,
    ) -> Result<Content, PatternError> {
        match value {
            Json::String(text) => match self.variable(text) {
                Some(var) => Ok((Node::Var(var), None)),
                None => self.string(property, text),
            },
            Json::Bool(_) | Json::Number(_) => self.native(property, value),
            Json::Object(map) => self.described(property, map),
            Json::Null | Json::Array(_) => Err(no_value(value)),
        }
    }

    fn string(&mut self, property: Option<&str>, text: &str) -> Result<Content, PatternError> {
        if property == Some("@type") {
            return self.iri(text, Context::expand_vocab);
        }
        match property.and_then(|name| self.context.term_type(name)) {
            Some(TermType::Id) => self.iri(text, Context::expand_id),
            Some(TermType::Vocab) => self.iri(text, Context::expand_vocab),
            Some(TermType::Json) => self.typed(&Iri::new(vocab::RDF_JSON), text),
            Some(TermType::Datatype(datatype)) => self.typed(datatype, text),
            Some(TermType::None) | None => Ok(plain(self.in_language(property, text))),
        }
    }

    /// A string in the language that the context has for the property.
    fn in_language(&self, property: Option<&str>, text: &str) -> Literal {
        let language = property.and_then(|name| self.context.term_language(name));
        Literal {
            language: language.map(Into::into),
            ..match language {
                Some(_) => Literal::typed(text, vocab::RDF_LANG_STRING),
                None => Literal::string(text),
            }
        }
    }

    fn native(&mut self, property: Option<&str>, value: &Json) -> Result<Content, PatternError> {
        match property.and_then(|name| self.context.term_type(name)) {
            Some(TermType::Json) => self.typed(&Iri::new(vocab::RDF_JSON), ""),
            Some(TermType::Datatype(datatype)) => self.typed(datatype, &text_of(value)?),
            Some(TermType::Id | TermType::Vocab | TermType::None) | None => {
                literal_of(value).map(plain)
            }
        }
    }

    /// A value object or a reference.
    fn described(&mut self, property: Option<&str>, map: &Object) -> Result<Content, PatternError> {
        if let Some(id) = reference(map, "@id") {
            return Ok((self.name(id, Context::expand_id)?, None));
        }
        if let Some(name) = reference(map, "@vocab") {
            return Ok((self.name(name, Context::expand_vocab)?, None));
        }
        let whole = || no_value(&Json::Object(map.clone()));
        let value = map.get("@value").ok_or_else(whole)?;
        match map.get("@type") {
            // The language of a value object is disregarded (section 20, Q5).
            None | Some(Json::Null) => match value {
                Json::String(text) => self.string(property, text),
                _ => self.native(property, value),
            },
            Some(Json::String(kind)) => match kind.as_str() {
                "@id" => self.iri(value.as_str().ok_or_else(whole)?, Context::expand_id),
                "@vocab" => self.iri(value.as_str().ok_or_else(whole)?, Context::expand_vocab),
                "@json" => self.typed(&Iri::new(vocab::RDF_JSON), ""),
                "@none" => literal_of(value).map(plain),
                // Relative to the base, as on the wire (section 20, Q6).
                kind => match self.context.expand_id(kind) {
                    Some(datatype) => self.typed(&datatype, &text_of(value)?),
                    None => Err(whole()),
                },
            },
            Some(_) => Err(whole()),
        }
    }

    fn typed(&mut self, datatype: &Iri, lexical: &str) -> Result<Content, PatternError> {
        match datatype.as_str() {
            vocab::XS_BASE64_BINARY => {
                let (literal, data) = literal::binary(lexical)?;
                Ok((Node::Term(literal.into()), Some(data)))
            }
            vocab::TSEQ if !self.matches() => Err(PatternError::malformed(
                "text is written as a string, of a property that is declared to have text",
            )),
            _ => literal::typed(lexical, datatype).map(plain),
        }
    }

    fn iri(
        &mut self,
        text: &str,
        expand: fn(&Context, &str) -> Option<Iri>,
    ) -> Result<Content, PatternError> {
        Ok((self.name(text, expand)?, None))
    }
}

fn plain(literal: Literal) -> Content {
    (Node::Term(Term::Literal(literal)), None)
}

fn no_value(value: &Json) -> PatternError {
    PatternError::malformed(format!("no value: {value}"))
}

/// The literal of a string, truth value or number without a type.
fn literal_of(value: &Json) -> Result<Literal, PatternError> {
    match value {
        Json::String(text) => Ok(Literal::string(text.as_str())),
        Json::Bool(truth) => Ok(Literal::typed(truth.to_string(), vocab::XS_BOOLEAN)),
        Json::Number(number) => number_of(number),
        Json::Null | Json::Array(_) | Json::Object(_) => Err(no_value(value)),
    }
}

fn number_of(number: &Number) -> Result<Literal, PatternError> {
    let value = number.as_f64().and_then(literal::number);
    value.ok_or_else(|| PatternError::malformed(format!("no number: {number}")))
}

/// The lexical form of a value that is to have a certain datatype.
fn text_of(value: &Json) -> Result<String, PatternError> {
    match value {
        Json::String(text) => Ok(text.clone()),
        other => literal_of(other).map(|literal| literal.lexical.as_ref().to_owned()),
    }
}
