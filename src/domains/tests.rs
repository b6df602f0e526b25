//! The room as its callers see it.

use serde_json::{Value, json};

use super::*;
use crate::accounts::Principal;
use crate::accounts::fixture::{World, config, name, owner, presented, root_pair, source};
use crate::ids::CloneId;
use crate::notify::Webhooks;
use crate::secret::AccountKey;
use crate::store::Tree;

mod closing;
mod webhooks;

const ANYBODY: Caller<'static> = (&Principal::Anonymous, &Credential::None);

/// A relay of clones that nobody else is connected to.
#[derive(Debug)]
pub(super) struct Alone;

impl Relay for Alone {
    fn connect(&self, _: &DomainId, _: &CloneId, inbox: Arc<dyn Inbox>) -> Option<Box<dyn Line>> {
        inbox.deliver(Arriving::Presence(Vec::new())).ok()?;
        Some(Box::new(Silent { _inbox: inbox }))
    }
}

/// Its line, which stays up as long as its inbox is held.
#[derive(Debug)]
struct Silent {
    _inbox: Arc<dyn Inbox>,
}

impl Line for Silent {
    fn present(&self, _: bool) {}

    fn operation(&self, _: bytes::Bytes) {}

    fn unicast(&self, _: &str, _: Unicast) {}

    fn has_room(&self, _: &str) -> bool {
        true
    }

    fn others(&self) -> usize {
        0
    }
}

struct House {
    world: World,
    domains: Domains,
    key: AccountKey,
}

impl House {
    /// A gateway with the account `acme`.
    async fn new() -> Self {
        Self::over(World::new().await).await
    }

    async fn over(world: World) -> Self {
        let key = world.key("acme").await;
        let rooms = (&world.accounts, "https://gw.example.org:8443/");
        let webhooks = Webhooks::new(&world.config.webhooks, &world.clock).unwrap();
        let domains = Domains::open(
            world.store.clone(),
            &world.config,
            rooms,
            &webhooks,
            (&world.clock, &world.chance),
        );
        let domains = domains.unwrap();
        domains.join(Arc::new(Alone));
        Self {
            world,
            domains,
            key,
        }
    }

    fn permit(&self) -> Permit<UseDomains> {
        self.world
            .accounts
            .permit(&owner("acme", &self.key), &name("acme"))
            .unwrap()
    }

    async fn post(&self, body: Value, caller: Caller<'_>) -> Result<Value, DomainError> {
        let request = Request::parse_post(Some(&body))?;
        let answer = self.domains.post(&name("acme"), &request, caller).await?;
        Ok(serde_json::to_value(answer).unwrap())
    }

    async fn put(&self, subdomain: &str, body: Value) -> Result<Value, DomainError> {
        let request = Request::parse_put(Some(&body))?;
        let (who, credential) = (owner("acme", &self.key), presented("acme", &self.key));
        let caller = (&who, &credential);
        let answer = self
            .domains
            .put(&self.permit(), &name(subdomain), &request, caller)
            .await?;
        Ok(serde_json::to_value(answer).unwrap())
    }
}

fn user(id: &str, keyid: &str) -> Value {
    json!({"@id": id, "key": {"type": "rsa", "keyid": keyid, "public": root_pair().public.to_base64()}})
}

#[tokio::test]
async fn a_uuid_subdomain_is_configured_for_anybody_where_the_account_says_so() {
    let house = House::new().await;
    assert!(matches!(
        house.post(json!({}), ANYBODY).await,
        Err(DomainError::NameNeeded)
    ));
    house
        .world
        .patch(
            "acme",
            json!({"@insert": {"naming": "uuid", "remotesAuth": "anon"}}),
        )
        .await;
    let first = house.post(json!({}), ANYBODY).await.unwrap();
    let domain = first["@domain"].as_str().unwrap().to_owned();
    assert!(
        name(domain.split('.').next().unwrap()).is_uuid(),
        "{domain}"
    );
    assert!(domain.ends_with(".acme.gw.example.org"), "{domain}");
    assert_eq!(
        first,
        json!({
            "@domain": domain, "genesis": true,
            "io": {"uri": "https://gw.example.org:8443/", "opts": {}},
            "networkTimeout": 5000, "maxOperationSize": 65536,
        })
    );
    let second = house.post(json!({}), ANYBODY).await.unwrap();
    assert_ne!(first["@domain"], second["@domain"]);
    assert!(
        house.world.store.scan(Tree::Subdomains).unwrap().is_empty(),
        "nothing was made"
    );
}

