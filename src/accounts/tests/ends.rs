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
    world
        .hand
        .advance(overlap.checked_sub(Duration::from_secs(1)).unwrap());
    assert!(world.who(&by_old).await.is_ok());
    world.hand.advance(Duration::from_secs(1));
    assert_eq!(world.who(&by_old).await, NO);
    assert_eq!(world.who(&by_new).await, Ok(owner("acme", &new)));
}

#[tokio::test]
async fn the_end_of_an_admissions_key_is_told_as_it_is_and_not_as_it_was() {
    let world = World::new().await;
    let old = world.key("acme").await;
    let credential = presented("acme", &old);
    let admission = world.admit(NAMED, &credential).await.unwrap();
    assert_eq!(world.accounts.ends(&admission), Ok(None));
    // Between the admission and the socket's registration, for which the ends were told too early.
    rotate(&world, &old, Duration::from_mins(5)).await.unwrap();
    let ends = world.clock.now().after(Duration::from_mins(5));
    assert_eq!(world.accounts.ends(&admission), Ok(Some(ends)));
    let later = world.admit(NAMED, &credential).await.unwrap();
    assert_eq!(world.accounts.ends(&later), Ok(Some(ends)));
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
    let by_itself = rotate(&world, &old, Duration::ZERO).await.unwrap_err();
    assert_eq!(by_itself.to_string(), "unauthorized");
    let by_root = world
        .accounts
        .permit(&Principal::Root, &name("acme"))
        .unwrap();
    let rotating = world
        .accounts
        .rotate_key(&by_root, &old.id, Duration::ZERO, false);
    assert_eq!(rotating.await.unwrap_err().to_string(), "not found");
}

#[tokio::test]
async fn keys_of_others_and_the_root_key_are_not_rotated() {
    let world = World::new().await;
    let (_own, other) = (world.key("acme").await, world.key("other").await);
    let permit = world
        .accounts
        .permit(&Principal::Root, &name("acme"))
        .unwrap();
    let of_root = world
        .accounts
        .permit(&Principal::Root, &name("root"))
        .unwrap();
    let root = root_key();
    for (permit, key, expected) in [
        (&permit, &other, "not found"),
        (&permit, &root, "not found"),
        (
            &of_root,
            &root,
            "the root key is changed in the configuration",
        ),
    ] {
        let rotating = world
            .accounts
            .rotate_key(permit, &key.id, Duration::ZERO, false);
        assert_eq!(rotating.await.unwrap_err().to_string(), expected);
    }
}

#[tokio::test]
async fn a_rotation_that_cannot_be_costs_none_of_the_keys_that_can_be_had() {
    let world = World::new().await;
    let key = world.key("acme").await;
    let permit = world
        .accounts
        .permit(&owner("acme", &key), &name("acme"))
        .unwrap();
    let unknown = KeyId::parse("nobody1").unwrap();
    for _ in 0..10 {
        let rotating = world
            .accounts
            .rotate_key(&permit, &unknown, Duration::ZERO, false);
        assert_eq!(rotating.await.unwrap_err().to_string(), "not found");
    }
    rotate(&world, &key, Duration::from_mins(5)).await.unwrap();
}

#[tokio::test]
async fn what_was_let_in_before_a_revocation_does_nothing_after_it() {
    let world = World::new().await;
    let (key, other) = (world.key("acme").await, world.key("acme").await);
    let (who, acme) = (owner("acme", &key), name("acme"));
    let mint = world.accounts.permit(&who, &acme).unwrap();
    let manage = world.accounts.manage(&who, &acme).unwrap();
    let close = world.accounts.permit(&who, &acme).unwrap();
    let revoke = json!({"@delete": {"key": key.id.as_str()}});
    world.patch("acme", revoke).await;
    let before = world.read("acme");

    let way_back = json!({"@insert": {"email": "thief@example.org"}});
    let way_back = Patch::parse(&way_back).unwrap();
    let week = Duration::from_hours(7 * 24);
    for refused in [
        world.accounts.mint_key(&mint, false).await.map(drop),
        world
            .accounts
            .rotate_key(&mint, &other.id, week, false)
            .await
            .map(drop),
        world.accounts.patch(&manage, &way_back).await,
        world.accounts.close(&close).await,
    ] {
        assert_eq!(refused.unwrap_err().to_string(), "unauthorized");
    }
    assert_eq!(world.read("acme"), before);
}

#[tokio::test]
async fn of_a_revocation_and_what_the_key_does_at_once_nothing_comes_after() {
    for turn in 0..8 {
        let world = World::new().await;
        let (thief, mine) = (world.key("acme").await, world.key("acme").await);
        let revoking = async {
            for _ in 0..turn {
                tokio::task::yield_now().await;
            }
            let revoke = json!({"@delete": {"key": thief.id.as_str()}});
            world.patch("acme", revoke).await;
            world.read("acme").key.len()
        };
        let permit = world
            .accounts
            .permit(&owner("acme", &thief), &name("acme"))
            .unwrap();
        let minting = world.accounts.mint_key(&permit, false);
        let (keys, minted) = tokio::join!(revoking, minting);
        // Whoever reads the account after a revocation sees every key that there will be.
        assert_eq!(world.read("acme").key.len(), keys, "{turn}: {minted:?}");
        assert!(world.who(&presented("acme", &mine)).await.is_ok());
    }
}

