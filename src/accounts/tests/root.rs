//! The root account.

use super::*;

#[tokio::test]
async fn the_root_pair_is_made_once_and_kept() {
    let mut config = config();
    config.gateway.root_pair = None;
    let world = World::with(config.clone()).await.unwrap();
    let made = world.accounts.root_public_key().clone();
    let world = world.reopened(config).await.unwrap();
    assert_eq!(world.accounts.root_public_key(), &made);
    let kept = world.accounts.0.book.key(&root_key().id).unwrap().unwrap();
    assert!(
        kept.record
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
