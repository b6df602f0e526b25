//! Writing the triples.

use super::graph::Graph;
use super::id::{TermId, TermKey};
use super::presence::Presence;
use super::scan::{HIDDEN, Index};
use super::term;
use crate::chance::Chance;
use crate::clock::Tid;
use crate::msgpack::Value;
use crate::rdf::{Literal, Term, Triple};
use crate::store::{Bytes, Pending, StoreError, Table};

/// Writes the triples of a transaction.
///
/// Each call leaves the invariants of the dataset true, and sees what those before it did.
pub struct Writer<'p> {
    pending: &'p mut Pending,
    key: TermKey,
}

impl<'p> Writer<'p> {
    /// Writes in a transaction. If the dataset was never written, takes its key from `chance`.
    pub fn new(pending: &'p mut Pending, chance: &mut dyn Chance) -> Result<Self, StoreError> {
        let key = TermKey::read_or_make(pending, chance)?;
        Ok(Self { pending, key })
    }

    /// What the transaction would make of the graph so far.
    pub fn graph(&self) -> Graph<'_> {
        Graph::with_key(&*self.pending, self.key.clone())
    }

    /// The transaction.
    pub fn pending(&mut self) -> &mut Pending {
        self.pending
    }

    /// Adds transactions to a triple, and with that shows it, hidden or not; if there are none,
    /// does nothing.
    pub fn insert(&mut self, triple: &Triple, tids: &[Tid]) -> Result<(), StoreError> {
        if tids.is_empty() {
            return Ok(());
        }
        self.change(triple, |presence| {
            presence.visible = true;
            for tid in tids {
                presence.add(*tid);
            }
        })
    }

    /// Removes those of `tids` that a triple has, and says which. If none is left after that, the
    /// triple goes; if none was removed, nothing changes.
    pub fn remove_tids(&mut self, triple: &Triple, tids: &[Tid]) -> Result<Vec<Tid>, StoreError> {
        let mut removed = Vec::new();
        self.change(triple, |presence| {
            removed.extend(tids.iter().filter(|tid| presence.remove(tid)));
            if presence.tids.is_empty() && !removed.is_empty() {
                presence.visible = false;
            }
        })?;
        Ok(removed)
    }

    /// Removes a triple with all its transactions, hidden or entailed too. Says which
    /// transactions it had.
    pub fn delete_all(&mut self, triple: &Triple) -> Result<Vec<Tid>, StoreError> {
        let mut removed = Vec::new();
        self.change(triple, |presence| {
            removed = std::mem::take(&mut presence.tids);
            presence.visible = false;
        })?;
        Ok(removed)
    }

    /// Shows a triple in this graph alone, whether or not it has transactions.
    pub fn entail(&mut self, triple: &Triple) -> Result<(), StoreError> {
        self.change(triple, |presence| presence.visible = true)
    }

    /// Takes a triple out of this graph alone: hides it, if it has transactions.
    pub fn entail_delete(&mut self, triple: &Triple) -> Result<(), StoreError> {
        self.change(triple, |presence| presence.visible = false)
    }

    /// Keeps the indirected data of a literal; of shared data, its state.
    pub fn put_data(&mut self, literal: &Literal, data: &Value) -> Result<(), StoreError> {
        let id = self.key.hash(&term::encode_literal(literal));
        self.pending
            .put(Table::Data, id.as_bytes().as_slice(), data.encode());
        Ok(())
    }

    /// Removes the indirected data of a literal, unless a triple, hidden or not, uses it.
    ///
    /// Only for data that no operation can bring back into the graph.
    pub fn forget_data(&mut self, literal: &Literal) -> Result<(), StoreError> {
        let id = self.key.hash(&term::encode_literal(literal));
        if !self.graph().uses(id, &[Index::Osp])? {
            self.pending.remove(Table::Data, id.as_bytes().as_slice());
        }
        Ok(())
    }

    /// Removes every triple, term and datum: for a dataset that comes from a snapshot. The key stays.
    pub fn clear(pending: &mut Pending) {
        for table in [
            Table::Terms,
            Table::Spo,
            Table::Pos,
            Table::Osp,
            Table::Data,
        ] {
            pending.clear(table);
        }
    }

    fn change(
        &mut self,
        triple: &Triple,
        change: impl FnOnce(&mut Presence),
    ) -> Result<(), StoreError> {
        let ids = self.graph().ids(triple);
        let before = self.graph().presence(ids)?;
        let mut after = before.clone();
        change(&mut after);
        if after == before {
            return Ok(());
        }
        self.store_presence(ids, &before, &after);
        match (before.is_absent(), after.is_absent()) {
            (true, false) => self.store_terms(ids, triple),
            (false, true) => self.drop_terms(ids, triple),
            _ => Ok(()),
        }
    }

    fn store_presence(&mut self, ids: [TermId; 3], before: &Presence, after: &Presence) {
        let key = Index::Spo.key(ids);
        if after.is_absent() {
            for index in Index::ALL {
                self.pending.remove(index.table(), index.key(ids));
            }
            return;
        }
        self.pending.put(Table::Spo, key, after.encode());
        if before.is_absent() || before.visible != after.visible {
            let mark: Bytes = if after.visible {
                Bytes::default()
            } else {
                HIDDEN.into()
            };
            for index in [Index::Pos, Index::Osp] {
                self.pending
                    .put(index.table(), index.key(ids), mark.clone());
            }
        }
    }

    fn store_terms(&mut self, [s, p, o]: [TermId; 3], triple: &Triple) -> Result<(), StoreError> {
        self.store_term(s, || term::encode_iri(&triple.subject))?;
        self.store_term(p, || term::encode_iri(&triple.predicate))?;
        self.store_term(o, || term::encode(&triple.object))
    }

    fn store_term(
        &mut self,
        id: TermId,
        encode: impl FnOnce() -> Vec<u8>,
    ) -> Result<(), StoreError> {
        use crate::store::View as _;
        if self.pending.get(Table::Terms, id.as_bytes())?.is_none() {
            self.pending
                .put(Table::Terms, id.as_bytes().as_slice(), encode());
        }
        Ok(())
    }

    /// Removes those terms of a triple that has gone which no other triple uses.
    fn drop_terms(&mut self, [s, p, o]: [TermId; 3], triple: &Triple) -> Result<(), StoreError> {
        const ANYWHERE: &[Index] = &[Index::Spo, Index::Osp, Index::Pos];
        let object = match &triple.object {
            Term::Literal(_) => &[Index::Osp],
            Term::Iri(_) => ANYWHERE,
        };
        for (id, indexes) in [
            (s, ANYWHERE),
            (p, &[Index::Pos, Index::Spo, Index::Osp]),
            (o, object),
        ] {
            if !self.graph().uses(id, indexes)? {
                self.pending.remove(Table::Terms, id.as_bytes().as_slice());
            }
        }
        Ok(())
    }
}
