//! The room as its callers see it.

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

/// Only the named subdomain `todo` of `acme` exists.
struct OneSubdomain;

impl Registry for OneSubdomain {
    fn exists(&self, account: &Name, subdomain: &Name) -> bool {
        *account == name("acme") && *subdomain == name("todo")
    }
}

impl World {
    async fn who(&self, credential: &Credential) -> Result<Principal, AuthError> {
        self.accounts.authenticate(credential, source()).await
    }

    async fn token(&self, kid: &AccountKey, claims: Claims) -> Credential {
        let found = self.accounts.0.book.key(&kid.id).unwrap().unwrap();
        let signing = found
            .record
            .pair()
            .unwrap()
            .private
            .open(&kid.secret)
            .unwrap();
        Credential::Jwt(jwt::sign(&claims, &kid.id, &signing).unwrap())
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
        let permit = self
            .accounts
            .permit(&Principal::Root, &name(account))
            .unwrap();
        self.accounts.details(&permit).unwrap()
    }
}

// --- keys ---

#[tokio::test]
async fn a_right_key_proves_its_account_by_name_and_by_iri() {
    let world = World::new().await;
    let key = world.key("acme").await;
    for account in ["acme", "http://gw.example.org/acme"] {
        assert_eq!(
            world.who(&presented(account, &key)).await,
            Ok(owner("acme", &key))
        );
    }
    assert_eq!(world.who(&Credential::None).await, Ok(Principal::Anonymous));
}

#[tokio::test]
async fn refusals_are_alike_whatever_is_wrong() {
    let world = World::new().await;
    let (key, other) = (world.key("acme").await, world.key("other").await);
    world
        .patch("acme", json!({"@insert": {"email": "me@example.org"}}))
        .await;
    let revoked = world.key("acme").await;
    world
        .patch("acme", json!({"@delete": {"key": revoked.id.as_str()}}))
        .await;
    let unknown = AccountKey::mint(&name("root"), &world.chance).unwrap();
    let other_app = AccountKey {
        app: name("toor"),
        ..key.clone()
    };
    for (account, key) in [
        ("acme", &wrong_secret(&key)),
        ("acme", &unknown),
        ("acme", &revoked),
        ("acme", &other),
        ("acme", &other_app),
        ("nobody", &key),
        ("No Name", &key),
        ("http://elsewhere.org/acme", &key),
    ] {
        assert_eq!(
            world.who(&presented(account, key)).await,
            NO,
            "{account} {key}"
        );
    }
    assert_eq!(world.who(&Credential::Malformed).await, NO);
    assert_eq!(world.who(&Credential::Activation(String::new())).await, NO);
}

#[tokio::test]
async fn the_root_key_is_root_for_whomever_it_is_presented() {
    let world = World::new().await;
    for account in ["root", "acme", "http://gw.example.org/root"] {
        assert_eq!(
            world.who(&presented(account, &root_key())).await,
            Ok(Principal::Root)
        );
    }
    assert_eq!(
        world
            .who(&presented("root", &wrong_secret(&root_key())))
            .await,
        NO
    );
    let alone = Credential::from_parts(None, &root_key().expose());
    assert_eq!(world.who(&alone).await, Ok(Principal::Root));
}

#[tokio::test]
async fn another_key_of_the_root_account_is_not_root() {
    let world = World::new().await;
    let key = world.key("root").await;
    assert_eq!(
        world.who(&presented("root", &key)).await,
        Ok(owner("root", &key))
    );
}

#[tokio::test]
async fn a_right_key_passes_whatever_is_locked_and_a_wrong_one_waits() {
    let world = World::new().await;
    let key = world.key("acme").await;
    for _ in 0..10 {
        assert_eq!(world.who(&presented("acme", &wrong_secret(&key))).await, NO);
    }
    let wrong = world.who(&presented("acme", &wrong_secret(&key))).await;
    assert!(matches!(wrong, Err(AuthError::TooMany { .. })), "{wrong:?}");
    let unknown = world.who(&presented("nobody", &wrong_secret(&key))).await;
    assert_eq!(unknown, wrong);
    assert_eq!(
        world.who(&presented("acme", &key)).await,
        Ok(owner("acme", &key))
    );
}

#[tokio::test]
async fn a_root_key_that_could_be_guessed_is_locked_with_its_source() {
    let mut config = config();
    config.gateway.root_pair = None;
    config.gateway.root_key = Some(AccountKey::parse("root.weak01:letmein").unwrap());
    let world = World::with(config.clone()).await.unwrap();
    let key = config.gateway.root_key.unwrap();
    for _ in 0..10 {
        assert_eq!(world.who(&presented("root", &wrong_secret(&key))).await, NO);
    }
    let right = world.who(&presented("root", &key)).await;
    assert!(matches!(right, Err(AuthError::TooMany { .. })), "{right:?}");
    let far = world
        .accounts
        .authenticate(&presented("root", &key), elsewhere(1))
        .await;
    assert_eq!(far, Ok(Principal::Root));
}

