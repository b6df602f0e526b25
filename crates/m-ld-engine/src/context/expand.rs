//! Making IRIs whole (JSON-LD 1.1 API, section 5.2).

use std::borrow::Cow;

use super::reference::{is_absolute, is_keyword};
use super::{Active, Definition};

/// What a short form is relative to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum To {
    /// The base: an identity.
    Base,
    /// Terms and the vocabulary; and if there is none, the base.
    Vocab,
    /// Terms and the vocabulary alone: the meaning of a term.
    VocabOnly,
}

impl Active {
    /// What a short form stands for: an IRI, or if it is a term for one, a keyword.
    pub(super) fn expand<'a>(&self, value: &'a str, to: To) -> Option<Cow<'a, str>> {
        if is_keyword(value) {
            return None;
        }
        if to != To::Base
            && let Some(definition) = self.terms.get(value)
        {
            return Some(Cow::Owned(definition.as_ref()?.id.as_ref().to_owned()));
        }
        if let Some(absolute) = self.expand_colon(value) {
            return Some(absolute);
        }
        match (&self.vocab, &self.base) {
            (Some(vocab), _) if to != To::Base => Some(Cow::Owned([vocab, value].concat())),
            (_, Some(base)) if to != To::VocabOnly => Some(Cow::Owned(base.resolve(value))),
            _ => Some(Cow::Borrowed(value)),
        }
    }

    /// What has a colon and is not relative: a compact IRI, an absolute one or a blank node.
    fn expand_colon<'a>(&self, value: &'a str) -> Option<Cow<'a, str>> {
        let (prefix, suffix) = value.split_once(':').filter(|(p, _)| !p.is_empty())?;
        if prefix == "_" || suffix.starts_with("//") {
            return Some(Cow::Borrowed(value));
        }
        if let Some(definition) = self.prefix(prefix) {
            return Some(Cow::Owned([&*definition.id, suffix].concat()));
        }
        is_absolute(value).then_some(Cow::Borrowed(value))
    }

    /// The definition of a term that may begin a compact IRI.
    pub(super) fn prefix(&self, term: &str) -> Option<&Definition> {
        let definition = self.terms.get(term)?.as_ref()?;
        definition.prefix.then_some(definition)
    }
}