#[tokio::test]
async fn a_known_uuid_gets_a_configuration_that_does_not_say_genesis() {
    let house = House::new().await;
    let uuid = json!({"name": "ckzz0abcdefgh0123456789ab"});
    let refused = house.post(uuid.clone(), ANYBODY).await;
    assert!(matches!(
        refused,
        Err(DomainError::Refused(AuthError::Unauthorized))
    ));
    house
        .world
        .patch("acme", json!({"@insert": {"naming": "uuid"}}))
        .await;
    let answer = house.post(uuid, ANYBODY).await.unwrap();
    assert_eq!(answer.get("genesis"), None);
    assert_eq!(
        answer["io"]["opts"]["auth"],
        json!({"user": "acme", "key": "≪your-auth-key≫"})
    );
}

#[tokio::test]
async fn an_account_that_is_not_there_answers_like_one_without_uuids() {
    let house = House::new().await;
    let answer = house
        .domains
        .post(&name("nobody"), &Request::default(), ANYBODY)
        .await;
    assert!(matches!(answer, Err(DomainError::NameNeeded)));
    let (root, credential) = (Principal::Root, Credential::None);
    let permit = house.world.accounts.permit(&root, &name("nobody")).unwrap();
    let answer = house
        .domains
        .put(
            &permit,
            &name("todo"),
            &Request::default(),
            (&root, &credential),
        )
        .await;
    assert!(matches!(
        answer,
        Err(DomainError::Refused(AuthError::NotFound))
    ));
}

#[tokio::test]
async fn a_named_subdomain_is_made_once_and_known_from_then_on() {
    let house = House::new().await;
    let (acme, todo) = (name("acme"), name("todo"));
    assert!(!house.domains.exists(&acme, &todo));
    let first = house.put("todo", json!({})).await.unwrap();
    assert_eq!(first["@domain"], "todo.acme.gw.example.org");
    assert_eq!(first["genesis"], false);
    assert!(house.domains.exists(&acme, &todo));
    assert!(!house.domains.exists(&name("other"), &todo));
    let before = house.world.store.scan(Tree::Subdomains).unwrap();
    assert_eq!(house.put("todo", json!({})).await.unwrap(), first);
    assert_eq!(house.world.store.scan(Tree::Subdomains).unwrap(), before);
    assert_eq!(
        house.domains.list(&house.permit()),
        std::slice::from_ref(&todo)
    );
    let again = House::over(house.world.reopened(config()).await.unwrap()).await;
    assert!(again.domains.exists(&acme, &todo));
}

/// Its configuration says that it has begun.
#[tokio::test]
async fn a_named_subdomain_has_begun_when_its_making_is_answered() {
    let house = House::new().await;
    let opened = async |subdomain: &str| {
        let domain = DomainId::Subdomain {
            account: name("acme"),
            name: name(subdomain),
        };
        let host = house.domains.0.hosts.opened(&domain).await;
        host.is_some()
    };
    assert!(!opened("todo").await);
    house.put("todo", json!({})).await.unwrap();
    assert!(opened("todo").await);
    let caller = owner("acme", &house.key);
    let body = json!({"name": "notes"});
    let credential = presented("acme", &house.key);
    house.post(body, (&caller, &credential)).await.unwrap();
    assert!(opened("notes").await);
}

