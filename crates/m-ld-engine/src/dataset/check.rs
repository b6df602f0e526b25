//! Whether a stored dataset is what it should be.

use std::collections::BTreeSet;

use super::graph::Graph;
use super::id::TermId;
use super::presence::Presence;
use super::scan::Index;
use super::term;
use crate::rdf::Term;
use crate::store::{StoreError, Table};

impl Graph<'_> {
    /// Reads everything, and tests the invariants of the dataset.
    ///
    /// Takes memory in proportion to the number of terms.
    pub fn check(&self) -> Result<(), StoreError> {
        let terms = self.check_terms()?;
        let (used, triples) = self.check_triples(&terms)?;
        if used != terms {
            return Err(StoreError::Damaged("terms that no triple uses"));
        }
        for index in [Index::Pos, Index::Osp] {
            self.check_index(index, triples)?;
        }
        for entry in self.view().scan(Table::Data, &[]) {
            let (_, value) = entry?;
            super::graph::decode_data(&value)?;
        }
        Ok(())
    }

    /// Every term's id is its hash, and its encoding is the one it has.
    fn check_terms(&self) -> Result<BTreeSet<TermId>, StoreError> {
        let mut ids = BTreeSet::new();
        for entry in self.view().scan(Table::Terms, &[]) {
            let (key, encoded) = entry?;
            let id = self.hash(&encoded);
            if term::encode(&term::decode(&encoded)?) != *encoded || key != id.as_bytes() {
                return Err(StoreError::Damaged("a term"));
            }
            ids.insert(id);
        }
        Ok(ids)
    }

    /// Every triple is there in some way and has terms. Gives the terms in use, and the number of
    /// triples.
    fn check_triples(
        &self,
        terms: &BTreeSet<TermId>,
    ) -> Result<(BTreeSet<TermId>, usize), StoreError> {
        let mut used = BTreeSet::new();
        let mut count = 0_usize;
        for entry in self.scan(Index::Spo, &[]) {
            let (key, value) = entry?;
            let presence = Presence::decode(&value)?;
            if presence.is_absent() || presence.encode() != *value || !presence.is_ordered() {
                return Err(StoreError::Damaged("how a triple is there"));
            }
            let ids = Index::Spo.triple(&key)?;
            if !ids.iter().all(|id| terms.contains(id)) {
                return Err(StoreError::Damaged(
                    "a triple uses a term that is not stored",
                ));
            }
            for id in ids.into_iter().take(2) {
                if !used.contains(&id) && !matches!(self.term(id)?, Some(Term::Iri(_))) {
                    return Err(StoreError::Damaged("a literal is a subject or predicate"));
                }
            }
            used.extend(ids);
            count = count.saturating_add(1);
        }
        Ok((used, count))
    }

    /// An index has as many triples as there are, each of them stored, and knows which are hidden.
    fn check_index(&self, index: Index, triples: usize) -> Result<(), StoreError> {
        const DAMAGED: StoreError = StoreError::Damaged("an index");
        let mut count = 0_usize;
        for entry in self.scan(index, &[]) {
            let (key, mark) = entry?;
            let presence = self.presence(index.triple(&key)?)?;
            let expected = if presence.visible {
                &[]
            } else {
                super::scan::HIDDEN
            };
            if presence.is_absent() || *mark != *expected {
                return Err(DAMAGED);
            }
            count = count.saturating_add(1);
        }
        if count == triples {
            Ok(())
        } else {
            Err(DAMAGED)
        }
    }
}
