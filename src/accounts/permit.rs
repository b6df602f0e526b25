//! Who somebody is, and proofs of what they may.

use std::marker::PhantomData;
use std::sync::Arc;

use super::error::AuthError;
use crate::ids::{DomainId, KeyId, Name};

/// Somebody whose credential was verified.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Principal {
    /// Whoever holds the root key. May everything.
    Root,
    /// An account, by one of its keys.
    Account {
        /// Which account.
        name: Name,
        /// By which key: what depends on this principal ends when that key is revoked.
        key: KeyId,
        /// How it was proven.
        proof: Proof,
        /// For whom a token says it is (`sub`), if for somebody else than the account. The account vouches for it.
        user: Option<Arc<str>>,
    },
    /// Nobody in particular.
    Anonymous,
}

/// How an account's principal was proven, which decides how far it goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Proof {
    /// The key's secret itself. May everything that the account may.
    Secret,
    /// A token that the account signed for itself. May everything but mint and rotate keys, and close the account:
    /// whoever copies a token that ends must not make of it a key that does not, or an end that stays.
    Token,
    /// A token for a user of the account, or for a clone's configuration. Opens the account's domains to sockets.
    UserToken,
}

/// Something that a principal may do to an account.
pub trait Capability: sealed::Sealed {
    /// Whether only the key itself will do.
    #[doc(hidden)]
    const NEEDS_SECRET: bool = false;
}

/// Reads an account's details.
#[derive(Debug)]
pub enum ReadAccount {}
/// Changes an account's details and revokes its keys.
#[derive(Debug)]
pub enum ManageAccount {}
/// Closes an account.
#[derive(Debug)]
pub enum CloseAccount {}
/// Mints keys of an account.
#[derive(Debug)]
pub enum MintKeys {}
/// Creates and lists an account's subdomains.
#[derive(Debug)]
pub enum UseDomains {}

impl Capability for ReadAccount {}
impl Capability for ManageAccount {}
impl Capability for MintKeys {
    const NEEDS_SECRET: bool = true;
}
impl Capability for CloseAccount {
    const NEEDS_SECRET: bool = true;
}
impl Capability for UseDomains {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::ReadAccount {}
    impl Sealed for super::ManageAccount {}
    impl Sealed for super::MintKeys {}
    impl Sealed for super::CloseAccount {}
    impl Sealed for super::UseDomains {}
}

/// Proof that a principal holds `C` on an account.
///
/// Invariant: only this room makes one ([`Accounts::permit`](super::Accounts::permit)), so a function that takes a
/// permit cannot be reached by a caller who was not checked.
#[derive(Debug)]
pub struct Permit<C> {
    account: Name,
    /// The account's key that it was proven by; none for root.
    key: Option<KeyId>,
    capability: PhantomData<fn() -> C>,
}

// Not derived, which would ask the same of `C`.
impl<C> Clone for Permit<C> {
    fn clone(&self) -> Self {
        Self {
            account: self.account.clone(),
            key: self.key.clone(),
            capability: PhantomData,
        }
    }
}

impl<C: Capability> Permit<C> {
    /// Checks that `principal` holds `C` on `account`: the account itself, or root. Says nothing about whether the
    /// account exists.
    pub(super) fn check(principal: &Principal, account: &Name) -> Result<Self, AuthError> {
        let key = match principal {
            Principal::Root => None,
            Principal::Anonymous => return Err(AuthError::Unauthorized),
            Principal::Account {
                name, key, proof, ..
            } => {
                let far_enough = match proof {
                    Proof::Secret => true,
                    Proof::Token => !C::NEEDS_SECRET,
                    Proof::UserToken => false,
                };
                if name != account || !far_enough {
                    return Err(AuthError::Forbidden);
                }
                Some(key.clone())
            }
        };
        Ok(Self {
            account: account.clone(),
            key,
            capability: PhantomData,
        })
    }

    /// The account that may be acted on.
    pub fn account(&self) -> &Name {
        &self.account
    }

    /// Whether root acts, and not the account itself.
    pub(super) fn by_root(&self) -> bool {
        self.key.is_none()
    }

    /// The account's key that it was proven by; none for root.
    pub(super) fn key(&self) -> Option<&KeyId> {
        self.key.as_ref()
    }

    /// Who acts, in the words of the security log.
    pub fn by(&self) -> &'static str {
        if self.by_root() { "root" } else { "account" }
    }
}

/// Proof that a socket may be opened to a domain.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Admission {
    pub(super) principal: Principal,
    pub(super) domain: DomainId,
    pub(super) key: Option<KeyId>,
}

impl Admission {
    /// Who was admitted.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// To which domain.
    pub fn domain(&self) -> &DomainId {
        &self.domain
    }

    /// The account's user that was admitted; none if it was the account itself, root or the anonymous.
    pub fn user(&self) -> Option<&Arc<str>> {
        match &self.principal {
            Principal::Account { user, .. } => user.as_ref(),
            Principal::Root | Principal::Anonymous => None,
        }
    }

    /// The key that the admission depends on; none for the anonymous.
    pub fn key(&self) -> Option<&KeyId> {
        self.key.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str, proof: Proof) -> Principal {
        Principal::Account {
            name: Name::parse(name).unwrap(),
            key: KeyId::parse("keyid1").unwrap(),
            proof,
            user: None,
        }
    }

    #[test]
    fn each_proof_goes_as_far_as_it_should() {
        let acme = Name::parse("acme").unwrap();
        let manage = |who| Permit::<ManageAccount>::check(&who, &acme).map(|_| ());
        let mint = |who| Permit::<MintKeys>::check(&who, &acme).map(|_| ());
        let (no, never) = (Err(AuthError::Forbidden), Err(AuthError::Unauthorized));
        for (who, may_manage, may_mint) in [
            (Principal::Root, Ok(()), Ok(())),
            (account("acme", Proof::Secret), Ok(()), Ok(())),
            (account("acme", Proof::Token), Ok(()), no),
            (account("acme", Proof::UserToken), no, no),
            (account("other", Proof::Secret), no, no),
            (Principal::Anonymous, never, never),
        ] {
            assert_eq!(manage(who.clone()), may_manage, "{who:?} manages");
            assert_eq!(mint(who.clone()), may_mint, "{who:?} mints");
        }
    }
}
