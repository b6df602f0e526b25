//! Who is let in where: the rules for sockets, one by one and all together.

use serde_json::json;
use testkit::{Auth, Gateway, Poller, Socket, basic, handshake};

use super::tokens::{Pair, in_seconds};
use super::world::World;

const IN: &str = "in";
const UNAUTHORIZED: &str = "Unauthorized";
const FORBIDDEN: &str = "Forbidden";
const NOT_FOUND: &str = "NotFound";
const BAD_GATEWAY: &str = "Bad gateway";

/// What a socket is told.
async fn told(gateway: &Gateway, domain: &str, auth: &Auth) -> String {
    match Socket::join(gateway, "clone", domain, auth).await {
        Ok(_) => IN.to_owned(),
        Err(refused) => refused.0,
    }
}

/// The domains that each credential is tried on: UUID, named, named but not there, the gateway's own.
fn domains(account: &str) -> [String; 4] {
    [
        format!("{}.{account}.gw.local", "c".repeat(25)),
        format!("notes.{account}.gw.local"),
        format!("nowhere.{account}.gw.local"),
        "gw.local".to_owned(),
    ]
}

/// An account with its settings, a named subdomain and a pair.
async fn account(gateway: &Gateway, name: &str, remotes_auth: &[&str]) -> Pair {
    let pair = Pair::mint(gateway, name).await;
    if !remotes_auth.is_empty() {
        gateway
            .allow(name, &json!({"remotesAuth": remotes_auth}).to_string())
            .await;
    }
    let made = gateway
        .as_root("PUT", &format!("/api/v1/domain/{name}/notes"), None)
        .await;
    assert_eq!(made.status, 200, "{made:?}");
    pair
}

