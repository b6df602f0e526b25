//! Keys by mail.

use super::*;

impl World {
    /// Begins an activation of `account` that is mailed. Gives its token and its code.
    async fn begin(&self, account: &str) -> (String, String) {
        let account = name(account);
        let activating = self.accounts.activate(&account, "me@example.org", source());
        let token = activating.await.unwrap();
        (token, self.mailed().unwrap().1)
    }

    async fn redeem(
        &self,
        account: &Name,
        activation: (&str, &str),
        from: Source,
    ) -> Result<Minted, AccountError> {
        let redeeming = self
            .accounts
            .mint_key_by_activation(account, activation, from, false);
        redeeming.await
    }
}

fn is_unauthorized(outcome: &Result<Minted, AccountError>) -> bool {
    matches!(outcome, Err(AccountError::Refused(AuthError::Unauthorized)))
}

#[tokio::test]
async fn a_mailed_code_makes_an_account_with_a_key_once() {
    let world = World::new().await;
    let token = world
        .accounts
        .activate(&name("acme"), "me@example.org", source())
        .await
        .unwrap();
    let (to, code) = world.mailed().unwrap();
    assert_eq!((to.as_str(), code.len()), ("me@example.org", 6));
    let redeem = async || {
        let activation = (token.as_str(), code.as_str());
        world
            .accounts
            .mint_key_by_activation(&name("acme"), activation, source(), true)
            .await
    };
    let minted = redeem().await.unwrap();
    assert!(minted.pair.is_some());
    assert_eq!(
        world.who(&presented("acme", &minted.key)).await,
        Ok(owner("acme", &minted.key))
    );
    assert_eq!(world.read("acme").email, ["me@example.org"]);
    assert!(matches!(
        redeem().await,
        Err(AccountError::Refused(AuthError::Unauthorized))
    ));
    assert!(world.store.scan(Tree::Activations).unwrap().is_empty());
}

#[tokio::test]
async fn of_two_that_redeem_at_once_one_gets_a_key() {
    let world = World::new().await;
    let (token, code) = world.begin("acme").await;
    let acme = name("acme");
    let redeem = || world.redeem(&acme, (&token, &code), source());
    let (first, second) = tokio::join!(redeem(), redeem());
    assert!(first.is_ok() != second.is_ok());
    assert_eq!(world.read("acme").key.len(), 1);
}

#[tokio::test]
async fn an_existing_account_mails_only_as_registered_and_answers_alike() {
    let world = World::new().await;
    world.key("acme").await;
    world
        .patch("acme", json!({"@insert": {"email": "Me@example.org"}}))
        .await;
    let right = world
        .accounts
        .activate(&name("acme"), "mE@Example.org", source())
        .await
        .unwrap();
    assert_eq!(world.mailed().unwrap().0, "Me@example.org");
    let wrong = world
        .accounts
        .activate(&name("acme"), "you@example.org", source())
        .await
        .unwrap();
    assert_eq!(
        world.notifier.recorded().len(),
        1,
        "nothing more was mailed"
    );
    assert_eq!(right.len(), wrong.len());
}

#[tokio::test]
async fn a_decoy_takes_no_code_at_all() {
    let world = World::new().await;
    world.key("acme").await;
    let room = &world.accounts.0;
    let address = crate::notify::Address::parse("you@example.org").unwrap();
    let (token, code, to) = room.begin(&name("acme"), &address).await.unwrap();
    assert_eq!(to, None);
    let acme = name("acme");
    let guessed = world.redeem(&acme, (&token, &code), source()).await;
    assert!(is_unauthorized(&guessed));
}

#[tokio::test]
async fn five_wrong_codes_kill_an_activation_even_for_the_right_one() {
    let world = World::new().await;
    let acme = name("acme");
    let (token, code) = world.begin("acme").await;
    let wrong = if code == "000000" { "000001" } else { "000000" };
    for n in 0..5 {
        let guess = world.redeem(&acme, (&token, wrong), elsewhere(n)).await;
        assert!(is_unauthorized(&guess), "{n}");
    }
    let right = world.redeem(&acme, (&token, &code), elsewhere(9)).await;
    assert!(is_unauthorized(&right));
}

