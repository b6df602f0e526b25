//! What the store holds about accounts, and how it is read and changed.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::changes::Changes;
use super::error::{AccountError, Conflict};
use super::pair::{PublicKey, SealedKey, UserKey};
use crate::clock::Timestamp;
use crate::ids::{Invalid, KeyId, Name};
use crate::store::{Batch, Expected, Store, StoreError, Tree};

/// How often a change is planned anew when others were faster.
const ATTEMPTS: usize = 16;

/// How an account's subdomains can be named.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Naming {
    /// By any name.
    Any,
    /// By UUIDs that nobody has to register.
    Uuid,
}

impl Naming {
    /// Parses the word.
    pub fn parse(raw: &str) -> Result<Self, Invalid> {
        match raw {
            "any" => Ok(Self::Any),
            "uuid" => Ok(Self::Uuid),
            _ => Err(Invalid::new("naming", "any or uuid")),
        }
    }
}

/// How clones can connect to an account's subdomains.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RemotesAuth {
    /// Without a credential, to UUID subdomains.
    Anon,
    /// With an account key.
    Key,
    /// With a token signed by a user key.
    Jwt,
}

impl RemotesAuth {
    /// Parses the word.
    pub fn parse(raw: &str) -> Result<Self, Invalid> {
        match raw {
            "anon" => Ok(Self::Anon),
            "key" => Ok(Self::Key),
            "jwt" => Ok(Self::Jwt),
            _ => Err(Invalid::new("remotesAuth", "anon, key or jwt")),
        }
    }
}

/// An account.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AccountRecord {
    pub emails: Vec<String>,
    pub naming: BTreeSet<Naming>,
    pub remotes_auth: BTreeSet<RemotesAuth>,
    /// Ids of its keys, the oldest first; revoked ones too, as long as they are kept.
    pub keys: Vec<String>,
    pub created: Timestamp,
    /// Raised with every change, also of a key: so that two changes that are harmless alone are not made at once.
    pub changes: u64,
    /// When it was closed: then this keeps its name from being given again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Timestamp>,
}

impl AccountRecord {
    pub(super) fn new(created: Timestamp) -> Self {
        Self {
            emails: Vec::new(),
            naming: BTreeSet::new(),
            remotes_auth: BTreeSet::new(),
            keys: Vec::new(),
            created,
            changes: 0,
            closed: None,
        }
    }

    /// The address as it was registered, if `email` is one of the account's.
    ///
    /// Only ASCII letters are compared without case: what a mail server takes for the same is its own business, and
    /// a wider folding makes strangers equal.
    pub(super) fn registered(&self, email: &str) -> Option<&str> {
        let same = |known: &&String| known.eq_ignore_ascii_case(email);
        self.emails.iter().find(same).map(String::as_str)
    }
}

/// An account key, without its secret.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct KeyRecord {
    pub account: String,
    /// The MAC of the whole key under the pepper: what a presented key is compared with.
    pub mac: String,
    /// Argon2id of the secret (PHC string): what a new one is confirmed with.
    pub argon2id: String,
    /// The pair's halves in base64, so that what needs neither does not decode them.
    pub public: String,
    pub private: String,
    pub created: Timestamp,
    /// When it was used last, to the day; to the hour once it was rotated.
    pub last_used: Option<Timestamp>,
    pub expires: Option<Timestamp>,
    pub revoked: Option<Timestamp>,
    /// Raised whenever what the key can do changes.
    pub version: u64,
}

impl KeyRecord {
    /// A key of `account` that was just made.
    pub(super) fn new(
        account: &Name,
        mac: String,
        argon2id: String,
        pair: &UserKey,
        created: Timestamp,
    ) -> Self {
        Self {
            account: account.to_string(),
            mac,
            argon2id,
            public: pair.public.to_base64(),
            private: pair.private.to_base64(),
            created,
            last_used: None,
            expires: None,
            revoked: None,
            version: 0,
        }
    }

    /// The pair.
    pub(super) fn pair(&self) -> Result<UserKey, StoreError> {
        SealedKey::stored(&self.private)
            .zip(self.public().ok())
            .map(|(private, public)| UserKey { public, private })
            .ok_or(StoreError::Corrupt {
                tree: Tree::Keys.name(),
            })
    }

    /// The pair's public half.
    pub(super) fn public(&self) -> Result<PublicKey, StoreError> {
        PublicKey::stored(&self.public).ok_or(StoreError::Corrupt {
            tree: Tree::Keys.name(),
        })
    }

    /// Puts another pair in the place of this one.
    pub(super) fn set_pair(&mut self, pair: &UserKey) {
        self.public = pair.public.to_base64();
        self.private = pair.private.to_base64();
    }

