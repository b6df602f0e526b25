//! From a credential to a principal.

use std::sync::Arc;
use std::time::Duration;

use super::credential::{Credential, account_name};
use super::error::AuthError;
use super::hasher::HashError;
use super::jwt::{Claims, REMOTES, Unverified};
use super::permit::{Principal, Proof};
use super::records::{Found, KeyRecord, put};
use super::{Accounts, audit, credential};
use crate::ids::{KeyId, Name};
use crate::limits::{Denied, Source};
use crate::secret::AccountKey;
use crate::store::{Batch, StoreError, Tree};

/// How exact "last used" is: one write for each key in this time, not one for each use.
const LAST_USED: Duration = Duration::from_hours(24);
/// The same of a key that was rotated: whether it is still in use is what its holder wants to know.
const LAST_USED_ROTATED: Duration = Duration::from_hours(1);

impl Accounts {
    /// Finds out who presents `credential`. Nothing presented is the anonymous principal; whatever is wrong with one
    /// that is presented, the answer is [`AuthError::Unauthorized`], or [`AuthError::TooMany`] once there were too
    /// many such from `source`.
    pub async fn authenticate(
        &self,
        credential: &Credential,
        source: Source,
    ) -> Result<Principal, AuthError> {
        match credential {
            Credential::None => Ok(Principal::Anonymous),
            Credential::Key { account, key } => self.by_key(account, key, source).await,
            Credential::Jwt(token) => self.by_token(token, source).await,
            Credential::Activation(_) | Credential::Malformed => self.malformed(source).await,
        }
    }

    async fn by_key(
        &self,
        account: &str,
        key: &AccountKey,
        source: Source,
    ) -> Result<Principal, AuthError> {
        let room = &*self.0;
        let claimed = account_name(account, &room.domain);
        let for_root = key.id == room.root.key;
        let found = if for_root && room.root.guessable {
            // It opens the root account whatever name it is presented with, so that is what is guessed at.
            let subject = Some(&room.root.account);
            let guess = room.lockouts.guess(source, subject)?;
            let outcome = guess.verdict(self.right_key(claimed.as_ref(), key)?).await;
            self.told(outcome, source, subject, "key")?
        } else {
            let right = self.right_key(claimed.as_ref(), key)?;
            self.judge(right, source, claimed.as_ref(), "key").await?
        };
        self.confirm(key, &found.record).await?;
        self.touch(&key.id, found).await;
        if for_root {
            return Ok(Principal::Root);
        }
        Ok(Principal::Account {
            name: claimed.ok_or(AuthError::Unauthorized)?,
            key: key.id.clone(),
            proof: Proof::Secret,
            user: None,
        })
    }

    /// The record of a presented key, if the key is right.
    fn right_key(
        &self,
        claimed: Option<&Name>,
        key: &AccountKey,
    ) -> Result<Option<Found<KeyRecord>>, AuthError> {
        let room = &*self.0;
        let found = self.presented(&key.id)?;
        let stored = found.as_ref().map(|found| found.record.mac.as_str());
        let matches = room.seeds.key_matches(stored, key);
        // The root key opens anything, so it matters not for whom it is presented.
        let for_root = key.id == room.root.key;
        Ok(found.filter(|Found { record, .. }| {
            let belongs = for_root || claimed.is_some_and(|name| record.account == name.as_str());
            matches & belongs & room.is_good(&key.id, record)
        }))
    }

    /// Confirms by Argon2id what the MAC says, if that was not done lately and there is room for it.
    async fn confirm(&self, key: &AccountKey, record: &KeyRecord) -> Result<(), AuthError> {
        let room = &*self.0;
        let mark = self.mark(key);
        if room
            .verified
            .knows(&mark, record.version, room.clock.running())
        {
            return Ok(());
        }
        match room.hasher.check(&record.argon2id, &key.secret).await {
            Ok(true) => room
                .verified
                .learn(mark, record.version, room.clock.running()),
            // The MAC's verdict stands: see the room's page.
            Err(HashError::Busy) => return Ok(()),
            Ok(false) | Err(HashError::Failed) => {
                log::error!(
                    target: "meldgate::accounts", key = key.id.as_str();
                    "a key's two verifiers disagree, or could not be asked"
                );
                return Err(AuthError::Unavailable);
            }
        }
        // Revoked while its hash was computed?
        let now = self.key_record(&key.id)?;
        let same = now.is_some_and(|found| found.record.version == record.version);
        if same {
            Ok(())
        } else {
            Err(AuthError::Unauthorized)
        }
    }

    pub(super) fn mark(&self, key: &AccountKey) -> [u8; 32] {
        let text = zeroize::Zeroizing::new(key.expose());
        let tag = aws_lc_rs::hmac::sign(&self.0.process, text.as_bytes());
        let mut mark = [0; 32];
        mark.copy_from_slice(tag.as_ref());
        mark
    }