#[tokio::test]
async fn a_key_is_confirmed_by_argon2_once_and_again_when_the_cache_ends() {
    let world = World::new().await;
    let key = world.key("acme").await;
    let room = &world.accounts.0;
    let known = || {
        let mark = world.accounts.mark(&key);
        room.verified.knows(&mark, 0, world.clock.running())
    };
    assert!(!known());
    world
        .who(&presented("acme", &wrong_secret(&key)))
        .await
        .unwrap_err();
    assert!(!known(), "a wrong secret is not remembered");
    world.who(&presented("acme", &key)).await.unwrap();
    assert!(known());
    world.hand.advance(Duration::from_secs(600));
    assert!(!known());
}

#[tokio::test]
async fn two_verifiers_that_disagree_let_nobody_in() {
    let world = World::new().await;
    let (key, other) = (world.key("acme").await, world.key("acme").await);
    let book = &world.accounts.0.book;
    let (found, donor) = (
        book.key(&key.id).unwrap().unwrap(),
        book.key(&other.id).unwrap().unwrap(),
    );
    let mut record = found.record.clone();
    record.argon2id = donor.record.argon2id;
    let batch = records::put(
        Default::default(),
        (Tree::Keys, key.id.as_str()),
        Some(&found),
        &record,
    );
    book.commit(batch.unwrap()).await.unwrap();
    assert_eq!(
        world.who(&presented("acme", &key)).await,
        Err(AuthError::Unavailable)
    );
}

#[tokio::test]
async fn right_keys_pass_when_argon2_has_no_room() {
    let world = World::new().await;
    let key = world.key("acme").await;
    let _full = world.accounts.0.hasher.fill();
    assert_eq!(
        world.who(&presented("acme", &key)).await,
        Ok(owner("acme", &key))
    );
    let permit = world
        .accounts
        .permit(&Principal::Root, &name("acme"))
        .unwrap();
    let refused = world.accounts.mint_key(&permit, false).await.unwrap_err();
    assert!(matches!(
        refused,
        AccountError::Refused(AuthError::Unavailable)
    ));
}

#[tokio::test]
async fn last_use_is_noted_once_a_day() {
    let world = World::new().await;
    let key = world.key("acme").await;
    let used = || world.read("acme").key.pop().unwrap().last_used;
    assert_eq!(used(), None);
    world.who(&presented("acme", &key)).await.unwrap();
    let first = used().unwrap();
    world.hand.advance(Duration::from_secs(3600));
    world.who(&presented("acme", &key)).await.unwrap();
    assert_eq!(used(), Some(first.clone()));
    world.hand.advance(Duration::from_secs(24 * 3600));
    world.who(&presented("acme", &key)).await.unwrap();
    assert_ne!(used(), Some(first));
}

#[tokio::test]
async fn nothing_that_is_stored_holds_a_secret() {
    let world = World::new().await;
    let key = world.key("acme").await;
    for tree in Tree::ALL {
        for (_, value) in world.store.scan(tree).unwrap() {
            let text = String::from_utf8_lossy(&value).into_owned();
            assert!(!text.contains(key.secret.expose()));
            assert!(!text.contains(root_key().secret.expose()));
        }
    }
}

// --- minting ---

#[tokio::test]
async fn a_minted_pair_opens_with_the_secret_and_is_the_published_one() {
    let world = World::new().await;
    let permit = world
        .accounts
        .permit(&Principal::Root, &name("acme"))
        .unwrap();
    let minted = world.accounts.mint_key(&permit, true).await.unwrap();
    let pair = minted.pair.clone().unwrap();
    let adopted = UserKey::adopt(
        &pair.public.to_base64(),
        &pair.private.to_base64(),
        &minted.key.secret,
    );
    assert_eq!(adopted.as_ref(), Ok(&pair));
    let read = world
        .accounts
        .permit(&Principal::Root, &name("acme"))
        .unwrap();
    assert_eq!(
        world.accounts.public_key(&read, &minted.key.id).unwrap(),
        pair.public
    );
    let answer = minted.expose();
    assert_eq!(answer["auth"]["key"], minted.key.expose());
    assert_eq!(answer["key"]["type"], "rsa");
    assert_eq!(minted.key.app, name("root"));
}

#[tokio::test]
async fn an_account_mints_for_itself_at_its_rate_and_up_to_its_count() {
    let world = World::new().await;
    let key = world.key("acme").await;
    let permit = world
        .accounts
        .permit(&owner("acme", &key), &name("acme"))
        .unwrap();
    for _ in 0..3 {
        world.accounts.mint_key(&permit, false).await.unwrap();
    }
    let often = world.accounts.mint_key(&permit, false).await.unwrap_err();
    assert!(
        matches!(often, AccountError::Refused(AuthError::TooMany { .. })),
        "{often}"
    );
    world.hand.advance(Duration::from_secs(3600));
    let many = world.accounts.mint_key(&permit, false).await.unwrap_err();
    assert!(
        matches!(many, AccountError::Conflict(Conflict::TooManyKeys)),
        "{many}"
    );
    world
        .patch("acme", json!({"@delete": {"key": key.id.as_str()}}))
        .await;
    world.accounts.mint_key(&permit, false).await.unwrap();
}

