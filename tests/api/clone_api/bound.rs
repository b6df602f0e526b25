//! Fewer clones are open at a time than there are subdomains.

use testkit::Gateway;

use super::*;

#[tokio::test]
async fn one_clone_makes_room_for_another_and_one_in_use_does_not() {
    let config = "[domains]\nopen-clones = 1\n";
    let gateway = Gateway::fresh(crate::bad_input::BINARY, config);
    let (ada, bob) = (
        App::at(&gateway, "ada").await,
        App::at(&gateway, "bob").await,
    );
    for round in 0..3 {
        for app in [&ada, &bob] {
            app.adds(&format!("n{round}")).await;
        }
    }
    for app in [&ada, &bob] {
        assert_eq!(app.names().await, ["n0", "n1", "n2"]);
    }
    ada.locks("under a lock").await;
    for (method, rest) in [("GET", "/state?lock"), ("POST", "/poll"), ("PUT", "")] {
        let refused = bob.json(method, rest, None).await;
        assert_eq!(refused.status, 503, "{method} {rest}: {}", refused.text());
        assert!(refused.header("retry-after").is_some(), "{refused:?}");
        let why = refused.value()["detail"].to_string();
        assert!(why.contains("too many subdomains are in use"), "{why}");
    }
    ada.unlocks().await;
    bob.adds("n3").await;
    assert_eq!(ada.names().await.len(), 4);
}
