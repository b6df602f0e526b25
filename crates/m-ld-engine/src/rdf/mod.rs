//! RDF terms and triples, as the dataset of a domain has them.
//!
//! Subjects and predicates are IRIs. An object is an IRI or a literal. Clones give every subject
//! an IRI ("skolem", m-ld protocol, section 1), so blank nodes are found in results only; an
//! [`Iri`] whose text begins with `_:` stands for one.

pub mod vocab;

use std::fmt;
use std::sync::Arc;

/// An absolute IRI, or in results a blank node's label with its `_:`.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Iri(Arc<str>);

impl Iri {
    /// Takes a text for an IRI. Whoever reads foreign text has resolved and checked it.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this stands for a blank node.
    pub fn is_blank(&self) -> bool {
        self.0.starts_with("_:")
    }
}

impl fmt::Display for Iri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Iri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{self}>")
    }
}

/// A literal: compared by its parts, never by its value.
///
/// If the datatype is one of indirected data (m-ld protocol, section 4.6), the lexical form is
/// the *data identity*, and the data is kept apart from the triple.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Literal {
    /// The lexical form.
    pub lexical: Arc<str>,
    /// The datatype.
    pub datatype: Iri,
    /// The language tag, only with the datatype `rdf:langString`.
    pub language: Option<Arc<str>>,
}

impl Literal {
    /// A literal of a datatype.
    pub fn typed(lexical: impl Into<Arc<str>>, datatype: impl Into<Arc<str>>) -> Self {
        Self {
            lexical: lexical.into(),
            datatype: Iri::new(datatype),
            language: None,
        }
    }

    /// An `xs:string`.
    pub fn string(text: impl Into<Arc<str>>) -> Self {
        Self::typed(text, vocab::XS_STRING)
    }

    /// An `xs:integer`.
    pub fn integer(number: i64) -> Self {
        Self::typed(number.to_string(), vocab::XS_INTEGER)
    }
}

/// What can be the object of a triple.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Term {
    /// A reference.
    Iri(Iri),
    /// A value.
    Literal(Literal),
}

impl Term {
    /// The IRI, if it is one.
    pub fn as_iri(&self) -> Option<&Iri> {
        match self {
            Self::Iri(iri) => Some(iri),
            Self::Literal(_) => None,
        }
    }

    /// The literal, if it is one.
    pub fn as_literal(&self) -> Option<&Literal> {
        match self {
            Self::Iri(_) => None,
            Self::Literal(literal) => Some(literal),
        }
    }
}

impl From<Iri> for Term {
    fn from(iri: Iri) -> Self {
        Self::Iri(iri)
    }
}

impl From<Literal> for Term {
    fn from(literal: Literal) -> Self {
        Self::Literal(literal)
    }
}

/// A statement.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Triple {
    /// What it is about.
    pub subject: Iri,
    /// What is said.
    pub predicate: Iri,
    /// The value, or what is referred to.
    pub object: Term,
}

impl Triple {
    /// A statement of these parts.
    pub fn new(subject: Iri, predicate: Iri, object: impl Into<Term>) -> Self {
        Self {
            subject,
            predicate,
            object: object.into(),
        }
    }
}
