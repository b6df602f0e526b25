//! How keys and accounts end.

use super::*;

async fn rotate(
    world: &World,
    key: &AccountKey,
    overlap: Duration,
) -> Result<Minted, AccountError> {
    let permit = world.accounts.permit(&owner("acme", key), &name("acme"))?;
    let rotating = world.accounts.rotate_key(&permit, &key.id, overlap, false);
    rotating.await
}

#[tokio::test]
async fn a_rotated_key_is_good_beside_its_successor_until_the_overlap_ends() {
    let world = World::new().await;
    let old = world.key("acme").await;
    let mut told = world.accounts.revocations();
    let overlap = Duration::from_hours(1);
    let new = rotate(&world, &old, overlap).await.unwrap().key;
    let (by_old, by_new) = (presented("acme", &old), presented("acme", &new));
    assert_eq!(world.who(&by_old).await, Ok(owner("acme", &old)));
    assert_eq!(world.who(&by_new).await, Ok(owner("acme", &new)));
    let ended = told.recv().await.unwrap();
    assert_eq!(ended.at, world.clock.now().after(overlap));
    assert_eq!((ended.account, ended.key), (name("acme"), old.id.clone()));
    world.hand.advance(overlap - Duration::from_secs(1));
    assert!(world.who(&by_old).await.is_ok());
    world.hand.advance(Duration::from_secs(1));
    assert_eq!(world.who(&by_old).await, NO);
    assert_eq!(world.who(&by_new).await, Ok(owner("acme", &new)));
}

#[tokio::test]
async fn an_admission_says_when_its_key_ends() {
    let world = World::new().await;
    let old = world.key("acme").await;
    let credential = presented("acme", &old);
    assert_eq!(world.admit(NAMED, &credential).await.unwrap().ends(), None);
    rotate(&world, &old, Duration::from_mins(5)).await.unwrap();
    let ends = world.clock.now().after(Duration::from_mins(5));
    let admission = world.admit(NAMED, &credential).await.unwrap();
    assert_eq!(admission.ends(), Some(ends));
    assert_eq!(world.accounts.holds(&admission), Ok(true));
    world.hand.advance(Duration::from_mins(5));
    assert_eq!(world.accounts.holds(&admission), Ok(false));
}

#[tokio::test]
async fn a_key_is_rotated_once_it_is_there_and_good_and_no_later_end_revives_it() {
    let world = World::new().await;
    let old = world.key("acme").await;
    rotate(&world, &old, Duration::from_mins(5)).await.unwrap();
    rotate(&world, &old, Duration::from_hours(5)).await.unwrap();
    world.hand.advance(Duration::from_mins(5));
    assert_eq!(world.who(&presented("acme", &old)).await, NO);
    let again = rotate(&world, &old, Duration::ZERO).await.unwrap_err();
    assert_eq!(again.to_string(), "not found");
}

#[tokio::test]
async fn keys_of_others_and_the_root_key_are_not_rotated() {
    let world = World::new().await;
    let (_own, other) = (world.key("acme").await, world.key("other").await);
    let permit = world
        .accounts
        .permit(&Principal::Root, &name("acme"))
        .unwrap();
    let root = root_key();
    for (key, expected) in [
        (&other, "not found"),
        (&root, "the root key is changed in the configuration"),
    ] {
        let rotating = world
            .accounts
            .rotate_key(&permit, &key.id, Duration::ZERO, false);
        assert_eq!(rotating.await.unwrap_err().to_string(), expected);
    }
}

#[tokio::test]
async fn keys_end_at_the_age_that_the_operator_sets_but_not_the_root_key() {
    let mut config = config();
    config.accounts.key_age_limit = Duration::from_hours(48);
    let world = World::with(config).await.unwrap();
    let key = world.key("acme").await;
    let expires = world.read("acme").key[0].expires.clone();
    assert_eq!(expires.as_deref(), Some("2027-01-17T08:00:00.000Z"));
    world.hand.advance(Duration::from_hours(47));
    assert!(world.who(&presented("acme", &key)).await.is_ok());
    world.hand.advance(Duration::from_hours(1));
    assert_eq!(world.who(&presented("acme", &key)).await, NO);
    let root = presented("root", &root_key());
    assert_eq!(world.who(&root).await, Ok(Principal::Root));
}

#[tokio::test]
async fn a_closed_account_has_no_key_no_address_and_no_successor() {
    let world = World::new().await;
    let key = world.key("acme").await;
    let email = json!({"@insert": {"email": "ann@example.org", "naming": "uuid"}});
    world.patch("acme", email).await;
    let mut told = world.accounts.revocations();
    let permit = world
        .accounts
        .permit(&owner("acme", &key), &name("acme"))
        .unwrap();
    world.accounts.close(&permit).await.unwrap();
    assert_eq!(world.who(&presented("acme", &key)).await, NO);
    assert_eq!(told.recv().await.unwrap().key, key.id);
    assert_eq!(world.accounts.manners(&name("acme")).unwrap(), None);

    let by_root = world
        .accounts
        .permit(&Principal::Root, &name("acme"))
        .unwrap();
    let minted = world.accounts.mint_key(&by_root, false).await;
    assert!(matches!(
        minted,
        Err(AccountError::Conflict(Conflict::Closed))
    ));
    let again = world.accounts.close(&permit).await.unwrap_err();
    assert_eq!(again.to_string(), "not found");
}

#[tokio::test]
async fn a_closed_account_is_not_activated_anew_and_nobody_learns_why() {
    let world = World::new().await;
    let key = world.key("acme").await;
    let permit = world
        .accounts
        .permit(&owner("acme", &key), &name("acme"))
        .unwrap();
    world.accounts.close(&permit).await.unwrap();
    let acme = name("acme");
    let activated = world.accounts.activate(&acme, "ann@example.org", source());
    assert!(activated.await.is_ok());
    assert_eq!(world.mailed(), None);
}

#[tokio::test]
async fn the_root_account_stays() {
    let world = World::new().await;
    let permit = world
        .accounts
        .permit(&Principal::Root, &name("root"))
        .unwrap();
    let refused = world.accounts.close(&permit).await.unwrap_err();
    assert_eq!(refused.to_string(), "the root account cannot be closed");
}
