//! Tokens that the gateway puts into a clone's configuration.
//!
//! They are signed with the account's own user key, which only a request that carries the account key's secret can
//! open. They say for what they are (`scope`), so that a configuration that gets into other hands for its ten
//! minutes opens the account's domains, and never the account.

use super::credential::{Credential, account_iri};
use super::error::AccountError;
use super::jwt::{self, Claims, REMOTES};
use super::permit::{Principal, Proof};
use super::{Accounts, Room};
use crate::ids::Name;

impl Accounts {
    /// A token for a clone's configuration, signed with the user key that the presented account key opens: good for
    /// the account's domains, for as long as the configuration says. `None` if it was not by an account key of this
    /// account that `principal` was proven.
    pub async fn remotes_token(
        &self,
        account: &Name,
        (principal, credential): (&Principal, &Credential),
        user: Option<&str>,
    ) -> Result<Option<String>, AccountError> {
        let room = &*self.0;
        let Credential::Key { key, .. } = credential else {
            return Ok(None);
        };
        let proven = match principal {
            Principal::Root => *account == room.root.account,
            Principal::Account {
                name,
                key: id,
                proof,
                ..
            } => *proof == Proof::Secret && name == account && *id == key.id,
            Principal::Anonymous => false,
        };
        let found = room
            .book
            .key(&key.id)?
            .filter(|found| proven && found.record.account == account.as_str());
        let Some(found) = found else {
            return Ok(None);
        };
        let (claims, key) = (room.remotes_claims(account, user), key.clone());
        let sealed = found.record.pair()?.private;
        let sign = move || jwt::sign(&claims, &key.id, &sealed.open(&key.secret)?);
        Ok(Some(room.hasher.run(sign).await??))
    }
}

impl Room {
    fn remotes_claims(&self, account: &Name, user: Option<&str>) -> Claims {
        let now = self.clock.now();
        Claims {
            iss: account_iri(account, &self.domain),
            sub: user.map(str::to_owned),
            scope: Some(REMOTES.to_owned()),
            iat: Some(now.as_secs()),
            exp: Some(now.after(self.policy.jwt_lifetime).as_secs()),
            ..Claims::default()
        }
    }
}
