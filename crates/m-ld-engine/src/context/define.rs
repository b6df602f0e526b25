//! Taking a context from its JSON (JSON-LD 1.1 API, sections 4.1 and 4.2).

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "whatever JSON is not looked for is refused"
)]

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::expand::To;
use super::reference::{Base, is_absolute, is_keyword};
use super::{Active, ContextError, Definition, Language, TermType, compact, member};
use crate::rdf::Iri;

impl Active {
    /// Adds what a context says, or each of several in turn.
    pub(super) fn extend(&mut self, json: &Json) -> Result<(), ContextError> {
        match json {
            Json::Null => {}
            Json::Array(several) => {
                for json in several {
                    self.extend_one(json)?;
                }
            }
            one => self.extend_one(one)?,
        }
        self.inverse = compact::Inverse::of(&self.terms);
        Ok(())
    }

    /// Sets the base alone, if a context gives one.
    pub(super) fn set_base(&mut self, json: &Json) -> Result<(), ContextError> {
        let several = match json {
            Json::Array(several) => several.as_slice(),
            one => std::slice::from_ref(one),
        };
        for base in several.iter().filter_map(|json| json.get("@base")) {
            self.base = match base {
                Json::Null => None,
                Json::String(text) => Some(self.base_of(text)?),
                _ => return Err(member("@base")),
            };
        }
        Ok(())
    }

    fn base_of(&self, text: &str) -> Result<Base, ContextError> {
        let resolved = match &self.base {
            Some(base) if !is_absolute(text) => base.resolve(text),
            _ => text.to_owned(),
        };
        Base::parse(&resolved).ok_or_else(|| member("@base"))
    }

    fn extend_one(&mut self, json: &Json) -> Result<(), ContextError> {
        let local = match json {
            Json::Object(local) => local,
            Json::String(elsewhere) => return Err(ContextError::Remote(elsewhere.clone())),
            _ => return Err(ContextError::Shape),
        };
        if let Some(elsewhere) = local.get("@import") {
            return Err(ContextError::Remote(elsewhere.to_string()));
        }
        self.set_base(json)?;
        self.set_vocab(local.get("@vocab"))?;
        self.set_language(local.get("@language"))?;
        let mut defined = BTreeSet::new();
        local
            .keys()
            .filter(|term| !is_keyword(term))
            .try_for_each(|term| self.define_all(term, local, &mut defined))
    }

    fn set_vocab(&mut self, json: Option<&Json>) -> Result<(), ContextError> {
        self.vocab = match json {
            None => return Ok(()),
            Some(Json::Null) => None,
            Some(Json::String(text)) => {
                let vocab = self
                    .expand(text, To::Vocab)
                    .ok_or_else(|| member("@vocab"))?;
                Some(vocab.into())
            }
            Some(_) => return Err(member("@vocab")),
        };
        Ok(())
    }

    fn set_language(&mut self, json: Option<&Json>) -> Result<(), ContextError> {
        self.language = match json {
            None => return Ok(()),
            Some(Json::Null) => None,
            Some(Json::String(text)) => Some(text.as_str().into()),
            Some(_) => return Err(member("@language")),
        };
        Ok(())
    }

