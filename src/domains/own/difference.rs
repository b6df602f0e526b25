//! What has to change in the domain so that it says what the tables do.
//!
//! Part after part is compared, and what was found is written before more is read than fits into one operation. A part
//! that was compared before is as the tables were then; whatever changes later is compared again.

use m_ld_engine::change::Change;
use m_ld_engine::dataset::Graph;
use m_ld_engine::msgpack::Value;
use m_ld_engine::rdf::{Iri, Term, Triple};
use m_ld_engine::store::View;

use super::vocabulary::{Said, Subject, Vocabulary, key_link, subdomain_link};
use super::{OwnError, Parts};
use crate::accounts::Registry as _;
use crate::domains::Domains;
use crate::ids::{KeyId, Name};

/// About how many bytes of triples one operation has: so many that a burst of changes makes few operations, so few that
/// no clone and no queue minds one.
const ENOUGH: usize = 64 * 1024;
/// What a triple weighs beside its texts.
const TRIPLE: usize = 16;

/// A part of the domain that is compared as a whole.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Part {
    /// An account, and after it its keys.
    Account(Name),
    /// A key, as its account lists it or not.
    Key { id: KeyId, listed: bool },
    /// A named subdomain, and that its account has it.
    Subdomain(Name, Name),
    /// What is nothing that the gateway says.
    Stray(Iri),
}

/// What has to change, so far as it was read.
#[derive(Debug)]
pub(super) struct Difference {
    pub(super) change: Change,
    /// What is still to be compared, once that is changed.
    pub(super) rest: Parts,
}

impl Difference {
    /// Compares parts of the domain with the tables, until enough has to change.
    pub(super) fn read(
        domains: &Domains,
        view: &dyn View,
        mut parts: Parts,
    ) -> Result<Self, OwnError> {
        let mut reading = Reading {
            domains,
            graph: Graph::new(view)?,
            words: Vocabulary::new(&domains.0.domain),
            change: Change::default(),
            weight: 0,
        };
        while reading.weight < ENOUGH
            && let Some(part) = parts.pop_front()
        {
            reading.part(part, &mut parts)?;
        }
        Ok(Self {
            change: reading.change,
            rest: parts,
        })
    }
}

/// Everything that the tables have.
pub(super) fn everything(domains: &Domains) -> Result<Parts, OwnError> {
    let room = &*domains.0;
    let mut parts: Parts = room
        .accounts
        .names()?
        .into_iter()
        .map(Part::Account)
        .collect();
    for account in room.index.accounts() {
        let own = room.index.of(&account).into_iter();
        parts.extend(own.map(|name| Part::Subdomain(account.clone(), name)));
    }
    Ok(parts)
}

/// What the domain has and the tables do not. Keys count as theirs as long as an account refers to them.
pub(super) fn strays(domains: &Domains, view: &dyn View) -> Result<Parts, OwnError> {
    let room = &*domains.0;
    let (graph, words) = (Graph::new(view)?, Vocabulary::new(&room.domain));
    let (mut parts, mut last) = (Parts::new(), None);
    for triple in graph.find(None, None, None) {
        let subject = triple?.subject;
        if last.as_ref() == Some(&subject) {
            continue;
        }
        let stray = match words.subject(&subject) {
            Some(Subject::Account(name)) => {
                let gone = room.accounts.published(&name)?.is_none();
                gone.then_some(Part::Account(name))
            }
            Some(Subject::Subdomain(account, name)) => {
                let gone = !domains.exists(&account, &name);
                gone.then_some(Part::Subdomain(account, name))
            }
            Some(Subject::Key(id)) => {
                let object = Term::Iri(subject.clone());
                let link = graph.find(None, Some(&key_link()), Some(&object)).next();
                let gone = link.transpose()?.is_none();
                gone.then_some(Part::Key { id, listed: false })
            }
            None => Some(Part::Stray(subject.clone())),
        };
        parts.extend(stray);
        last = Some(subject);
    }
    Ok(parts)
}

/// One reading of the domain as it is.
struct Reading<'a> {
    domains: &'a Domains,
    graph: Graph<'a>,
    words: Vocabulary,
    change: Change,
    weight: usize,
}

