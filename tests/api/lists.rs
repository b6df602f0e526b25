//! Named subdomains: listed by pages, and deleted.

use serde_json::{Value, json};
use testkit::{Auth, Socket};

use super::tokens::Signer;
use super::{Caller, gateway};

fn names(page: &Value) -> Vec<&str> {
    let listed = page.as_array().unwrap().iter();
    listed.map(|one| one["name"].as_str().unwrap()).collect()
}

/// Where a `Link` header leads: relative to the list.
fn next(link: &str) -> &str {
    link.strip_prefix('<')
        .unwrap()
        .strip_suffix(r#">; rel="next""#)
        .unwrap()
}

#[tokio::test]
async fn subdomains_are_listed_in_order_a_page_at_a_time() {
    let account = Caller::account("lister").await;
    let path = "/domain/lister";
    assert_eq!(account.gets("GET", path, "").await, json!([]));
    for (name, body) in [
        ("c", ""),
        ("a", r#"{"useSignatures":true}"#),
        ("e", ""),
        ("b", ""),
        ("d", ""),
    ] {
        account.gets("PUT", &format!("{path}/{name}"), body).await;
    }
    let whole = account.get(path).await;
    assert_eq!((whole.status, whole.header("link")), (200, None));
    let listed = whole.value();
    assert_eq!(names(&listed), ["a", "b", "c", "d", "e"]);
    assert_eq!(
        listed[0],
        json!({"@domain": "a.lister.gw.local", "name": "a", "useSignatures": true, "created": listed[0]["created"]})
    );
    assert!(
        listed[0]["created"].as_str().unwrap().ends_with('Z'),
        "{listed}"
    );
    assert_eq!(Caller::root().gets("GET", path, "").await, listed);

    let (mut at, mut seen) = ("?limit=2".to_owned(), Vec::new());
    loop {
        let page = account.get(&format!("{path}{at}")).await;
        assert_eq!(page.status, 200, "{page:?}");
        let listed = page.value();
        assert!(listed.as_array().unwrap().len() <= 2);
        seen.extend(names(&listed).into_iter().map(str::to_owned));
        match page.header("link") {
            Some(link) => next(link).clone_into(&mut at),
            None => break,
        }
    }
    assert_eq!(seen, ["a", "b", "c", "d", "e"]);
    // A page that is just full is the last.
    for (query, expected, more) in [
        ("?limit=5", "abcde", false),
        ("?limit=4", "abcd", true),
        ("?after=c&limit=2", "de", false),
        ("?after=c", "de", false),
        // Whether there is such a name matters not: it may have been deleted since.
        ("?after=bb&limit=1", "c", true),
        ("?after=zz", "", false),
        ("?limit=1000", "abcde", false),
    ] {
        let page = account.get(&format!("{path}{query}")).await;
        assert_eq!(names(&page.value()).concat(), expected, "{query}");
        assert_eq!(page.header("link").is_some(), more, "{query}");
    }
}

#[tokio::test]
async fn a_page_that_is_asked_for_wrongly_is_refused() {
    let account = Caller::account("pager").await;
    account.gets("PUT", "/domain/pager/todo", "").await;
    for query in [
        "limit=0",
        "limit=1001",
        "limit=-1",
        "limit=1e2",
        "limit=0x10",
        "limit=",
        "limit",
        "limit=18446744073709551616",
        "limit=1&limit=2",
        "after=",
        "after=A",
        "after=a.b",
        "after=..%2F..",
        "after=%3E%3B%20rel%3Devil",
        "after=%0D%0ASet-Cookie:a=b",
        "after=%00",
        "after=%FF",
        "after=a&after=b",
        "before=a",
        "after[]=a",
    ] {
        let reply = account.get(&format!("/domain/pager?{query}")).await;
        assert_eq!(reply.status, 400, "{query}: {}", reply.text());
        assert_eq!(
            reply.header("content-type"),
            Some("application/problem+json"),
            "{query}"
        );
        assert_eq!(
            (reply.header("link"), reply.header("set-cookie")),
            (None, None),
            "{query}"
        );
    }
    for (caller, path, status) in [
        (Caller::nobody(), "/domain/pager?limit=0", 401),
        (
            Caller::account("pager-not").await,
            "/domain/pager?limit=0",
            403,
        ),
        (Caller::root(), "/domain/nowhere", 404),
    ] {
        caller.may_not("GET", path, "", status).await;
    }
}

#[tokio::test]
async fn a_deleted_subdomain_is_gone_and_its_name_is_not_given_again() {
    let signer = Signer::new("deleter").await;
    let account = &signer.account;
    for name in ["todo", "kept", "by-token", "by-root"] {
        account
            .gets("PUT", &format!("/domain/deleter/{name}"), "")
            .await;
    }
    account.does("DELETE", "/domain/deleter/todo", "").await;
    signer
        .by_token("deleter")
        .does("DELETE", "/domain/deleter/by-token", "")
        .await;
    Caller::root()
        .does("DELETE", "/domain/deleter/by-root", "")
        .await;
    let told = gateway()
        .logged("event=domain.deleted account=deleter domain=by-root.")
        .await;
    assert!(told.contains("by=root"), "{told}");
    assert_eq!(
        names(&account.gets("GET", "/domain/deleter", "").await),
        ["kept"]
    );
    assert_eq!(
        account.gets("GET", "/user/deleter", "").await["subdomain"],
        json!(["kept"])
    );
    for (method, path, body) in [
        ("PUT", "/domain/deleter/todo", ""),
        ("PUT", "/domain/deleter/todo", r#"{"useSignatures":true}"#),
        ("POST", "/domain/deleter", r#"{"name":"todo"}"#),
    ] {
        for caller in [account, &Caller::root()] {
            let reply = caller.ask(method, path, body).await;
            assert_eq!(
                (reply.status, &reply.value()["code"]),
                (409, &json!("Conflict")),
                "{method} {path}"
            );
        }
    }
    account
        .may_not("DELETE", "/domain/deleter/todo", "", 404)
        .await;
    account
        .may_not("DELETE", "/domain/deleter/never", "", 404)
        .await;
    let auth = Auth::Key("deleter".into(), account.key());
    let refused = Socket::join(gateway(), "a", "todo.deleter.gw.local", &auth).await;
    assert_eq!(refused.unwrap_err().0, "NotFound");
    // The same name of another account is another name.
    Caller::account("deleter-not")
        .await
        .gets("PUT", "/domain/deleter-not/todo", "")
        .await;
}

#[tokio::test]
async fn nobody_deletes_what_belongs_to_others() {
    let account = Caller::account("keeper").await;
    account
        .does(
            "PATCH",
            "/user/keeper",
            r#"{"@insert":{"remotesAuth":"jwt"}}"#,
        )
        .await;
    let configuration = account.gets("PUT", "/domain/keeper/todo", "").await;
    let for_domains = configuration["io"]["opts"]["auth"]["jwt"].as_str().unwrap();
    let stranger = Caller::account("keeper-not").await;
    for (caller, path, status) in [
        (Caller::nobody(), "/domain/keeper/todo", 401),
        (Caller::by_token(for_domains), "/domain/keeper/todo", 403),
        (stranger, "/domain/keeper/todo", 403),
    ] {
        caller.may_not("DELETE", path, "", status).await;
    }
    assert_eq!(
        names(&account.gets("GET", "/domain/keeper", "").await),
        ["todo"]
    );
}

#[tokio::test]
async fn a_uuid_name_that_was_registered_and_deleted_is_a_name_no_more() {
    const UUID: &str = "ckzz0deletedfgh0123456789";
    let account = Caller::account("uuid-deleter").await;
    let details = r#"{"@insert":{"naming":"uuid","remotesAuth":["anon","key"]}}"#;
    account.does("PATCH", "/user/uuid-deleter", details).await;
    let path = format!("/domain/uuid-deleter/{UUID}");
    let domain = format!("{UUID}.uuid-deleter.gw.local");
    let joins = async |auth: &Auth| Socket::join(gateway(), "a", &domain, auth).await.map(drop);
    assert!(joins(&Auth::None).await.is_ok());
    account.gets("PUT", &path, "").await;
    account.does("DELETE", &path, "").await;
    account.may_not("PUT", &path, "", 409).await;
    let body = json!({"name": UUID}).to_string();
    Caller::nobody()
        .may_not("POST", "/domain/uuid-deleter", &body, 409)
        .await;
    for auth in [Auth::None, Auth::Key("uuid-deleter".into(), account.key())] {
        assert_eq!(joins(&auth).await.unwrap_err().0, "NotFound", "{auth:?}");
    }
}