#[tokio::test]
async fn an_account_that_is_not_there_cannot_mint_for_itself() {
    let world = World::new().await;
    let ghost = owner("ghost", &root_key());
    let permit = world.accounts.permit(&ghost, &name("ghost")).unwrap();
    let refused = world.accounts.mint_key(&permit, false).await.unwrap_err();
    assert!(matches!(
        refused,
        AccountError::Refused(AuthError::NotFound)
    ));
}

#[tokio::test]
async fn keys_minted_at_once_are_all_recorded() {
    let world = World::new().await;
    let (a, b, c) = tokio::join!(world.key("acme"), world.key("acme"), world.key("acme"));
    let ids: BTreeSet<_> = [a.id, b.id, c.id].into_iter().collect();
    let recorded: BTreeSet<_> = world
        .read("acme")
        .key
        .into_iter()
        .map(|key| key.keyid)
        .collect();
    assert_eq!(recorded, ids.iter().map(ToString::to_string).collect());
}

// --- tokens ---

#[tokio::test]
async fn a_token_by_the_user_key_proves_the_account() {
    let world = World::new().await;
    let key = world.key("acme").await;
    for issuer in ["acme", "http://gw.example.org/acme"] {
        let token = world.token(&key, world.claims(issuer)).await;
        let Ok(Principal::Account {
            name: account,
            proof,
            key: id,
        }) = world.who(&token).await
        else {
            panic!("{issuer}");
        };
        assert_eq!(
            (account, proof, id),
            (name("acme"), Proof::Token, key.id.clone())
        );
    }
}

#[tokio::test]
async fn a_token_for_somebody_else_opens_domains_only() {
    let world = World::new().await;
    let key = world.key("acme").await;
    let proof = async |claims| match world.who(&world.token(&key, claims).await).await {
        Ok(Principal::Account { proof, .. }) => proof,
        other => panic!("{other:?}"),
    };
    let sub = |sub: &str| Claims {
        sub: Some(sub.to_owned()),
        ..world.claims("acme")
    };
    assert_eq!(proof(sub("acme")).await, Proof::Token);
    assert_eq!(proof(sub("http://gw.example.org/acme")).await, Proof::Token);
    assert_eq!(
        proof(sub("https://example.org/users/1")).await,
        Proof::UserToken
    );
    let scoped = Claims {
        scope: Some("remotes".to_owned()),
        ..world.claims("acme")
    };
    assert_eq!(proof(scoped).await, Proof::UserToken);
}

#[tokio::test]
async fn a_token_is_good_within_its_time_give_or_take_a_minute() {
    let world = World::new().await;
    let key = world.key("acme").await;
    let now = world.clock.now().as_secs();
    for (claims, good) in [
        (
            Claims {
                exp: Some(now - 59),
                ..world.claims("acme")
            },
            true,
        ),
        (
            Claims {
                exp: Some(now - 60),
                ..world.claims("acme")
            },
            false,
        ),
        (
            Claims {
                exp: None,
                ..world.claims("acme")
            },
            false,
        ),
        (
            Claims {
                nbf: Some(now + 60),
                ..world.claims("acme")
            },
            true,
        ),
        (
            Claims {
                nbf: Some(now + 61),
                ..world.claims("acme")
            },
            false,
        ),
        (
            Claims {
                iat: Some(now + 61),
                ..world.claims("acme")
            },
            false,
        ),
    ] {
        let token = world.token(&key, claims.clone()).await;
        assert_eq!(world.who(&token).await.is_ok(), good, "{claims:?}");
    }
}

#[tokio::test]
async fn a_token_by_another_key_or_for_another_audience_is_refused() {
    let world = World::new().await;
    let (key, other) = (world.key("acme").await, world.key("other").await);
    let aud = |aud: &str| Claims {
        aud: Some(jwt::Audience::One(aud.to_owned())),
        ..world.claims("acme")
    };
    for (kid, claims, good) in [
        (&other, world.claims("acme"), false),
        (&key, world.claims("other"), false),
        (&key, world.claims("http://elsewhere.org/acme"), false),
        (&key, aud("https://elsewhere.org"), false),
        (&key, aud("gw.example.org"), true),
        (&key, aud("http://gw.example.org/"), true),
    ] {
        let token = world.token(kid, claims.clone()).await;
        assert_eq!(world.who(&token).await.is_ok(), good, "{claims:?}");
    }
    let Credential::Jwt(token) = world.token(&key, world.claims("acme")).await else {
        panic!()
    };
    let (front, signature) = token.rsplit_once('.').unwrap();
    let cut = Credential::Jwt(format!("{front}.{}", &signature[4..]));
    assert_eq!(world.who(&cut).await, NO);
    assert_eq!(world.who(&Credential::Jwt(format!("{front}."))).await, NO);
}

#[tokio::test]
async fn a_token_of_a_revoked_key_is_refused() {
    let world = World::new().await;
    let (key, _kept) = (world.key("acme").await, world.key("acme").await);
    let token = world.token(&key, world.claims("acme")).await;
    assert!(world.who(&token).await.is_ok());
    world
        .patch("acme", json!({"@delete": {"key": key.id.as_str()}}))
        .await;
    assert_eq!(world.who(&token).await, NO);
}

