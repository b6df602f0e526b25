//! Compact JWE (RFC 7516) with a direct key: `dir` and `A256GCM`, nothing else.
//!
//! Only this gateway opens what it sealed, so the header is one constant and anything else is refused unread.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

use crate::clock::Chance;

/// Longest token that is looked at.
const LIMIT: usize = 4096;
/// Bytes of a GCM tag.
const TAG: usize = 16;

/// Seals `payload`; `None` only if the library fails.
pub(super) fn seal(key: &[u8; 32], payload: &[u8], chance: &Chance) -> Option<String> {
    let header = header();
    let nonce = chance.bytes::<NONCE_LEN>();
    let mut text = payload.to_vec();
    let tag = cipher(key)?
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(header.as_bytes()),
            &mut text,
        )
        .ok()?;
    let (nonce, text, tag) = (
        BASE64.encode(nonce),
        BASE64.encode(text),
        BASE64.encode(tag),
    );
    Some(format!("{header}..{nonce}.{text}.{tag}"))
}

/// Opens what [`seal`] made under the same key.
pub(super) fn open(key: &[u8; 32], token: &str) -> Option<Vec<u8>> {
    if token.len() > LIMIT {
        return None;
    }
    let mut parts = token.split('.');
    let (head, wrapped) = (parts.next()?, parts.next()?);
    let mut decoded = || BASE64.decode(parts.next()?).ok();
    let (nonce, mut text, tag) = (decoded()?, decoded()?, decoded()?);
    if head != header() || !wrapped.is_empty() || parts.next().is_some() || tag.len() != TAG {
        return None;
    }
    text.extend_from_slice(&tag);
    let nonce = Nonce::try_assume_unique_for_key(&nonce).ok()?;
    let aad = Aad::from(head.as_bytes());
    let clear = cipher(key)?.open_in_place(nonce, aad, &mut text).ok()?;
    Some(clear.to_vec())
}

fn header() -> String {
    BASE64.encode(br#"{"alg":"dir","enc":"A256GCM"}"#)
}

fn cipher(key: &[u8; 32]) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, key)
        .ok()
        .map(LessSafeKey::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_opens_and_has_five_parts() {
        let token = seal(&[7; 32], b"hello", &Chance::seeded(1)).unwrap();
        assert_eq!(token.split('.').count(), 5);
        assert!(!token.contains(&BASE64.encode("hello")));
        assert_eq!(open(&[7; 32], &token).unwrap(), b"hello");
    }

    #[test]
    fn nothing_else_opens() {
        let token = seal(&[7; 32], b"hello", &Chance::seeded(1)).unwrap();
        assert_eq!(open(&[8; 32], &token), None);
        assert_eq!(open(&[7; 32], &format!("{token}.x")), None);
        for at in 0..token.len() {
            let mut bent = token.clone().into_bytes();
            let byte = bent.get_mut(at).unwrap();
            *byte = if *byte == b'A' { b'B' } else { b'A' };
            let bent = String::from_utf8(bent).unwrap();
            assert_eq!(open(&[7; 32], &bent), None, "at {at}");
        }
        for bad in ["", ".", "....", "a.b.c.d.e", &"x".repeat(5000)] {
            assert_eq!(open(&[7; 32], bad), None);
        }
    }
}
