//! What an account says about itself, and how that is changed.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Value, json};

use super::credential::account_iri;
use super::error::{AccountError, AuthError, Conflict};
use super::patch::Patch;
use super::permit::{ManageAccount, Permit, ReadAccount};
use super::records::{AccountRecord, Book, Found, KeyRecord, Naming, RemotesAuth, put};
use super::{Accounts, Revoked, Room, audit};
use crate::clock::Timestamp;
use crate::ids::{GatewayDomain, KeyId, Name};
use crate::store::{Batch, Tree, finish};

/// Addresses that one account can have.
const EMAILS: usize = 16;

/// An account, as its owner and root see it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Details {
    /// The account's IRI.
    #[serde(rename = "@id")]
    pub id: String,
    /// Addresses that a key can be activated by.
    pub email: Vec<String>,
    /// How its subdomains can be named.
    pub naming: BTreeSet<Naming>,
    /// How clones can connect to them.
    pub remotes_auth: BTreeSet<RemotesAuth>,
    /// Its keys, the oldest first.
    pub key: Vec<KeyDetails>,
    /// Names of its named subdomains; this room leaves it empty.
    pub subdomain: Vec<String>,
}

/// A key, as its owner sees it. Moments are in RFC 3339.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyDetails {
    /// Its id.
    pub keyid: String,
    /// When it was minted.
    pub created: String,
    /// When it was used last, to the day; to the hour once it was rotated.
    pub last_used: Option<String>,
    /// When it ends by itself.
    pub expires: Option<String>,
    /// When it was revoked.
    pub revoked: Option<String>,
}

impl KeyDetails {
    fn new(id: &KeyId, record: &KeyRecord, ends: Option<Timestamp>) -> Self {
        Self {
            keyid: id.to_string(),
            created: record.created.to_rfc3339(),
            last_used: record.last_used.map(Timestamp::to_rfc3339),
            expires: ends.map(Timestamp::to_rfc3339),
            revoked: record.revoked.map(Timestamp::to_rfc3339),
        }
    }
}

/// What an account's subdomains allow.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Manners {
    /// How they can be named.
    pub naming: BTreeSet<Naming>,
    /// How clones can connect to them.
    pub remotes_auth: BTreeSet<RemotesAuth>,
}

impl Accounts {
    /// The JSON-LD context of the gateway's own data.
    pub fn context(&self) -> Value {
        context(&self.0.domain)
    }

    /// The root key pair's public half.
    pub fn root_public_key(&self) -> &super::PublicKey {
        &self.0.root.public
    }

    /// The public half of one of the account's keys, revoked or not.
    pub fn public_key(
        &self,
        permit: &Permit<ReadAccount>,
        key: &KeyId,
    ) -> Result<super::PublicKey, AccountError> {
        let found = self.0.book.key(key)?;
        let own = found.filter(|found| found.record.account == permit.account().as_str());
        Ok(own.ok_or(AuthError::NotFound)?.record.public()?)
    }

    /// The account's details. Reads every key of the account, which takes some microseconds for each, so it is done
    /// on the blocking pool: an operator may allow an account tens of thousands.
    pub async fn details(&self, permit: &Permit<ReadAccount>) -> Result<Details, AccountError> {
        let (accounts, name) = (self.clone(), permit.account().clone());
        let reading = tokio::task::spawn_blocking(move || accounts.0.details(&name));
        let read = reading.await;
        read.unwrap_or_else(|_| Err(AuthError::Unavailable.into()))
    }

    /// What the account's subdomains allow; nothing if there is no such account.
    pub fn manners(&self, account: &Name) -> Result<Option<Manners>, AccountError> {
        let found = self.0.book.account(account)?;
        Ok(found.map(|found| Manners {
            naming: found.record.naming,
            remotes_auth: found.record.remotes_auth,
        }))
    }

    /// Changes the account's details and revokes keys: all of the patch, or nothing. Once that is durable, the
    /// revoked keys are told to [`revocations`](Self::revocations), also if this future is dropped meanwhile. So are
    /// those that were revoked before: whoever is not sure of a revocation can do it again.
    pub async fn patch(
        &self,
        permit: &Permit<ManageAccount>,
        patch: &Patch,
    ) -> Result<(), AccountError> {
        let (accounts, permit, patch) = (self.clone(), permit.clone(), patch.clone());
        finish(async move { accounts.0.change(&permit, &patch).await }).await
    }
}

impl Room {
    pub(super) fn details(&self, name: &Name) -> Result<Details, AccountError> {
        let account = self.book.account(name)?.ok_or(AuthError::NotFound)?.record;
        let mut key = Vec::new();
        for id in &account.keys {
            let id = KeyId::parse(id)?;
            let found = self.book.key(&id)?;
            key.extend(found.map(|found| {
                let ends = self.end_of(&id, &found.record);
                KeyDetails::new(&id, &found.record, ends)
            }));
        }
        Ok(Details {
            id: account_iri(name, &self.domain),
            email: account.emails,
            naming: account.naming,
            remotes_auth: account.remotes_auth,
            key,
            subdomain: Vec::new(),
        })
    }

