//! Sockets end with what they depend on: a subdomain, an account, a key whose end was set in advance.

use std::time::Duration;

use testkit::{Auth, Gateway, Poller, Socket};
use tokio::time::Instant;

use super::tokens::Pair;
use super::world::{World, assert_reconnectable, session_ends};

/// How soon a socket has to end: within about a second.
const SOON: Duration = Duration::from_millis(1500);

async fn does(gateway: &Gateway, method: &str, path: &str, body: Option<&str>, status: u16) {
    let reply = gateway
        .as_root(method, &format!("/api/v1{path}"), body)
        .await;
    assert_eq!(reply.status, status, "{method} {path}: {reply:?}");
}

fn root(gateway: &Gateway) -> Auth {
    let ready = &gateway.ready;
    Auth::Key(ready.root_account.clone(), ready.root_key.clone())
}

async fn refused(gateway: &Gateway, domain: &str, auth: &Auth) -> String {
    let joined = Socket::join(gateway, "again", domain, auth).await;
    joined.map(drop).unwrap_err().0
}

/// An account `owner` that lets clones in by every way, and a pair of it.
async fn owner(gateway: &Gateway) -> Pair {
    let pair = Pair::mint(gateway, "owner").await;
    let details = r#"{"naming":"uuid","remotesAuth":["anon","key","jwt"]}"#;
    gateway.allow("owner", details).await;
    pair
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleting_a_subdomain_ends_its_sockets_within_a_second_and_no_others() {
    let world = World::with("").await;
    let gateway = &world.gateway;
    let pair = owner(gateway).await;
    for name in ["dies", "lives"] {
        does(gateway, "PUT", &format!("/domain/owner/{name}"), None, 200).await;
    }
    let (domain, other) = ("dies.owner.gw.local", "lives.owner.gw.local");
    let mut dying = Vec::new();
    for (id, auth) in [
        ("key", pair.key_auth()),
        ("token", pair.jwt_auth()),
        ("root", root(gateway)),
    ] {
        dying.push(Socket::join(gateway, id, domain, &auth).await.unwrap());
    }
    let mut polling = Poller::join(gateway, "polling", domain, &pair.key_auth())
        .await
        .unwrap();
    let mut living = Socket::join(gateway, "living", other, &pair.key_auth())
        .await
        .unwrap();

    let began = Instant::now();
    does(gateway, "DELETE", "/domain/owner/dies", None, 204).await;
    for socket in &mut dying {
        assert_reconnectable(socket).await;
    }
    session_ends(&mut polling).await;
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    for auth in [pair.key_auth(), pair.jwt_auth(), root(gateway)] {
        assert_eq!(
            refused(gateway, domain, &auth).await,
            "NotFound",
            "{auth:?}"
        );
    }
    living.present(true).await;
    living
        .presence_beside_the_gateway_becomes(&["living"])
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_an_account_ends_its_sockets_within_a_second_and_no_others() {
    let world = World::with("").await;
    let gateway = &world.gateway;
    let pair = owner(gateway).await;
    does(gateway, "PUT", "/domain/owner/todo", None, 200).await;
    let (named, uuid) = (
        "todo.owner.gw.local",
        World::domain(0).replace(".app.", ".owner."),
    );
    let mut dying = Vec::new();
    for (id, domain, auth) in [
        ("a", named, pair.key_auth()),
        ("b", named, pair.jwt_auth()),
        ("c", &uuid, pair.key_auth()),
        // These depend on no key of the account.
        ("d", &uuid, Auth::None),
        ("e", &uuid, root(gateway)),
    ] {
        dying.push(Socket::join(gateway, id, domain, &auth).await.unwrap());
    }
    let mut polling = Poller::join(gateway, "polling", &uuid, &Auth::None)
        .await
        .unwrap();
    let mut living = world.socket("living").await;

    let began = Instant::now();
    does(gateway, "DELETE", "/user/owner", None, 204).await;
    for socket in &mut dying {
        assert_reconnectable(socket).await;
    }
    session_ends(&mut polling).await;
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    for (domain, auth, why) in [
        (named, pair.key_auth(), "Unauthorized"),
        (named, pair.jwt_auth(), "Unauthorized"),
        (named, root(gateway), "NotFound"),
        (&uuid, pair.key_auth(), "Unauthorized"),
        (&uuid, Auth::None, "Unauthorized"),
        (&uuid, root(gateway), "NotFound"),
    ] {
        assert_eq!(
            refused(gateway, domain, &auth).await,
            why,
            "{domain} {auth:?}"
        );
    }
    living.present(true).await;
    living.presence_becomes(&["living"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_came_by_a_way_that_is_closed_goes_within_a_second_and_nobody_else() {
    let world = World::with("").await;
    let gateway = &world.gateway;
    let pair = owner(gateway).await;
    let uuid = World::domain(0).replace(".app.", ".owner.");
    let elsewhere = World::domain(0);
    let join = async |id: &str, auth: &Auth| Socket::join(gateway, id, &uuid, auth).await;
    let mut anonymous = join("anonymous", &Auth::None).await.unwrap();
    let mut by_key = join("key", &pair.key_auth()).await.unwrap();
    let mut by_token = join("token", &pair.jwt_auth()).await.unwrap();
    let mut by_root = join("root", &root(gateway)).await.unwrap();
    let mut other = Socket::join(gateway, "other", &elsewhere, &Auth::None)
        .await
        .unwrap();
    let patch = async |body: &str| does(gateway, "PATCH", "/user/owner", Some(body), 204).await;

    let began = Instant::now();
    patch(r#"{"@delete":{"remotesAuth":"anon"}}"#).await;
    assert_reconnectable(&mut anonymous).await;
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    by_key.present(true).await;
    by_token.present(true).await;
    by_key.presence_becomes(&["key", "token"]).await;

    let began = Instant::now();
    patch(r#"{"@delete":{"remotesAuth":"jwt"}}"#).await;
    assert_reconnectable(&mut by_token).await;
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    by_key.presence_becomes(&["key"]).await;

    // With none named the key will do; naming another one closes that way.
    patch(r#"{"@delete":{"remotesAuth":"key"}}"#).await;
    by_root.present(true).await;
    by_key.presence_becomes(&["key", "root"]).await;
    patch(r#"{"@insert":{"remotesAuth":"jwt"}}"#).await;
    assert_reconnectable(&mut by_key).await;
    by_root.presence_becomes(&["root"]).await;
    for auth in [Auth::None, pair.key_auth()] {
        assert_ne!(refused(gateway, &uuid, &auth).await, "TooManyRequests");
    }
    other.present(true).await;
    other.presence_becomes(&["other"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sockets_of_a_rotated_key_end_with_its_overlap_and_no_sooner() {
    let world = World::with("").await;
    let gateway = &world.gateway;
    let pair = owner(gateway).await;
    let domain = World::domain(0).replace(".app.", ".owner.");
    let join = async |id: &str, auth: &Auth| Socket::join(gateway, id, &domain, auth).await;
    let mut by_key = join("key", &pair.key_auth()).await.unwrap();
    let mut by_token = join("token", &pair.jwt_auth()).await.unwrap();
    let mut anonymous = join("anonymous", &Auth::None).await.unwrap();

    let began = Instant::now();
    let path = format!("/api/v1/user/owner/key/{}/rotate", pair.id());
    let overlap = Duration::from_secs(3);
    let reply = gateway
        .as_root("POST", &path, Some(r#"{"overlap":"PT3S"}"#))
        .await;
    let rotated = Instant::now();
    assert_eq!(reply.status, 200, "{reply:?}");
    let successor = reply.value()["auth"]["key"].as_str().unwrap().to_owned();
    let successor = Auth::Key("owner".into(), successor);
    let mut by_successor = join("successor", &successor).await.unwrap();
    // Whoever comes in the overlap goes at its end too.
    let mut late = join("late", &pair.key_auth()).await.unwrap();
    for socket in [&mut by_key, &mut by_token, &mut late] {
        assert_reconnectable(socket).await;
        assert!(
            began.elapsed() >= overlap,
            "{}: {:?}",
            socket.id,
            began.elapsed()
        );
    }
    // Looked for once a second.
    assert!(
        rotated.elapsed() < overlap + SOON,
        "{:?}",
        rotated.elapsed()
    );
    for auth in [pair.key_auth(), pair.jwt_auth()] {
        assert_eq!(refused(gateway, &domain, &auth).await, "Unauthorized");
    }
    for socket in [&mut by_successor, &mut anonymous] {
        socket.present(true).await;
    }
    by_successor
        .presence_becomes(&["successor", "anonymous"])
        .await;
    assert!(join("again", &successor).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_as_old_as_keys_may_become_ends_and_warns_before() {
    let world = World::with("[accounts]\nkey-age-limit = \"4s\"\n").await;
    let gateway = &world.gateway;
    let began = Instant::now();
    let pair = owner(gateway).await;
    let domain = World::domain(0).replace(".app.", ".owner.");
    let auth = pair.key_auth();
    let mut aging = Socket::join(gateway, "aging", &domain, &auth)
        .await
        .unwrap();
    let warned = format!("event=key.ending account=owner key={} ", pair.id());
    gateway.logged(&warned).await;
    assert_reconnectable(&mut aging).await;
    assert!(
        began.elapsed() >= Duration::from_secs(4),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(refused(gateway, &domain, &auth).await, "Unauthorized");
    let own = testkit::basic("owner", pair.key());
    let reply = gateway
        .https()
        .await
        .json("GET", "/api/v1/user/owner", Some(&own), None)
        .await;
    assert_eq!(reply.status, 401, "{reply:?}");
    // The root key is exempt, and gives the account another.
    does(gateway, "POST", "/user/owner/key", None, 200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_ended_stays_so_over_a_restart_and_after_a_crash() {
    let world = World::with("").await;
    let gateway = &world.gateway;
    let pair = owner(gateway).await;
    for (method, path, body, status) in [
        ("PUT", "/domain/owner/dead", None, 200),
        ("DELETE", "/domain/owner/dead", None, 204),
        ("PUT", "/domain/owner/todo", None, 200),
        ("POST", "/user/closed/key", None, 200),
        ("PUT", "/domain/closed/todo", None, 200),
        ("DELETE", "/user/closed", None, 204),
    ] {
        does(gateway, method, path, body, status).await;
    }
    let rotate = format!("/user/owner/key/{}/rotate", pair.id());
    let spare = Pair::mint(gateway, "owner").await;
    let ends_later = format!("/user/owner/key/{}/rotate", spare.id());
    does(gateway, "POST", &rotate, Some(r#"{"overlap":"PT0S"}"#), 200).await;
    does(
        gateway,
        "POST",
        &ends_later,
        Some(r#"{"overlap":"PT1H"}"#),
        200,
    )
    .await;
    let keys = async |gateway: &Gateway| {
        let reply = gateway.as_root("GET", "/api/v1/user/owner", None).await;
        reply.value()["key"]
            .as_array()
            .unwrap()
            .iter()
            .map(|key| key["expires"].clone())
            .collect::<Vec<_>>()
    };
    let before = keys(gateway).await;
    let check = async |gateway: &Gateway| {
        assert_eq!(keys(gateway).await, before);
        assert_eq!(
            refused(gateway, "todo.owner.gw.local", &pair.key_auth()).await,
            "Unauthorized"
        );
        assert_eq!(
            refused(gateway, "dead.owner.gw.local", &spare.key_auth()).await,
            "NotFound"
        );
        let joined = Socket::join(gateway, "a", "todo.owner.gw.local", &spare.key_auth()).await;
        assert!(joined.is_ok(), "{joined:?}");
        does(gateway, "PUT", "/domain/owner/dead", None, 409).await;
        does(gateway, "POST", "/user/closed/key", None, 409).await;
        does(gateway, "GET", "/user/closed", None, 404).await;
    };
    check(gateway).await;
    let (world, code) = world.restarted("").await;
    assert_eq!(code, Some(0));
    check(&world.gateway).await;
    // `again` kills.
    check(&world.again("").gateway).await;
}
