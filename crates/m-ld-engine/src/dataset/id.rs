//! Ids of terms: keyed hashes, so that an id is computed and never looked up.

use sha1::{Digest as _, Sha1};

use super::term;
use crate::chance::Chance;
use crate::rdf::{Iri, Term};
use crate::store::{Pending, StoreError, Table, View};

/// The version of the layout of everything that this module stores.
const LAYOUT: u8 = 1;
/// Where the layout's version and the key are, in [`Table::Meta`].
const PLACE: &[u8] = b"dataset";
/// Bytes of the key.
const KEY: usize = 32;
/// What SHA-1 takes at once. A key of this length costs nothing per hash.
const BLOCK: usize = 64;

/// What stands for a term in the indexes.
///
/// It is a hash of 128 bits under a key that only this dataset has. Nobody else can therefore
/// find two terms with one id, and by chance that takes some 2^64 terms.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TermId(pub(super) [u8; TermId::LEN]);

impl TermId {
    /// Bytes of an id.
    pub const LEN: usize = 16;

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

/// A dataset's key, ready to hash with.
#[derive(Clone)]
pub(super) struct TermKey(Sha1);

impl TermKey {
    /// The key of the dataset in a view. A dataset that was never written has none: nothing can
    /// be found in it, by whatever key.
    pub(super) fn read(view: &dyn View) -> Result<Self, StoreError> {
        let key = stored(view)?.unwrap_or([0; KEY]);
        Ok(Self::new(&key))
    }

    /// The key of the dataset that a transaction is about; if there is none, a new one.
    pub(super) fn read_or_make(
        pending: &mut Pending,
        chance: &mut dyn Chance,
    ) -> Result<Self, StoreError> {
        if let Some(key) = stored(pending)? {
            return Ok(Self::new(&key));
        }
        let mut key = [0; KEY];
        chance.fill(&mut key);
        pending.put(Table::Meta, PLACE, [&[LAYOUT][..], &key].concat());
        Ok(Self::new(&key))
    }

    fn new(key: &[u8; KEY]) -> Self {
        let mut block = [0; BLOCK];
        for (to, from) in block.iter_mut().zip(key) {
            *to = *from;
        }
        Self(Sha1::new_with_prefix(block))
    }

    pub(super) fn id(&self, term: &Term) -> TermId {
        match term {
            Term::Iri(iri) => self.iri_id(iri),
            Term::Literal(literal) => self.hash(&term::encode_literal(literal)),
        }
    }

    pub(super) fn iri_id(&self, iri: &Iri) -> TermId {
        self.hashed(|hash| {
            hash.update([term::IRI]);
            hash.update(iri.as_str());
        })
    }

    /// The id of a term by its encoding.
    pub(super) fn hash(&self, encoded: &[u8]) -> TermId {
        self.hashed(|hash| hash.update(encoded))
    }

    fn hashed(&self, content: impl FnOnce(&mut Sha1)) -> TermId {
        let mut hash = self.0.clone();
        content(&mut hash);
        let digest: [u8; 20] = hash.finalize().into();
        let mut id = [0; TermId::LEN];
        for (to, from) in id.iter_mut().zip(digest) {
            *to = from;
        }
        TermId(id)
    }
}

fn stored(view: &dyn View) -> Result<Option<[u8; KEY]>, StoreError> {
    let Some(value) = view.get(Table::Meta, PLACE)? else {
        return Ok(None);
    };
    match value.split_first() {
        Some((&LAYOUT, key)) => key
            .try_into()
            .map(Some)
            .map_err(|_| StoreError::Damaged("the dataset's key")),
        Some((&found, _)) => Err(StoreError::Layout {
            found: found.into(),
            known: LAYOUT.into(),
        }),
        None => Err(StoreError::Damaged("the dataset's layout")),
    }
}
