//! How subdomains and accounts end.

use super::*;
use crate::accounts::CloseAccount;

const UUID: &str = "ckzz0abcdefgh0123456789ab";

fn closing(house: &House) -> Permit<CloseAccount> {
    let who = owner("acme", &house.key);
    house.world.accounts.permit(&who, &name("acme")).unwrap()
}

#[tokio::test]
async fn an_account_is_closed_with_all_that_is_named_under_it() {
    let house = House::new().await;
    for subdomain in ["a", "b"] {
        house.put(subdomain, json!({})).await.unwrap();
    }
    let mut told = house.domains.deletions();
    house.domains.close_account(&closing(&house)).await.unwrap();
    for subdomain in ["a", "b"] {
        let deleted = told.recv().await.unwrap();
        assert!(
            deleted
                .to_mld(&house.world.config.gateway.domain)
                .starts_with(subdomain)
        );
        assert!(!house.domains.stands(&deleted));
    }
    assert!(house.world.accounts.is_closed(&name("acme")).unwrap());
    let again = house.domains.close_account(&closing(&house)).await;
    let not_found = DomainError::from(AccountError::from(AuthError::NotFound));
    assert_eq!(again.unwrap_err().to_string(), not_found.to_string());
}

#[tokio::test]
async fn nothing_is_made_in_an_account_that_is_being_closed() {
    for turn in 0..24 {
        let house = House::new().await;
        house.put("before", json!({})).await.unwrap();
        let making = async {
            for _ in 0..turn {
                tokio::task::yield_now().await;
            }
            let request = Request::default();
            house
                .domains
                .create(&house.permit(), &name("late"), &request)
                .await
        };
        let permit = closing(&house);
        let (closed, _made) = tokio::join!(house.domains.close_account(&permit), making);
        closed.unwrap();
        assert!(house.domains.list(&house.permit()).is_empty(), "{turn}");
        assert!(
            !house.domains.exists(&name("acme"), &name("late")),
            "{turn}"
        );
    }
}

#[tokio::test]
async fn an_account_that_is_refused_its_end_keeps_its_subdomains() {
    let house = House::new().await;
    house.put("todo", json!({})).await.unwrap();
    let permit = closing(&house);
    let revoke = json!({"@delete": {"key": house.key.id.as_str()}});
    house.world.patch("acme", revoke).await;
    let refused = house.domains.close_account(&permit).await.unwrap_err();
    assert_eq!(refused.to_string(), "unauthorized");
    assert!(house.domains.exists(&name("acme"), &name("todo")));
}

#[tokio::test]
async fn what_a_closed_account_left_is_deleted_at_the_next_start() {
    let house = House::new().await;
    house.put("left", json!({})).await.unwrap();
    let other = house.world.key("other").await;
    let who = owner("other", &other);
    let permit = house.world.accounts.permit(&who, &name("other")).unwrap();
    let request = Request::default();
    let theirs = name("theirs");
    house
        .domains
        .create(&permit, &theirs, &request)
        .await
        .unwrap();
    // As when the daemon ends between the two.
    house.world.accounts.close(&closing(&house)).await.unwrap();
    let world = house.world;
    let domains = Domains::open(
        world.store.clone(),
        &world.config,
        (&world.accounts, "https://gw.example.org/"),
        &Webhooks::new(&world.config.webhooks, &world.clock).unwrap(),
        (&world.clock, &world.chance),
    )
    .unwrap();
    assert!(domains.exists(&name("acme"), &name("left")));
    domains.sweep().await.unwrap();
    assert!(!domains.exists(&name("acme"), &name("left")));
    assert!(domains.exists(&name("other"), &theirs));
}

#[tokio::test]
async fn a_key_that_was_revoked_meanwhile_makes_and_deletes_nothing() {
    let house = House::new().await;
    house.put("todo", json!({})).await.unwrap();
    let permit = house.permit();
    let revoke = json!({"@delete": {"key": house.key.id.as_str()}});
    house.world.patch("acme", revoke).await;
    let request = Request::default();
    for refused in [
        house.domains.delete(&permit, &name("todo")).await,
        house.domains.create(&permit, &name("more"), &request).await,
    ] {
        assert_eq!(refused.unwrap_err().to_string(), "unauthorized");
    }
    assert_eq!(house.domains.list(&permit), [name("todo")]);
}

#[tokio::test]
async fn a_uuid_name_that_was_deleted_stays_so_over_a_restart() {
    let house = House::new().await;
    let details = json!({"@insert": {"naming": "uuid"}});
    house.world.patch("acme", details).await;
    let (acme, uuid) = (name("acme"), name(UUID));
    let id = DomainId::Subdomain {
        account: acme.clone(),
        name: uuid.clone(),
    };
    house.put(UUID, json!({})).await.unwrap();
    assert!(house.domains.stands(&id));
    house.domains.delete(&house.permit(), &uuid).await.unwrap();
    let House { world, .. } = house;
    let again = House::over(world).await;
    assert!(!again.domains.stands(&id));
    assert!(again.domains.is_deleted(&acme, &uuid));
    let configured = again.post(json!({"name": UUID}), ANYBODY).await;
    assert!(matches!(configured, Err(DomainError::Deleted)));
    assert!(!again.domains.is_deleted(&name("other"), &uuid));
}

#[tokio::test]
async fn what_is_known_of_the_users_goes_with_their_subdomain() {
    let house = House::new().await;
    let signed = |id| json!({"useSignatures": true, "user": user(id, "keyid1")});
    for (subdomain, id) in [
        ("ends", "https://example.org/u1"),
        ("ends", "https://example.org/u2"),
        ("stays", "https://example.org/u1"),
    ] {
        house.put(subdomain, signed(id)).await.unwrap();
    }
    let kept = || house.world.store.scan(Tree::Subdomains).unwrap();
    assert_eq!(kept().len(), 5);
    house
        .domains
        .delete(&house.permit(), &name("ends"))
        .await
        .unwrap();
    let keys: Vec<_> = kept()
        .into_iter()
        .map(|(key, _)| String::from_utf8(key).unwrap())
        .collect();
    assert_eq!(keys.len(), 3, "two subdomains, and a user of one: {keys:?}");
    let users = keys.iter().filter(|key| key.starts_with("user/"));
    assert!(
        users.clone().count() == 1 && users.clone().all(|key| key.contains("stays")),
        "{keys:?}"
    );
}
