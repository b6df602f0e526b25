//! Sealing records, so that the files tell a thief nothing and a flipped bit is never taken for data.
//!
//! - A record's place is HMAC-SHA256 of its tree and key, cut to 128 bits.
//! - Its bytes are `nonce(12) ‖ AES-256-GCM(key length ‖ value length ‖ key ‖ value ‖ zeros) ‖ tag`, padded
//!   to steps of 64 so that lengths tell little, with the place as associated data: bytes that are moved
//!   to another place do not open.
//! - Each place has its own AES key (HMAC-SHA256 of the place under the sealing key), so random nonces may
//!   only not repeat among the writes of one record; the 2³² writes that NIST SP 800-38D (section 8.3)
//!   allows for one key hold for each record, not for the store.
//!
//! What this does not hide: how many records each tree has, and roughly how long they are. What it does
//! not detect: somebody who can write the files and puts back an old state of all of them.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use super::backend::Place;
use crate::clock::Chance;

const STEP: usize = 64;
const LENGTHS: usize = 8;

/// The bytes do not open: they are damaged, or sealed with another key, or for another place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Unsealable;

/// A record in clear.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Record {
    pub(super) key: Vec<u8>,
    pub(super) value: Vec<u8>,
}

/// Hashes keys and seals values of one store.
pub(super) struct Vault {
    places: hmac::Key,
    seals: hmac::Key,
    chance: Chance,
}

impl Vault {
    /// A vault whose keys come from the store's data key.
    pub(super) fn new(data_key: &[u8; 32], chance: &Chance) -> Result<Self, Unsealable> {
        let secret = Salt::new(HKDF_SHA256, b"meldgate store").extract(data_key);
        let key = |purpose| {
            let bytes = expand(&secret, purpose)?;
            Ok(hmac::Key::new(hmac::HMAC_SHA256, &*bytes))
        };
        Ok(Self {
            places: key(b"places")?,
            seals: key(b"seals")?,
            chance: chance.clone(),
        })
    }

    /// Where the record of `key` is.
    pub(super) fn place(&self, tree: u8, key: &[u8]) -> Place {
        let mut context = hmac::Context::with_key(&self.places);
        context.update(&[tree]);
        context.update(key);
        let mut hash = [0; 16];
        for (to, from) in hash.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        Place { tree, hash }
    }

    /// Seals a record for its place.
    pub(super) fn seal(
        &self,
        place: Place,
        key: &[u8],
        value: &[u8],
    ) -> Result<Vec<u8>, Unsealable> {
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).map_err(|_| Unsealable);
        let used = LENGTHS + key.len() + value.len();
        let mut clear = Vec::with_capacity(used.next_multiple_of(STEP) + AES_256_GCM.tag_len());
        clear.extend(length(key)?.to_le_bytes());
        clear.extend(length(value)?.to_le_bytes());
        clear.extend(key);
        clear.extend(value);
        clear.resize(used.next_multiple_of(STEP), 0);
        let nonce: [u8; NONCE_LEN] = self.chance.bytes();
        self.key(place)?
            .seal_in_place_append_tag(Nonce::from(&nonce), Aad::from(name(place)), &mut clear)
            .map_err(|_| Unsealable)?;
        Ok([&nonce[..], &clear].concat())
    }

    /// Opens what was sealed for `place`.
    pub(super) fn open(&self, place: Place, sealed: &[u8]) -> Result<Record, Unsealable> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(Unsealable)?;
        let mut bytes = sealed.to_vec();
        let clear = self
            .key(place)?
            .open_in_place(Nonce::from(nonce), Aad::from(name(place)), &mut bytes)
            .map_err(|_| Unsealable)?;
        let record = parse(clear).ok_or(Unsealable)?;
        // Two keys whose hashes collide would read one another's values.
        if self.place(place.tree, &record.key) == place {
            Ok(record)
        } else {
            Err(Unsealable)
        }
    }

    /// A short proof that the store wrote `bytes`, for what is kept beside the records.
    pub(super) fn sign(&self, bytes: &[u8]) -> [u8; 16] {
        self.place(u8::MAX, bytes).hash
    }

    fn key(&self, place: Place) -> Result<LessSafeKey, Unsealable> {
        aead_key(hmac::sign(&self.seals, &name(place)).as_ref())
    }
}