#[tokio::test]
async fn a_token_by_the_root_pair_is_the_root_account_and_not_root() {
    let world = World::new().await;
    let token = world.token(&root_key(), world.claims("root")).await;
    let who = world.who(&token).await;
    assert!(
        matches!(
            who,
            Ok(Principal::Account {
                proof: Proof::Token,
                ..
            })
        ),
        "{who:?}"
    );
    let permit = world.accounts.manage(&who.unwrap(), &name("acme"));
    assert_eq!(permit.err(), Some(AuthError::Forbidden));
}

// --- revocation and details ---

#[tokio::test]
async fn a_revoked_key_is_told_once_it_is_durable_and_is_no_good_any_more() {
    let world = World::new().await;
    let (key, kept) = (world.key("acme").await, world.key("acme").await);
    world
        .patch("acme", json!({"@insert": {"remotesAuth": ["key"]}}))
        .await;
    let mut told = world.accounts.revocations();
    let admission = world
        .admit("todo.acme.gw.example.org", &presented("acme", &key))
        .await
        .unwrap();
    assert_eq!(world.accounts.holds(&admission), Ok(true));
    let permit = world
        .accounts
        .manage(&owner("acme", &kept), &name("acme"))
        .unwrap();
    let patch = Patch::parse(&json!({"@delete": {"key": key.id.as_str()}})).unwrap();
    world.accounts.patch(&permit, &patch).await.unwrap();
    assert_eq!(
        told.try_recv().unwrap(),
        Revoked {
            account: name("acme"),
            key: key.id.clone()
        }
    );
    assert_eq!(world.accounts.holds(&admission), Ok(false));
    assert_eq!(
        world.who(&presented("acme", &key)).await,
        NO,
        "although it was cached"
    );
    world.accounts.patch(&permit, &patch).await.unwrap();
    assert!(told.try_recv().is_err(), "revoking again does nothing");
}

#[tokio::test]
async fn the_last_key_stays_unless_there_is_an_address_or_root_takes_it() {
    let world = World::new().await;
    let key = world.key("acme").await;
    let permit = world
        .accounts
        .manage(&owner("acme", &key), &name("acme"))
        .unwrap();
    let revoke = json!({"@delete": {"key": key.id.as_str()}});
    let patch = |value| Patch::parse(&value).unwrap();
    let last = world
        .accounts
        .patch(&permit, &patch(revoke.clone()))
        .await
        .unwrap_err();
    assert!(matches!(last, AccountError::Conflict(Conflict::LastKey)));
    assert!(
        world.who(&presented("acme", &key)).await.is_ok(),
        "a refused change leaves nothing behind"
    );
    world
        .patch("acme", json!({"@insert": {"email": "me@example.org"}}))
        .await;
    let both = json!({"@delete": {"key": key.id.as_str(), "email": "ME@example.org"}});
    let both = world
        .accounts
        .patch(&permit, &patch(both))
        .await
        .unwrap_err();
    assert!(matches!(both, AccountError::Conflict(Conflict::LastKey)));
    world.accounts.patch(&permit, &patch(revoke)).await.unwrap();
    let second = world.key("other").await;
    world
        .patch("other", json!({"@delete": {"key": second.id.as_str()}}))
        .await;
}

#[tokio::test]
async fn of_two_last_keys_revoked_at_once_one_stays() {
    let world = World::new().await;
    let (a, b) = (world.key("acme").await, world.key("acme").await);
    let permit = world
        .accounts
        .manage(&owner("acme", &a), &name("acme"))
        .unwrap();
    let patch =
        |key: &AccountKey| Patch::parse(&json!({"@delete": {"key": key.id.as_str()}})).unwrap();
    let (patch_a, patch_b) = (patch(&a), patch(&b));
    let (first, second) = tokio::join!(
        world.accounts.patch(&permit, &patch_a),
        world.accounts.patch(&permit, &patch_b)
    );
    assert!(first.is_ok() != second.is_ok());
}

#[tokio::test]
async fn keys_of_others_and_the_root_key_are_not_revoked_by_a_patch() {
    let world = World::new().await;
    let (_key, other) = (world.key("acme").await, world.key("other").await);
    let root = Principal::Root;
    for (account, key, expected) in [
        ("acme", &other, "not found"),
        ("nobody", &other, "not found"),
        (
            "root",
            &root_key(),
            "the root key is changed in the configuration",
        ),
    ] {
        let permit = world.accounts.manage(&root, &name(account)).unwrap();
        let patch = Patch::parse(&json!({"@delete": {"key": key.id.as_str()}})).unwrap();
        let refused = world.accounts.patch(&permit, &patch).await.unwrap_err();
        assert_eq!(refused.to_string(), expected, "{account}");
    }
}

