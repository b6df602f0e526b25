//! The end of accounts.

use serde_json::json;
use testkit::{Auth, Socket};

use super::tokens::Signer;
use super::{Caller, gateway, id_of};

#[tokio::test]
async fn a_closed_account_is_gone_with_all_that_it_had() {
    let account = Caller::account("leaving").await;
    let details = r#"{"@insert":{"email":"leaving@example.org","naming":"uuid","remotesAuth":["anon","key"]}}"#;
    account.does("PATCH", "/user/leaving", details).await;
    account.gets("PUT", "/domain/leaving/todo", "").await;
    let second = account.gets("POST", "/user/leaving/key", "").await;
    let second = Caller::by_key("leaving", second["auth"]["key"].as_str().unwrap());
    account.does("DELETE", "/user/leaving", "").await;

    for dead in [&account, &second] {
        dead.may_not("GET", "/user/leaving", "", 401).await;
        dead.may_not("DELETE", "/user/leaving", "", 401).await;
    }
    let root = Caller::root();
    for (method, path, body, status) in [
        ("GET", "/user/leaving", "", 404),
        (
            "PATCH",
            "/user/leaving",
            r#"{"@insert":{"naming":"any"}}"#,
            404,
        ),
        ("DELETE", "/user/leaving", "", 404),
        ("GET", "/domain/leaving", "", 404),
        ("PUT", "/domain/leaving/todo", "", 404),
        ("PUT", "/domain/leaving/more", "", 404),
        ("DELETE", "/domain/leaving/todo", "", 404),
        // The name is never given again.
        ("POST", "/user/leaving/key", "", 409),
        // As where there never was an account.
        ("POST", "/domain/leaving", "", 405),
    ] {
        root.may_not(method, path, body, status).await;
    }
    // What it signed can still be verified.
    let public = format!("/user/leaving/publicKey/{}", id_of(&account.key()));
    assert_eq!(root.get(&public).await.status, 200);
    let told = gateway()
        .logged("event=account.closed account=leaving ")
        .await;
    assert!(
        told.contains("revoked=2") && told.contains("by=account"),
        "{told}"
    );
    let told = gateway()
        .logged("event=domain.deleted account=leaving ")
        .await;
    assert!(told.contains("domain=todo.leaving.gw.local"), "{told}");

    let auth = Auth::Key("leaving".into(), account.key());
    for (domain, auth, why) in [
        ("todo.leaving.gw.local", &auth, "Unauthorized"),
        (
            "ckzz0abcdefgh0123456789ab.leaving.gw.local",
            &auth,
            "Unauthorized",
        ),
        (
            "ckzz0abcdefgh0123456789ab.leaving.gw.local",
            &Auth::None,
            "Unauthorized",
        ),
    ] {
        let refused = Socket::join(gateway(), "ghost", domain, auth).await;
        assert_eq!(refused.unwrap_err().0, why, "{domain} {auth:?}");
    }
}

#[tokio::test]
async fn a_closed_accounts_name_cannot_be_activated_and_nobody_learns_that() {
    let account = Caller::account("forgotten").await;
    let details = r#"{"@insert":{"email":"forgotten@example.org"}}"#;
    account.does("PATCH", "/user/forgotten", details).await;
    account.does("DELETE", "/user/forgotten", "").await;
    let mut answers = Vec::new();
    for (name, email) in [
        ("forgotten", "forgotten@example.org"),
        ("forgotten", "another@example.org"),
        ("neverwas", "neverwas@example.org"),
    ] {
        let body = json!({"email": email}).to_string();
        let path = format!("/user/{name}/activation");
        let reply = Caller::nobody().ask("POST", &path, &body).await;
        assert_eq!(reply.value().as_object().unwrap().len(), 1);
        let names: Vec<_> = reply.headers.iter().map(|(name, _)| name.clone()).collect();
        // The names are not of one length, and neither are what is sealed of them.
        answers.push((reply.status, names));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    // The one that comes last is mailed, so those before it would have been.
    gateway().logged("account=neverwas code=").await;
    assert!(!gateway().log().contains("account=forgotten code="));
}

#[tokio::test]
async fn an_account_is_closed_by_itself_or_root_and_by_its_key_alone() {
    let signer = Signer::new("staying").await;
    signer.account.gets("PUT", "/domain/staying/todo", "").await;
    let stranger = Caller::account("staying-not").await;
    for (caller, account, status) in [
        (&Caller::nobody(), "staying", 401),
        (&stranger, "staying", 403),
        (&stranger, "nowhere", 403),
        (&stranger, "root", 403),
        (&signer.by_token("staying"), "staying", 403),
        (&Caller::root(), "root", 409),
        (&Caller::root(), "nowhere", 404),
    ] {
        caller
            .may_not("DELETE", &format!("/user/{account}"), "", status)
            .await;
    }
    let details = signer.account.gets("GET", "/user/staying", "").await;
    assert_eq!(details["subdomain"], json!(["todo"]));
    Caller::root().gets("GET", "/user/root", "").await;
    Caller::root().does("DELETE", "/user/staying", "").await;
    let told = gateway()
        .logged("event=account.closed account=staying ")
        .await;
    assert!(told.contains("by=root"), "{told}");
    signer
        .account
        .may_not("GET", "/user/staying", "", 401)
        .await;
    signer
        .by_token("staying")
        .may_not("GET", "/user/staying", "", 401)
        .await;
}

#[tokio::test]
async fn subdomains_that_are_made_while_their_account_is_closed_are_gone_with_it() {
    let account = Caller::account("hurried").await;
    let making = async {
        for number in 0..40 {
            let path = format!("/domain/hurried/late{number}");
            let reply = account.ask("PUT", &path, "").await;
            if reply.status != 200 {
                assert!([401, 404].contains(&reply.status), "{reply:?}");
                return number;
            }
        }
        panic!("the account was not closed");
    };
    let closing = async {
        gateway()
            .logged("event=domain.created account=hurried domain=late2.")
            .await;
        account.does("DELETE", "/user/hurried", "").await;
    };
    let (made, ()) = tokio::join!(making, closing);
    for number in 0..made {
        let told = format!("event=domain.deleted account=hurried domain=late{number}.");
        gateway().logged(&told).await;
    }
}
