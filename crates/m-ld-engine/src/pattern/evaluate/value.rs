//! What terms are worth.

use std::str::FromStr as _;
use std::sync::Arc;

use oxsdatatypes::{DateTime, Decimal, Double, Float, Integer};

use crate::pattern::literal;
use crate::rdf::{Iri, Literal, Term, vocab};

/// Datatypes derived from `xs:integer` (XML Schema 1.1, part 2, section 3.4).
const INTEGERS: [&str; 12] = [
    "byte",
    "int",
    "long",
    "negativeInteger",
    "nonNegativeInteger",
    "nonPositiveInteger",
    "positiveInteger",
    "short",
    "unsignedByte",
    "unsignedInt",
    "unsignedLong",
    "unsignedShort",
];
const XS_DECIMAL: &str = "http://www.w3.org/2001/XMLSchema#decimal";
const XS_FLOAT: &str = "http://www.w3.org/2001/XMLSchema#float";

/// The value of a term.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Iri(Iri),
    String(Arc<str>),
    /// A string in a language.
    Lang(Arc<str>, Arc<str>),
    Bool(bool),
    Number(Number),
    DateTime(DateTime, Literal),
    /// A literal that is not understood, or has no value of its datatype.
    Other(Literal),
}

/// A number, in the order in which types are promoted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    Integer(Integer),
    Decimal(Decimal),
    Float(Float),
    Double(Double),
}

impl Value {
    pub(super) fn of(term: Term) -> Self {
        match term {
            Term::Iri(iri) => Self::Iri(iri),
            Term::Literal(literal) => Self::known(&literal).unwrap_or(Self::Other(literal)),
        }
    }

    fn known(literal: &Literal) -> Option<Self> {
        let lexical = &literal.lexical;
        if let Some(language) = &literal.language {
            return Some(Self::Lang(lexical.clone(), language.clone()));
        }
        match literal.datatype.as_str() {
            vocab::XS_STRING => Some(Self::String(lexical.clone())),
            vocab::XS_BOOLEAN => match lexical.as_ref() {
                "true" | "1" => Some(Self::Bool(true)),
                "false" | "0" => Some(Self::Bool(false)),
                _ => None,
            },
            datatype => {
                let name = datatype.strip_prefix(vocab::XS)?;
                match name {
                    "dateTime" | "dateTimeStamp" => {
                        let time = DateTime::from_str(lexical).ok()?;
                        Some(Self::DateTime(time, literal.clone()))
                    }
                    name => Number::parse(name, lexical).map(Self::Number),
                }
            }
        }
    }

    /// The term with this value, if there is one that can be written.
    pub(super) fn into_term(self) -> Option<Term> {
        Some(match self {
            Self::Iri(iri) => iri.into(),
            Self::String(text) => Literal::string(text).into(),
            Self::Lang(text, language) => Term::Literal(Literal {
                language: Some(language),
                ..Literal::typed(text, vocab::RDF_LANG_STRING)
            }),
            Self::Bool(truth) => Literal::typed(truth.to_string(), vocab::XS_BOOLEAN).into(),
            Self::Number(number) => number.into_literal()?.into(),
            Self::DateTime(_, literal) | Self::Other(literal) => literal.into(),
        })
    }

    /// The effective boolean value (SPARQL 1.1, section 17.2.2).
    pub(super) fn truth(&self) -> Option<bool> {
        match self {
            Self::Bool(truth) => Some(*truth),
            Self::String(text) | Self::Lang(text, _) => Some(!text.is_empty()),
            Self::Number(number) => Some(number.truth()),
            // One of a known datatype that has no such value is false.
            Self::Other(literal) => {
                let datatype = literal.datatype.as_str();
                let known = datatype == vocab::XS_BOOLEAN || Number::is_type(datatype);
                known.then_some(false)
            }
            Self::Iri(_) | Self::DateTime(..) => None,
        }
    }

    pub(super) fn number(&self) -> Option<Number> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Iri(_)
            | Self::String(_)
            | Self::Lang(..)
            | Self::Bool(_)
            | Self::DateTime(..)
            | Self::Other(_) => None,
        }
    }

    /// A string without a language.
    pub(super) fn string(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            Self::Iri(_)
            | Self::Lang(..)
            | Self::Number(_)
            | Self::Bool(_)
            | Self::DateTime(..)
            | Self::Other(_) => None,
        }
    }

    /// A string, with a language or without.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Lang(text, _) => Some(text),
            other => other.string(),
        }
    }

    /// The lexical form, or an IRI's text.
    pub(super) fn into_string(self) -> Self {
        let text = match self {
            Self::Iri(iri) => iri.as_str().into(),
            Self::String(text) | Self::Lang(text, _) => text,
            Self::Bool(truth) => truth.to_string().into(),
            Self::Number(number) => number.lexical().into(),
            Self::DateTime(_, literal) | Self::Other(literal) => literal.lexical,
        };
        Self::String(text)
    }

    /// The language tag of a literal; empty if it has none.
    pub(super) fn language(self) -> Option<Self> {
        match self {
            Self::Iri(_) => None,
            Self::Lang(_, language) => Some(Self::String(language)),
            Self::String(_)
            | Self::Number(_)
            | Self::Bool(_)
            | Self::DateTime(..)
            | Self::Other(_) => Some(Self::String("".into())),
        }
    }
}

impl Number {
    /// Parses a number of the datatype of that name in XML Schema.
    fn parse(name: &str, lexical: &str) -> Option<Self> {
        match name {
            "integer" => Integer::from_str(lexical).ok().map(Self::Integer),
            "decimal" => Decimal::from_str(lexical).ok().map(Self::Decimal),
            "float" => Float::from_str(lexical).ok().map(Self::Float),
            "double" => Double::from_str(lexical).ok().map(Self::Double),
            name if INTEGERS.contains(&name) => Integer::from_str(lexical).ok().map(Self::Integer),
            _ => None,
        }
    }

    fn is_type(datatype: &str) -> bool {
        datatype.strip_prefix(vocab::XS).is_some_and(|name| {
            ["integer", "decimal", "float", "double"].contains(&name) || INTEGERS.contains(&name)
        })
    }

    fn truth(self) -> bool {
        match self {
            Self::Integer(number) => number != Integer::from(0),
            Self::Decimal(number) => number != Decimal::from(0),
            Self::Float(number) => !number.is_nan() && number != Float::from(0.0),
            Self::Double(number) => !number.is_nan() && number != Double::from(0.0),
        }
    }

    fn lexical(self) -> String {
        match self {
            Self::Integer(number) => number.to_string(),
            Self::Decimal(number) => number.to_string(),
            Self::Float(number) => number.to_string(),
            Self::Double(number) => match literal::number(number.into()) {
                Some(literal) => literal.lexical.as_ref().to_owned(),
                None => number.to_string(),
            },
        }
    }

    /// The literal. None if there is none that could be sent.
    fn into_literal(self) -> Option<Literal> {
        match self {
            Self::Integer(number) => {
                let number = i64::from(number);
                literal::typed(&number.to_string(), &Iri::new(vocab::XS_INTEGER)).ok()
            }
            Self::Decimal(number) => Some(Literal::typed(number.to_string(), XS_DECIMAL)),
            Self::Float(number) => Some(Literal::typed(number.to_string(), XS_FLOAT)),
            Self::Double(number) => literal::number(number.into()),
        }
    }
}
