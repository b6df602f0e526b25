//! The room as its callers see it.

mod activation;
mod admission;
mod configuration;
mod details;
mod ends;
mod keys;
mod mint;
mod root;
mod tokens;

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use super::fixture::{World, config, name, owner, presented, root_key, root_pair, source};
use super::jwt::{self, Claims};
use super::*;
use crate::ids::DomainId;
use crate::limits::Source;
use crate::secret::{AccountKey, KeySecret};
use crate::store::Tree;

const UUID: &str = "ckzz0abcdefgh0123456789ab.acme.gw.example.org";
const DELETED_UUID: &str = "cdel0abcdefgh0123456789ab";
const NAMED: &str = "todo.acme.gw.example.org";
const NO: Result<Principal, AuthError> = Err(AuthError::Unauthorized);

fn wrong_secret(key: &AccountKey) -> AccountKey {
    AccountKey {
        secret: KeySecret::new("bcdfghjkmnpqrstv".repeat(5)),
        ..key.clone()
    }
}

fn elsewhere(n: u8) -> Source {
    Source::of([198, 51, n, 7].into())
}

/// Only the named subdomain `todo` of `acme` exists, and one with a UUID name was deleted.
struct OneSubdomain;

impl Registry for OneSubdomain {
    fn exists(&self, account: &Name, subdomain: &Name) -> bool {
        *account == name("acme") && *subdomain == name("todo")
    }

    fn is_deleted(&self, account: &Name, subdomain: &Name) -> bool {
        *account == name("acme") && *subdomain == name(DELETED_UUID)
    }
}

impl World {
    async fn who(&self, credential: &Credential) -> Result<Principal, AuthError> {
        self.accounts.authenticate(credential, source()).await
    }

    fn token(&self, kid: &AccountKey, claims: &Claims) -> Credential {
        let found = self.accounts.0.book.key(&kid.id).unwrap().unwrap();
        let signing = found
            .record
            .pair()
            .unwrap()
            .private
            .open(&kid.secret)
            .unwrap();
        Credential::Jwt(jwt::sign(claims, &kid.id, &signing).unwrap())
    }

    fn claims(&self, issuer: &str) -> Claims {
        let now = self.clock.now().as_secs();
        Claims {
            iss: issuer.to_owned(),
            iat: Some(now),
            exp: Some(now + 600),
            ..Claims::default()
        }
    }

    async fn admit(&self, domain: &str, credential: &Credential) -> Result<Admission, AuthError> {
        let domain = DomainId::parse(domain, &self.config.gateway.domain).unwrap();
        self.accounts
            .admit(&domain, credential, source(), &OneSubdomain)
            .await
    }

    fn read(&self, account: &str) -> Details {
        self.accounts.0.details(&name(account)).unwrap()
    }
}

async fn may(world: &World, domain: &str, credential: &Credential) -> Result<(), AuthError> {
    world.admit(domain, credential).await.map(|_| ())
}

#[tokio::test]
async fn accounts_are_writable_as_long_as_their_store_is() {
    let world = World::new().await;
    assert!(world.accounts.is_writable());
    world.store.close();
    assert!(!world.accounts.is_writable());
}
