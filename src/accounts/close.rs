//! The end of an account.

use super::error::{AccountError, AuthError, Conflict};
use super::permit::{CloseAccount, Permit};
use super::records::{AccountRecord, Book, put};
use super::{Accounts, Room, audit};
use crate::ids::KeyId;
use crate::store::{Batch, Tree, finish};

impl Accounts {
    /// Whether an account can be closed: before something of it is.
    pub fn check_close(&self, permit: &Permit<CloseAccount>) -> Result<(), AccountError> {
        if *permit.account() == self.0.root.account {
            return Err(Conflict::RootAccount.into());
        }
        let found = self.0.book.account(permit.account())?;
        found.map(drop).ok_or(AuthError::NotFound.into())
    }

    /// Closes an account: its keys are revoked, its addresses forgotten, and its name is never given again. The root
    /// account stays. Once that is durable, the keys are told to [`revocations`](Self::revocations), also if this
    /// future is dropped meanwhile.
    ///
    /// Its subdomains are not this room's: whoever closes an account deletes them first.
    pub async fn close(&self, permit: &Permit<CloseAccount>) -> Result<(), AccountError> {
        self.check_close(permit)?;
        let (accounts, permit) = (self.clone(), permit.clone());
        finish(async move { accounts.0.close(&permit).await }).await
    }
}

impl Room {
    async fn close(&self, permit: &Permit<CloseAccount>) -> Result<(), AccountError> {
        let account = permit.account();
        let keys = self
            .book
            .change(|book| self.plan_close(book, permit))
            .await?;
        let by = if permit.by_root() { "root" } else { "account" };
        audit::closed(account, by);
        for key in &keys {
            self.tell_revoked(account, key, self.clock.now());
        }
        Ok(())
    }

    fn plan_close(
        &self,
        book: &Book,
        permit: &Permit<CloseAccount>,
    ) -> Result<(Batch, Vec<KeyId>), AccountError> {
        let (name, now) = (permit.account(), self.clock.now());
        let found = book.account(name)?.ok_or(AuthError::NotFound)?;
        let (mut batch, mut keys) = (Batch::new(), Vec::new());
        for id in &found.record.keys {
            let id = KeyId::parse(id)?;
            let Some(key) = book.key(&id)?.filter(|key| key.record.revoked.is_none()) else {
                continue;
            };
            let mut record = key.record.clone();
            record.revoke(now);
            batch = put(batch, (Tree::Keys, id.as_str()), Some(&key), &record)?;
            keys.push(id);
        }
        // The ids stay, so that what the keys signed can be verified.
        let closed = AccountRecord {
            closed: Some(now),
            keys: found.record.keys.clone(),
            changes: found.record.changes + 1,
            ..AccountRecord::new(found.record.created)
        };
        let place = (Tree::Accounts, name.as_str());
        Ok((put(batch, place, Some(&found), &closed)?, keys))
    }
}
