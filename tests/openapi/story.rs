//! What is asked of the gateway, and how each request has to end.

use serde_json::Value;

use super::operation::{Call, all};
use super::{World, schema};

const ADA: &[(&str, &str)] = &[("account", "ada")];
const TODO: &[(&str, &str)] = &[("account", "ada"), ("name", "todo")];

pub(super) async fn of_the_gateway(world: &mut World) {
    for id in [
        "isAlive",
        "isReady",
        "readContext",
        "readGatewayKey",
        "readDescription",
    ] {
        world.call(id, Call::default(), 200).await;
    }
    let headers = &[("Accept", "text/html")][..];
    world
        .call(
            "readContext",
            Call {
                headers,
                ..Call::default()
            },
            200,
        )
        .await;
}

#[expect(clippy::too_many_lines, reason = "a story is told in one go")]
pub(super) async fn of_accounts(world: &mut World) {
    let (ada, root, keyid) = (world.ada.clone(), world.root.clone(), world.keyid.clone());
    let by_ada = Call {
        path: ADA,
        authorization: Some(&ada),
        ..Call::default()
    };
    let by_root = Call {
        authorization: Some(&root),
        ..by_ada
    };
    let key = &[("account", "ada"), ("keyid", keyid.as_str())][..];

    let refused = format!(r#"{{"@delete":{{"key":"{keyid}"}}}}"#);
    world
        .call(
            "changeAccount",
            Call {
                body: Some(&refused),
                ..by_ada
            },
            409,
        )
        .await; // its last one
    let body = Some(r#"{"@insert":{"email":"ada@example.org","remotesAuth":["key","jwt"]}}"#);
    world
        .call("changeAccount", Call { body, ..by_ada }, 204)
        .await;
    world
        .call(
            "changeAccount",
            Call {
                body: Some("{}"),
                ..by_ada
            },
            400,
        )
        .await;
    world.call("readAccount", by_ada.clone(), 200).await;
    world
        .call(
            "readUserKey",
            Call {
                path: key,
                ..by_ada
            },
            200,
        )
        .await;

    world.call("mintKey", by_ada.clone(), 200).await;
    let minted = world
        .call(
            "mintKey",
            Call {
                query: "type=rsa",
                ..by_ada
            },
            200,
        )
        .await
        .value();
    let minted = minted["auth"]["key"].as_str().unwrap().to_owned();
    let other = [
        ("account", "ada"),
        ("keyid", minted.split(['.', ':']).nth(1).unwrap()),
    ];
    let body = Some(r#"{"overlap":"PT1H"}"#);
    world
        .call(
            "rotateKey",
            Call {
                path: &other,
                body,
                ..by_ada
            },
            200,
        )
        .await;
    world
        .call(
            "rotateKey",
            Call {
                path: &other,
                query: "type=rsa",
                ..by_root
            },
            200,
        )
        .await;
    let body = Some(r#"{"overlap":"P1Y"}"#);
    world
        .call(
            "rotateKey",
            Call {
                path: &other,
                body,
                ..by_ada
            },
            400,
        )
        .await;
    let root_key = world.gateway.ready.root_key.clone();
    let of_root = [
        ("account", "root"),
        ("keyid", root_key.split(['.', ':']).nth(1).unwrap()),
    ];
    world
        .call(
            "rotateKey",
            Call {
                path: &of_root,
                ..by_root
            },
            409,
        )
        .await;

    let body = Some(r#"{"email":"ada@example.org"}"#);
    world
        .call(
            "requestActivation",
            Call {
                path: ADA,
                body,
                ..Call::default()
            },
            200,
        )
        .await;
    let root = &[("account", "root")][..];
    world
        .call(
            "requestActivation",
            Call {
                path: root,
                body,
                ..Call::default()
            },
            409,
        )
        .await;
    world
        .call(
            "closeAccount",
            Call {
                path: root,
                ..by_root
            },
            409,
        )
        .await;
}

#[expect(clippy::too_many_lines, reason = "a story is told in one go")]
pub(super) async fn of_subdomains(world: &mut World) {
    let ada = world.ada.clone();
    let nobody = Call {
        path: ADA,
        ..Call::default()
    };
    let by_ada = Call {
        authorization: Some(&ada),
        ..nobody
    };

    world.call("configureClone", nobody.clone(), 405).await;
    let body = Some(r#"{"@insert":{"naming":"uuid"}}"#);
    world
        .call("changeAccount", Call { body, ..by_ada }, 204)
        .await;
    world.call("configureClone", nobody.clone(), 200).await;
    let body = Some(r#"{"name":"todo"}"#);
    world
        .call("configureClone", Call { body, ..by_ada }, 200)
        .await;
    let body = Some(r#"{"user":{"@id":"https://example.org/ada"}}"#);
    world
        .call(
            "makeSubdomain",
            Call {
                path: TODO,
                body,
                ..by_ada
            },
            200,
        )
        .await;
    let body = Some(r#"{"name":"todo","useSignatures":true}"#);
    world
        .call("configureClone", Call { body, ..by_ada }, 409)
        .await;
    let body = Some(r#"{"useSignatures":true}"#);
    world
        .call(
            "makeSubdomain",
            Call {
                path: TODO,
                body,
                ..by_ada
            },
            409,
        )
        .await;

    let notes = &[("account", "ada"), ("name", "notes")][..];
    world
        .call(
            "makeSubdomain",
            Call {
                path: notes,
                ..by_ada
            },
            200,
        )
        .await;
    let first = world
        .call(
            "listSubdomains",
            Call {
                query: "limit=1",
                ..by_ada
            },
            200,
        )
        .await;
    assert_eq!(
        first.header("link"),
        Some(r#"<?after=notes&limit=1>; rel="next""#)
    );
    world
        .call(
            "listSubdomains",
            Call {
                query: "after=notes&limit=1",
                ..by_ada
            },
            200,
        )
        .await;
    world
        .call(
            "listSubdomains",
            Call {
                query: "limit=0",
                ..by_ada
            },
            400,
        )
        .await;
    world
        .call(
            "deleteSubdomain",
            Call {
                path: notes,
                ..by_ada
            },
            204,
        )
        .await;
}

#[expect(clippy::too_many_lines, reason = "a story is told in one go")]
pub(super) async fn of_a_state(world: &mut World) {
    let (ada, root) = (world.ada.clone(), world.root.clone());
    let by_ada = Call {
        path: TODO,
        authorization: Some(&ada),
        ..Call::default()
    };
    let by_root = Call {
        authorization: Some(&root),
        ..by_ada
    };
    let stale = &[("If-Match", "\"987654321\"")][..];

    let body = Some(r#"{"@id":"fred","name":"Fred"}"#);
    let written = world.call("writeState", Call { body, ..by_ada }, 200).await;
    let etag = written.header("etag").unwrap().to_owned();
    let current = [("If-Match", etag.as_str())];
    let body = Some(r#"[{"@id":"wilma","name":"Wilma"}]"#);
    let locking = Call {
        query: "lock",
        headers: &current,
        body,
        ..by_ada
    };
    world.call("writeState", locking, 201).await;
    world
        .call(
            "writeState",
            Call {
                headers: stale,
                body,
                ..by_ada
            },
            412,
        )
        .await;
    world
        .call(
            "writeState",
            Call {
                body: Some(r#"{"@describe":"fred"}"#),
                ..by_ada
            },
            400,
        )
        .await;
    // Under ada's lock.
    world
        .call("writeState", Call { body, ..by_root }, 408)
        .await;
    world.call("poll", by_root.clone(), 408).await;
    // It was handed out, and not acknowledged.
    let polled = world
        .call(
            "poll",
            Call {
                body: Some("{}"),
                ..by_ada
            },
            201,
        )
        .await;
    are_lines(world, &polled.text(), "Update");
    let locked = world
        .call(
            "readState",
            Call {
                query: "lock",
                ..by_ada
            },
            200,
        )
        .await;
    assert_eq!(locked.value(), true);
    world
        .call(
            "unlockState",
            Call {
                query: "lock",
                headers: stale,
                ..by_ada
            },
            412,
        )
        .await;
    world
        .call(
            "unlockState",
            Call {
                query: "lock",
                ..by_ada
            },
            200,
        )
        .await;
    world.call("unlockState", by_ada.clone(), 405).await;

    world
        .call(
            "poll",
            Call {
                body: Some(r#"{"other":1}"#),
                ..by_ada
            },
            400,
        )
        .await;
    let query = "q=%7B%22%40describe%22%3A%22fred%22%7D";
    let lines = world.call("readState", Call { query, ..by_ada }, 200).await;
    are_lines(world, &lines.text(), "Subject");
    let array = &[("Accept", "application/json")][..];
    world
        .call(
            "readState",
            Call {
                query,
                headers: array,
                ..by_ada
            },
            200,
        )
        .await;
    world
        .call(
            "readState",
            Call {
                query,
                headers: stale,
                ..by_ada
            },
            412,
        )
        .await;
    world.call("readState", by_ada.clone(), 400).await;

    let seen = &[("Last-Event-ID", "0")][..];
    let events = world
        .call(
            "followUpdates",
            Call {
                headers: seen,
                ..by_ada
            },
            200,
        )
        .await;
    let text = events.text();
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    let data = data.fold(String::new(), |text, line| text + line + "\n");
    are_lines(world, &data, "Update");
    let seen = &[("Last-Event-ID", "first")][..];
    world
        .call(
            "followUpdates",
            Call {
                headers: seen,
                ..by_ada
            },
            400,
        )
        .await;

    let body = Some(r#"{"subscribe":"https://127.0.0.1:1/hook"}"#);
    world.call("poll", Call { body, ..by_ada }, 201).await;
    world.call("readSubscription", by_ada.clone(), 200).await;
    world.call("unsubscribe", by_ada.clone(), 204).await;
}

/// Sees that there are lines, and that each is what the description calls so.
fn are_lines(world: &World, text: &str, name: &str) {
    let schema = &world.document["components"]["schemas"][name];
    assert!(!text.is_empty());
    for line in text.lines() {
        let value: Value = serde_json::from_str(line).unwrap();
        assert_eq!(schema::faults(&world.document, schema, &value), [""; 0]);
    }
}

/// What each operation refuses alike.
pub(super) async fn of_refusals(world: &mut World) {
    let (ada, bob) = (world.ada.clone(), world.bob.clone());
    let keyid = world.keyid.clone();
    let path = [
        ("account", "ada"),
        ("name", "todo"),
        ("keyid", keyid.as_str()),
    ];
    let nowhere = [
        ("account", "No-Name"),
        ("name", "todo"),
        ("keyid", keyid.as_str()),
    ];
    let large = format!(r#"{{"email":"{}"}}"#, "a".repeat(64 * 1024));
    let document = world.document.clone();
    for operation in all(&document) {
        let id = operation.id();
        let body = match id {
            "configureClone" => Some(r#"{"name":"todo"}"#),
            "changeAccount" => Some(r#"{"@insert":{"naming":"any"}}"#),
            "requestActivation" => Some(r#"{"email":"ada@example.org"}"#),
            _ => None,
        };
        let call = Call {
            path: &path,
            authorization: Some(&ada),
            body,
            ..Call::default()
        };
        // What is no request at all.
        let twice = [("Host", "localhost")];
        world
            .call(
                id,
                Call {
                    headers: &twice,
                    ..call.clone()
                },
                400,
            )
            .await;
        if operation.describes(401) {
            let nobody = Call {
                authorization: None,
                ..call.clone()
            };
            world.call(id, nobody, 401).await;
        } else {
            assert!(operation.is_open(), "{id}");
        }
        if operation.describes(403) {
            let other = Call {
                authorization: Some(&bob),
                ..call.clone()
            };
            world.call(id, other, 403).await;
        }
        if operation.describes(404) {
            let call = Call {
                path: &nowhere,
                ..call.clone()
            };
            world.call(id, call, 404).await;
        }
        assert_eq!(operation.reads_a_body(), operation.describes(413), "{id}");
        if operation.reads_a_body() {
            world
                .call(
                    id,
                    Call {
                        body: Some(&large),
                        ..call.clone()
                    },
                    413,
                )
                .await;
            let headers = [("Content-Type", "text/plain")];
            let body = Some(body.unwrap_or("{}"));
            world
                .call(
                    id,
                    Call {
                        headers: &headers,
                        body,
                        ..call
                    },
                    415,
                )
                .await;
        }
    }
}

pub(super) async fn of_ends(world: &mut World) {
    let (ada, root) = (world.ada.clone(), world.root.clone());
    let by_ada = Call {
        path: ADA,
        authorization: Some(&ada),
        ..Call::default()
    };
    world.call("closeAccount", by_ada.clone(), 204).await;
    let by_root = Call {
        authorization: Some(&root),
        ..by_ada
    };
    world.call("mintKey", by_root, 409).await;
}