#[tokio::test]
async fn a_named_subdomain_by_post_needs_the_account() {
    let house = House::new().await;
    let refused = house.post(json!({"name": "todo"}), ANYBODY).await;
    assert!(matches!(
        refused,
        Err(DomainError::Refused(AuthError::Unauthorized))
    ));
    let (who, credential) = (owner("acme", &house.key), presented("acme", &house.key));
    let made = house
        .post(
            json!({"name": "todo", "useSignatures": true}),
            (&who, &credential),
        )
        .await;
    assert_eq!(made.unwrap()["genesis"], false);
    assert!(matches!(
        house.put("todo", json!({"useSignatures": false})).await,
        Err(DomainError::Signatures)
    ));
}

#[tokio::test]
async fn signatures_are_decided_when_a_subdomain_is_made() {
    let house = House::new().await;
    house
        .put("signed", json!({"useSignatures": true}))
        .await
        .unwrap();
    house.put("plain", json!({})).await.unwrap();
    for (subdomain, wanted, good) in [
        ("signed", true, true),
        ("signed", false, false),
        ("plain", true, false),
        ("plain", false, true),
    ] {
        let outcome = house.put(subdomain, json!({"useSignatures": wanted})).await;
        assert_eq!(outcome.is_ok(), good, "{subdomain} {wanted}");
    }
    house.put("signed", json!({})).await.unwrap();
}

/// The principals of a subdomain with signatures, and how many keys they have.
async fn principals(house: &House, subdomain: &str) -> Vec<(String, usize)> {
    let host = house.domains.host(&house.permit(), &name(subdomain)).await;
    let state = host.unwrap().state().await.unwrap();
    let graph = m_ld_engine::dataset::Graph::new(&*state.view).unwrap();
    let property = m_ld_engine::rdf::Iri::new(m_ld_engine::rdf::vocab::M_LD_PUBLIC_KEY);
    let mut found = std::collections::BTreeMap::<String, usize>::new();
    for triple in graph.find(None, Some(&property), None) {
        let principal = triple.unwrap().subject.as_str().to_owned();
        *found.entry(principal).or_default() += 1;
    }
    found.into_iter().collect()
}

#[tokio::test]
async fn who_may_speak_is_in_the_data_once_the_subdomain_was_asked_for() {
    let house = House::new().await;
    let signed = |user| json!({"useSignatures": true, "user": user});
    let gateway = ("http://gw.example.org/".to_owned(), 1);
    let user_1 = ("https://example.org/u1".to_owned(), 1);
    house
        .put("signed", signed(user("https://example.org/u1", "keyid1")))
        .await
        .unwrap();
    assert_eq!(
        principals(&house, "signed").await,
        [gateway.clone(), user_1.clone()]
    );
    house.put("signed", json!({})).await.unwrap();
    let account = ("http://gw.example.org/acme".to_owned(), 1);
    assert_eq!(
        principals(&house, "signed").await,
        [gateway.clone(), account, user_1.clone()]
    );
    // The key is revoked; the account has another.
    house.world.key("acme").await;
    let host = house.domains.host(&house.permit(), &name("signed")).await;
    let mut updates = host.unwrap().follow().unwrap();
    let patch = json!({"@delete": {"key": house.key.id.as_str()}});
    house.world.patch("acme", patch).await;
    updates.recv().await.unwrap();
    assert_eq!(principals(&house, "signed").await, [gateway, user_1]);
}

#[tokio::test]
async fn a_user_of_a_signed_subdomain_has_a_key_which_is_kept() {
    let house = House::new().await;
    let signed = |user| json!({"useSignatures": true, "user": user});
    let bare = house
        .put("signed", signed(json!({"@id": "https://example.org/u1"})))
        .await;
    assert!(matches!(bare, Err(DomainError::Invalid(_))));
    assert!(
        !house.domains.exists(&name("acme"), &name("signed")),
        "nothing was made"
    );
    let kept = || house.world.store.scan(Tree::Subdomains).unwrap().len();
    house
        .put("signed", signed(user("https://example.org/u1", "keyid1")))
        .await
        .unwrap();
    assert_eq!(kept(), 2);
    house
        .put("signed", signed(user("https://example.org/u1", "keyid2")))
        .await
        .unwrap();
    assert_eq!(kept(), 2, "a new key takes the place of the old");
    house
        .put("signed", signed(user("https://example.org/u2", "keyid1")))
        .await
        .unwrap();
    assert_eq!(kept(), 3);
    house
        .put("plain", json!({"user": {"@id": "https://example.org/u1"}}))
        .await
        .unwrap();
    assert_eq!(kept(), 4);
}