    /// Ends the key.
    pub(super) fn revoke(&mut self, now: Timestamp) {
        self.revoked.get_or_insert(now);
        self.version += 1;
    }
}

/// A record as it was read, and what to expect there when it is written back.
#[derive(Clone, Debug)]
pub(super) struct Found<T> {
    pub record: T,
    raw: Vec<u8>,
}

impl<T> Found<T> {
    pub(super) fn expected(&self) -> Expected {
        Expected::Value(self.raw.clone())
    }
}

/// The store, by record.
#[derive(Clone, Debug)]
pub(super) struct Book {
    store: Store,
    changes: Arc<Changes<Name>>,
}

impl Book {
    pub(super) fn new(store: Store) -> Self {
        Self {
            store,
            changes: Arc::default(),
        }
    }

    /// Accounts that have changed, or may have.
    pub(super) fn changes(&self) -> &Changes<Name> {
        &self.changes
    }

    /// The record of an account, unless it is closed.
    pub(super) fn account(&self, name: &Name) -> Result<Option<Found<AccountRecord>>, StoreError> {
        let found = self.read::<AccountRecord>(Tree::Accounts, name.as_str())?;
        Ok(found.filter(|found| found.record.closed.is_none()))
    }

    /// Whether there was an account of this name, and it was closed.
    pub(super) fn is_closed(&self, name: &Name) -> Result<bool, StoreError> {
        let found = self.read::<AccountRecord>(Tree::Accounts, name.as_str())?;
        Ok(found.is_some_and(|found| found.record.closed.is_some()))
    }

    pub(super) fn key(&self, id: &KeyId) -> Result<Option<Found<KeyRecord>>, StoreError> {
        self.read(Tree::Keys, id.as_str())
    }

    pub(super) fn read<T: DeserializeOwned>(
        &self,
        tree: Tree,
        key: &str,
    ) -> Result<Option<Found<T>>, StoreError> {
        let Some(raw) = self.store.get(tree, key.as_bytes())? else {
            return Ok(None);
        };
        let record = parse(tree, &raw)?;
        Ok(Some(Found { record, raw }))
    }

    /// Every record of a tree, with its key.
    pub(super) fn all<T: DeserializeOwned>(
        &self,
        tree: Tree,
    ) -> Result<Vec<(String, T)>, StoreError> {
        let corrupt = |_| StoreError::Corrupt { tree: tree.name() };
        let entries = self.store.scan(tree)?.into_iter();
        entries
            .map(|(key, value)| {
                Ok((
                    String::from_utf8(key).map_err(corrupt)?,
                    parse(tree, &value)?,
                ))
            })
            .collect()
    }

    pub(super) async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.store.commit(batch).await
    }

    /// Whether it takes changes.
    pub(super) fn is_writable(&self) -> bool {
        self.store.is_writable()
    }

    /// [`change`](Self::change), of an account or of its keys: whoever follows it is told, whatever comes of it.
    pub(super) async fn change_account<T>(
        &self,
        account: &Name,
        plan: impl FnMut(&Self) -> Result<(Batch, T), AccountError>,
    ) -> Result<T, AccountError> {
        let changed = self.change(plan).await;
        // A failed commit may have been made.
        self.changes.note(account.clone());
        changed
    }

    /// Plans a change from what is there and makes it; plans again if somebody else was faster.
    ///
    /// The plan must expect whatever it read, and touch nothing but its batch: it can run several times.
    pub(super) async fn change<T>(
        &self,
        mut plan: impl FnMut(&Self) -> Result<(Batch, T), AccountError>,
    ) -> Result<T, AccountError> {
        for _ in 0..ATTEMPTS {
            let (batch, outcome) = plan(self)?;
            match self.store.commit(batch).await {
                Ok(()) => return Ok(outcome),
                Err(StoreError::Conflict) => {}
                Err(cause) => return Err(cause.into()),
            }
        }
        Err(Conflict::Contended.into())
    }
}

/// Adds the writing of a record to a batch, in the place of what was found (or of nothing).
pub(super) fn put<T: Serialize>(
    batch: Batch,
    (tree, key): (Tree, &str),
    found: Option<&Found<T>>,
    record: &T,
) -> Result<Batch, StoreError> {
    let expected = found.map_or(Expected::Absent, Found::expected);
    let value =
        serde_json::to_vec(record).map_err(|_| StoreError::Corrupt { tree: tree.name() })?;
    Ok(batch.expect(tree, key, expected).put(tree, key, value))
}

fn parse<T: DeserializeOwned>(tree: Tree, raw: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(raw).map_err(|_| StoreError::Corrupt { tree: tree.name() })
}
