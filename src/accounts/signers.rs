//! Who signs in subdomains with signatures: the gateway with the root key's pair, accounts with the pairs of their keys.

use super::credential::account_iri;
use super::error::AccountError;
use super::pair::{PairError, PublicKey};
use super::{Accounts, Room};
use crate::ids::{KeyId, Name};

impl Accounts {
    /// The IRI that an account signs as.
    pub fn account_iri(&self, account: &Name) -> String {
        account_iri(account, &self.0.domain)
    }

    /// Signs as the gateway, by RSASSA-PKCS1-v1_5 with SHA-256: the other half is
    /// [`root_public_key`](Self::root_public_key).
    pub fn sign_as_gateway(&self, message: &[u8]) -> Result<Vec<u8>, PairError> {
        self.0.root.signing.sign(message)
    }

    /// The public half of a key that an account can sign with now.
    pub fn signing_key(
        &self,
        account: &Name,
        key: &KeyId,
    ) -> Result<Option<PublicKey>, AccountError> {
        let found = self.0.book.key(key)?;
        let good = found.filter(|found| {
            found.record.account == account.as_str() && self.0.is_good(key, &found.record)
        });
        Ok(good.map(|found| found.record.public()).transpose()?)
    }

    /// Which of an account's keys, good or not, has this public half (SPKI DER). Reads them all.
    pub fn key_with(&self, account: &Name, public: &[u8]) -> Result<Option<KeyId>, AccountError> {
        let keys = self.0.pairs_of(account)?;
        let found = keys.into_iter().find(|(_, key)| key.as_der() == public);
        Ok(found.map(|(id, _)| id))
    }

    /// The public halves of those keys of an account that are no longer good. Reads them all.
    pub fn ended_keys(&self, account: &Name) -> Result<Vec<PublicKey>, AccountError> {
        let mut ended = Vec::new();
        for (id, public) in self.0.pairs_of(account)? {
            if self.signing_key(account, &id)?.is_none() {
                ended.push(public);
            }
        }
        Ok(ended)
    }
}

impl Room {
    fn pairs_of(&self, account: &Name) -> Result<Vec<(KeyId, PublicKey)>, AccountError> {
        let Some(found) = self.book.account(account)? else {
            return Ok(Vec::new());
        };
        let mut pairs = Vec::new();
        for id in &found.record.keys {
            let id = KeyId::parse(id)?;
            if let Some(key) = self.book.key(&id)? {
                pairs.push((id, key.record.public()?));
            }
        }
        Ok(pairs)
    }
}
