//! The room's own secrets: one seed, from which everything is derived that must not be guessed.
//!
//! The seed is random and kept in the store, which seals it under the daemon's master key. So a thief of the state
//! directory has no pepper, and yet a new master key (which only re-seals) does not invalidate every account key,
//! as a pepper derived from the master key itself would.

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign, verify};

use super::records::Book;
use crate::clock::Chance;
use crate::secret::AccountKey;
use crate::store::{Batch, Expected, StoreError, Tree};

/// Where the seed is.
const SEED: &str = "accounts/seed";

/// Keys derived from the seed. Not printable.
pub(super) struct Seeds {
    pepper: Key,
    codes: Key,
    envelope: [u8; 32],
    decoy: String,
}

impl Seeds {
    /// Reads the seed, or draws it the first time.
    pub(super) async fn open(book: &Book, chance: &Chance) -> Result<Self, StoreError> {
        if let Some(found) = book.read::<[u8; 32]>(Tree::Meta, SEED)? {
            return Ok(Self::derive(&found.record));
        }
        let seed = chance.bytes::<32>();
        let value = serde_json::to_vec(&seed).map_err(|_| StoreError::Corrupt { tree: "meta" })?;
        let batch =
            Batch::new()
                .expect(Tree::Meta, SEED, Expected::Absent)
                .put(Tree::Meta, SEED, value);
        book.commit(batch).await?;
        Ok(Self::derive(&seed))
    }

    fn derive(seed: &[u8; 32]) -> Self {
        let root = Key::new(HMAC_SHA256, seed);
        let branch = |label: &str| -> [u8; 32] {
            let mut bytes = [0; 32];
            bytes.copy_from_slice(sign(&root, label.as_bytes()).as_ref());
            bytes
        };
        let key = |label| Key::new(HMAC_SHA256, &branch(label));
        Self {
            pepper: key("account key pepper 1"),
            codes: key("activation code 1"),
            envelope: branch("activation envelope 1"),
            decoy: hex(&branch("decoy 1")),
        }
    }

    /// The MAC of a whole account key: what is stored of it.
    pub(super) fn key_mac(&self, key: &AccountKey) -> String {
        hex(sign(&self.pepper, key_text(key).as_bytes()).as_ref())
    }

    /// Whether `stored` is the MAC of this key. Takes the same time for any difference, and for none to compare with.
    pub(super) fn key_matches(&self, stored: Option<&str>, key: &AccountKey) -> bool {
        let mac = unhex(stored.unwrap_or(&self.decoy));
        let same = verify(&self.pepper, key_text(key).as_bytes(), &mac).is_ok();
        same & stored.is_some()
    }

    /// The keyed hash of an activation code.
    pub(super) fn code_mac(&self, activation: &str, code: &str) -> String {
        hex(sign(&self.codes, format!("{activation}\0{code}").as_bytes()).as_ref())
    }

    /// Whether `stored` is the keyed hash of this code.
    pub(super) fn code_matches(&self, stored: &str, activation: &str, code: &str) -> bool {
        let text = format!("{activation}\0{code}");
        verify(&self.codes, text.as_bytes(), &unhex(stored)).is_ok()
    }

    /// The key that seals activations.
    pub(super) fn envelope(&self) -> &[u8; 32] {
        &self.envelope
    }
}

impl std::fmt::Debug for Seeds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seeds(…)")
    }
}

fn key_text(key: &AccountKey) -> zeroize::Zeroizing<String> {
    zeroize::Zeroizing::new(key.expose())
}

pub(super) fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or('0');
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

/// What [`hex`] wrote; anything else gives bytes that match nothing.
fn unhex(text: &str) -> Vec<u8> {
    let nibble = |byte: &u8| {
        char::from(*byte)
            .to_digit(16)
            .and_then(|n| u8::try_from(n).ok())
    };
    text.as_bytes()
        .chunks_exact(2)
        .filter_map(|pair| Some(nibble(pair.first()?)? << 4 | nibble(pair.last()?)?))
        .collect()
}
