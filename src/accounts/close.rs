//! The end of an account.

use super::error::{AccountError, AuthError, Conflict};
use super::permit::{CloseAccount, Permit};
use super::records::{AccountRecord, Book, Found, KeyRecord, put};
use super::{Accounts, Room, audit};
use crate::ids::KeyId;
use crate::store::{Batch, Tree, finish};

/// Keys that are revoked in one commit: with their pairs they are some 3 KiB each, and a commit has its limit.
const KEYS_AT_ONCE: usize = 128;

/// One step of closing.
struct Step {
    revoked: Vec<KeyId>,
    closed: bool,
}

impl Accounts {
    /// Whether an account can be closed: before something of it is.
    pub fn check_close(&self, permit: &Permit<CloseAccount>) -> Result<(), AccountError> {
        let room = &*self.0;
        if *permit.account() == room.root.account {
            return Err(Conflict::RootAccount.into());
        }
        room.book
            .account(permit.account())?
            .ok_or(AuthError::NotFound)?;
        room.check_proof(&room.book, permit)
    }

    /// Closes an account: its keys are revoked, its addresses forgotten, and its name is never given again. The root
    /// account stays. Once that is durable, the keys are told to [`revocations`](Self::revocations) and the account to
    /// [`closures`](Self::closures), also if this future is dropped meanwhile.
    ///
    /// Of an account with very many keys some can be revoked and the account not closed, if the store fails between.
    /// The key that asks is then still good, so it can ask again.
    ///
    /// Its subdomains are not this room's: `Domains::close_account` sees to both.
    pub async fn close(&self, permit: &Permit<CloseAccount>) -> Result<(), AccountError> {
        self.check_close(permit)?;
        let (accounts, permit) = (self.clone(), permit.clone());
        finish(async move { accounts.0.close(&permit).await }).await
    }
}

impl Room {
    async fn close(&self, permit: &Permit<CloseAccount>) -> Result<(), AccountError> {
        let (account, mut keys) = (permit.account(), 0);
        loop {
            let plan = |book: &Book| self.plan_close(book, permit);
            let step = self.book.change_account(account, plan).await?;
            keys += step.revoked.len();
            for key in &step.revoked {
                self.tell_revoked(account, key, self.clock.now());
            }
            if step.closed {
                audit::closed(account, keys, permit.by());
                // An error means that nobody listens.
                let _listeners = self.closed.send(account.clone());
                return Ok(());
            }
        }
    }

    fn plan_close(
        &self,
        book: &Book,
        permit: &Permit<CloseAccount>,
    ) -> Result<(Batch, Step), AccountError> {
        let (name, now) = (permit.account(), self.clock.now());
        let found = book.account(name)?.ok_or(AuthError::NotFound)?;
        self.check_proof(book, permit)?;
        let mut live = unrevoked(book, &found.record)?;
        // Whoever asks has to be able to ask again.
        live.sort_by_key(|(id, _)| Some(id) == permit.key());
        let closed = live.len() <= KEYS_AT_ONCE;
        live.truncate(KEYS_AT_ONCE);
        let (mut batch, mut revoked) = (Batch::new(), Vec::new());
        for (id, key) in live {
            let mut record = key.record.clone();
            record.revoke(now);
            batch = put(batch, (Tree::Keys, id.as_str()), Some(&key), &record)?;
            revoked.push(id);
        }
        let mut record = found.record.clone();
        if closed {
            // The ids stay, so that what the keys signed can be verified.
            record = AccountRecord {
                closed: Some(now),
                keys: record.keys,
                changes: record.changes,
                ..AccountRecord::new(record.created)
            };
        }
        record.changes += 1;
        let place = (Tree::Accounts, name.as_str());
        let batch = put(batch, place, Some(&found), &record)?;
        Ok((batch, Step { revoked, closed }))
    }
}

/// The keys of an account that nobody revoked.
fn unrevoked(
    book: &Book,
    account: &AccountRecord,
) -> Result<Vec<(KeyId, Found<KeyRecord>)>, AccountError> {
    let mut keys = Vec::new();
    for id in &account.keys {
        let id = KeyId::parse(id)?;
        let found = book.key(&id)?;
        keys.extend(
            found
                .filter(|key| key.record.revoked.is_none())
                .map(|key| (id, key)),
        );
    }
    Ok(keys)
}
