//! A key that is revoked takes its sockets with it, and no others.

use std::time::Duration;

use testkit::{Auth, Poller, Socket};
use tokio::time::Instant;

use super::tokens::Pair;
use super::world::{World, session_ends};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revoking_a_key_ends_its_sockets_within_a_second_and_no_others() {
    let world = World::with("[sockets]\npresence-delay = \"5ms\"\n").await;
    let gateway = &world.gateway;
    let details = r#"{"remotesAuth":["anon","key","jwt"]}"#;
    let lost = Pair::mint(gateway, "owner").await;
    let kept = Pair::mint(gateway, "owner").await;
    gateway.allow("owner", details).await;
    let domain = World::domain(0).replace(".app.", ".owner.");
    let join = async |id: &str, auth: Auth| Socket::join(gateway, id, &domain, &auth).await;

    let mut by_key = join("by key", lost.key_auth()).await.unwrap();
    let mut by_token = join("by token", lost.jwt_auth()).await.unwrap();
    let auth = lost.key_auth();
    let joining = Poller::join(gateway, "polling", &domain, &auth);
    let mut polling = joining.await.unwrap();
    let mut other = join("other", kept.key_auth()).await.unwrap();
    let mut anonymous = join("anonymous", Auth::None).await.unwrap();
    for socket in [&mut by_key, &mut by_token, &mut other, &mut anonymous] {
        socket.present(true).await;
        while socket
            .next_presence()
            .await
            .iter()
            .all(|id| *id != socket.id)
        {}
    }

    let body = format!(r#"{{"@delete":{{"key":"{}"}}}}"#, lost.id());
    let began = Instant::now();
    let reply = gateway
        .as_root("PATCH", "/api/v1/user/owner", Some(&body))
        .await;
    assert_eq!(reply.status, 204, "{reply:?}");
    assert!(!by_key.ended().await && !by_token.ended().await);
    session_ends(&mut polling).await;
    assert!(
        began.elapsed() < Duration::from_secs(1),
        "{:?}",
        began.elapsed()
    );
    other.presence_becomes(&["other", "anonymous"]).await;
    anonymous.presence_becomes(&["other", "anonymous"]).await;

    for auth in [lost.key_auth(), lost.jwt_auth()] {
        assert_eq!(
            join("by key", auth).await.map(drop).unwrap_err().0,
            "Unauthorized"
        );
    }
    assert!(join("by key", kept.jwt_auth()).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clone_id_in_use_is_taken_over_with_the_same_credential_only() {
    let world = World::with("").await;
    let gateway = &world.gateway;
    let (mine, second) = (
        Pair::mint(gateway, "owner").await,
        Pair::mint(gateway, "owner").await,
    );
    gateway
        .allow("owner", r#"{"remotesAuth":["anon","key","jwt"]}"#)
        .await;
    let domain = World::domain(0).replace(".app.", ".owner.");
    let root = Auth::Key(
        gateway.ready.root_account.clone(),
        gateway.ready.root_key.clone(),
    );
    let mut holder = Socket::join(gateway, "a", &domain, &mine.key_auth())
        .await
        .unwrap();
    for thief in [
        second.key_auth(),
        second.jwt_auth(),
        root.clone(),
        Auth::None,
    ] {
        let refused = Socket::join(gateway, "a", &domain, &thief).await.map(drop);
        assert_eq!(refused.unwrap_err().0, "Forbidden", "{thief:?}");
        let refused = Poller::join(gateway, "a", &domain, &thief).await.map(drop);
        assert_eq!(refused.unwrap_err().0, "Forbidden", "{thief:?}");
    }
    // A token that the key signed is as good as the key.
    let mut again = Socket::join(gateway, "a", &domain, &mine.jwt_auth())
        .await
        .unwrap();
    assert!(
        !holder.ended().await,
        "its own later connection is no reason to stay away"
    );
    again.send_text(r#"421["present",true]"#).await;
    assert_eq!(again.next_ack().await.0, 1);
    again.close().await;
    for other in [Auth::None, root] {
        let joined = loop {
            // Until the gateway knows that the last one has gone.
            match Socket::join(gateway, "a", &domain, &other).await {
                Err(refused) if refused.0 == "Forbidden" => {}
                joined => break joined,
            }
        };
        joined.unwrap().close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_of_one_account_do_not_take_each_other_s_clone_ids() {
    let world = World::with("").await;
    let gateway = &world.gateway;
    let pair = Pair::mint(gateway, "owner").await;
    gateway
        .allow("owner", r#"{"remotesAuth":["key","jwt"]}"#)
        .await;
    let domain = World::domain(0).replace(".app.", ".owner.");
    let ann = pair.jwt_for("https://example.org/ann");
    let mut holder = Socket::join(gateway, "a", &domain, &ann).await.unwrap();
    let ben = pair.jwt_for("https://example.org/ben");
    for thief in [ben, pair.jwt_auth(), pair.key_auth()] {
        let refused = Socket::join(gateway, "a", &domain, &thief).await.map(drop);
        assert_eq!(refused.unwrap_err().0, "Forbidden", "{thief:?}");
    }
    let later = pair.jwt_for("https://example.org/ann");
    let again = Socket::join(gateway, "a", &domain, &later).await;
    assert!(again.is_ok(), "it is still Ann, whichever her token");
    assert!(!holder.ended().await, "her clone may come back");
}