#[tokio::test]
async fn details_are_as_patched() {
    let world = World::new().await;
    let key = world.key("acme").await;
    world
        .patch(
            "acme",
            json!({"@insert": {
                "email": ["a@example.org", "A@Example.org", "b@example.org"],
                "naming": "uuid", "remotesAuth": ["anon", "key"],
            }}),
        )
        .await;
    world
        .patch(
            "acme",
            json!({"@delete": {"email": "B@example.org", "remotesAuth": "anon"}}),
        )
        .await;
    let details = serde_json::to_value(world.read("acme")).unwrap();
    assert_eq!(details["@id"], "http://gw.example.org/acme");
    assert_eq!(details["email"], json!(["a@example.org"]));
    assert_eq!(details["naming"], json!(["uuid"]));
    assert_eq!(details["remotesAuth"], json!(["key"]));
    assert_eq!(
        details["key"][0],
        json!({
            "keyid": key.id.as_str(), "created": "2027-01-15T08:00:00.000Z",
            "lastUsed": null, "expires": null, "revoked": null,
        })
    );
    let emails: Vec<_> = (0..16).map(|n| format!("{n}@example.org")).collect();
    let permit = world
        .accounts
        .manage(&Principal::Root, &name("acme"))
        .unwrap();
    let patch = Patch::parse(&json!({"@insert": {"email": emails}})).unwrap();
    let many = world.accounts.patch(&permit, &patch).await.unwrap_err();
    assert!(matches!(
        many,
        AccountError::Conflict(Conflict::TooManyEmails)
    ));
}

#[tokio::test]
async fn a_public_key_is_told_to_its_account_only() {
    let world = World::new().await;
    let (key, other) = (world.key("acme").await, world.key("other").await);
    let permit = world
        .accounts
        .permit(&owner("acme", &key), &name("acme"))
        .unwrap();
    let pem = world
        .accounts
        .public_key(&permit, &key.id)
        .unwrap()
        .to_pem();
    assert!(pem.starts_with("-----BEGIN PUBLIC KEY-----\n"), "{pem}");
    assert!(world.accounts.public_key(&permit, &other.id).is_err());
    assert_eq!(world.accounts.root_public_key(), &root_pair().public);
    assert_eq!(world.accounts.context()["@base"], "http://gw.example.org/");
}

// --- activation ---

#[tokio::test]
async fn a_mailed_code_makes_an_account_with_a_key_once() {
    let world = World::new().await;
    let token = world
        .accounts
        .activate(&name("acme"), "me@example.org", source())
        .await
        .unwrap();
    let (to, code) = world.mailed().unwrap();
    assert_eq!((to.as_str(), code.len()), ("me@example.org", 6));
    let redeem = async || {
        let activation = (token.as_str(), code.as_str());
        world
            .accounts
            .mint_key_by_activation(&name("acme"), activation, source(), true)
            .await
    };
    let minted = redeem().await.unwrap();
    assert!(minted.pair.is_some());
    assert_eq!(
        world.who(&presented("acme", &minted.key)).await,
        Ok(owner("acme", &minted.key))
    );
    assert_eq!(world.read("acme").email, ["me@example.org"]);
    assert!(matches!(
        redeem().await,
        Err(AccountError::Refused(AuthError::Unauthorized))
    ));
    assert!(world.store.scan(Tree::Activations).unwrap().is_empty());
}

#[tokio::test]
async fn of_two_that_redeem_at_once_one_gets_a_key() {
    let world = World::new().await;
    let token = world
        .accounts
        .activate(&name("acme"), "me@example.org", source())
        .await
        .unwrap();
    let (_, code) = world.mailed().unwrap();
    let acme = name("acme");
    let redeem = || {
        world
            .accounts
            .mint_key_by_activation(&acme, (&token, &code), source(), false)
    };
    let (first, second) = tokio::join!(redeem(), redeem());
    assert!(first.is_ok() != second.is_ok());
    assert_eq!(world.read("acme").key.len(), 1);
}

#[tokio::test]
async fn an_existing_account_mails_only_as_registered_and_answers_alike() {
    let world = World::new().await;
    world.key("acme").await;
    world
        .patch("acme", json!({"@insert": {"email": "Me@example.org"}}))
        .await;
    let right = world
        .accounts
        .activate(&name("acme"), "mE@Example.org", source())
        .await
        .unwrap();
    assert_eq!(world.mailed().unwrap().0, "Me@example.org");
    let wrong = world
        .accounts
        .activate(&name("acme"), "you@example.org", source())
        .await
        .unwrap();
    assert_eq!(
        world.notifier.recorded().len(),
        1,
        "nothing more was mailed"
    );
    assert_eq!(right.len(), wrong.len());
}

#[tokio::test]
async fn a_decoy_takes_no_code_at_all() {
    let world = World::new().await;
    world.key("acme").await;
    let room = &world.accounts.0;
    let address = crate::notify::Address::parse("you@example.org").unwrap();
    let (token, code, to) = room.begin(&name("acme"), &address).await.unwrap();
    assert_eq!(to, None);
    let acme = name("acme");
    let guessed = world
        .accounts
        .mint_key_by_activation(&acme, (&token, &code), source(), false)
        .await;
    assert!(matches!(
        guessed,
        Err(AccountError::Refused(AuthError::Unauthorized))
    ));
}