#[tokio::test]
async fn the_use_of_a_rotated_key_is_noted_by_the_hour() {
    let world = World::new().await;
    let old = world.key("acme").await;
    let credential = presented("acme", &old);
    let noted_after = async |minutes: u64| {
        world.hand.advance(Duration::from_mins(minutes));
        assert!(world.who(&credential).await.is_ok());
        world.read("acme").key[0].last_used.clone()
    };
    let first = noted_after(0).await;
    assert!(first.is_some());
    rotate(&world, &old, Duration::from_hours(5)).await.unwrap();
    assert_eq!(noted_after(59).await, first);
    let second = noted_after(1).await;
    assert_ne!(second, first);
    assert_eq!(noted_after(59).await, second);
}

#[tokio::test]
async fn a_key_that_was_succeeded_is_no_way_in_that_stays() {
    let world = World::new().await;
    let old = world.key("acme").await;
    let new = rotate(&world, &old, Duration::from_hours(1)).await.unwrap();
    let permit = world
        .accounts
        .manage(&owner("acme", &old), &name("acme"))
        .unwrap();
    let revoke =
        |key: &AccountKey| Patch::parse(&json!({"@delete": {"key": key.id.as_str()}})).unwrap();
    let refused = world.accounts.patch(&permit, &revoke(&new.key)).await;
    assert!(matches!(
        refused,
        Err(AccountError::Conflict(Conflict::LastKey))
    ));
    let done = world.accounts.patch(&permit, &revoke(&old)).await;
    assert!(done.is_ok(), "{done:?}");
    assert!(world.who(&presented("acme", &new.key)).await.is_ok());
}

#[tokio::test]
async fn an_account_of_many_keys_is_closed_in_more_than_one_commit() {
    let mut config = config();
    config.accounts.keys_per_account = 1000;
    let world = World::with(config).await.unwrap();
    let key = world.key("acme").await;
    // Pairs take their time to be made: one for all of these.
    let book = &world.accounts.0.book;
    let (mut account, like) = (
        book.account(&name("acme")).unwrap().unwrap().record,
        book.key(&key.id).unwrap().unwrap().record,
    );
    let mut batch = crate::store::Batch::new();
    for number in 0..300 {
        let id = format!("copy{number}");
        let record = serde_json::to_vec(&like).unwrap();
        batch = batch.put(Tree::Keys, id.as_str(), record);
        account.keys.push(id);
    }
    let record = serde_json::to_vec(&account).unwrap();
    book.commit(batch.put(Tree::Accounts, "acme", record))
        .await
        .unwrap();

    let mut told = world.accounts.revocations();
    let mut closed = world.accounts.closures();
    let permit = world
        .accounts
        .permit(&owner("acme", &key), &name("acme"))
        .unwrap();
    world.accounts.close(&permit).await.unwrap();
    assert_eq!(closed.recv().await.unwrap(), name("acme"));
    let mut order = Vec::new();
    while let Ok(revoked) = told.try_recv() {
        order.push(revoked.key);
    }
    assert_eq!(order.len(), 301);
    assert_eq!(order.last(), Some(&key.id), "who asks could ask again");
    for id in &order {
        let record = world.accounts.0.book.key(id).unwrap().unwrap().record;
        assert!(record.revoked.is_some(), "{id}");
    }
}

#[tokio::test]
async fn nobody_joins_the_subdomains_of_a_closed_account_nor_stays_there() {
    let world = World::new().await;
    let _key = world.key("acme").await;
    let details = json!({"@insert": {"naming": "uuid", "remotesAuth": "anon"}});
    world.patch("acme", details).await;
    let root = presented("root", &root_key());
    let anonymous = world.admit(UUID, &Credential::None).await.unwrap();
    let by_root = world.admit(UUID, &root).await.unwrap();
    let mut closed = world.accounts.closures();
    let permit = world
        .accounts
        .permit(&Principal::Root, &name("acme"))
        .unwrap();
    world.accounts.close(&permit).await.unwrap();
    assert_eq!(closed.recv().await.unwrap(), name("acme"));
    for admission in [&anonymous, &by_root] {
        assert_eq!(world.accounts.holds(admission), Ok(false), "{admission:?}");
    }
    let refused = world.admit(UUID, &Credential::None).await;
    assert_eq!(refused.unwrap_err(), AuthError::Unauthorized);
    let refused = world.admit(UUID, &root).await;
    assert_eq!(refused.unwrap_err(), AuthError::NotFound);
}

#[tokio::test]
async fn a_uuid_name_that_was_deleted_is_joined_by_nobody() {
    let world = World::new().await;
    let key = world.key("acme").await;
    let deleted = format!("{DELETED_UUID}.acme.gw.example.org");
    let refused = world.admit(&deleted, &presented("acme", &key)).await;
    assert_eq!(refused.unwrap_err(), AuthError::NotFound);
    assert!(world.admit(UUID, &presented("acme", &key)).await.is_ok());
}

#[tokio::test]
async fn an_activation_from_before_an_account_was_closed_gives_no_key() {
    let world = World::new().await;
    let _key = world.key("acme").await;
    let address = json!({"@insert": {"email": "ann@example.org"}});
    world.patch("acme", address).await;
    let acme = name("acme");
    let begun = world.accounts.activate(&acme, "ann@example.org", source());
    let token = begun.await.unwrap();
    let (_, code) = world.mailed().unwrap();
    let permit = world.accounts.permit(&Principal::Root, &acme).unwrap();
    world.accounts.close(&permit).await.unwrap();
    let redeeming = world
        .accounts
        .mint_key_by_activation(&acme, (&token, &code), source(), false);
    assert_eq!(
        redeeming.await.unwrap_err().to_string(),
        "unauthorized",
        "as a wrong code is"
    );
    assert!(world.accounts.is_closed(&acme).unwrap());
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
