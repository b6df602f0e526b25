//! Tokens that accounts sign.

use super::*;

#[tokio::test]
async fn a_token_by_the_user_key_proves_the_account() {
    let world = World::new().await;
    let key = world.key("acme").await;
    for issuer in ["acme", "http://gw.example.org/acme"] {
        let token = world.token(&key, &world.claims(issuer));
        let Ok(Principal::Account {
            name: account,
            proof,
            key: id,
            user: None,
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
    let proof = async |claims| match world.who(&world.token(&key, &claims)).await {
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
async fn a_token_tells_for_which_user_of_the_account_it_is() {
    let world = World::new().await;
    let key = world.key("acme").await;
    let user = async |sub: Option<&str>| {
        let claims = Claims {
            sub: sub.map(str::to_owned),
            ..world.claims("acme")
        };
        match world.who(&world.token(&key, &claims)).await {
            Ok(Principal::Account { user, .. }) => user,
            other => panic!("{other:?}"),
        }
    };
    let someone = "https://example.org/users/1";
    assert_eq!(user(Some(someone)).await.as_deref(), Some(someone));
    for own in [None, Some("acme"), Some("http://gw.example.org/acme")] {
        assert_eq!(user(own).await, None, "{own:?} is the account itself");
    }
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
        let token = world.token(&key, &claims);
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
        let token = world.token(kid, &claims);
        assert_eq!(world.who(&token).await.is_ok(), good, "{claims:?}");
    }
    let Credential::Jwt(token) = world.token(&key, &world.claims("acme")) else {
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
    let token = world.token(&key, &world.claims("acme"));
    assert!(world.who(&token).await.is_ok());
    world
        .patch("acme", json!({"@delete": {"key": key.id.as_str()}}))
        .await;
    assert_eq!(world.who(&token).await, NO);
}

#[tokio::test]
async fn a_token_by_the_root_pair_is_the_root_account_and_not_root() {
    let world = World::new().await;
    let token = world.token(&root_key(), &world.claims("root"));
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