/// An AES-256-GCM key.
pub(super) fn aead_key(bytes: &[u8]) -> Result<LessSafeKey, Unsealable> {
    let key = UnboundKey::new(&AES_256_GCM, bytes).map_err(|_| Unsealable)?;
    Ok(LessSafeKey::new(key))
}

/// 32 bytes derived from `secret` for one purpose.
pub(super) fn expand(secret: &Prk, purpose: &[u8]) -> Result<Zeroizing<[u8; 32]>, Unsealable> {
    struct Length;
    impl KeyType for Length {
        fn len(&self) -> usize {
            32
        }
    }
    let mut bytes = Zeroizing::new([0; 32]);
    secret
        .expand(&[purpose], Length)
        .and_then(|derived| derived.fill(&mut *bytes))
        .map_err(|_| Unsealable)?;
    Ok(bytes)
}

fn name(place: Place) -> [u8; 17] {
    let mut name = [place.tree; 17];
    for (to, from) in name.iter_mut().skip(1).zip(place.hash) {
        *to = from;
    }
    name
}

fn parse(clear: &[u8]) -> Option<Record> {
    let (key_length, rest) = clear.split_first_chunk()?;
    let (value_length, rest) = rest.split_first_chunk()?;
    let length = |bytes: &[u8; 4]| usize::try_from(u32::from_le_bytes(*bytes)).ok();
    let (key, rest) = rest.split_at_checked(length(key_length)?)?;
    let value = rest.get(..length(value_length)?)?;
    Some(Record {
        key: key.to_vec(),
        value: value.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault(data_key: u8) -> Vault {
        Vault::new(&[data_key; 32], &Chance::seeded(1)).unwrap()
    }

    #[test]
    fn what_was_sealed_opens_only_at_its_place_and_with_its_key() {
        let vault = vault(1);
        let place = vault.place(3, b"app");
        let sealed = vault.seal(place, b"app", b"value").unwrap();
        assert_eq!(vault.open(place, &sealed).unwrap().value, b"value");
        assert!(vault.open(vault.place(4, b"app"), &sealed).is_err());
        assert!(vault.open(vault.place(3, b"apq"), &sealed).is_err());
        assert!(self::vault(2).open(place, &sealed).is_err());
    }

    #[test]
    fn no_flipped_bit_and_no_cut_opens() {
        let vault = vault(1);
        let place = vault.place(3, b"app");
        let sealed = vault.seal(place, b"app", b"value").unwrap();
        for bit in 0..sealed.len() * 8 {
            let mut damaged = sealed.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(vault.open(place, &damaged), Err(Unsealable), "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert_eq!(vault.open(place, &sealed[..length]), Err(Unsealable));
        }
    }

    #[test]
    fn sealed_bytes_show_neither_text_nor_exact_length_and_never_repeat() {
        let vault = vault(1);
        let place = vault.place(3, b"app");
        let [short, long] =
            [&b"v"[..], b"a longer value"].map(|value| vault.seal(place, b"app", value).unwrap());
        assert_eq!(short.len(), long.len());
        assert!(!long.windows(6).any(|bytes| bytes == b"longer"));
        assert_ne!(long, vault.seal(place, b"app", b"a longer value").unwrap());
    }

    #[test]
    fn a_record_under_another_keys_place_is_refused() {
        let vault = vault(1);
        let place = vault.place(3, b"app");
        let sealed = vault.seal(place, b"other", b"value").unwrap();
        assert_eq!(vault.open(place, &sealed), Err(Unsealable));
    }
}
