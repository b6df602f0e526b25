//! The root account, its key and its pair: decided by the operator, made sure of at each start.
//!
//! What happens when the configured root key is another one than at the last start:
//! - another id: the old root key is revoked, the new one recorded, and a new pair made (the old private half is
//!   sealed under a secret that is no longer here), so the gateway's public key changes;
//! - another id that was the root key before: it is good again, with its pair;
//! - the same id with another secret: an error. One id must not name two keys, or signatures made with the one
//!   would be checked with the other.

use serde::{Deserialize, Serialize};

use super::audit;
use super::error::AccountsError;
use super::hasher::Hasher;
use super::pair::{PublicKey, SigningKey, UserKey};
use super::records::{AccountRecord, Book, Found, KeyRecord, put};
use super::seeds::Seeds;
use crate::clock::{Chance, Clock, Timestamp};
use crate::config;
use crate::ids::{KeyId, Name};
use crate::secret::{AccountKey, KeySecret};
use crate::store::{Batch, StoreError, Tree};

/// Where it is recorded which account and key are root.
const ROOT: &str = "accounts/root";

/// Who root is.
#[derive(Debug)]
pub(super) struct Root {
    pub account: Name,
    pub key: KeyId,
    pub public: PublicKey,
    /// The private half, opened: the gateway signs as itself whenever its clones speak.
    pub signing: SigningKey,
    /// Whether the secret is so short or plain that it could be guessed.
    pub guessable: bool,
}

#[derive(Debug, Deserialize, Serialize)]
struct RootRecord {
    account: String,
    key: String,
}

/// Makes sure of the root account as configured.
pub(super) async fn open(
    book: &Book,
    gateway: &config::Gateway,
    (seeds, hasher): (&Seeds, &Hasher),
    (clock, chance): (&Clock, &Chance),
) -> Result<Root, AccountsError> {
    let key = gateway.root_key.as_ref().ok_or(AccountsError::NoRootKey)?;
    let before = book.read::<RootRecord>(Tree::Meta, ROOT)?;
    let account = book.account(&key.app)?;
    let was_root = before
        .as_ref()
        .is_some_and(|root| root.record.account == key.app.as_str());
    if account.is_some() && !was_root {
        return Err(AccountsError::RootNameTaken {
            name: key.app.clone(),
        });
    }
    let found = book.key(&key.id)?;
    let record = match &found {
        Some(found) => known(found, key, gateway.root_pair.as_ref(), seeds)?,
        None => {
            fresh(
                key,
                gateway.root_pair.as_ref(),
                (seeds, hasher),
                (clock, chance),
            )
            .await?
        }
    };
    let pair = record.pair()?;
    let signing = pair.private.open(&key.secret);
    let signing = signing.map_err(AccountsError::RootPair)?;
    record_root(book, key, (before, account, found), record, clock.now()).await?;
    Ok(Root {
        account: key.app.clone(),
        key: key.id.clone(),
        public: pair.public,
        signing,
        guessable: tell_if_guessable(&key.secret),
    })
}

/// The root key as it was recorded, good again if it was not.
fn known(
    found: &Found<KeyRecord>,
    key: &AccountKey,
    pair: Option<&config::RootPair>,
    seeds: &Seeds,
) -> Result<KeyRecord, AccountsError> {
    let mut record = found.record.clone();
    let ours = record.account == key.app.as_str();
    if !ours || !seeds.key_matches(Some(&record.mac), key) {
        return Err(AccountsError::RootKeyClash { id: key.id.clone() });
    }
    if record.revoked.take().is_some() {
        record.version += 1;
    }
    if let Some(pair) = pair {
        record.set_pair(&adopt(pair, &key.secret)?);
    }
    Ok(record)
}

async fn fresh(
    key: &AccountKey,
    pair: Option<&config::RootPair>,
    (seeds, hasher): (&Seeds, &Hasher),
    (clock, chance): (&Clock, &Chance),
) -> Result<KeyRecord, AccountsError> {
    let pair = match pair {
        Some(pair) => adopt(pair, &key.secret)?,
        None => generate(hasher, &key.secret, chance).await?,
    };
    let argon2id = hasher
        .hash(&key.secret)
        .await
        .map_err(|_| AccountsError::Crypto)?;
    Ok(KeyRecord::new(
        &key.app,
        seeds.key_mac(key),
        argon2id,
        &pair,
        clock.now(),
    ))
}

