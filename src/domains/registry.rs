//! Named subdomains, as they are recorded.

mod index;

use serde::{Deserialize, Serialize};

pub(super) use self::index::{Index, Making};

use super::host::subscribing;
use super::request::{Request, User};
use super::{DomainError, Domains};
use crate::accounts::{AuthError, Permit, UseDomains};
use crate::clock::Timestamp;
use crate::ids::{DomainId, Invalid, Name};
use crate::store::{Batch, Expected, StoreError, Tree, finish};

/// Users whose keys one subdomain can have.
const USERS: u32 = 10_000;

/// A named subdomain.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Subdomain {
    use_signatures: bool,
    created: Timestamp,
    users: u32,
    /// When it was deleted: then this is its tombstone, and nobody makes it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deleted: Option<Timestamp>,
}

/// A named subdomain, as its owner sees it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    /// The m-ld domain.
    #[serde(rename = "@domain")]
    pub domain: String,
    /// Its name within the account.
    pub name: String,
    /// Whether its operations are signed.
    pub use_signatures: bool,
    /// When it was made, in RFC 3339.
    pub created: String,
}

/// A named subdomain, as far as the gateway's own domain tells of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Published {
    pub(super) use_signatures: bool,
    pub(super) created: Timestamp,
}

/// The key that a user of a subdomain was last given with. What counts is in the subdomain's data.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct UserRecord {
    keyid: String,
    /// SPKI DER, base64; checked when it arrived.
    public: String,
}

impl Domains {
    /// The names of the account's named subdomains, in order.
    pub fn list(&self, permit: &Permit<UseDomains>) -> Vec<Name> {
        self.0.index.of(permit.account())
    }

    /// A page of the account's named subdomains: those after `after` in the order of their names, at most `limit`; and
    /// the name after which the next page begins, if there is one. Reads each, so it is done on the blocking pool.
    pub async fn page(
        &self,
        permit: &Permit<UseDomains>,
        after: Option<&Name>,
        limit: usize,
    ) -> Result<(Vec<Listed>, Option<Name>), DomainError> {
        if self.0.accounts.manners(permit.account())?.is_none() {
            return Err(AuthError::NotFound.into());
        }
        let (domains, account, after) = (self.clone(), permit.account().clone(), after.cloned());
        let reading =
            tokio::task::spawn_blocking(move || domains.read_page(&account, after.as_ref(), limit));
        let read = reading.await;
        read.unwrap_or_else(|_| Err(AuthError::Unavailable.into()))
    }

    fn read_page(
        &self,
        account: &Name,
        after: Option<&Name>,
        limit: usize,
    ) -> Result<(Vec<Listed>, Option<Name>), DomainError> {
        let room = &*self.0;
        // One more than is wanted tells whether there is a next page.
        let mut names = room.index.after(account, after, limit.saturating_add(1));
        let more = names.len() > limit;
        names.truncate(limit);
        let next = names.last().filter(|_| more).cloned();
        let mut page = Vec::new();
        for name in names {
            let key = domain_key(account, &name);
            let Some(raw) = room.store.get(Tree::Subdomains, key.as_bytes())? else {
                continue;
            };
            let record: Subdomain = parse(&raw)?;
            if record.deleted.is_some() {
                continue;
            }
            let id = DomainId::Subdomain {
                account: account.clone(),
                name: name.clone(),
            };
            page.push(Listed {
                domain: id.to_mld(&room.domain),
                name: name.to_string(),
                use_signatures: record.use_signatures,
                created: record.created.to_rfc3339(),
            });
        }
        Ok((page, next))
    }

    /// Deletes a named subdomain: its data is destroyed, its sockets are closed, and its name is never given again.
    /// Returns once that is durable; goes on to its end, also if this future is dropped.
    pub async fn delete(
        &self,
        permit: &Permit<UseDomains>,
        name: &Name,
    ) -> Result<(), DomainError> {
        let (domains, permit, name) = (self.clone(), permit.clone(), name.clone());
        finish(async move {
            let making = domains.0.index.make().await;
            domains.0.accounts.check_permit(&permit)?;
            domains
                .bury(&making, (permit.account(), &name), permit.by())
                .await
        })
        .await
    }

