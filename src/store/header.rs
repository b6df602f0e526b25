//! The one record that is not sealed with the store's own keys: it holds them.
//!
//! ```text
//! "MELDGATE" ‖ format(4, little-endian) ‖ salt(32)
//! ‖ nonce(12) ‖ AES-256-GCM(data key)(48) ‖ SHA-256 of all before (32)
//! ```
//!
//! The data key is random and wrapped by a key that HKDF-SHA256 makes of master key and salt: another
//! master key re-wraps 48 bytes, not the store. The checksum, which every format keeps at the end, tells
//! damage from a wrong key.

use aws_lc_rs::aead::{Aad, NONCE_LEN, Nonce};
use aws_lc_rs::digest;
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use zeroize::Zeroizing;

use super::backend::Place;
use super::vault::{Unsealable, aead_key, expand};
use super::{MasterKey, StoreError};
use crate::clock::Chance;

/// The format of headers and sealed records.
const FORMAT: u32 = 1;
const MAGIC: &[u8; 8] = b"MELDGATE";
const SALT: usize = 32;
/// Bytes that say what the header is, and are associated data of the wrapped key.
const FRONT: usize = MAGIC.len() + 4 + SALT;
const CHECKSUM: usize = 32;

/// Where the header is.
pub(super) const PLACE: Place = Place {
    tree: 0,
    hash: [0; 16],
};
/// What errors call it.
pub(super) const NAME: &str = "header";

/// A store's data key, and the header that holds it.
pub(super) struct Header {
    pub(super) data_key: Zeroizing<[u8; 32]>,
    pub(super) bytes: Vec<u8>,
}

impl Header {
    /// Makes the header of a new store.
    pub(super) fn make(master: &MasterKey, chance: &Chance) -> Result<Self, Unsealable> {
        let data_key = Zeroizing::new(chance.bytes());
        let bytes = wrap(&data_key, FORMAT, master, chance)?;
        Ok(Self { data_key, bytes })
    }

    /// Opens the header of an existing store.
    pub(super) fn open(bytes: Vec<u8>, master: &MasterKey) -> Result<Self, StoreError> {
        let (front, nonce, wrapped) = parse(&bytes).ok_or(StoreError::Corrupt { tree: NAME })?;
        let format = front
            .strip_prefix(MAGIC)
            .and_then(|rest| rest.first_chunk())
            .map(|format| u32::from_le_bytes(*format));
        match format {
            Some(FORMAT) => {}
            Some(found @ FORMAT..) => {
                return Err(StoreError::Newer {
                    what: "store".to_owned(),
                    found,
                    known: FORMAT,
                });
            }
            Some(_) | None => return Err(StoreError::Corrupt { tree: NAME }),
        }
        let data_key = unwrap(front, *nonce, wrapped, master).map_err(|_| StoreError::WrongKey)?;
        Ok(Self { data_key, bytes })
    }
}

fn wrap(
    data_key: &[u8; 32],
    format: u32,
    master: &MasterKey,
    chance: &Chance,
) -> Result<Vec<u8>, Unsealable> {
    let salt: [u8; SALT] = chance.bytes();
    let nonce: [u8; NONCE_LEN] = chance.bytes();
    let front = [&MAGIC[..], &format.to_le_bytes(), &salt].concat();
    let mut wrapped = Zeroizing::new(data_key.to_vec());
    wrapping_key(master, &salt)?
        .seal_in_place_append_tag(Nonce::from(&nonce), Aad::from(&front), &mut *wrapped)
        .map_err(|_| Unsealable)?;
    let mut bytes = [&front[..], &nonce, &wrapped].concat();
    let checksum = digest::digest(&digest::SHA256, &bytes);
    bytes.extend(checksum.as_ref());
    Ok(bytes)
}

type Parts<'a> = (&'a [u8], &'a [u8; NONCE_LEN], &'a [u8]);

/// Front, nonce and wrapped key, if the checksum is right.
fn parse(bytes: &[u8]) -> Option<Parts<'_>> {
    let (content, checksum) = bytes.split_last_chunk::<CHECKSUM>()?;
    if digest::digest(&digest::SHA256, content).as_ref() != checksum {
        return None;
    }
    let (front, rest) = content.split_at_checked(FRONT)?;
    let (nonce, wrapped) = rest.split_first_chunk()?;
    Some((front, nonce, wrapped))
}

fn unwrap(
    front: &[u8],
    nonce: [u8; NONCE_LEN],
    wrapped: &[u8],
    master: &MasterKey,
) -> Result<Zeroizing<[u8; 32]>, Unsealable> {
    let salt = front.last_chunk::<SALT>().ok_or(Unsealable)?;
    let mut bytes = Zeroizing::new(wrapped.to_vec());
    let clear = wrapping_key(master, salt)?
        .open_in_place(Nonce::from(&nonce), Aad::from(front), &mut bytes)
        .map_err(|_| Unsealable)?;
    let data_key = <[u8; 32]>::try_from(&*clear).map_err(|_| Unsealable)?;
    Ok(Zeroizing::new(data_key))
}

fn wrapping_key(
    master: &MasterKey,
    salt: &[u8],
) -> Result<aws_lc_rs::aead::LessSafeKey, Unsealable> {
    let secret = Salt::new(HKDF_SHA256, salt).extract(master.expose());
    aead_key(&*expand(&secret, b"meldgate store key encryption")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn master(byte: u8) -> MasterKey {
        MasterKey::parse(&[byte; 32]).unwrap()
    }

    #[test]
    fn a_header_opens_with_its_master_key_alone() {
        let made = Header::make(&master(1), &Chance::seeded(1)).unwrap();
        let opened = Header::open(made.bytes.clone(), &master(1)).unwrap();
        assert_eq!(opened.data_key, made.data_key);
        let refused = Header::open(made.bytes, &master(2));
        assert!(matches!(refused, Err(StoreError::WrongKey)));
    }

    #[test]
    fn a_damaged_header_is_not_taken_for_a_wrong_key() {
        let made = Header::make(&master(1), &Chance::seeded(1)).unwrap();
        for bit in 0..made.bytes.len() * 8 {
            let mut damaged = made.bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let refused = Header::open(damaged, &master(1));
            assert!(
                matches!(refused, Err(StoreError::Corrupt { tree: NAME })),
                "bit {bit}"
            );
        }
    }

    #[test]
    fn a_newer_format_is_named() {
        let bytes = wrap(&[0; 32], FORMAT + 1, &master(1), &Chance::seeded(1)).unwrap();
        let refused = Header::open(bytes, &master(1)).err().unwrap();
        assert!(
            matches!(
                refused,
                StoreError::Newer {
                    found: 2,
                    known: FORMAT,
                    ..
                }
            ),
            "{refused}"
        );
    }
}