    async fn change(
        &self,
        permit: &Permit<ManageAccount>,
        patch: &Patch,
    ) -> Result<(), AccountError> {
        let plan = |book: &Book| self.plan(book, permit, patch);
        let account = permit.account();
        let revoked = self.book.change_account(account, plan).await?;
        let by = permit.by();
        audit::changed(account, by);
        if patch.changes_entrances() {
            // An error means that nobody listens.
            let _listeners = self.entrances.send(account.clone());
        }
        for key in &revoked {
            audit::revoked(account, key, by);
        }
        for key in &patch.revoke {
            self.tell_revoked(account, key, self.clock.now());
        }
        Ok(())
    }

    /// Tells of a key that is no longer good, from a moment on.
    pub(super) fn tell_revoked(&self, account: &Name, key: &KeyId, at: Timestamp) {
        // An error means that nobody listens.
        let _listeners = self.revoked.send(Revoked {
            account: account.clone(),
            key: key.clone(),
            at,
        });
    }

    /// Plans what a patch changes; gives the keys that it revokes and that were not revoked before.
    fn plan(
        &self,
        book: &Book,
        permit: &Permit<ManageAccount>,
        patch: &Patch,
    ) -> Result<(Batch, Vec<KeyId>), AccountError> {
        let name = permit.account();
        let found = book.account(name)?.ok_or(AuthError::NotFound)?;
        self.check_proof(book, permit)?;
        let mut account = found.record.clone();
        apply(patch, &mut account)?;
        let (batch, revoked) = self.revoke(book, &account, patch)?;
        let takes = !patch.revoke.is_empty() || !patch.delete.emails.is_empty();
        if takes && !permit.by_root() {
            self.keep_a_way_in(&account, &revoked)?;
        }
        account.changes += 1;
        let batch = put(
            batch,
            (Tree::Accounts, name.as_str()),
            Some(&found),
            &account,
        )?;
        Ok((batch, revoked))
    }

    fn revoke(
        &self,
        book: &Book,
        account: &AccountRecord,
        patch: &Patch,
    ) -> Result<(Batch, Vec<KeyId>), AccountError> {
        let (mut batch, mut revoked) = (Batch::new(), BTreeSet::new());
        for id in &patch.revoke {
            if *id == self.root.key {
                return Err(Conflict::RootKey.into());
            }
            let own = account.keys.iter().any(|key| key == id.as_str());
            let found: Found<KeyRecord> =
                book.key(id)?.filter(|_| own).ok_or(AuthError::NotFound)?;
            if found.record.revoked.is_some() || !revoked.insert(id.clone()) {
                continue;
            }
            let mut record = found.record.clone();
            record.revoke(self.clock.now());
            batch = put(batch, (Tree::Keys, id.as_str()), Some(&found), &record)?;
        }
        Ok((batch, revoked.into_iter().collect()))
    }

    fn keep_a_way_in(
        &self,
        account: &AccountRecord,
        revoked: &[KeyId],
    ) -> Result<(), AccountError> {
        if !account.emails.is_empty() {
            return Ok(());
        }
        // The newest first: it is hardly ever one that ended, so few are read, however many there are.
        for id in account.keys.iter().rev() {
            let id = KeyId::parse(id)?;
            let found = self.book.key(&id)?;
            // One that was succeeded is on its way out.
            let stays = found.is_some_and(|found| {
                found.record.expires.is_none() && self.is_good(&id, &found.record)
            });
            if stays && !revoked.contains(&id) {
                return Ok(());
            }
        }
        Err(Conflict::LastKey.into())
    }
}

/// Deletes, then inserts, as m-ld does.
fn apply(patch: &Patch, account: &mut AccountRecord) -> Result<(), Conflict> {
    let (insert, delete) = (&patch.insert, &patch.delete);
    let deleted = |email: &String| {
        delete
            .emails
            .iter()
            .any(|known| known.eq_ignore_ascii_case(email))
    };
    account.emails.retain(|email| !deleted(email));
    account
        .naming
        .retain(|naming| !delete.naming.contains(naming));
    account
        .remotes_auth
        .retain(|how| !delete.remotes_auth.contains(how));
    for email in &insert.emails {
        if account.registered(email).is_none() {
            account.emails.push(email.clone());
        }
    }
    account.naming.extend(&insert.naming);
    account.remotes_auth.extend(&insert.remotes_auth);
    if account.emails.len() > EMAILS {
        return Err(Conflict::TooManyEmails);
    }
    Ok(())
}

fn context(domain: &GatewayDomain) -> Value {
    json!({
        "@base": format!("http://{domain}/"),
        "@vocab": "http://gw.m-ld.org/#",
        "naming": {"@type": "@vocab"},
        "remotesAuth": {"@type": "@vocab"},
    })
}
