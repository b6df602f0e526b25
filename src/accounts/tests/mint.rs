//! New keys.

use super::*;

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
    let first = world.accounts.mint_key(&permit, false).await.unwrap().key;
    for _ in 0..2 {
        world.accounts.mint_key(&permit, false).await.unwrap();
    }
    let often = world.accounts.mint_key(&permit, false).await.unwrap_err();
    assert!(
        matches!(often, AccountError::Refused(AuthError::TooMany { .. })),
        "{often}"
    );
    world.hand.advance(Duration::from_hours(1));
    let many = world.accounts.mint_key(&permit, false).await.unwrap_err();
    assert!(
        matches!(many, AccountError::Conflict(Conflict::TooManyKeys)),
        "{many}"
    );
    world
        .patch("acme", json!({"@delete": {"key": first.id.as_str()}}))
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