async fn assert_told(gateway: &Gateway, name: &str, what: &str, auth: &Auth, expected: [&str; 4]) {
    for (domain, expected) in domains(name).iter().zip(expected) {
        assert_eq!(
            told(gateway, domain, auth).await,
            expected,
            "{name}: {what} at {domain}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_credential_opens_what_the_account_lets_it_open() {
    const OPEN: [&str; 4] = [IN, IN, NOT_FOUND, FORBIDDEN];
    const CLOSED: [&str; 4] = [FORBIDDEN; 4];
    const NOBODY: [&str; 4] = [UNAUTHORIZED; 4];
    const ANYBODY: [&str; 4] = [IN, UNAUTHORIZED, UNAUTHORIZED, UNAUTHORIZED];
    let world = World::with("").await;
    let gateway = &world.gateway;
    let root = Auth::Key(
        gateway.ready.root_account.clone(),
        gateway.ready.root_key.clone(),
    );
    let stranger = Pair::mint(gateway, "stranger").await;
    gateway
        .allow("stranger", r#"{"remotesAuth":["key","jwt"]}"#)
        .await;
    // What an account lists, and what nothing, its key and its token open then.
    for (name, listed, nothing, key, token) in [
        ("none", &[][..], NOBODY, OPEN, CLOSED),
        ("anon", &["anon"], ANYBODY, CLOSED, CLOSED),
        ("key", &["key"], NOBODY, OPEN, CLOSED),
        ("jwt", &["jwt"], NOBODY, CLOSED, OPEN),
        ("anon-key", &["anon", "key"], ANYBODY, OPEN, CLOSED),
        ("all", &["anon", "key", "jwt"], ANYBODY, OPEN, OPEN),
    ] {
        let own = account(gateway, name, listed).await;
        assert_told(gateway, name, "nothing", &Auth::None, nothing).await;
        assert_told(gateway, name, "its key", &own.key_auth(), key).await;
        assert_told(gateway, name, "its token", &own.jwt_auth(), token).await;
        assert_told(gateway, name, "another key", &stranger.key_auth(), CLOSED).await;
        assert_told(gateway, name, "another token", &stranger.jwt_auth(), CLOSED).await;
        let all = [IN, IN, NOT_FOUND, IN];
        assert_told(gateway, name, "the root key", &root, all).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_credential_opens_nothing_whatever_is_wrong_with_it() {
    let world = World::with("").await;
    let gateway = &world.gateway;
    let own = account(gateway, "owner", &["anon", "key", "jwt"]).await;
    let stranger = Pair::mint(gateway, "stranger").await;
    let key = own.key();
    let in_time = in_seconds(300);
    let claims = json!({"iss": "owner", "exp": in_time});
    let jwt = |token: String| json!({"jwt": token});
    let header = |alg: &str| json!({"alg": alg, "typ": "JWT", "kid": own.id()});
    let unsigned = own.token(&claims).rsplit_once('.').unwrap().0.to_owned() + ".";
    for wrong in [
        json!({"user": "owner", "key": format!("{key}x")}),
        json!({"user": "owner", "key": key.replace(':', ";")}),
        json!({"user": "owner", "key": ""}),
        json!({"user": "owner", "key": stranger.key()}),
        json!({"user": "stranger", "key": key}),
        json!({"user": "", "key": key}),
        json!({"user": "owner"}),
        json!({"key": key}),
        json!({"user": 1, "key": key}),
        json!({"user": "owner", "key": [key]}),
        json!({"user": "owner", "key": key, "jwt": own.token(&claims)}),
        json!(["owner", key]),
        json!("owner"),
        json!({"jwt": {}}),
        jwt(String::new()),
        jwt("a.b.c".to_owned()),
        jwt(unsigned),
        jwt(own.token(&json!({"iss": "stranger", "exp": in_time}))),
        jwt(own.token(&json!({"exp": in_time}))),
        jwt(own.token(&json!({"iss": "owner"}))),
        jwt(own.token(&json!({"iss": "owner", "exp": in_seconds(-300)}))),
        jwt(own.token(&json!({"iss": "owner", "exp": in_time, "nbf": in_seconds(300)}))),
        jwt(own.token(&json!({"iss": "owner", "exp": in_time, "aud": "https://elsewhere.example"}))),
        jwt(own.token_with(&header("none"), &claims)),
        jwt(own.token_with(&header("HS256"), &claims)),
        jwt(own.token_with(&json!({"alg": "RS256"}), &claims)),
        jwt(own.token_with(&json!({"alg": "RS256", "kid": stranger.id()}), &claims)),
        jwt(stranger.token_with(&header("RS256"), &claims)),
    ] {
        let auth = Auth::Raw(wrong.to_string());
        let domain = &domains("owner")[0];
        assert_eq!(told(gateway, domain, &auth).await, UNAUTHORIZED, "{wrong}");
    }
    let domain = &domains("owner")[1];
    for good in [
        json!({"user": "owner", "key": key, "other": {"of": "the application's"}}),
        json!({"user": "http://gw.local/owner", "key": key}),
        jwt(own.token(&json!({"iss": "http://gw.local/owner", "exp": in_time}))),
        jwt(own.token(&json!({"iss": "owner", "exp": in_time, "sub": "https://people.example/1"}))),
    ] {
        let auth = Auth::Raw(good.to_string());
        assert_eq!(told(gateway, domain, &auth).await, IN, "{good}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_configuration_lets_its_clone_in() {
    let world = World::with("").await;
    let gateway = &world.gateway;
    let own = account(gateway, "owner", &["jwt"]).await;
    let authorization = basic("owner", own.key());
    let mut https = gateway.https().await;
    let path = "/api/v1/domain/owner/notes";
    let reply = https.json("PUT", path, Some(&authorization), None).await;
    let configuration = reply.value();
    let domain = configuration["@domain"].as_str().unwrap();
    let auth = Auth::Raw(configuration["io"]["opts"]["auth"].to_string());
    assert_eq!(told(gateway, domain, &auth).await, IN);
    assert_eq!(
        told(gateway, "nowhere.owner.gw.local", &auth).await,
        NOT_FOUND
    );
    assert_eq!(told(gateway, "notes.app.gw.local", &auth).await, FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_domain_of_somebody_else_is_a_bad_gateway() {
    let world = World::with("").await;
    let gateway = &world.gateway;
    let root = Auth::Key(
        gateway.ready.root_account.clone(),
        gateway.ready.root_key.clone(),
    );
    let uuid = "c".repeat(25);
    for domain in [
        "elsewhere.example".to_owned(),
        format!("{uuid}.app.evil-gw.local"),
        format!("{uuid}.app.evilgw.local"),
        format!("{uuid}.app.gw.local.example"),
        format!("{uuid}.app.gw.local."),
        format!("{uuid}.appgw.local"),
        "evilgw.local".to_owned(),
        "app.gw.local".to_owned(),
        format!("deep.{uuid}.app.gw.local"),
        format!("{uuid}..gw.local"),
        ".app.gw.local".to_owned(),
        ".gw.local".to_owned(),
        format!("{uuid}.APP.gw.local"),
        format!("{uuid}.app.gw.local/x"),
        "x".repeat(5000),
        String::new(),
    ] {
        for auth in [&Auth::None, &root] {
            assert_eq!(told(gateway, &domain, auth).await, BAD_GATEWAY, "{domain}");
        }
        let polled = Poller::join(gateway, "clone", &domain, &root).await;
        assert_eq!(polled.map(drop).unwrap_err().0, BAD_GATEWAY, "{domain}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clone_has_an_id_that_names_no_room() {
    let world = World::with("").await;
    let domain = World::domain(0);
    let too_long = "x".repeat(256);
    for id in [
        "present",
        "",
        "a/b",
        "/",
        "a/present",
        "line\nbreak",
        "nul\0",
        too_long.as_str(),
    ] {
        for joined in [
            Socket::join(&world.gateway, id, &domain, &Auth::None)
                .await
                .map(drop),
            Poller::join(&world.gateway, id, &domain, &Auth::None)
                .await
                .map(drop),
        ] {
            assert_eq!(joined.unwrap_err().0, FORBIDDEN, "{id:?}");
        }
    }
    for id in [
        "Present",
        "a b",
        "a+b",
        "é%",
        "&=#",
        "\"quoted\\",
        &too_long[1..],
    ] {
        let mut socket = world.socket(id).await;
        socket.present(true).await;
        socket.presence_becomes(&[id]).await;
        socket.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_is_read_in_one_way_or_not_at_all() {
    let world = World::with("").await;
    let (domain, uuid) = (World::domain(0), World::domain(1));
    let good = handshake("websocket", "a", &domain);
    for (query, expected) in [
        (good.clone(), IN),
        (
            good.replace("@id", "%40id").replace("@domain", "%40domain"),
            IN,
        ),
        (format!("{good}&application=its%20own"), IN),
        ("EIO=4&transport=websocket".to_owned(), BAD_GATEWAY),
        (good.replace("@domain", "domain"), BAD_GATEWAY),
        (format!("{good}&@domain={uuid}"), BAD_GATEWAY),
        (format!("{good}&%40domain={uuid}"), BAD_GATEWAY),
        (good.replace("@id", "id"), FORBIDDEN),
        (format!("{good}&@id=b"), FORBIDDEN),
        (good.replace("@id=a", "@id=%ff"), FORBIDDEN),
        (good.replace("@id=a", "@id"), FORBIDDEN),
    ] {
        let mut socket = Socket::open_with(&world.gateway, &query).await;
        socket.connect(&Auth::None).await;
        let told = socket
            .joined()
            .await
            .map_or_else(|refused| refused.0, |_| IN.to_owned());
        assert_eq!(told, expected, "{query}");
    }
}
