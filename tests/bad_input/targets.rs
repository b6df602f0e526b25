//! Methods, paths, the names in them, and queries.

use super::{Party, is_refused};

/// Every endpoint: its methods, and its path.
const ENDPOINTS: [(&[&str], &str); 15] = [
    (&["GET"], "/api/v1/context"),
    (&["GET"], "/api/v1/publicKey"),
    (&["GET", "PATCH", "DELETE"], "/api/v1/user/ACCOUNT"),
    (&["POST"], "/api/v1/user/ACCOUNT/key"),
    (&["POST"], "/api/v1/user/ACCOUNT/key/KEYID/rotate"),
    (&["POST"], "/api/v1/user/ACCOUNT/activation"),
    (&["GET"], "/api/v1/user/ACCOUNT/publicKey/KEYID"),
    (&["GET", "POST"], "/api/v1/domain/ACCOUNT"),
    (&["PUT", "DELETE"], "/api/v1/domain/ACCOUNT/NAME"),
    (
        &["GET", "POST", "DELETE"],
        "/api/v1/domain/ACCOUNT/NAME/state",
    ),
    (&["POST"], "/api/v1/domain/ACCOUNT/NAME/poll"),
    (&["GET"], "/api/v1/domain/ACCOUNT/NAME/updates"),
    (&["GET"], "/healthz"),
    (&["GET"], "/readyz"),
    (&[], "/"),
];

/// What is no name, as it stands in a path.
const NO_NAMES: [&str; 18] = [
    "A", "Acme", "a.b", "a%20b", "a+b", "a%2Fb", "a%5Cb", "%C3%A9", "%FF", "%00", "acme%00",
    "acme%0A", "%2e%2e", "..", "%25", "%", "%u0041", "a;b=c",
];

#[tokio::test]
async fn every_other_method_is_refused_with_those_that_there_are() {
    let party = Party::new("methods").await;
    for (methods, path) in ENDPOINTS {
        let path = party
            .path(path)
            .replace("KEYID", "keyid1")
            .replace("NAME", "todo");
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"] {
            if methods.contains(&method) {
                continue;
            }
            let reply = party
                .ask(method, &path, Some(&party.root()), &[], b"")
                .await;
            let what = format!("{method} {path}");
            if methods.is_empty() {
                is_refused(&what, &reply, 404);
                continue;
            }
            is_refused(&what, &reply, 405);
            let allowed = reply.header("allow").unwrap_or_default();
            for right in methods {
                let named = allowed.split(',').any(|one| one.trim() == *right);
                assert!(named, "{what}: {allowed}");
            }
            assert!(!allowed.contains(method), "{what}: {allowed}");
        }
    }
    party.is_unharmed().await;
}

#[tokio::test]
async fn what_is_no_name_names_nothing() {
    let party = Party::new("names").await;
    let long = "x".repeat(64);
    let very_long = "x".repeat(8000);
    let names = NO_NAMES.iter().copied().chain([&*long, &very_long, ""]);
    for name in names {
        for (method, path) in [
            ("GET", "/api/v1/user/BAD"),
            ("PATCH", "/api/v1/user/BAD"),
            ("POST", "/api/v1/user/BAD/key"),
            ("POST", "/api/v1/user/BAD/activation"),
            ("GET", "/api/v1/user/BAD/publicKey/keyid1"),
            ("GET", "/api/v1/user/ACCOUNT/publicKey/BAD%20"),
            ("DELETE", "/api/v1/user/BAD"),
            ("POST", "/api/v1/user/BAD/key/keyid1/rotate"),
            ("POST", "/api/v1/user/ACCOUNT/key/BAD%20/rotate"),
            ("GET", "/api/v1/domain/BAD"),
            ("DELETE", "/api/v1/domain/BAD/todo"),
            ("DELETE", "/api/v1/domain/ACCOUNT/BAD"),
            ("POST", "/api/v1/domain/BAD"),
            ("PUT", "/api/v1/domain/BAD/todo"),
            ("PUT", "/api/v1/domain/ACCOUNT/BAD"),
        ] {
            let path = party.path(path).replace("BAD", name);
            let body: &[u8] = if method == "PATCH" { b"{}" } else { b"" };
            let reply = party
                .ask(method, &path, Some(&party.root()), &[], body)
                .await;
            is_refused(&format!("{method} {path}"), &reply, 404);
        }
    }
    party.is_unharmed().await;
}

