//! What is refused: with the right status, and nothing changes.

use super::*;

#[tokio::test]
async fn what_is_no_json_rql_is_refused_says_why_and_changes_nothing() {
    let app = App::new("malformed").await;
    let before = tag(&app.adds("fred").await);
    for path in ["/state", "/state?lock"] {
        for body in [
            r#"{"@insert": 7}"#,
            r#"{"@id": 5}"#,
            r#"{"@select": "?s", "@where": {"@id": "?s"}}"#,
            r#"{"@id": "x", "n": 9007199254740993}"#,
            r#"{"@id": "x", "@id": "y"}"#,
            r#"{"@id": "x", "#,
            r#""text""#,
            "7",
        ] {
            let headers = [
                ("Authorization", &*app.authorization),
                ("Content-Type", "application/json"),
            ];
            let mut https = app.gateway.https().await;
            let path = app.path(path);
            let reply = https
                .request("POST", &path, &headers, body.as_bytes())
                .await;
            assert_eq!(reply.status, 400, "{path} {body}: {}", reply.text());
            let problem = reply.value();
            assert_eq!(problem["code"], "BadRequest");
            assert!(problem["detail"].as_str().unwrap().len() > 10, "{problem}");
        }
    }
    let long = json!({"@id": "x", "name": "x".repeat(10_000)});
    let json = json!({"@id": "x", "name": {"@type": "@json", "@value": {"a": 1}}});
    for unfit in [long, json] {
        let reply = app.json("POST", "/state?lock", Some(&unfit)).await;
        assert_eq!(reply.status, 400, "{}", reply.text());
    }
    assert!(!app.is_locked().await);
    let after = app.json("GET", "/state?lock", None).await;
    assert_eq!(tag(&after), before);
}

#[tokio::test]
async fn what_is_no_read_is_refused() {
    let app = App::new("unreadable").await;
    for query in [
        json!({"@insert": subject("x")}),
        json!({"@select": 7}),
        json!([]),
        json!("text"),
    ] {
        let reply = app.json("GET", &asked(&query), None).await;
        assert_eq!(reply.status, 400, "{query}: {}", reply.text());
    }
    for path in [
        "/state",
        "/state?q",
        "/state?q={",
        "/state?x=1",
        "/state?q=%7b%7d&lock",
    ] {
        let reply = app.json("GET", path, None).await;
        assert_eq!(reply.status, 400, "{path}: {}", reply.text());
    }
    assert_eq!(app.json("DELETE", "/state", None).await.status, 405);
    assert_eq!(app.json("POST", "/state?x", None).await.status, 400);
    assert!(app.names().await.is_empty());
}

#[tokio::test]
async fn an_oversize_body_is_refused_and_changes_nothing() {
    let app = App::new("oversize").await;
    let large = json!({"@id": "x", "name": "x".repeat(2 << 20)});
    let reply = app.json("POST", "/state?lock", Some(&large)).await;
    assert_eq!(reply.status, 413, "{}", reply.text());
    assert!(!app.is_locked().await);
    assert!(app.names().await.is_empty());
}

#[tokio::test]
async fn a_stale_condition_is_refused_and_leaves_no_lock() {
    let app = App::new("stale").await;
    let old = tag(&app.adds("a").await);
    app.adds("b").await;
    let stale = [("If-Match", &*old)];
    for (method, path) in [("POST", "/state"), ("POST", "/state?lock")] {
        let reply = app.ask((method, path), &stale, Some(&subject("c"))).await;
        assert_eq!(reply.status, 412, "{}", reply.text());
        assert_eq!(reply.value()["code"], "PreconditionFailed");
    }
    assert!(!app.is_locked().await);
    app.locks("c").await;
    let reply = app.ask(("DELETE", "/state?lock"), &stale, None).await;
    assert_eq!(reply.status, 412);
    assert!(app.is_locked().await);
    assert_eq!(app.names().await, ["a", "b", "c"]);
}

#[tokio::test]
async fn only_who_may_use_the_accounts_domains_gets_anywhere() {
    let app = App::new("guarded").await;
    app.adds("fred").await;
    let foreign = App::new("foreign").await;
    let foreigner = App {
        account: app.account.clone(),
        ..foreign
    };
    let nobody = App::with_key(app.gateway, "guarded", "root.zzzzzz:secret");
    for (method, path) in [
        ("GET", &*named()),
        ("GET", "/state?lock"),
        ("POST", "/state"),
        ("POST", "/poll"),
        ("DELETE", "/state?lock"),
        ("GET", "/updates"),
    ] {
        assert_eq!(
            foreigner.json(method, path, None).await.status,
            403,
            "{path}"
        );
        assert_eq!(nobody.json(method, path, None).await.status, 401, "{path}");
        let anonymous = app
            .gateway
            .https()
            .await
            .request(method, &app.path(path), &[], b"")
            .await;
        assert_eq!(anonymous.status, 401, "{path}");
    }
    assert!(!app.is_locked().await);
    assert_eq!(app.as_root().names().await, ["fred"]);
}

#[tokio::test]
async fn a_subdomain_that_is_not_there_or_no_more_is_not_found() {
    let app = App::new("tombs").await;
    app.adds("secret").await;
    app.locks("more").await;
    assert_eq!(app.json("DELETE", "", None).await.status, 204);
    for (method, path) in [
        ("GET", &*named()),
        ("GET", "/state?lock"),
        ("POST", "/state"),
        ("POST", "/poll"),
        ("DELETE", "/state?lock"),
        ("GET", "/updates"),
    ] {
        let reply = app.json(method, path, None).await;
        assert_eq!(reply.status, 404, "{path}: {}", reply.text());
        let nowhere = app.path(path).replace("/todo", "/nowhere");
        let headers = [("Authorization", &*app.authorization)];
        let reply = app
            .gateway
            .https()
            .await
            .request(method, &nowhere, &headers, b"")
            .await;
        assert_eq!(reply.status, 404, "{nowhere}: {}", reply.text());
    }
    assert_eq!(app.json("PUT", "", None).await.status, 409, "never again");
}
