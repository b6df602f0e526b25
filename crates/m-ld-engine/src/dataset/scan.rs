//! Patterns of ids, and the index that answers each.

use super::id::TermId;
use crate::store::{StoreError, Table};

/// Subject, predicate and object; `None` is any.
pub type Pattern = [Option<TermId>; 3];

/// Marks a key of `Pos` or `Osp` as that of a hidden triple.
pub(super) const HIDDEN: &[u8] = &[1];

/// The length of a key of an index.
pub(super) const KEY: usize = 3 * TermId::LEN;

/// An order of a triple's parts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Index {
    Spo,
    Pos,
    Osp,
}

impl Index {
    pub(super) const ALL: [Self; 3] = [Self::Spo, Self::Pos, Self::Osp];

    /// The index in which the triples of a pattern are neighbours.
    pub(super) fn of(pattern: &Pattern) -> Self {
        match pattern.map(|part| part.is_some()) {
            [true, true, _] | [_, false, false] => Self::Spo,
            [false, true, _] => Self::Pos,
            [_, false, true] => Self::Osp,
        }
    }

    pub(super) fn table(self) -> Table {
        match self {
            Self::Spo => Table::Spo,
            Self::Pos => Table::Pos,
            Self::Osp => Table::Osp,
        }
    }

    /// Subject, predicate and object in the order of this index.
    pub(super) fn order<T>(self, [s, p, o]: [T; 3]) -> [T; 3] {
        match self {
            Self::Spo => [s, p, o],
            Self::Pos => [p, o, s],
            Self::Osp => [o, s, p],
        }
    }

    fn disorder<T>(self, [a, b, c]: [T; 3]) -> [T; 3] {
        match self {
            Self::Spo => [a, b, c],
            Self::Pos => [c, a, b],
            Self::Osp => [b, c, a],
        }
    }

    /// The key of a triple.
    pub(super) fn key(self, triple: [TermId; 3]) -> [u8; KEY] {
        let mut key = [0; KEY];
        let ids = self.order(triple);
        for (part, id) in key.chunks_exact_mut(TermId::LEN).zip(ids) {
            part.copy_from_slice(id.as_bytes());
        }
        key
    }

    /// What the keys of a pattern's triples begin with.
    pub(super) fn prefix(self, pattern: Pattern) -> Vec<u8> {
        let known = self.order(pattern).into_iter().map_while(|part| part);
        known.flat_map(|id| *id.as_bytes()).collect()
    }

    /// The triple of a key.
    pub(super) fn triple(self, key: &[u8]) -> Result<[TermId; 3], StoreError> {
        let mut ids = [TermId([0; TermId::LEN]); 3];
        let (parts, []) = key.as_chunks() else {
            return Err(StoreError::Damaged("a key of an index"));
        };
        if parts.len() != ids.len() {
            return Err(StoreError::Damaged("a key of an index"));
        }
        for (id, part) in ids.iter_mut().zip(parts) {
            *id = TermId(*part);
        }
        Ok(self.disorder(ids))
    }
}
