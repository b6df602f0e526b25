//! Who may speak in subdomains with signatures: written into their data when they are asked for, and taken out of it when
//! a key ends.
//!
//! Source: the API page, section 2.3.

use std::sync::Arc;

use tokio::sync::broadcast::error::RecvError;

use super::request::Request;
use super::{Caller, DomainError, Domains, Host, HostError, Signer};
use crate::accounts::Principal;
use crate::ids::{DomainId, Name};

impl Domains {
    /// Whether the operations of a domain are signed. That never changes.
    pub fn is_signed(&self, domain: &DomainId) -> bool {
        match domain {
            DomainId::Subdomain { account, name } => self.0.index.is_signed(account, name),
            DomainId::Gateway => false,
        }
    }

    /// Sees that whoever a subdomain was asked for can speak in it; returns once that is durable.
    pub(super) async fn enrol(
        &self,
        (host, name): (&Host, &Name),
        account: &Name,
        (request, caller): (&Request, Caller<'_>),
    ) -> Result<(), DomainError> {
        let domain = DomainId::Subdomain {
            account: account.clone(),
            name: name.clone(),
        };
        if !self.is_signed(&domain) {
            return Ok(());
        }
        let Some(signer) = self.signer(account, request, caller)? else {
            return Ok(());
        };
        match host.register(signer).await {
            Err(HostError::TooManyKeys) => Err(DomainError::TooMany {
                what: "keys of the user",
            }),
            registered => Ok(registered?),
        }
    }

    /// The user, or else the account with the key that the caller came with. Root is the gateway itself, which can
    /// speak anyway.
    fn signer(
        &self,
        account: &Name,
        request: &Request,
        (principal, _): Caller<'_>,
    ) -> Result<Option<Signer>, DomainError> {
        if let Some(user) = &request.user {
            return Ok(user.key.as_ref().map(|key| Signer {
                principal: user.id.clone(),
                key: key.public.clone(),
            }));
        }
        let accounts = &self.0.accounts;
        Ok(match principal {
            Principal::Account { name, key, .. } if name == account => {
                let public = accounts.signing_key(account, key)?;
                public.map(|key| Signer {
                    principal: accounts.account_iri(account),
                    key,
                })
            }
            Principal::Account { .. } | Principal::Root | Principal::Anonymous => None,
        })
    }

    /// Has keys go from the data of open subdomains as they are revoked. Closed ones see to it when they are opened.
    pub(super) fn watch_keys(&self) {
        let mut revoked = self.0.accounts.revocations();
        let room = Arc::downgrade(&self.0);
        tokio::spawn(async move {
            loop {
                let told = revoked.recv().await;
                let Some(domains) = room.upgrade().map(Domains) else {
                    return;
                };
                match told {
                    Ok(revoked) => domains.settle_keys(&revoked.account).await,
                    Err(RecvError::Lagged(_)) => {
                        for account in domains.0.index.accounts() {
                            domains.settle_keys(&account).await;
                        }
                    }
                    Err(RecvError::Closed) => return,
                }
            }
        });
    }

    async fn settle_keys(&self, account: &Name) {
        for name in self.0.index.of(account) {
            let domain = DomainId::Subdomain {
                account: account.clone(),
                name,
            };
            if !self.is_signed(&domain) {
                continue;
            }
            if let Some(host) = self.0.hosts.opened(&domain).await
                && let Err(cause) = host.settle_keys().await
            {
                log::warn!(
                    target: "meldgate::domains", domain:?, error:err = cause;
                    "a revoked key stays in the data until the subdomain is opened anew; it signs nothing"
                );
            }
        }
    }
}