    /// Finishes deletions that the daemon died over: nothing is left of the data of what was deleted.
    pub async fn finish_deletions(&self) -> Result<(), StoreError> {
        let room = &*self.0;
        for (account, name) in room.index.buried.iter().cloned() {
            let id = DomainId::Subdomain { account, name };
            let clone = id.to_mld(&room.domain);
            if room.store.get(Tree::Clones, clone.as_bytes())?.is_some() {
                room.store.destroy_tables(&clone).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn bury(
        &self,
        _making: &Making<'_>,
        (account, name): (&Name, &Name),
        by: &'static str,
    ) -> Result<(), DomainError> {
        let room = &*self.0;
        let key = domain_key(account, name);
        let raw = room.store.get(Tree::Subdomains, key.as_bytes())?;
        let raw = raw.ok_or(AuthError::NotFound)?;
        let mut record: Subdomain = parse(&raw)?;
        if record.deleted.is_some() {
            return Err(AuthError::NotFound.into());
        }
        record.deleted = Some(room.clock.now());
        let users = std::mem::take(&mut record.users);
        let id = DomainId::Subdomain {
            account: account.clone(),
            name: name.clone(),
        };
        let batch = Batch::new()
            .expect(Tree::Subdomains, key.as_str(), Expected::Value(raw))
            .put(Tree::Subdomains, key.as_str(), json(&record)?)
            .remove(Tree::Subdomains, subscribing::key(&id));
        // What is known of its users goes with it.
        let batch = match users {
            0 => batch,
            _ => self.forget_users(batch, key).await?,
        };
        let committed = room.store.commit(batch).await;
        if committed.is_ok() {
            room.index.remove(account, name);
        }
        // A failed commit may have been made.
        room.own.note(account, name);
        committed?;
        log::info!(
            target: "meldgate::audit", event = "domain.deleted", account = account.as_str(),
            domain = id.to_mld(&room.domain), by;
            "subdomain deleted"
        );
        // An error means that nobody listens.
        let _listeners = room.deleted.send(id.clone());
        // Where the daemon dies before this, it is done when the daemon starts again.
        room.hosts.destroy(&id).await?;
        Ok(())
    }

    /// Makes sure of a named subdomain, and of its user's key; returns once both are durable. Doing it again does
    /// nothing. Once begun it goes on to its end, also if this future is dropped.
    pub async fn create(
        &self,
        permit: &Permit<UseDomains>,
        name: &Name,
        request: &Request,
    ) -> Result<(), DomainError> {
        let domains = self.clone();
        let (permit, name, request) = (permit.clone(), name.clone(), request.clone());
        finish(async move { domains.make(&permit, &name, &request).await }).await
    }

    async fn make(
        &self,
        permit: &Permit<UseDomains>,
        name: &Name,
        request: &Request,
    ) -> Result<(), DomainError> {
        let (room, account) = (&*self.0, permit.account());
        let _making = room.index.make().await;
        // Whoever closes the account deletes what was made before this, and nothing is made after.
        room.accounts.check_permit(permit)?;
        let key = domain_key(account, name);
        let raw = room.store.get(Tree::Subdomains, key.as_bytes())?;
        let before: Option<Subdomain> = raw.as_deref().map(parse).transpose()?;
        let mut subdomain = match before {
            Some(before) if before.deleted.is_some() => return Err(DomainError::Deleted),
            Some(before)
                if request
                    .use_signatures
                    .is_some_and(|wanted| wanted != before.use_signatures) =>
            {
                return Err(DomainError::Signatures);
            }
            Some(before) => before,
            None => self.fresh(account, request)?,
        };
        let mut batch = Batch::new();
        if let Some(user) = &request.user {
            batch = self.add_user(batch, &key, &mut subdomain, user)?;
        }
        let is_new = raw.is_none();
        if is_new || !batch.is_empty() {
            let expected = raw.map_or(Expected::Absent, Expected::Value);
            batch = batch.expect(Tree::Subdomains, key.as_str(), expected).put(
                Tree::Subdomains,
                key.as_str(),
                json(&subdomain)?,
            );
            let committed = room.store.commit(batch).await;
            if committed.is_err() {
                // It may have been made.
                room.own.note(account, name);
            }
            committed?;
        }
        if is_new {
            let id = DomainId::Subdomain {
                account: account.clone(),
                name: name.clone(),
            };
            log::info!(
                target: "meldgate::audit", event = "domain.created", account = account.as_str(),
                domain = id.to_mld(&room.domain), by = permit.by();
                "subdomain created"
            );
        }
        room.index.add(account, name, subdomain.use_signatures);
        if is_new {
            room.own.note(account, name);
        }
        Ok(())
    }

    /// What the gateway's own domain says of a named subdomain, if there is one.
    pub(super) fn published(
        &self,
        account: &Name,
        name: &Name,
    ) -> Result<Option<Published>, StoreError> {
        let key = domain_key(account, name);
        let Some(raw) = self.0.store.get(Tree::Subdomains, key.as_bytes())? else {
            return Ok(None);
        };
        let record: Subdomain = parse(&raw)?;
        Ok(record.deleted.is_none().then_some(Published {
            use_signatures: record.use_signatures,
            created: record.created,
        }))
    }

    /// Adds to a batch that everything that is known of a subdomain's users is forgotten.
    async fn forget_users(&self, batch: Batch, domain: String) -> Result<Batch, StoreError> {
        let store = self.0.store.clone();
        let own = user_key(&domain, "");
        let scanning = tokio::task::spawn_blocking(move || {
            let users = store.scan(Tree::Subdomains)?.into_iter();
            let users = users.filter(|(key, _)| key.starts_with(own.as_bytes()));
            Ok(users.fold(batch, |batch, (key, _)| batch.remove(Tree::Subdomains, key)))
        });
        scanning.await.unwrap_or(Err(StoreError::Unconfirmed))
    }

    fn fresh(&self, account: &Name, request: &Request) -> Result<Subdomain, DomainError> {
        if self.0.index.of(account).len() >= self.0.limit {
            return Err(DomainError::TooMany {
                what: "named subdomains",
            });
        }
        Ok(Subdomain {
            use_signatures: request.use_signatures.unwrap_or(false),
            created: self.0.clock.now(),
            users: 0,
            deleted: None,
        })
    }

    /// Adds the recording of a user's key, if the subdomain uses signatures and does not know it.
    fn add_user(
        &self,
        batch: Batch,
        domain: &str,
        subdomain: &mut Subdomain,
        user: &User,
    ) -> Result<Batch, DomainError> {
        let record = match &user.key {
            Some(key) => UserRecord {
                keyid: key.keyid.to_string(),
                public: key.public.to_base64(),
            },
            None if subdomain.use_signatures => {
                return Err(Invalid::new(
                    "a user of a subdomain with signatures",
                    "given with a key",
                )
                .into());
            }
            None => return Ok(batch),
        };
        if !subdomain.use_signatures {
            return Ok(batch);
        }
        let key = user_key(domain, &user.id);
        let known = self.0.store.get(Tree::Subdomains, key.as_bytes())?;
        let known: Option<UserRecord> = known.as_deref().map(parse).transpose()?;
        if known.as_ref() == Some(&record) {
            return Ok(batch);
        }
        if known.is_none() {
            if subdomain.users >= USERS {
                return Err(DomainError::TooMany {
                    what: "users of the subdomain",
                });
            }
            subdomain.users += 1;
        }
        Ok(batch.put(Tree::Subdomains, key, json(&record)?))
    }
}

/// Names have no slash, so this is one subdomain's own key.
fn domain_key(account: &Name, name: &Name) -> String {
    format!("domain/{account}/{name}")
}

fn user_key(domain: &str, user: &str) -> String {
    format!("user/{domain}/{user}")
}

fn parse_key(key: &[u8]) -> Option<(Name, Name)> {
    let (account, name) = std::str::from_utf8(key)
        .ok()?
        .strip_prefix("domain/")?
        .split_once('/')?;
    Some((Name::parse(account).ok()?, Name::parse(name).ok()?))
}

fn parse<T: serde::de::DeserializeOwned>(raw: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(raw).map_err(|_| corrupt())
}

fn json<T: Serialize>(record: &T) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(record).map_err(|_| corrupt())
}

const fn corrupt() -> StoreError {
    StoreError::Corrupt {
        tree: Tree::Subdomains.name(),
    }
}
