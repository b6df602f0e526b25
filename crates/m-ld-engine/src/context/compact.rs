//! Making IRIs short (JSON-LD 1.1 API, sections 4.3, 4.4 and 6.2).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::expand::To;
use super::reference::is_keyword;
use super::{Active, Context, Definition, Language, TermType};
use crate::rdf::{Iri, Term};

/// A context seen from its IRIs.
#[derive(Clone, Debug, Default)]
pub(super) struct Inverse {
    /// The terms for every IRI that has some, the shortest first.
    terms: BTreeMap<Arc<str>, Vec<Arc<str>>>,
    /// The terms that may begin compact IRIs, with what they stand for.
    prefixes: Vec<(Arc<str>, Arc<str>)>,
}

impl Inverse {
    pub(super) fn of(terms: &BTreeMap<Arc<str>, Option<Definition>>) -> Self {
        let mut inverse = Self::default();
        for (term, definition) in terms {
            let Some(definition) = definition else {
                continue;
            };
            let (term, iri) = (Arc::clone(term), Arc::clone(&definition.id));
            if definition.prefix {
                inverse.prefixes.push((term.clone(), iri.clone()));
            }
            inverse.terms.entry(iri).or_default().push(term);
        }
        for terms in inverse.terms.values_mut() {
            terms.sort_by(|a, b| shorter(a, b));
        }
        inverse
    }
}

/// The order of JSON-LD: by length, then by characters.
fn shorter(a: &str, b: &str) -> std::cmp::Ordering {
    let units = |text: &str| text.encode_utf16().count();
    units(a).cmp(&units(b)).then_with(|| a.cmp(b))
}

impl Context {
    /// The shortest form of an identity.
    pub fn compact_id<'a>(&'a self, iri: &'a Iri) -> Cow<'a, str> {
        self.0.compact_id(iri.as_str())
    }

    /// The shortest form of the name of a type.
    pub fn compact_vocab<'a>(&'a self, iri: &'a Iri) -> Cow<'a, str> {
        let iri = iri.as_str();
        match self.0.term_for(iri, &[Wanted::Id, Wanted::Plain]) {
            Some(term) => Cow::Borrowed(term),
            None => self.0.compact_name(iri, false),
        }
    }

    /// The shortest form of the name of a property that has this value: terms are for values of
    /// their type or language alone.
    pub fn compact_property<'a>(&'a self, iri: &'a Iri, value: &Term) -> Cow<'a, str> {
        let iri = iri.as_str();
        let term = match value {
            Term::Iri(id) if self.0.is_term(id) => self
                .0
                .term_for(iri, &[Wanted::Vocab, Wanted::Id, Wanted::Plain]),
            Term::Iri(_) => self
                .0
                .term_for(iri, &[Wanted::Id, Wanted::Vocab, Wanted::Plain]),
            Term::Literal(literal) => {
                let wanted = match &literal.language {
                    Some(tag) => Wanted::Language(tag),
                    None => Wanted::Datatype(literal.datatype.as_str()),
                };
                self.0.term_for(iri, &[wanted, Wanted::Plain])
            }
        };
        match term {
            Some(term) => Cow::Borrowed(term),
            None => self.0.compact_name(iri, true),
        }
    }

    /// A short form of an identity that is sure to mean the same IRI to every receiver, or the
    /// IRI itself.
    pub fn wire_id<'a>(&'a self, iri: &'a Iri) -> Cow<'a, str> {
        let iri = iri.as_str();
        if let Some(reference) = self.0.base.as_ref().and_then(|base| base.strip(iri)) {
            return Cow::Borrowed(reference);
        }
        self.0.or_whole(self.0.compact_id(iri), iri, To::Base)
    }

    /// A short form of the name of a property that is sure to mean the same IRI to every
    /// receiver, or the IRI itself. It is never a term: those may have a type.
    pub fn wire_name<'a>(&'a self, iri: &'a Iri) -> Cow<'a, str> {
        let iri = iri.as_str();
        if let Some(name) = self.0.plain_name(iri) {
            return Cow::Borrowed(name);
        }
        self.0
            .or_whole(self.0.compact_name(iri, true), iri, To::Vocab)
    }
}

