//! Reading the triples.

use super::id::{TermId, TermKey};
use super::presence::Presence;
use super::scan::{Index, Pattern};
use super::term;
use crate::clock::Tid;
use crate::msgpack::{Limits, Value};
use crate::rdf::{Iri, Literal, Term, Triple};
use crate::store::{Entries, StoreError, Table, View};

/// What is stored has passed the limits on foreign input before.
const UNLIMITED: Limits = Limits {
    max_depth: usize::MAX,
    max_elements: usize::MAX,
};

/// The triples of a domain, as a view of the store shows them.
#[derive(Clone)]
pub struct Graph<'v> {
    view: &'v dyn View,
    key: TermKey,
}

/// A triple as it is stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Stored {
    /// The ids of its terms.
    pub ids: [TermId; 3],
    /// The triple.
    pub triple: Triple,
    /// Its transactions. One without any is entailed.
    pub tids: Vec<Tid>,
    /// Whether constraints hide it from the graph.
    pub hidden: bool,
}

impl<'v> Graph<'v> {
    /// Reads the triples of a view.
    pub fn new(view: &'v dyn View) -> Result<Self, StoreError> {
        let key = TermKey::read(view)?;
        Ok(Self { view, key })
    }

    pub(super) fn with_key(view: &'v dyn View, key: TermKey) -> Self {
        Self { view, key }
    }

    /// The view.
    pub fn view(&self) -> &'v dyn View {
        self.view
    }

    /// The id of a term, whether or not a triple uses it.
    pub fn id(&self, term: &Term) -> TermId {
        self.key.id(term)
    }

    /// The id of an IRI, whether or not a triple uses it.
    pub fn iri_id(&self, iri: &Iri) -> TermId {
        self.key.iri_id(iri)
    }

    /// The ids of a triple.
    pub fn ids(&self, triple: &Triple) -> [TermId; 3] {
        [
            self.iri_id(&triple.subject),
            self.iri_id(&triple.predicate),
            self.id(&triple.object),
        ]
    }

    /// The term with an id, if a triple uses it, hidden or not.
    pub fn term(&self, id: TermId) -> Result<Option<Term>, StoreError> {
        let encoded = self.view.get(Table::Terms, id.as_bytes())?;
        encoded.map(|encoded| term::decode(&encoded)).transpose()
    }

    /// Whether the graph has a triple.
    pub fn contains(&self, triple: &Triple) -> Result<bool, StoreError> {
        self.contains_ids(self.ids(triple))
    }

    /// Whether the graph has the triple of these ids.
    pub fn contains_ids(&self, ids: [TermId; 3]) -> Result<bool, StoreError> {
        let value = self.view.get(Table::Spo, &Index::Spo.key(ids))?;
        Ok(value.is_some_and(|value| Presence::shows(&value)))
    }

    /// The triples of the graph that have these parts; `None` is any.
    pub fn find(
        &self,
        subject: Option<&Iri>,
        predicate: Option<&Iri>,
        object: Option<&Term>,
    ) -> impl Iterator<Item = Result<Triple, StoreError>> + use<'v> {
        let pattern = [
            subject.map(|iri| self.iri_id(iri)),
            predicate.map(|iri| self.iri_id(iri)),
            object.map(|term| self.id(term)),
        ];
        let mut terms = Terms::new(self.clone());
        self.find_ids(pattern).map(move |ids| terms.triple(ids?))
    }

    /// The triples of the graph that have these parts, as ids: subject, predicate and object.
    ///
    /// They come in the order of the index that has them side by side, which is the same each
    /// time, but means nothing.
    pub fn find_ids(
        &self,
        pattern: Pattern,
    ) -> impl Iterator<Item = Result<[TermId; 3], StoreError>> + use<'v> {
        let index = Index::of(&pattern);
        self.scan(index, &index.prefix(pattern))
            .filter_map(move |entry| {
                let (key, value) = match entry {
                    Ok(entry) => entry,
                    Err(error) => return Some(Err(error)),
                };
                let shown = match index {
                    Index::Spo => Presence::shows(&value),
                    Index::Pos | Index::Osp => value.is_empty(),
                };
                shown.then(|| index.triple(&key))
            })
    }

    /// How many triples of the graph have these parts, counted up to `limit`.
    pub fn count_up_to(&self, pattern: Pattern, limit: usize) -> Result<usize, StoreError> {
        let mut found = self.find_ids(pattern).take(limit);
        found.try_fold(0_usize, |count, next| next.map(|_| count.saturating_add(1)))
    }

    /// The transactions of a triple, in ascending order; none if it is entailed or not there.
    pub fn tids(&self, triple: &Triple) -> Result<Vec<Tid>, StoreError> {
        Ok(self.presence(self.ids(triple))?.tids)
    }

    /// The triples of a subject and a property that constraints hide from the graph.
    pub fn hidden(&self, subject: &Iri, predicate: &Iri) -> Result<Vec<Triple>, StoreError> {
        let pattern = [
            Some(self.iri_id(subject)),
            Some(self.iri_id(predicate)),
            None,
        ];
        let stored = self.stored(self.scan(Index::Spo, &Index::Spo.prefix(pattern)));
        stored
            .filter_map(|stored| match stored {
                Ok(stored) => stored.hidden.then_some(Ok(stored.triple)),
                Err(error) => Some(Err(error)),
            })
            .collect()
    }

    /// Whether constraints hide a triple that has transactions.
    pub fn is_hidden(&self, triple: &Triple) -> Result<bool, StoreError> {
        Ok(self.presence(self.ids(triple))?.is_hidden())
    }

    /// Whether the graph has a triple by a constraint alone, without a transaction.
    pub fn is_entailed(&self, triple: &Triple) -> Result<bool, StoreError> {
        Ok(self.presence(self.ids(triple))?.is_entailed())
    }

    /// The indirected data of a literal; of shared data, its state.
    pub fn data(&self, literal: &Literal) -> Result<Option<Value>, StoreError> {
        let id = self.key.hash(&term::encode_literal(literal));
        let encoded = self.view.get(Table::Data, id.as_bytes())?;
        encoded.map(|encoded| decode_data(&encoded)).transpose()
    }

    /// Whether there is any indirected data: where there is none, nobody need look for it.
    pub fn has_data(&self) -> Result<bool, StoreError> {
        let first = self.view.scan(Table::Data, &[]).next();
        Ok(first.transpose()?.is_some())
    }

    /// Every triple that is stored, as it is stored: visible, entailed and hidden.
    pub fn all(&self) -> impl Iterator<Item = Result<Stored, StoreError>> + use<'v> {
        self.stored(self.scan(Index::Spo, &[]))
    }

    /// As [`Graph::all`], those after a triple by its ids: to go on where another walk ended.
    pub fn all_after(
        &self,
        ids: [TermId; 3],
    ) -> impl Iterator<Item = Result<Stored, StoreError>> + use<'v> {
        use std::ops::Bound::{Excluded, Unbounded};
        let key = Index::Spo.key(ids);
        self.stored(self.view.range(Table::Spo, Excluded(&key), Unbounded))
    }

    /// How a triple is there.
    pub(super) fn presence(&self, ids: [TermId; 3]) -> Result<Presence, StoreError> {
        match self.view.get(Table::Spo, &Index::Spo.key(ids))? {
            Some(value) => Presence::decode(&value),
            None => Ok(Presence::default()),
        }
    }

    /// Whether a stored triple, hidden or not, uses a term.
    pub(super) fn uses(&self, id: TermId, indexes: &[Index]) -> Result<bool, StoreError> {
        for index in indexes {
            if let Some(entry) = self.scan(*index, id.as_bytes()).next() {
                return entry.map(|_| true);
            }
        }
        Ok(false)
    }

    pub(super) fn scan(&self, index: Index, prefix: &[u8]) -> Entries<'v> {
        self.view.scan(index.table(), prefix)
    }

    pub(super) fn hash(&self, encoded: &[u8]) -> TermId {
        self.key.hash(encoded)
    }

    fn stored(
        &self,
        entries: Entries<'v>,
    ) -> impl Iterator<Item = Result<Stored, StoreError>> + use<'v> {
        let mut terms = Terms::new(self.clone());
        entries.map(move |entry| {
            let (key, value) = entry?;
            let ids = Index::Spo.triple(&key)?;
            let presence = Presence::decode(&value)?;
            Ok(Stored {
                ids,
                triple: terms.triple(ids)?,
                hidden: presence.is_hidden(),
                tids: presence.tids,
            })
        })
    }
}