    async fn by_token(&self, token: &str, source: Source) -> Result<Principal, AuthError> {
        let Some(unverified) = Unverified::parse(token) else {
            return self.malformed(source).await;
        };
        let found = self.presented(&unverified.kid)?;
        // A token by no key of ours costs the same signature check.
        let stored = found.as_ref().and_then(|found| found.record.public().ok());
        let public = stored.as_ref().unwrap_or(&self.0.root.public);
        let claims = unverified.verify(public);
        let right = found.zip(claims).and_then(|(found, claims)| {
            let name = self.issuer(&claims)?;
            let good = self.0.is_good(&unverified.kid, &found.record);
            let ours = found.record.account == name.as_str() && good;
            (ours && self.acceptable(&claims)).then_some((name, claims, found))
        });
        // Whom an unverified token claims to speak for is not looked at, so no account is counted.
        let (name, claims, found) = self.judge(right, source, None, "token").await?;
        self.touch(&unverified.kid, found).await;
        let user = self.user(&name, claims.sub);
        let for_domains = user.is_some() || claims.scope.as_deref() == Some(REMOTES);
        Ok(Principal::Account {
            name,
            key: unverified.kid,
            proof: if for_domains {
                Proof::UserToken
            } else {
                Proof::Token
            },
            user,
        })
    }

    fn issuer(&self, claims: &Claims) -> Option<Name> {
        account_name(&claims.iss, &self.0.domain)
    }

    fn acceptable(&self, claims: &Claims) -> bool {
        let names: Vec<&str> = self.0.audience.iter().map(String::as_str).collect();
        let meant_for_us = claims.aud.as_ref().is_none_or(|aud| aud.includes(&names));
        meant_for_us && claims.current(self.0.clock.now())
    }

    /// For whom a token is, if not for the account itself.
    fn user(&self, account: &Name, sub: Option<String>) -> Option<Arc<str>> {
        let own_iri = credential::account_iri(account, &self.0.domain);
        let own = |sub: &str| sub == account.as_str() || sub == own_iri;
        sub.filter(|sub| !own(sub)).map(Arc::from)
    }

    /// Judges a credential that cannot be guessed: right passes, whatever is locked; wrong is counted.
    async fn judge<T>(
        &self,
        right: Option<T>,
        source: Source,
        account: Option<&Name>,
        what: &'static str,
    ) -> Result<T, AuthError> {
        let outcome = self.0.lockouts.proof(source, account, right).await;
        self.told(outcome, source, account, what)
    }

    /// Tells the security log of a wrong credential. Those of a source that is locked out are its lock's to tell.
    pub(super) fn told<T>(
        &self,
        outcome: Result<T, Denied>,
        source: Source,
        account: Option<&Name>,
        what: &'static str,
    ) -> Result<T, AuthError> {
        outcome.map_err(|denied| match denied {
            Denied::Locked(refused) => refused.into(),
            Denied::Wrong => {
                self.0.failures.tell(source, account, what);
                AuthError::Unauthorized
            }
        })
    }

    async fn malformed<T>(&self, source: Source) -> Result<T, AuthError> {
        self.judge(None, source, None, "malformed").await
    }

    /// Reads the key that was presented, and whatever makes up for the time that takes: one record is read and one
    /// is missed, whether or not there is such a key.
    fn presented(&self, id: &KeyId) -> Result<Option<Found<KeyRecord>>, AuthError> {
        let found = self.key_record(id)?;
        let other = if found.is_some() {
            &self.0.nobody
        } else {
            &self.0.root.key
        };
        std::hint::black_box(self.key_record(other)?);
        Ok(found)
    }

    /// Reads a key for authentication: a failing store is told to the log, and to the client only as such.
    pub(super) fn key_record(&self, id: &KeyId) -> Result<Option<Found<KeyRecord>>, AuthError> {
        self.0.book.key(id).map_err(unavailable)
    }

    /// Notes that a key was used, if that was not noted lately. A failure to do so is nobody's problem.
    async fn touch(&self, id: &KeyId, found: Found<KeyRecord>) {
        let now = self.0.clock.now();
        let exact = match found.record.expires {
            Some(_) => LAST_USED_ROTATED,
            None => LAST_USED,
        };
        if found
            .record
            .last_used
            .is_some_and(|last| now.since(last) < exact)
        {
            return;
        }
        if let Some(end) = self.0.end_of(id, &found.record)
            && end.since(now) < self.0.policy.key_age_warning
        {
            audit::ending(&found.record.account, id, end);
        }
        let record = KeyRecord {
            last_used: Some(now),
            ..found.record.clone()
        };
        let written = match put(
            Batch::new(),
            (Tree::Keys, id.as_str()),
            Some(&found),
            &record,
        ) {
            Ok(batch) => self.0.book.commit(batch).await,
            Err(cause) => Err(cause),
        };
        match written {
            Ok(()) | Err(StoreError::Conflict) => {}
            Err(cause) => log::warn!(
                target: "meldgate::accounts", error:err = cause, key = id.as_str();
                "the use of a key was not noted"
            ),
        }
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "for `map_err`, which gives the error away"
)]
pub(super) fn unavailable(cause: StoreError) -> AuthError {
    log::error!(target: "meldgate::accounts", error:err = cause; "store failed");
    AuthError::Unavailable
}
