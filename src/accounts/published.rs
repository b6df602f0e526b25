//! What the gateway's own domain says of an account: what whoever holds the root key may have a copy of.
//!
//! No secret, no digest of one, no private half, and no address: a domain keeps what it was told in its journal, and an
//! address that its holder takes away is to be gone.

use std::collections::BTreeSet;

use super::changes::Changes;
use super::error::AccountError;
use super::records::{AccountRecord, Naming, RemotesAuth};
use super::{Accounts, PublicKey};
use crate::clock::Timestamp;
use crate::ids::{KeyId, Name};
use crate::store::Tree;

/// An account, as far as it is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Published {
    /// When it was made.
    pub created: Timestamp,
    /// How its subdomains can be named.
    pub naming: BTreeSet<Naming>,
    /// How clones can connect to them.
    pub remotes_auth: BTreeSet<RemotesAuth>,
    /// Its keys, the oldest first.
    pub keys: Vec<KeyId>,
}

/// A key, as far as it is told.
#[derive(Clone, Debug, PartialEq)]
pub struct PublishedKey {
    /// The public half of its pair.
    pub public: PublicKey,
    /// When it was minted.
    pub created: Timestamp,
    /// When it ends by itself.
    pub expires: Option<Timestamp>,
    /// Whether it was revoked.
    pub revoked: bool,
}

impl Accounts {
    /// Accounts that have changed, or may have, since this was last asked. One follows them.
    pub fn changes(&self) -> &Changes<Name> {
        self.0.book.changes()
    }

    /// Every account that is not closed. Reads them all, so it is for the blocking pool.
    pub fn names(&self) -> Result<Vec<Name>, AccountError> {
        let mut names = Vec::new();
        for (name, record) in self.0.book.all::<AccountRecord>(Tree::Accounts)? {
            if record.closed.is_none() {
                names.push(Name::parse(&name)?);
            }
        }
        Ok(names)
    }

    /// An account, if there is one that is not closed.
    pub fn published(&self, account: &Name) -> Result<Option<Published>, AccountError> {
        let Some(found) = self.0.book.account(account)? else {
            return Ok(None);
        };
        let record = found.record;
        let keys = record.keys.iter().map(|id| KeyId::parse(id));
        Ok(Some(Published {
            created: record.created,
            naming: record.naming,
            remotes_auth: record.remotes_auth,
            keys: keys.collect::<Result<_, _>>()?,
        }))
    }

    /// A key, if it is kept.
    pub fn published_key(&self, id: &KeyId) -> Result<Option<PublishedKey>, AccountError> {
        let Some(found) = self.0.book.key(id)? else {
            return Ok(None);
        };
        Ok(Some(PublishedKey {
            public: found.record.public()?,
            created: found.record.created,
            expires: self.0.end_of(id, &found.record),
            revoked: found.record.revoked.is_some(),
        }))
    }
}