#[tokio::test]
async fn names_of_nothing_are_not_found_by_whoever_might_see_them() {
    let party = Party::new("nothing").await;
    for (method, path, status) in [
        ("GET", "/api/v1/user/nobody", 404),
        ("PATCH", "/api/v1/user/nobody", 404),
        ("GET", "/api/v1/user/nobody/publicKey/keyid1", 404),
        ("GET", "/api/v1/user/ACCOUNT/publicKey/keyid1", 404),
        ("DELETE", "/api/v1/user/nobody", 404),
        ("POST", "/api/v1/user/nobody/key/keyid1/rotate", 404),
        ("POST", "/api/v1/user/ACCOUNT/key/keyid1/rotate", 404),
        ("GET", "/api/v1/domain/nobody", 404),
        ("DELETE", "/api/v1/domain/nobody/todo", 404),
        ("DELETE", "/api/v1/domain/ACCOUNT/todo", 404),
        ("PUT", "/api/v1/domain/nobody/todo", 404),
        ("POST", "/api/v1/domain/nobody", 405),
        ("DELETE", "/api/v1/nothing", 404),
    ] {
        let body: &[u8] = if method == "PATCH" {
            br#"{"@insert":{"naming":"any"}}"#
        } else {
            b""
        };
        let path = party.path(path);
        let reply = party
            .ask(method, &path, Some(&party.root()), &[], body)
            .await;
        is_refused(&format!("{method} {path}"), &reply, status);
    }
    party.is_unharmed().await;
}

#[tokio::test]
async fn another_spelling_of_a_path_is_another_path() {
    let party = Party::new("spelling").await;
    for path in [
        "//api/v1/context",
        "/api//v1/context",
        "/api/v1//context",
        "/api/v1/context/",
        "/api/v1/./context",
        "/api/v1/user/../context",
        "/api/v1/user/%2e%2e/context",
        "/api/v1/user/..%2fcontext",
        "/api/v1%2Fcontext",
        "/api%2Fv1/context",
        "/api/v1/context%00",
        "/api/v1/context%00.html",
        "/api/v1/context;v=1",
        "/api/v1/context.json",
        "/API/v1/context",
        "/api/v1/Context",
        "/api/v1/%63ontext",
        "/api\\v1\\context",
        "/socket.io/../api/v1/context",
        "/socket.io//",
        "/socket.io/api/v1/context",
        "/socket.iox",
        "/api/v1/user/ACCOUNT/",
        "/api/v1/user//ACCOUNT",
        "/api/v1/user/ACCOUNT%2Fkey",
        "/etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "*",
    ] {
        let path = party.path(path);
        let reply = party.ask("GET", &path, Some(&party.root()), &[], b"").await;
        is_refused(&path, &reply, 404);
    }
    party.is_unharmed().await;
}

#[tokio::test]
async fn a_query_is_taken_as_it_is_documented_or_refused() {
    let party = Party::new("queries").await;
    let long = format!("?type={}", "r".repeat(4000));
    for query in [
        "?type=",
        "?type",
        "?type=dsa",
        "?type=RSA",
        "?type=rsa%20",
        "?type=%FF",
        "?type=%00",
        "?type=null",
        "?type=1",
        "?type=rsa,rsa",
        "?type=rsa&type=rsa",
        "?type=rsa&type=dsa",
        &long,
    ] {
        let path = party.path("/api/v1/user/ACCOUNT/key") + query;
        let reply = party.ask("POST", &path, Some(&party.own()), &[], b"").await;
        is_refused(&path, &reply, 400);
    }
    for ignored in [
        "/api/v1/context?",
        "/api/v1/context?q=%FF&&&===",
        "/healthz?a",
    ] {
        let reply = party.ask("GET", ignored, None, &[], b"").await;
        assert_eq!(reply.status, 200, "{ignored}");
    }
    party.is_unharmed().await;
}