async fn generate(
    hasher: &Hasher,
    secret: &KeySecret,
    chance: &Chance,
) -> Result<UserKey, AccountsError> {
    let (secret, chance) = (secret.clone(), chance.clone());
    let made = hasher
        .run(move || UserKey::generate(&secret, &chance))
        .await;
    made.map_err(|_| AccountsError::Crypto)?
        .map_err(AccountsError::RootPair)
}

fn adopt(pair: &config::RootPair, secret: &KeySecret) -> Result<UserKey, AccountsError> {
    UserKey::adopt(&pair.public, pair.private.expose(), secret).map_err(AccountsError::RootPair)
}

type Before = (
    Option<Found<RootRecord>>,
    Option<Found<AccountRecord>>,
    Option<Found<KeyRecord>>,
);

/// Writes what changed: nothing at most starts.
async fn record_root(
    book: &Book,
    key: &AccountKey,
    (before, account, found): Before,
    record: KeyRecord,
    now: Timestamp,
) -> Result<(), AccountsError> {
    let id = key.id.as_str();
    let mut batch = Batch::new();
    if found.as_ref().is_none_or(|found| found.record != record) {
        batch = put(batch, (Tree::Keys, id), found.as_ref(), &record)?;
        audit::root_key_recorded(&key.id);
    }
    let mut wanted = account
        .as_ref()
        .map_or_else(|| AccountRecord::new(now), |found| found.record.clone());
    if !wanted.keys.iter().any(|known| known == id) {
        wanted.keys.push(id.to_owned());
        batch = put(
            batch,
            (Tree::Accounts, key.app.as_str()),
            account.as_ref(),
            &wanted,
        )?;
    }
    let root = RootRecord {
        account: key.app.to_string(),
        key: id.to_owned(),
    };
    if before
        .as_ref()
        .is_none_or(|before| before.record.key != root.key)
    {
        batch = retire(book, batch, before.as_ref(), now)?;
        batch = put(batch, (Tree::Meta, ROOT), before.as_ref(), &root)?;
    }
    if batch.is_empty() {
        return Ok(());
    }
    Ok(book.commit(batch).await?)
}

/// Revokes the root key of before.
fn retire(
    book: &Book,
    batch: Batch,
    before: Option<&Found<RootRecord>>,
    now: Timestamp,
) -> Result<Batch, StoreError> {
    let Some(id) = before.and_then(|before| KeyId::parse(&before.record.key).ok()) else {
        return Ok(batch);
    };
    let Some(found) = book.key(&id)? else {
        return Ok(batch);
    };
    let mut record = found.record.clone();
    record.revoke(now);
    audit::root_key_retired(&id);
    put(batch, (Tree::Keys, id.as_str()), Some(&found), &record)
}

/// Minted secrets are far from this. A root key from elsewhere can be anything.
fn guessable(secret: &KeySecret) -> bool {
    let text = secret.expose();
    let letters: std::collections::BTreeSet<_> = text.chars().collect();
    text.len() < 32 || letters.len() < 8
}

fn tell_if_guessable(secret: &KeySecret) -> bool {
    let guessable = guessable(secret);
    if guessable {
        log::warn!(
            target: "meldgate::accounts",
            "the root key's secret could be guessed, so lockouts apply to it: configure one made by `meldgate init`"
        );
    }
    guessable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minted_secret_is_not_guessable_and_a_plain_one_is() {
        for seed in 0..200 {
            let key =
                AccountKey::mint(&Name::parse("app").unwrap(), &Chance::seeded(seed)).unwrap();
            assert!(!guessable(&key.secret));
        }
        for plain in ["secret", &"ab".repeat(40), "0123456789abcdef"] {
            assert!(guessable(&KeySecret::new(plain)), "{plain}");
        }
    }
}