#[tokio::test]
async fn five_wrong_codes_kill_an_activation_even_for_the_right_one() {
    let world = World::new().await;
    let acme = name("acme");
    let token = world
        .accounts
        .activate(&acme, "me@example.org", source())
        .await
        .unwrap();
    let (_, code) = world.mailed().unwrap();
    let wrong = if code == "000000" { "000001" } else { "000000" };
    for n in 0..5 {
        let guess = world
            .accounts
            .mint_key_by_activation(&acme, (&token, wrong), elsewhere(n), false)
            .await;
        assert!(
            matches!(guess, Err(AccountError::Refused(AuthError::Unauthorized))),
            "{n}"
        );
    }
    let right = world
        .accounts
        .mint_key_by_activation(&acme, (&token, &code), elsewhere(9), false)
        .await;
    assert!(matches!(
        right,
        Err(AccountError::Refused(AuthError::Unauthorized))
    ));
}

#[tokio::test]
async fn parallel_guesses_are_no_more_than_the_tries() {
    let world = World::new().await;
    let acme = name("acme");
    let address = crate::notify::Address::parse("me@example.org").unwrap();
    let (token, code, _) = world.accounts.0.begin(&acme, &address).await.unwrap();
    let envelope = world.accounts.0.unseal(&token).unwrap();
    let guess = |code: &'static str| world.accounts.0.try_code(&envelope.id, code);
    let all = tokio::join!(
        guess("a"),
        guess("b"),
        guess("c"),
        guess("d"),
        guess("e"),
        guess("f")
    );
    assert!(
        [all.0, all.1, all.2, all.3, all.4, all.5]
            .into_iter()
            .all(|one| one.unwrap().is_none())
    );
    assert_eq!(
        world
            .accounts
            .0
            .try_code(&envelope.id, &code)
            .await
            .unwrap(),
        None
    );
}

#[tokio::test]
async fn guesses_lock_the_account_s_activations_and_its_source() {
    let world = World::new().await;
    let acme = name("acme");
    let key = world.key("acme").await;
    world
        .patch("acme", json!({"@insert": {"email": "me@example.org"}}))
        .await;
    for n in 0..20 {
        let guess = world
            .accounts
            .mint_key_by_activation(&acme, ("no", "000000"), elsewhere(n), false)
            .await;
        assert!(
            matches!(guess, Err(AccountError::Refused(AuthError::Unauthorized))),
            "{n}"
        );
    }
    let locked = world
        .accounts
        .mint_key_by_activation(&acme, ("no", "000000"), elsewhere(99), false)
        .await;
    assert!(matches!(
        locked,
        Err(AccountError::Refused(AuthError::TooMany { .. }))
    ));
    assert!(
        world.who(&presented("acme", &key)).await.is_ok(),
        "its key passes all the same"
    );
}

#[tokio::test]
async fn a_code_ends_after_ten_minutes_and_is_swept_away() {
    let world = World::new().await;
    let acme = name("acme");
    let token = world
        .accounts
        .activate(&acme, "me@example.org", source())
        .await
        .unwrap();
    let (_, code) = world.mailed().unwrap();
    world.hand.advance(Duration::from_secs(600));
    let late = world
        .accounts
        .mint_key_by_activation(&acme, (&token, &code), source(), false)
        .await;
    assert!(matches!(
        late,
        Err(AccountError::Refused(AuthError::Unauthorized))
    ));
    world
        .accounts
        .activate(&acme, "you@example.org", source())
        .await
        .unwrap();
    assert_eq!(world.store.scan(Tree::Activations).unwrap().len(), 1);
}

#[tokio::test]
async fn an_activation_is_for_its_account_and_not_for_one_registered_since() {
    let world = World::new().await;
    let (acme, other) = (name("acme"), name("other"));
    let token = world
        .accounts
        .activate(&acme, "me@example.org", source())
        .await
        .unwrap();
    let (_, code) = world.mailed().unwrap();
    let foreign = world
        .accounts
        .mint_key_by_activation(&other, (&token, &code), source(), false)
        .await;
    assert!(matches!(
        foreign,
        Err(AccountError::Refused(AuthError::Forbidden))
    ));
    world.key("acme").await;
    let taken = world
        .accounts
        .mint_key_by_activation(&acme, (&token, &code), source(), false)
        .await;
    assert!(matches!(
        taken,
        Err(AccountError::Refused(AuthError::Unauthorized))
    ));
}

#[tokio::test]
async fn reserved_names_and_bad_addresses_are_not_activated_and_mailboxes_are_spared() {
    let world = World::new().await;
    for reserved in ["root", "admin"] {
        let refused = world
            .accounts
            .activate(&name(reserved), "me@example.org", source())
            .await;
        assert!(
            matches!(refused, Err(AccountError::Conflict(Conflict::ReservedName))),
            "{reserved}"
        );
    }
    for bad in ["", "me", "me@example.org\r\nBcc: you@example.org"] {
        let refused = world.accounts.activate(&name("acme"), bad, source()).await;
        assert!(matches!(refused, Err(AccountError::Invalid(_))), "{bad:?}");
    }
    for (n, email) in ["me@example.org", "Me@example.org", "me+1@example.org"]
        .into_iter()
        .enumerate()
    {
        let n = u8::try_from(n).unwrap();
        world
            .accounts
            .activate(&name("acme"), email, elsewhere(n))
            .await
            .unwrap();
    }
    let often = world
        .accounts
        .activate(&name("acme"), "me@example.org", elsewhere(9))
        .await;
    assert!(matches!(
        often,
        Err(AccountError::Refused(AuthError::TooMany { .. }))
    ));
}

