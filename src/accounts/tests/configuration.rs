//! Tokens for configurations.

use super::*;

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
    world.hand.advance(Duration::from_mins(11));
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