#[tokio::test]
async fn an_account_has_so_many_named_subdomains_and_no_more_even_at_once() {
    let house = House::new().await;
    let all = tokio::join!(
        house.put("a", json!({})),
        house.put("b", json!({})),
        house.put("c", json!({})),
        house.put("d", json!({})),
    );
    let refused = [all.0, all.1, all.2, all.3]
        .into_iter()
        .filter(Result::is_err)
        .count();
    assert_eq!(refused, 1);
    assert_eq!(house.domains.list(&house.permit()).len(), 3);
}

#[tokio::test]
async fn a_token_is_in_the_configuration_where_the_account_takes_them() {
    let house = House::new().await;
    house
        .world
        .patch(
            "acme",
            json!({"@insert": {"remotesAuth": ["jwt", "anon"], "naming": "uuid"}}),
        )
        .await;
    let user = json!({"user": {"@id": "https://example.org/u1"}});
    let answer = house.put("todo", user).await.unwrap();
    let jwt = answer["io"]["opts"]["auth"]["jwt"].as_str().unwrap();
    let token = Credential::from_bearer(jwt);
    let todo = DomainId::Subdomain {
        account: name("acme"),
        name: name("todo"),
    };
    let admitted = house
        .world
        .accounts
        .admit(&todo, &token, source(), &house.domains);
    assert_eq!(admitted.await.unwrap().key(), Some(&house.key.id));
    let without = house.post(json!({}), ANYBODY).await.unwrap();
    assert_eq!(
        without["io"]["opts"]["auth"]["user"], "acme",
        "no key was presented"
    );
}

#[test]
fn requests_are_understood_or_refused_with_a_reason() {
    let (post, put) = (
        |body: &Value| Request::parse_post(Some(body)).is_ok(),
        |body: &Value| Request::parse_put(Some(body)).is_ok(),
    );
    assert!(Request::parse_post(None).is_ok());
    for (body, in_post, in_put) in [
        (json!({}), true, true),
        (json!({"useSignatures": true}), true, true),
        (json!({"name": "todo"}), true, false),
        (json!({"user": {"@id": "urn:u:1"}}), false, true),
        (
            json!({"user": user("https://example.org/u1", "keyid1")}),
            false,
            true,
        ),
    ] {
        assert_eq!((post(&body), put(&body)), (in_post, in_put), "{body}");
    }
    for bad in [
        json!(null),
        json!([]),
        json!(["todo", true, null]),
        json!("todo"),
        json!({"name": 1}),
        json!({"name": "A.B"}),
        json!({"useSignatures": "yes"}),
        json!({"more": 1}),
        json!({"user": "https://example.org/u1"}),
        json!({"user": {}}),
        json!({"user": {"@id": "relative"}}),
        json!({"user": {"@id": "a b:c"}}),
        json!({"user": {"@id": "https://example.org/<u1>"}}),
        json!({"user": {"@id": "https:"}}),
        json!({"user": user("https://example.org/u1", "x")}),
        json!({"user": {"@id": "urn:u:1", "key": {"keyid": "keyid1", "public": "AAAA"}}}),
        json!({"user": {"@id": "urn:u:1", "key": {
            "type": "ec", "keyid": "keyid1", "public": root_pair().public.to_base64(),
        }}}),
    ] {
        assert!(!post(&bad) && !put(&bad), "{bad}");
    }
}

