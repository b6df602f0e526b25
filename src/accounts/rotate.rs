//! Successors of keys.

use std::time::Duration;

use super::error::{AccountError, AuthError, Conflict};
use super::mint::{Forged, Minted};
use super::permit::{MintKeys, Permit};
use super::records::{AccountRecord, Book, Found, KeyRecord, put};
use super::{Accounts, Room, audit};
use crate::clock::Timestamp;
use crate::ids::KeyId;
use crate::limits::Class;
use crate::store::{Batch, Tree, finish};

impl Accounts {
    /// Mints a successor of a key, which then ends: after `overlap`, or earlier if that was decided before.
    ///
    /// Whoever holds the old key has until then to take up the new one.
    pub async fn rotate_key(
        &self,
        permit: &Permit<MintKeys>,
        old: &KeyId,
        overlap: Duration,
        with_pair: bool,
    ) -> Result<Minted, AccountError> {
        let (room, account) = (&*self.0, permit.account());
        // What cannot be rotated costs neither a pair nor one of the keys that can be had in this time.
        room.rotatable(&room.book, permit, old)?;
        if !permit.by_root() {
            room.limits.spend_account(Class::Mints, account)?;
        }
        let forged = room.forge(account).await?;
        let (accounts, permit, old) = (self.clone(), permit.clone(), old.clone());
        let rotate = async move { accounts.0.rotate(&permit, (&old, overlap), forged).await };
        Ok(finish(rotate).await?.minted(with_pair))
    }
}

impl Room {
    async fn rotate(
        &self,
        permit: &Permit<MintKeys>,
        (old, overlap): (&KeyId, Duration),
        forged: Forged,
    ) -> Result<Forged, AccountError> {
        let account = permit.account();
        let plan = |book: &Book| self.plan_rotation(book, permit, (old, overlap), &forged);
        let ends = self.book.change_account(account, plan).await?;
        audit::rotated(account, old, &forged.key.id, ends, permit.by());
        self.tell_revoked(account, old, ends);
        Ok(forged)
    }

    fn plan_rotation(
        &self,
        book: &Book,
        permit: &Permit<MintKeys>,
        (old, overlap): (&KeyId, Duration),
        forged: &Forged,
    ) -> Result<(Batch, Timestamp), AccountError> {
        let (found, key) = self.rotatable(book, permit, old)?;
        let mut record = key.record.clone();
        let ends = self.clock.now().after(overlap);
        let ends = self.end_of(old, &record).map_or(ends, |end| end.min(ends));
        record.expires = Some(ends);
        record.version += 1;
        let batch = put(
            Batch::new(),
            (Tree::Keys, old.as_str()),
            Some(&key),
            &record,
        )?;
        let batch = self.enrol(batch, (permit.account(), Some(&found)), forged, None)?;
        Ok((batch, ends))
    }

    /// The account and a key of it that is good and can be succeeded. What is another's is as what is not.
    fn rotatable(
        &self,
        book: &Book,
        permit: &Permit<MintKeys>,
        old: &KeyId,
    ) -> Result<(Found<AccountRecord>, Found<KeyRecord>), AccountError> {
        let account = book.account(permit.account())?.ok_or(AuthError::NotFound)?;
        self.check_proof(book, permit)?;
        let own = account.record.keys.iter().any(|key| key == old.as_str());
        let key = book
            .key(old)?
            .filter(|key| own && self.is_good(old, &key.record))
            .ok_or(AuthError::NotFound)?;
        if *old == self.root.key {
            return Err(Conflict::RootKey.into());
        }
        Ok((account, key))
    }
}
