//! New keys.

use super::error::{AccountError, AuthError, Conflict};
use super::pair::UserKey;
use super::permit::{MintKeys, Permit};
use super::records::{AccountRecord, Book, Found, KeyRecord, put};
use super::{Accounts, Room, audit};
use crate::clock::Timestamp;
use crate::ids::{KeyId, Name};
use crate::limits::Class;
use crate::secret::AccountKey;
use crate::store::{Batch, Tree, finish};

/// Keys that are no longer good and are kept all the same, so that what they signed can be verified.
const HISTORY: usize = 64;
/// Ids that are tried before giving up: there are 56 thousand million of them.
const ID_DRAWS: usize = 8;

/// A new key, and its pair if it was asked for. This is the only time that its secret is told.
#[derive(Debug)]
pub struct Minted {
    /// The key.
    pub key: AccountKey,
    /// The pair: its private half is sealed under the key's secret.
    pub pair: Option<UserKey>,
}

impl Minted {
    /// The answer of the API, with the key in clear: for the one who asked, and nobody else.
    pub fn expose(&self) -> serde_json::Value {
        let mut answer = serde_json::json!({"auth": {"key": self.key.expose()}});
        if let Some(pair) = &self.pair {
            answer["key"] = serde_json::json!({
                "type": "rsa",
                "public": pair.public.to_base64(),
                "private": pair.private.to_base64(),
            });
        }
        answer
    }
}

/// A key that was made and is not recorded yet.
#[derive(Debug)]
pub(super) struct Forged {
    pub key: AccountKey,
    record: KeyRecord,
    pair: UserKey,
}

impl Forged {
    pub(super) fn minted(self, with_pair: bool) -> Minted {
        Minted {
            key: self.key,
            pair: with_pair.then_some(self.pair),
        }
    }
}

impl Accounts {
    /// Mints a key, for an account itself or by root, who thereby creates the account if there is none.
    pub async fn mint_key(
        &self,
        permit: &Permit<MintKeys>,
        with_pair: bool,
    ) -> Result<Minted, AccountError> {
        let (room, account) = (&*self.0, permit.account());
        if !permit.by_root() {
            room.limits.spend_account(Class::Mints, account)?;
        }
        // Whoever goes away while this takes its time gets no key; later, it is recorded and told to the log.
        let forged = room.forge(account).await?;
        let (accounts, permit) = (self.clone(), permit.clone());
        let forged = finish(async move { accounts.0.mint(&permit, forged).await }).await?;
        Ok(forged.minted(with_pair))
    }
}

impl Room {
    async fn mint(
        &self,
        permit: &Permit<MintKeys>,
        forged: Forged,
    ) -> Result<Forged, AccountError> {
        let account = permit.account();
        let enrol = |book: &Book| {
            if book.is_closed(account)? {
                return Err(Conflict::Closed.into());
            }
            let found = book.account(account)?;
            if found.is_none() && !permit.by_root() {
                return Err(AuthError::NotFound.into());
            }
            self.check_proof(book, permit)?;
            Ok((
                self.enrol(Batch::new(), (account, found.as_ref()), &forged, None)?,
                (),
            ))
        };
        self.book.change_account(account, enrol).await?;
        let by = permit.by();
        audit::minted(account, &forged.key.id, by);
        Ok(forged)
    }

    /// Makes a key for `account`: hash and pair on the blocking pool.
    pub(super) async fn forge(&self, account: &Name) -> Result<Forged, AccountError> {
        let key = self.unused_key()?;
        let argon2id = self.hasher.hash(&key.secret).await?;
        let (secret, chance) = (key.secret.clone(), self.chance.clone());
        let pair = self
            .hasher
            .run(move || UserKey::generate(&secret, &chance))
            .await??;
        let mac = self.seeds.key_mac(&key);
        let record = KeyRecord::new(account, mac, argon2id, &pair, self.clock.now());
        Ok(Forged { key, record, pair })
    }

    /// The keys of an account that are good now.
    pub(super) fn good_keys(&self, account: &AccountRecord) -> Result<Vec<KeyId>, AccountError> {
        let mut good = Vec::new();
        for id in &account.keys {
            let id = KeyId::parse(id)?;
            let found = self.book.key(&id)?;
            if found.is_some_and(|found| self.is_good(&id, &found.record)) {
                good.push(id);
            }
        }
        Ok(good)
    }

    /// Whether a key can be used now.
    pub(super) fn is_good(&self, id: &KeyId, record: &KeyRecord) -> bool {
        let now = self.clock.now();
        record.revoked.is_none() && self.end_of(id, record).is_none_or(|end| now < end)
    }

    /// When a key ends by itself: because it was succeeded, or is as old as keys may become. The root key's age is
    /// its operator's to decide.
    pub(super) fn end_of(&self, id: &KeyId, record: &KeyRecord) -> Option<Timestamp> {
        let limit = self.policy.key_age_limit;
        let has_limit = !limit.is_zero() && *id != self.root.key;
        let by_age = has_limit.then(|| record.created.after(limit));
        record.expires.into_iter().chain(by_age).min()
    }

    fn unused_key(&self) -> Result<AccountKey, AccountError> {
        for _ in 0..ID_DRAWS {
            let key = AccountKey::mint(&self.root.account, &self.chance)?;
            if self.book.key(&key.id)?.is_none() {
                return Ok(key);
            }
        }
        Err(Conflict::Contended.into())
    }

    /// Adds to a batch that `forged` becomes a key of the account, which is created if it was not found.
    pub(super) fn enrol(
        &self,
        batch: Batch,
        (name, found): (&Name, Option<&Found<AccountRecord>>),
        forged: &Forged,
        email: Option<&str>,
    ) -> Result<Batch, AccountError> {
        let now = self.clock.now();
        let mut account =
            found.map_or_else(|| AccountRecord::new(now), |found| found.record.clone());
        if let Some(email) = email.filter(|email| account.registered(email).is_none()) {
            account.emails.push(email.to_owned());
        }
        let batch = self.make_room(batch, &mut account)?;
        account.keys.push(forged.key.id.to_string());
        account.changes += 1;
        let batch = put(
            batch,
            (Tree::Keys, forged.key.id.as_str()),
            None,
            &forged.record,
        )?;
        Ok(put(
            batch,
            (Tree::Accounts, name.as_str()),
            found,
            &account,
        )?)
    }

    /// Sees that the account can have one more key, and forgets the oldest of those that ended long ago.
    fn make_room(
        &self,
        mut batch: Batch,
        account: &mut AccountRecord,
    ) -> Result<Batch, AccountError> {
        let limit = self.policy.keys_per_account;
        if account.keys.len() < limit {
            return Ok(batch);
        }
        let live = self.good_keys(account)?;
        if live.len() >= limit {
            return Err(Conflict::TooManyKeys.into());
        }
        let mut surplus = account.keys.len().saturating_sub(limit + HISTORY);
        account.keys.retain(|id| {
            let forget = surplus > 0 && !live.iter().any(|live| live.as_str() == id);
            if forget {
                surplus -= 1;
                batch = std::mem::take(&mut batch).remove(Tree::Keys, id.as_str());
            }
            !forget
        });
        Ok(batch)
    }
}