#[tokio::test]
async fn a_subdomain_whose_client_goes_away_is_made_all_the_same() {
    let house = House::new().await;
    let (permit, todo) = (house.permit(), name("todo"));
    {
        let request = Request::default();
        let begun = house.domains.create(&permit, &todo, &request);
        let gone = std::future::ready(());
        tokio::select! { biased; _ = begun => panic!("not yet durable"), () = gone => {} }
    }
    // Waits for the one before, which holds the lock.
    house.put("other", json!({})).await.unwrap();
    assert!(house.domains.exists(&name("acme"), &todo));
}

#[tokio::test]
async fn a_deleted_subdomain_is_gone_and_its_name_is_never_given_again() {
    let house = House::new().await;
    house.put("todo", json!({})).await.unwrap();
    let mut told = house.domains.deletions();
    house
        .domains
        .delete(&house.permit(), &name("todo"))
        .await
        .unwrap();
    let id = told.recv().await.unwrap();
    assert!(!house.domains.stands(&id));
    assert!(house.domains.list(&house.permit()).is_empty());
    let again = house.domains.delete(&house.permit(), &name("todo")).await;
    assert!(matches!(
        again,
        Err(DomainError::Refused(AuthError::NotFound))
    ));
    let made = house.put("todo", json!({})).await;
    assert!(matches!(made, Err(DomainError::Deleted)));
    let House { world, .. } = house;
    let reopened = House::over(world).await;
    assert!(!reopened.domains.stands(&id));
    let made = reopened.put("todo", json!({})).await;
    assert!(matches!(made, Err(DomainError::Deleted)));
}

#[tokio::test]
async fn subdomains_are_listed_by_pages() {
    let house = House::new().await;
    for subdomain in ["c", "a", "b"] {
        house
            .put(subdomain, json!({"useSignatures": subdomain == "b"}))
            .await
            .unwrap();
    }
    let page = |after: Option<&str>, limit| {
        let after = after.map(name);
        let (permit, domains) = (house.permit(), &house.domains);
        async move { domains.page(&permit, after.as_ref(), limit).await.unwrap() }
    };
    let created = "2027-01-15T08:00:00.000Z";
    let (listed, next) = page(Some("a"), 1).await;
    assert_eq!(
        serde_json::to_value(listed).unwrap(),
        json!([{
            "@domain": "b.acme.gw.example.org", "name": "b", "useSignatures": true, "created": created,
        }])
    );
    assert_eq!(next, Some(name("b")));
    for (after, limit, length, expected) in [
        (None, 10, 3, None),
        (None, 3, 3, None),
        (None, 2, 2, Some("b")),
        (Some("b"), 1, 1, None),
        (Some("bb"), 1, 1, None),
        (Some("c"), 10, 0, None),
        (None, usize::MAX, 3, None),
    ] {
        let (listed, next) = page(after, limit).await;
        assert_eq!(listed.len(), length, "{after:?} {limit}");
        assert_eq!(next, expected.map(name), "{after:?} {limit}");
    }
    let nobody = house
        .world
        .accounts
        .permit(&Principal::Root, &name("nobody"));
    let refused = house.domains.page(&nobody.unwrap(), None, 10).await;
    assert!(matches!(
        refused,
        Err(DomainError::Refused(AuthError::NotFound))
    ));
}

#[tokio::test]
async fn a_deletion_that_the_daemon_died_over_is_finished_at_the_next_start() {
    let house = House::new().await;
    house.put("todo", json!({})).await.unwrap();
    let clone = "todo.acme.gw.example.org";
    house
        .domains
        .delete(&house.permit(), &name("todo"))
        .await
        .unwrap();
    let House { world, .. } = house;
    // As if the tables had not been destroyed yet.
    drop(world.store.tables(clone, &world.chance).await.unwrap());
    let house = House::over(world).await;
    house.domains.finish_deletions().await.unwrap();
    let key = house.world.store.get(Tree::Clones, clone.as_bytes());
    assert_eq!(key.unwrap(), None);
}