// --- admission ---

const UUID: &str = "ckzz0abcdefgh0123456789ab.acme.gw.example.org";
const NAMED: &str = "todo.acme.gw.example.org";

async fn may(world: &World, domain: &str, credential: &Credential) -> Result<(), AuthError> {
    world.admit(domain, credential).await.map(|_| ())
}

#[tokio::test]
async fn only_root_opens_the_gateway_s_own_domain() {
    let world = World::new().await;
    let key = world.key("acme").await;
    let gateway = "gw.example.org";
    assert_eq!(
        may(&world, gateway, &Credential::None).await,
        Err(AuthError::Unauthorized)
    );
    assert_eq!(
        may(&world, gateway, &presented("acme", &key)).await,
        Err(AuthError::Forbidden)
    );
    let root = presented("root", &root_key());
    for domain in [gateway, UUID, NAMED] {
        assert_eq!(may(&world, domain, &root).await, Ok(()), "{domain}");
    }
    let missing = may(&world, "gone.acme.gw.example.org", &root).await;
    assert_eq!(missing, Err(AuthError::NotFound));
}

#[tokio::test]
async fn the_anonymous_open_uuid_subdomains_where_the_account_says_so() {
    let world = World::new().await;
    world.key("acme").await;
    let anon = Credential::None;
    assert_eq!(may(&world, UUID, &anon).await, Err(AuthError::Unauthorized));
    world
        .patch("acme", json!({"@insert": {"remotesAuth": "anon"}}))
        .await;
    assert_eq!(may(&world, UUID, &anon).await, Ok(()));
    for other in [
        NAMED,
        "gone.acme.gw.example.org",
        "ckzz0abcdefgh0123456789ab.nobody.gw.example.org",
    ] {
        assert_eq!(
            may(&world, other, &anon).await,
            Err(AuthError::Unauthorized),
            "{other}"
        );
    }
    let admission = world.admit(UUID, &anon).await.unwrap();
    assert_eq!(
        (admission.key(), world.accounts.holds(&admission)),
        (None, Ok(true))
    );
}

#[tokio::test]
async fn keys_and_tokens_open_what_the_account_lists() {
    let world = World::new().await;
    let (key, other) = (world.key("acme").await, world.key("other").await);
    let by_key = presented("acme", &key);
    let by_token = world.token(&key, world.claims("acme")).await;
    let (yes, no) = (Ok(()), Err(AuthError::Forbidden));
    for (listed, with_key, with_token) in [
        (json!([]), yes, no),
        (json!(["key"]), yes, no),
        (json!(["jwt"]), no, yes),
        (json!(["anon"]), no, no),
        (json!(["anon", "key", "jwt"]), yes, yes),
    ] {
        world
            .patch(
                "acme",
                json!({"@delete": {"remotesAuth": ["anon", "key", "jwt"]}}),
            )
            .await;
        world
            .patch("acme", json!({"@insert": {"remotesAuth": listed}}))
            .await;
        for domain in [UUID, NAMED] {
            assert_eq!(
                may(&world, domain, &by_key).await,
                with_key,
                "{listed} {domain}"
            );
            assert_eq!(
                may(&world, domain, &by_token).await,
                with_token,
                "{listed} {domain}"
            );
        }
    }
    assert_eq!(may(&world, NAMED, &presented("other", &other)).await, no);
    let gone = may(&world, "gone.acme.gw.example.org", &by_key).await;
    assert_eq!(gone, Err(AuthError::NotFound));
    let wrong = may(&world, NAMED, &presented("acme", &wrong_secret(&key))).await;
    assert_eq!(wrong, Err(AuthError::Unauthorized));
}

#[tokio::test]
async fn an_account_connects_at_its_rate() {
    let world = World::new().await;
    let key = world.key("acme").await;
    for _ in 0..50 {
        assert_eq!(may(&world, NAMED, &presented("acme", &key)).await, Ok(()));
    }
    let often = may(&world, NAMED, &presented("acme", &key)).await;
    assert!(matches!(often, Err(AuthError::TooMany { .. })));
}

// --- root ---

#[tokio::test]
async fn the_root_pair_is_made_once_and_kept() {
    let mut config = config();
    config.gateway.root_pair = None;
    let world = World::with(config.clone()).await.unwrap();
    let made = world.accounts.root_public_key().clone();
    let world = world.reopened(config).await.unwrap();
    assert_eq!(world.accounts.root_public_key(), &made);
    let batch_free = world.accounts.0.book.key(&root_key().id).unwrap().unwrap();
    assert!(
        batch_free
            .record
            .pair()
            .unwrap()
            .private
            .open(&root_key().secret)
            .is_ok()
    );
}

