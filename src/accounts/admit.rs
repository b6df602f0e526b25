//! Who may open a socket to a domain.
//!
//! Source: the API page, section 3, rules 1 to 6.

use super::Accounts;
use super::authenticate::unavailable;
use super::credential::Credential;
use super::error::AuthError;
use super::permit::{Admission, Principal, Proof};
use super::records::RemotesAuth;
use crate::clock::Timestamp;
use crate::ids::{DomainId, KeyId, Name};
use crate::limits::{Class, Source};

/// Knows which named subdomains there are.
pub trait Registry {
    /// Whether the account has a named subdomain of this name.
    fn exists(&self, account: &Name, name: &Name) -> bool;

    /// Whether there was a subdomain of this name, and it was deleted.
    fn is_deleted(&self, account: &Name, name: &Name) -> bool;
}

impl Accounts {
    /// Decides whether a socket may be opened to `domain`.
    ///
    /// A key can be revoked or get an end, and an account be closed or no longer let sockets in by this way, between this
    /// decision and the socket's registration. So listen to [`revocations`](Self::revocations),
    /// [`closures`](Self::closures) and [`entrances`](Self::entrances) first, and ask [`holds`](Self::holds) and
    /// [`ends`](Self::ends) once the socket is registered.
    pub async fn admit(
        &self,
        domain: &DomainId,
        credential: &Credential,
        source: Source,
        registry: &impl Registry,
    ) -> Result<Admission, AuthError> {
        let principal = self.authenticate(credential, source).await?;
        if let Principal::Account { name, .. } = &principal {
            self.0.limits.spend_account(Class::Connects, name)?;
        }
        match domain {
            DomainId::Gateway => only_root(&principal)?,
            DomainId::Subdomain { account, name } => {
                self.may_join(&principal, account, name)?;
                // Asked last, so that only who may join learns whether there is something to join.
                let named = registry.exists(account, name);
                let nameless = name.is_uuid() && !registry.is_deleted(account, name);
                if !named && !nameless {
                    return Err(AuthError::NotFound);
                }
            }
        }
        Ok(Admission {
            key: self.key_of(&principal),
            domain: domain.clone(),
            principal,
        })
    }

    /// Whether what an admission depends on is still so: its key is good, and the domain's account is not closed, and
    /// lets sockets in by this way.
    pub fn holds(&self, admission: &Admission) -> Result<bool, AuthError> {
        if let DomainId::Subdomain { account, name } = &admission.domain {
            if self.0.book.is_closed(account).map_err(unavailable)? {
                return Ok(false);
            }
            match self.may_join(&admission.principal, account, name) {
                Ok(()) => {}
                Err(cause @ (AuthError::Unavailable | AuthError::TooMany { .. })) => {
                    return Err(cause);
                }
                Err(AuthError::Unauthorized | AuthError::Forbidden | AuthError::NotFound) => {
                    return Ok(false);
                }
            }
        }
        let Some(key) = &admission.key else {
            return Ok(true);
        };
        let found = self.key_record(key)?;
        Ok(found.is_some_and(|found| self.0.is_good(key, &found.record)))
    }

    fn may_join(
        &self,
        principal: &Principal,
        account: &Name,
        name: &Name,
    ) -> Result<(), AuthError> {
        let how = match principal {
            Principal::Root if self.0.book.is_closed(account).map_err(unavailable)? => {
                return Err(AuthError::NotFound);
            }
            Principal::Root => return Ok(()),
            Principal::Anonymous => RemotesAuth::Anon,
            Principal::Account { name: own, .. } if own != account => {
                return Err(AuthError::Forbidden);
            }
            Principal::Account {
                proof: Proof::Secret,
                ..
            } => RemotesAuth::Key,
            Principal::Account {
                proof: Proof::Token | Proof::UserToken,
                ..
            } => RemotesAuth::Jwt,
        };
        let found = self.0.book.account(account).map_err(unavailable)?;
        let allowed = found
            .map(|found| found.record.remotes_auth)
            .unwrap_or_default();
        let listed = allowed.contains(&how);
        match how {
            RemotesAuth::Anon if listed && name.is_uuid() => Ok(()),
            RemotesAuth::Anon => Err(AuthError::Unauthorized),
            RemotesAuth::Key if listed || allowed.is_empty() => Ok(()),
            RemotesAuth::Jwt if listed => Ok(()),
            RemotesAuth::Key | RemotesAuth::Jwt => Err(AuthError::Forbidden),
        }
    }

    /// When the key that an admission depends on ends by itself, as far as that is decided by now.
    pub fn ends(&self, admission: &Admission) -> Result<Option<Timestamp>, AuthError> {
        let Some(key) = &admission.key else {
            return Ok(None);
        };
        let found = self.key_record(key)?;
        Ok(found.and_then(|found| self.0.end_of(key, &found.record)))
    }

    fn key_of(&self, principal: &Principal) -> Option<KeyId> {
        match principal {
            Principal::Root => Some(self.0.root.key.clone()),
            Principal::Account { key, .. } => Some(key.clone()),
            Principal::Anonymous => None,
        }
    }
}

fn only_root(principal: &Principal) -> Result<(), AuthError> {
    match principal {
        Principal::Root => Ok(()),
        Principal::Anonymous => Err(AuthError::Unauthorized),
        Principal::Account { .. } => Err(AuthError::Forbidden),
    }
}