    /// Defines a term, after all that its definition uses. The chain of those has no limit, so it
    /// is kept in a list and not on the stack.
    fn define_all<'a>(
        &mut self,
        term: &'a str,
        local: &'a Map<String, Json>,
        defined: &mut BTreeSet<&'a str>,
    ) -> Result<(), ContextError> {
        let mut chain = vec![term];
        let mut on_chain = BTreeSet::from([term]);
        while let Some(term) = chain.last().copied() {
            let next = uses(term, local).into_iter().flatten();
            let next = next.into_iter().find(|used| !defined.contains(used));
            match next {
                _ if defined.contains(term) => {}
                Some(used) if !on_chain.insert(used) => {
                    return Err(ContextError::Cycle(used.to_owned()));
                }
                Some(used) => {
                    chain.push(used);
                    continue;
                }
                None => {
                    let definition = match local.get(term) {
                        Some(json) => self.define(term, json)?,
                        None => None,
                    };
                    self.terms.insert(term.into(), definition);
                    defined.insert(term);
                }
            }
            chain.pop();
            on_chain.remove(term);
        }
        Ok(())
    }

    /// What a term's JSON says of it, or none if it says that it stands for nothing.
    fn define(&self, term: &str, json: &Json) -> Result<Option<Definition>, ContextError> {
        let nothing = Map::new();
        let (id, members) = match json {
            Json::Null => return Ok(None),
            Json::String(id) => (Some(id.as_str()), &nothing),
            Json::Object(members) => match members.get("@id") {
                Some(Json::Null) => return Ok(None),
                Some(Json::String(id)) => (Some(id.as_str()), members),
                Some(_) => return Err(member(term)),
                None => (None, members),
            },
            _ => return Err(member(term)),
        };
        if term.is_empty() || members.contains_key("@reverse") {
            return Err(member(term));
        }
        let Some(id) = self.meaning(term, id.filter(|id| *id != term))? else {
            return Ok(None);
        };
        let simple = json.is_string() && id.ends_with([':', '/', '?', '#', '[', ']', '@']);
        Ok(Some(Definition {
            kind: self.term_type_of(term, members.get("@type"))?,
            language: term_language_of(term, members.get("@language"))?,
            prefix: !term.contains(':')
                && (simple || members.get("@prefix") == Some(&Json::Bool(true))),
            id,
        }))
    }

    /// What a term stands for; none if that has the form of a keyword and is not one.
    fn meaning(&self, term: &str, id: Option<&str>) -> Result<Option<Arc<str>>, ContextError> {
        let bad = || member(term);
        if let Some(id) = id {
            if is_keyword(id) {
                let known = KEYWORDS.contains(&id);
                return Ok(known.then(|| id.into()));
            }
            let iri = self.expand(id, To::VocabOnly).ok_or_else(bad)?;
            return is_absolute(&iri).then(|| Some(iri.into())).ok_or_else(bad);
        }
        let compact = term
            .split_once(':')
            .filter(|(prefix, _)| !prefix.is_empty());
        let prefix = compact.and_then(|(prefix, suffix)| {
            let definition = self.terms.get(prefix)?.as_ref()?;
            Some([&*definition.id, suffix].concat())
        });
        match (prefix, compact, &self.vocab) {
            (Some(iri), ..) => Ok(Some(iri.into())),
            (None, Some(_), _) => Ok(Some(term.into())),
            (None, None, Some(vocab)) => Ok(Some([vocab, term].concat().into())),
            (None, None, None) => Err(bad()),
        }
    }

    fn term_type_of(
        &self,
        term: &str,
        json: Option<&Json>,
    ) -> Result<Option<TermType>, ContextError> {
        let name = match json {
            None => return Ok(None),
            Some(Json::String(name)) => name.as_str(),
            Some(_) => return Err(member(term)),
        };
        Ok(Some(match name {
            "@id" => TermType::Id,
            "@vocab" => TermType::Vocab,
            "@json" => TermType::Json,
            "@none" => TermType::None,
            _ => {
                let iri = self.expand(name, To::VocabOnly);
                let iri = iri
                    .filter(|iri| is_absolute(iri))
                    .ok_or_else(|| member(term))?;
                TermType::Datatype(Iri::new(iri))
            }
        }))
    }
}

/// The keywords that a term may be another word for, by JSON-LD 1.1.
const KEYWORDS: [&str; 15] = [
    "@id",
    "@type",
    "@value",
    "@language",
    "@set",
    "@list",
    "@index",
    "@graph",
    "@reverse",
    "@none",
    "@json",
    "@vocab",
    "@nest",
    "@included",
    "@direction",
];

fn term_language_of(term: &str, json: Option<&Json>) -> Result<Option<Language>, ContextError> {
    match json {
        None => Ok(None),
        Some(Json::Null) => Ok(Some(Language::None)),
        Some(Json::String(text)) => Ok(Some(Language::Tag(text.as_str().into()))),
        Some(_) => Err(member(term)),
    }
}

/// The terms of the same context that a term's definition uses.
fn uses<'a>(term: &'a str, local: &'a Map<String, Json>) -> [Option<&'a str>; 4] {
    let (id, kind) = match local.get(term) {
        Some(Json::String(id)) => (Some(id.as_str()), None),
        Some(Json::Object(members)) => (
            members.get("@id").and_then(Json::as_str),
            members.get("@type").and_then(Json::as_str),
        ),
        _ => (None, None),
    };
    let known = |used: &&str| *used != term && local.contains_key(*used) && !is_keyword(used);
    let prefix = |text: Option<&'a str>| text.and_then(|text| Some(text.split_once(':')?.0));
    [
        id.filter(known),
        prefix(id.or(Some(term))).filter(known),
        kind.filter(known),
        prefix(kind).filter(known),
    ]
}
