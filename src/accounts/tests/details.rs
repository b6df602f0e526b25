//! Revocation and details.

use super::*;

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
            key: key.id.clone(),
            at: world.clock.now(),
        }
    );
    assert_eq!(world.accounts.holds(&admission), Ok(false));
    assert_eq!(
        world.who(&presented("acme", &key)).await,
        NO,
        "although it was cached"
    );
    world.accounts.patch(&permit, &patch).await.unwrap();
    assert_eq!(
        told.try_recv().unwrap().key,
        key.id,
        "revoking again tells again"
    );
    assert!(told.try_recv().is_err(), "once");
}

#[tokio::test]
async fn a_revocation_whose_client_goes_away_is_told_all_the_same() {
    let world = World::new().await;
    let (key, kept) = (world.key("acme").await, world.key("acme").await);
    let mut told = world.accounts.revocations();
    let permit = world
        .accounts
        .manage(&owner("acme", &kept), &name("acme"))
        .unwrap();
    let patch = Patch::parse(&json!({"@delete": {"key": key.id.as_str()}})).unwrap();
    {
        let begun = world.accounts.patch(&permit, &patch);
        let gone = std::future::ready(());
        tokio::select! { biased; _ = begun => panic!("not yet durable"), () = gone => {} }
    }
    let revoked = tokio::time::timeout(std::time::Duration::from_secs(10), told.recv()).await;
    assert_eq!(revoked.unwrap().unwrap().key, key.id);
    assert_eq!(world.who(&presented("acme", &key)).await, NO);
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