#[tokio::test]
async fn parallel_guesses_are_no_more_than_the_tries() {
    let world = World::new().await;
    let acme = name("acme");
    let address = crate::notify::Address::parse("me@example.org").unwrap();
    let (token, code, _) = world.accounts.0.begin(&acme, &address).await.unwrap();
    let envelope = world.accounts.0.unseal(&token).unwrap();
    let guess = |code: &'static str| world.accounts.0.try_code(&envelope.id, code);
    let all = tokio::join!(
        guess("a"),
        guess("b"),
        guess("c"),
        guess("d"),
        guess("e"),
        guess("f")
    );
    assert!(
        [all.0, all.1, all.2, all.3, all.4, all.5]
            .into_iter()
            .all(|one| one.unwrap().is_none())
    );
    assert_eq!(
        world
            .accounts
            .0
            .try_code(&envelope.id, &code)
            .await
            .unwrap(),
        None
    );
}

#[tokio::test]
async fn guesses_lock_the_account_s_activations_and_its_source() {
    let world = World::new().await;
    let acme = name("acme");
    let key = world.key("acme").await;
    world
        .patch("acme", json!({"@insert": {"email": "me@example.org"}}))
        .await;
    for n in 0..20 {
        let guess = world.redeem(&acme, ("no", "000000"), elsewhere(n)).await;
        assert!(is_unauthorized(&guess), "{n}");
    }
    let locked = world.redeem(&acme, ("no", "000000"), elsewhere(99)).await;
    assert!(matches!(
        locked,
        Err(AccountError::Refused(AuthError::TooMany { .. }))
    ));
    assert!(
        world.who(&presented("acme", &key)).await.is_ok(),
        "its key passes all the same"
    );
}

#[tokio::test]
async fn a_code_ends_after_ten_minutes_and_is_swept_away() {
    let world = World::new().await;
    let acme = name("acme");
    let (token, code) = world.begin("acme").await;
    world.hand.advance(Duration::from_mins(10));
    let late = world.redeem(&acme, (&token, &code), source()).await;
    assert!(is_unauthorized(&late));
    world
        .accounts
        .activate(&acme, "you@example.org", source())
        .await
        .unwrap();
    assert_eq!(world.store.scan(Tree::Activations).unwrap().len(), 1);
}

#[tokio::test]
async fn an_activation_is_for_its_account_and_not_for_one_registered_since() {
    let world = World::new().await;
    let (acme, other) = (name("acme"), name("other"));
    let (token, code) = world.begin("acme").await;
    let foreign = world.redeem(&other, (&token, &code), source()).await;
    assert!(matches!(
        foreign,
        Err(AccountError::Refused(AuthError::Forbidden))
    ));
    world.key("acme").await;
    let late = world.redeem(&acme, (&token, &code), source()).await;
    assert!(is_unauthorized(&late));
}

#[tokio::test]
async fn reserved_names_and_bad_addresses_are_not_activated_and_mailboxes_are_spared() {
    let world = World::new().await;
    for reserved in ["root", "admin"] {
        let refused = world
            .accounts
            .activate(&name(reserved), "me@example.org", source())
            .await;
        assert!(
            matches!(refused, Err(AccountError::Conflict(Conflict::ReservedName))),
            "{reserved}"
        );
    }
    for bad in ["", "me", "me@example.org\r\nBcc: you@example.org"] {
        let refused = world.accounts.activate(&name("acme"), bad, source()).await;
        assert!(matches!(refused, Err(AccountError::Invalid(_))), "{bad:?}");
    }
    for (n, email) in ["me@example.org", "Me@example.org", "me+1@example.org"]
        .into_iter()
        .enumerate()
    {
        let n = u8::try_from(n).unwrap();
        world
            .accounts
            .activate(&name("acme"), email, elsewhere(n))
            .await
            .unwrap();
    }
    let often = world
        .accounts
        .activate(&name("acme"), "me@example.org", elsewhere(9))
        .await;
    assert!(matches!(
        often,
        Err(AccountError::Refused(AuthError::TooMany { .. }))
    ));
}