impl Reading<'_> {
    fn part(&mut self, part: Part, rest: &mut Parts) -> Result<(), OwnError> {
        match part {
            Part::Account(name) => self.account(name, rest),
            Part::Key { id, listed } => self.key(id, listed),
            Part::Subdomain(account, name) => self.subdomain(account, name),
            Part::Stray(subject) => self.stray(&subject),
        }
    }

    /// Compares an account. If it is so large that it takes several operations, it comes again.
    fn account(&mut self, name: Name, rest: &mut Parts) -> Result<(), OwnError> {
        let published = self.domains.0.accounts.published(&name)?;
        let mut wanted = published
            .as_ref()
            .map_or_else(Said::new, |published| self.words.account(&name, published));
        let is_there = published.is_some();
        let subject = self.words.iri(&Subject::Account(name.clone()));
        let mut whole = true;
        for triple in self.graph.find(Some(&subject), None, None) {
            let triple = triple?;
            if wanted.remove(&triple).is_some() || is_there && triple.predicate == subdomain_link()
            {
                continue;
            }
            if self.weight >= ENOUGH {
                whole = false;
                break;
            }
            // Once nothing refers to a key any more, nothing else leads to it.
            if let Some(id) = self.key_of(&triple) {
                rest.push_front(Part::Key { id, listed: false });
            }
            self.delete(triple);
        }
        for (triple, data) in wanted {
            if self.weight >= ENOUGH {
                whole = false;
                break;
            }
            self.insert(triple, data);
        }
        if whole {
            let keys = published.into_iter().flat_map(|published| published.keys);
            for id in keys {
                rest.push_front(Part::Key { id, listed: true });
            }
        } else {
            rest.push_front(Part::Account(name));
        }
        Ok(())
    }

    /// The key that an account's triple refers to.
    fn key_of(&self, triple: &Triple) -> Option<KeyId> {
        if triple.predicate != key_link() {
            return None;
        }
        match self.words.subject(triple.object.as_iri()?)? {
            Subject::Key(id) => Some(id),
            Subject::Account(_) | Subject::Subdomain(..) => None,
        }
    }

    fn key(&mut self, id: KeyId, listed: bool) -> Result<(), OwnError> {
        let mut wanted = Said::new();
        if listed && let Some(key) = self.domains.0.accounts.published_key(&id)? {
            wanted = self.words.key(&id, &key);
        }
        self.compare(&Subject::Key(id), wanted)
    }

    fn subdomain(&mut self, account: Name, name: Name) -> Result<(), OwnError> {
        let published = self.domains.published(&account, &name)?;
        let link = self.words.link(&account, &name);
        let wanted = published.map_or_else(Said::new, |published| {
            self.words.subdomain((&account, &name), published)
        });
        match (published.is_some(), self.graph.contains(&link)?) {
            (true, false) => self.insert(link, None),
            (false, true) => self.delete(link),
            (true, true) | (false, false) => {}
        }
        self.compare(&Subject::Subdomain(account, name), wanted)
    }

    fn stray(&mut self, subject: &Iri) -> Result<(), OwnError> {
        let object = Term::Iri(subject.clone());
        let of_it = self.graph.find(Some(subject), None, None);
        for triple in of_it.chain(self.graph.find(None, None, Some(&object))) {
            self.delete(triple?);
        }
        Ok(())
    }

    /// Compares all that is said of a small subject.
    fn compare(&mut self, subject: &Subject, mut wanted: Said) -> Result<(), OwnError> {
        for triple in self.graph.find(Some(&self.words.iri(subject)), None, None) {
            let triple = triple?;
            if wanted.remove(&triple).is_none() {
                self.delete(triple);
            }
        }
        for (triple, data) in wanted {
            self.insert(triple, data);
        }
        Ok(())
    }

    fn insert(&mut self, triple: Triple, data: Option<Value>) {
        let beside = match &data {
            Some(Value::Bin(bytes)) => bytes.len(),
            _ => 0,
        };
        self.weight += weight(&triple) + beside;
        self.change.insert(triple, data);
    }

    fn delete(&mut self, triple: Triple) {
        self.weight += weight(&triple);
        self.change.delete(triple);
    }
}

fn weight(triple: &Triple) -> usize {
    let object = match &triple.object {
        Term::Iri(iri) => iri.as_str().len(),
        Term::Literal(literal) => literal.lexical.len() + literal.datatype.as_str().len(),
    };
    let texts = triple.subject.as_str().len() + triple.predicate.as_str().len() + object;
    texts + TRIPLE
}