#[tokio::test]
async fn another_root_key_retires_the_old_one_and_the_old_one_can_come_back() {
    let world = World::new().await;
    let acme = world.key("acme").await;
    let other = AccountKey::mint(&name("root"), &Chance::seeded(99)).unwrap();
    let mut changed = config();
    (changed.gateway.root_key, changed.gateway.root_pair) = (Some(other.clone()), None);
    let world = world.reopened(changed).await.unwrap();
    assert_eq!(world.who(&presented("root", &root_key())).await, NO);
    assert_eq!(
        world.who(&presented("root", &other)).await,
        Ok(Principal::Root)
    );
    assert_eq!(
        world.who(&presented("acme", &acme)).await,
        Ok(owner("acme", &acme))
    );
    assert_ne!(world.accounts.root_public_key(), &root_pair().public);
    let world = world.reopened(config()).await.unwrap();
    assert_eq!(world.who(&presented("root", &other)).await, NO);
    assert_eq!(
        world.who(&presented("root", &root_key())).await,
        Ok(Principal::Root)
    );
    assert_eq!(world.accounts.root_public_key(), &root_pair().public);
}

#[tokio::test]
async fn a_root_key_that_cannot_be_is_an_error_that_says_why() {
    let with = async |change: &dyn Fn(&mut Config)| {
        let world = World::new().await;
        world.key("acme").await;
        let mut config = config();
        change(&mut config);
        world
            .reopened(config)
            .await
            .err()
            .map(|error| error.to_string())
    };
    let none = with(&|config| config.gateway.root_key = None)
        .await
        .unwrap();
    assert!(none.contains("meldgate init"), "{none}");
    let clash = with(&|config| config.gateway.root_key = Some(wrong_secret(&root_key())))
        .await
        .unwrap();
    assert!(clash.contains("another secret"), "{clash}");
    let taken = with(&|config| {
        config.gateway.root_key = Some(AccountKey {
            app: name("acme"),
            ..root_key()
        });
    });
    assert!(taken.await.unwrap().contains("acme is an account already"));
    let pair = with(&|config| {
        let other = UserKey::generate(&root_key().secret, &Chance::seeded(8)).unwrap();
        config.gateway.root_pair.as_mut().unwrap().public = other.public.to_base64();
    });
    assert!(pair.await.unwrap().contains("root key pair"));
}

#[test]
fn a_pair_is_adopted_only_whole() {
    let (pair, secret) = (root_pair(), root_key().secret);
    let (public, private) = (pair.public.to_base64(), pair.private.to_base64());
    assert_eq!(
        UserKey::adopt(&public, &private, &secret).as_ref(),
        Ok(pair)
    );
    let other = KeySecret::new("another secret");
    assert_eq!(
        UserKey::adopt(&public, &private, &other),
        Err(PairError::WrongSecret)
    );
    assert_eq!(
        UserKey::adopt("AAAA", &private, &secret),
        Err(PairError::BadPublic)
    );
    assert_eq!(
        UserKey::adopt(&public, "AAAA", &secret),
        Err(PairError::BadPrivate)
    );
    assert_eq!(
        UserKey::adopt(&private, &public, &secret),
        Err(PairError::BadPublic)
    );
    let stranger = UserKey::generate(&secret, &Chance::seeded(8))
        .unwrap()
        .public
        .to_base64();
    assert_eq!(
        UserKey::adopt(&stranger, &private, &secret),
        Err(PairError::Mismatch)
    );
}

#[tokio::test]
async fn the_room_survives_being_opened_again() {
    let world = World::new().await;
    let key = world.key("acme").await;
    world
        .accounts
        .activate(&name("new"), "me@example.org", source())
        .await
        .unwrap();
    let world = world.reopened(config()).await.unwrap();
    assert_eq!(
        world.who(&presented("acme", &key)).await,
        Ok(owner("acme", &key))
    );
    assert_eq!(world.accounts.0.activations.len(), 1);
}

// --- configuration tokens ---

#[tokio::test]
async fn a_configuration_s_token_opens_the_account_s_domains_and_nothing_else() {
    let world = World::new().await;
    let key = world.key("acme").await;
    world
        .patch("acme", json!({"@insert": {"remotesAuth": "jwt"}}))
        .await;
    let (who, credential) = (owner("acme", &key), presented("acme", &key));
    let user = Some("https://example.org/users/1");
    let token = world
        .accounts
        .remotes_token(&name("acme"), (&who, &credential), user)
        .await
        .unwrap();
    let token = Credential::Jwt(token.unwrap());
    assert_eq!(may(&world, NAMED, &token).await, Ok(()));
    let who = world.who(&token).await.unwrap();
    assert_eq!(
        world.accounts.manage(&who, &name("acme")).err(),
        Some(AuthError::Forbidden)
    );
    world.hand.advance(Duration::from_secs(600 + 60));
    assert_eq!(
        may(&world, NAMED, &token).await,
        Err(AuthError::Unauthorized)
    );
}

#[tokio::test]
async fn no_token_is_made_for_another_account_or_without_the_key() {
    let world = World::new().await;
    let key = world.key("acme").await;
    world.key("other").await;
    let (who, credential) = (owner("acme", &key), presented("acme", &key));
    for (account, who, credential) in [
        ("other", &who, &credential),
        ("acme", &Principal::Anonymous, &credential),
        ("acme", &who, &Credential::None),
        ("acme", &Principal::Root, &presented("root", &root_key())),
    ] {
        let token = world
            .accounts
            .remotes_token(&name(account), (who, credential), None)
            .await;
        assert_eq!(token.unwrap(), None, "{account} {who:?}");
    }
}
