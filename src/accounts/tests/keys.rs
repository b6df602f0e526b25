//! Keys and who they prove.

use super::*;

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
async fn guesses_at_a_weak_root_key_count_against_root_whatever_name_they_come_with() {
    let mut config = config();
    config.gateway.root_pair = None;
    config.gateway.root_key = Some(AccountKey::parse("root.weak01:letmein").unwrap());
    let world = World::with(config.clone()).await.unwrap();
    let key = config.gateway.root_key.unwrap();
    let guess = async |account: &str, key: &AccountKey, from| {
        let credential = presented(account, key);
        world
            .accounts
            .authenticate(&credential, elsewhere(from))
            .await
    };
    for from in 0..20 {
        let wrong = guess(&format!("other{from}"), &wrong_secret(&key), from).await;
        assert_eq!(wrong, NO);
    }
    let right = guess("root", &key, 100).await;
    assert!(matches!(right, Err(AuthError::TooMany { .. })), "{right:?}");
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
    world.hand.advance(Duration::from_mins(10));
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
        crate::store::Batch::new(),
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
    world.hand.advance(Duration::from_hours(1));
    world.who(&presented("acme", &key)).await.unwrap();
    assert_eq!(used(), Some(first.clone()));
    world.hand.advance(Duration::from_hours(24));
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