pub(super) fn decode_data(encoded: &[u8]) -> Result<Value, StoreError> {
    Value::decode(encoded, UNLIMITED).map_err(|_| StoreError::Damaged("indirected data"))
}

/// Looks up terms. Neighbours in an index share some: the last of each part is remembered.
struct Terms<'v> {
    graph: Graph<'v>,
    last: [Option<(TermId, Term)>; 3],
}

impl<'v> Terms<'v> {
    fn new(graph: Graph<'v>) -> Self {
        Self {
            graph,
            last: [None, None, None],
        }
    }

    fn triple(&mut self, [s, p, o]: [TermId; 3]) -> Result<Triple, StoreError> {
        let [last_s, last_p, last_o] = &mut self.last;
        Ok(Triple {
            subject: iri(known(&self.graph, last_s, s)?)?,
            predicate: iri(known(&self.graph, last_p, p)?)?,
            object: known(&self.graph, last_o, o)?,
        })
    }
}

fn known(
    graph: &Graph<'_>,
    last: &mut Option<(TermId, Term)>,
    id: TermId,
) -> Result<Term, StoreError> {
    if let Some((_, term)) = last.as_ref().filter(|(known, _)| *known == id) {
        return Ok(term.clone());
    }
    let term = graph.term(id)?.ok_or(StoreError::Damaged(
        "a triple uses a term that is not stored",
    ))?;
    *last = Some((id, term.clone()));
    Ok(term)
}

fn iri(term: Term) -> Result<Iri, StoreError> {
    match term {
        Term::Iri(iri) => Ok(iri),
        Term::Literal(_) => Err(StoreError::Damaged("a literal is a subject or predicate")),
    }
}
