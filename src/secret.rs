//! Secrets, wrapped from where they enter to where they are used.
//!
//! `Debug` prints a placeholder, the memory is wiped on drop, and comparison takes the same time wherever
//! the first difference is. None of these types can be serialised.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

use crate::clock::Chance;
use crate::ids::{Invalid, KeyId, Name};

/// Letters of a minted secret: sixteen, so that each carries exactly four bits.
const ALPHABET: &[u8; 16] = b"bcdfghjkmnpqrstv";
/// Characters of a minted secret: 296 bits.
const SECRET_LENGTH: usize = 74;
/// Letters and length of a minted key id.
const ID_ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const ID_LENGTH: usize = 6;
/// Longest secret that is looked at: what is longer is not a key of ours.
const SECRET_LIMIT: usize = 512;

/// The secret half of an account key.
#[derive(Clone, Debug)]
pub struct KeySecret(SecretString);

impl KeySecret {
    /// Wraps text that is a secret.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The secret itself. Whoever calls this answers for where it goes.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl PartialEq for KeySecret {
    fn eq(&self, other: &Self) -> bool {
        self.expose()
            .as_bytes()
            .ct_eq(other.expose().as_bytes())
            .into()
    }
}

impl Eq for KeySecret {}

/// An account key, `≪app≫.≪keyid≫:≪secret≫`, always used as one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AccountKey {
    /// The root account's name, in whose gateway the key was minted.
    pub app: Name,
    /// The public half.
    pub id: KeyId,
    /// The secret half.
    pub secret: KeySecret,
}

impl AccountKey {
    /// Parses a key as it arrives in a header or a file.
    pub fn parse(raw: &str) -> Result<Self, Invalid> {
        let (app, rest) = raw.split_once('.').unwrap_or((raw, ""));
        let (id, secret) = rest.split_once(':').unwrap_or((rest, ""));
        let (app, id) = (Name::parse(app)?, KeyId::parse(id)?);
        if !(1..=SECRET_LIMIT).contains(&secret.len())
            || secret.contains(|c: char| c.is_whitespace() || c.is_control())
        {
            return Err(Invalid::new("an account key", "app.keyid:secret"));
        }
        Ok(Self {
            app,
            id,
            secret: KeySecret::new(secret),
        })
    }

    /// Makes a new key; whether its id is taken is for the caller to see.
    pub fn mint(app: &Name, chance: &Chance) -> Result<Self, Invalid> {
        Ok(Self {
            app: app.clone(),
            id: KeyId::parse(&chance.text(ID_LENGTH, ID_ALPHABET))?,
            secret: KeySecret::new(chance.text(SECRET_LENGTH, ALPHABET)),
        })
    }

    /// The whole key in clear. Whoever calls this answers for where it goes.
    pub fn expose(&self) -> String {
        format!("{}.{}:{}", self.app, self.id, self.secret.expose())
    }
}

impl fmt::Display for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}:…", self.app, self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_in_debug_or_display() {
        let key = AccountKey::mint(&Name::parse("app").unwrap(), &Chance::seeded(1)).unwrap();
        let shown = format!("{key:?} {key} {:?}", key.secret);
        assert!(!shown.contains(key.secret.expose()), "{shown}");
    }

    #[test]
    fn a_minted_key_has_the_promised_size_and_reads_back() {
        let key = AccountKey::mint(&Name::parse("app").unwrap(), &Chance::seeded(1)).unwrap();
        assert_eq!(key.secret.expose().len(), 74);
        assert_eq!(AccountKey::parse(&key.expose()).unwrap(), key);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for bad in [
            "",
            "app",
            "app.keyid",
            "app.keyid:",
            "app.key:secret",
            "App.keyid:s",
            "app.keyid:a b",
            ".keyid:s",
        ] {
            assert!(AccountKey::parse(bad).is_err(), "{bad}");
        }
    }
}