/// What kind of value a term is to be for.
#[derive(Clone, Copy, Debug)]
enum Wanted<'a> {
    Id,
    Vocab,
    Datatype(&'a str),
    Language(&'a str),
    /// A term that says nothing of type or language.
    Plain,
}

impl Wanted<'_> {
    fn fits(self, definition: &Definition) -> bool {
        match (self, &definition.kind, &definition.language) {
            (Self::Id, Some(TermType::Id), _)
            | (Self::Vocab, Some(TermType::Vocab), _)
            | (Self::Plain, None | Some(TermType::None), None) => true,
            (Self::Datatype(datatype), Some(TermType::Datatype(own)), _) => {
                own.as_str() == datatype
            }
            (Self::Language(tag), None, Some(Language::Tag(own))) => own.eq_ignore_ascii_case(tag),
            _ => false,
        }
    }
}

impl Active {
    fn compact_id<'a>(&'a self, iri: &'a str) -> Cow<'a, str> {
        if iri.starts_with("_:") {
            return Cow::Borrowed(iri);
        }
        if let Some(compact) = self.compact_prefix(iri, false) {
            return Cow::Owned(compact);
        }
        if let Some(reference) = self.base.as_ref().and_then(|base| base.strip(iri)) {
            return Cow::Borrowed(reference);
        }
        match self.base.as_ref().and_then(|base| base.relative(iri)) {
            Some(reference) if is_keyword(&reference) => Cow::Owned(["./", &reference].concat()),
            Some(reference) => Cow::Owned(reference),
            None => Cow::Borrowed(iri),
        }
    }

    /// What is left of an IRI after the vocabulary, if that is a plain name that is no term.
    fn plain_name<'a>(&self, iri: &'a str) -> Option<&'a str> {
        let name = iri.strip_prefix(self.vocab.as_deref()?)?;
        let plain = !name.is_empty() && !name.contains([':', '@']);
        (plain && !self.terms.contains_key(name)).then_some(name)
    }

    /// Shortens the name of a property or type for which there is no term.
    fn compact_name<'a>(&'a self, iri: &'a str, of_value: bool) -> Cow<'a, str> {
        let suffix = self
            .vocab
            .as_ref()
            .and_then(|vocab| iri.strip_prefix(&**vocab));
        match suffix {
            Some(suffix) if !suffix.is_empty() && !self.terms.contains_key(suffix) => {
                Cow::Borrowed(suffix)
            }
            _ => self
                .compact_prefix(iri, of_value)
                .map_or(Cow::Borrowed(iri), Cow::Owned),
        }
    }

    /// The shortest compact IRI.
    fn compact_prefix(&self, iri: &str, of_value: bool) -> Option<String> {
        let free = |compact: &String| match self.terms.get(compact.as_str()) {
            None => true,
            Some(Some(definition)) => !of_value && *definition.id == *iri,
            Some(None) => false,
        };
        self.inverse
            .prefixes
            .iter()
            .filter_map(|(term, begin)| Some((term, iri.strip_prefix(&**begin)?)))
            .filter(|(_, suffix)| !suffix.is_empty())
            .map(|(term, suffix)| [term, ":", suffix].concat())
            .filter(free)
            .min_by(|a, b| shorter(a, b))
    }

    fn term_for(&self, iri: &str, wanted: &[Wanted<'_>]) -> Option<&str> {
        let terms = self.inverse.terms.get(iri)?;
        wanted.iter().find_map(|wanted| {
            let fits = |term: &&Arc<str>| {
                let definition = self.terms.get(&***term).and_then(Option::as_ref);
                definition.is_some_and(|definition| wanted.fits(definition))
            };
            terms.iter().find(fits).map(|term| &**term)
        })
    }

    /// Whether there is a term that stands for an identity.
    fn is_term(&self, id: &Iri) -> bool {
        self.term_for(id.as_str(), &[Wanted::Id, Wanted::Plain])
            .is_some()
    }

    fn or_whole<'a>(&self, short: Cow<'a, str>, iri: &'a str, to: To) -> Cow<'a, str> {
        match self.expand(&short, to) {
            Some(again) if again == iri => short,
            _ => Cow::Borrowed(iri),
        }
    }
}
