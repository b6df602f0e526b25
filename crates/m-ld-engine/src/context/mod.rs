//! Names: how IRIs are shortened on the wire and for applications, and made whole again.
//!
//! A context is a JSON-LD 1.1 context as far as m-ld uses those (m-ld protocol, sections 4.5 and
//! 16.1): `@base`, `@vocab` and `@language`; terms with their `@id`, `@type` and `@language`; and
//! prefixes. Containers and contexts within contexts have no effect, and contexts elsewhere are
//! never fetched.
//!
//! *Identities* are relative to the base, *names* (of properties and types) to the vocabulary.
//!
//! # Shortening
//! [`Context::compact_id`] and its like do what the JavaScript engine does, since results are to
//! look the same. That loses a few IRIs, which do not come back when expanded (section 20, Q7).
//! [`Context::wire_id`] and [`Context::wire_name`] never do: what cannot be shortened without loss
//! stays whole.
//!
//! # Sources
//! JSON-LD 1.1 API, sections 4 and 5 (context processing, IRI expansion and compaction); RFC 3986,
//! section 5.

mod compact;
mod define;
mod expand;
mod reference;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use crate::rdf::{Iri, vocab};
use reference::Base;

/// Why a context cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ContextError {
    /// A context is an object, or an array of such.
    #[error("a context is neither an object nor an array of objects")]
    Shape,
    /// A context elsewhere is not fetched, nor imported.
    #[error("a context elsewhere is not supported: {0}")]
    Remote(String),
    /// A member of the context, or of a term's definition, that cannot be what it is.
    #[error("the context's {0} is not acceptable")]
    Member(String),
    /// A term whose definition leads back to it.
    #[error("the definition of {0} leads back to itself")]
    Cycle(String),
}

/// What a term says of itself.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Definition {
    /// What the term stands for; a keyword, if it is an alias for one.
    id: Arc<str>,
    kind: Option<TermType>,
    /// What it says of the language of strings.
    language: Option<Language>,
    /// Whether it may begin a compact IRI.
    prefix: bool,
}

/// A language, or that there is none in spite of the context's.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Language {
    None,
    Tag(Arc<str>),
}

/// What a term says of the strings that are its values.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TermType {
    /// They are identities: `@id`.
    Id,
    /// They are names in the vocabulary: `@vocab`.
    Vocab,
    /// They are JSON: `@json`.
    Json,
    /// They have no type by themselves: `@none`.
    None,
    /// They are literals of this datatype.
    Datatype(Iri),
}

/// A context: cheap to clone.
#[derive(Clone, Debug)]
pub struct Context(Arc<Active>);

/// What a context says.
#[derive(Clone, Debug, Default)]
struct Active {
    base: Option<Base>,
    vocab: Option<Arc<str>>,
    language: Option<Arc<str>>,
    /// Terms; those without a definition stand for nothing.
    terms: BTreeMap<Arc<str>, Option<Definition>>,
    inverse: compact::Inverse,
}

/// The base IRI of a domain (m-ld protocol, section 1).
pub fn domain_base(domain: &str) -> Iri {
    Iri::new(format!("http://{domain}/"))
}

impl Context {
    /// The context in which operations of a domain are written (m-ld protocol, section 4.4).
    ///
    /// # Errors
    /// [`ContextError::Member`] if `base` is not an absolute IRI.
    pub fn operation(base: &Iri) -> Result<Self, ContextError> {
        let terms = json!({
            "rdf": vocab::RDF,
            "xs": vocab::XS,
            "tid": vocab::M_LD_TID,
            "op": vocab::M_LD_OP,
            "s": { "@type": "@id", "@id": "rdf:subject" },
            "p": { "@type": "@id", "@id": "rdf:predicate" },
            "o": "rdf:object",
        });
        Self::new(base, &terms)
    }

    /// The context that an application configured, or `null` if it did not. Where that does not
    /// say, `@base` is the domain's base, and `@vocab` the fragments of the root of `@base`.
    pub fn new(domain_base: &Iri, json: &Json) -> Result<Self, ContextError> {
        let mut active = Active {
            base: Some(Base::parse(domain_base.as_str()).ok_or_else(|| member("@base"))?),
            ..Active::default()
        };
        // The vocabulary follows the base that the context gives, if it gives one.
        let mut based = active.clone();
        based.set_base(json)?;
        active.vocab = based.base.map(|base| base.resolve("/#").into());
        active.extend(json)?;
        Ok(Self(Arc::new(active)))
    }

    /// This context with another one's terms added, as of one request.
    pub fn extended(&self, json: &Json) -> Result<Self, ContextError> {
        let mut active = Active::clone(&self.0);
        active.extend(json)?;
        Ok(Self(Arc::new(active)))
    }

    /// The absolute IRI of an identity. None if it is a keyword, or has the form of one.
    pub fn expand_id(&self, id: &str) -> Option<Iri> {
        self.0.expand(id, expand::To::Base).map(Iri::new)
    }

    /// The absolute IRI of the name of a property or a type. None if it is a keyword or has the
    /// form of one, or if the context says that it stands for nothing or for a keyword.
    pub fn expand_vocab(&self, name: &str) -> Option<Iri> {
        let iri = self.0.expand(name, expand::To::Vocab)?;
        (!reference::is_keyword(&iri)).then(|| Iri::new(iri))
    }

    /// What a term says of strings that are its values.
    pub fn term_type(&self, name: &str) -> Option<&TermType> {
        self.0.terms.get(name)?.as_ref()?.kind.as_ref()
    }

    /// The language of strings that are values of a term, if the context says so.
    pub fn term_language(&self, name: &str) -> Option<&str> {
        let definition = self.0.terms.get(name).and_then(Option::as_ref);
        match definition.and_then(|definition| definition.language.as_ref()) {
            Some(Language::Tag(tag)) => Some(tag),
            Some(Language::None) => None,
            None => self.0.language.as_deref(),
        }
    }

    /// What identities are relative to, if anything.
    pub fn base(&self) -> Option<&str> {
        self.0.base.as_ref().map(Base::as_str)
    }

    /// What names are relative to, if anything.
    pub fn vocab(&self) -> Option<&str> {
        self.0.vocab.as_deref()
    }
}

fn member(name: &str) -> ContextError {
    ContextError::Member(name.to_owned())
}

#[cfg(test)]
mod tests;
