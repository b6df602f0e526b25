//! Who may open a socket.

use super::*;

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
    let by_token = world.token(&key, &world.claims("acme"));
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
