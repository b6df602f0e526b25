//! Taking a subdomain over from another gateway.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::{Value, json};
use testkit::{Folder, Gateway};

use crate::bad_input::BINARY;

const STATE: &str = "/api/v1/domain/acme/todo/state";

async fn changed(gateway: &Gateway, request: &Value) {
    let reply = gateway
        .as_root("POST", STATE, Some(&request.to_string()))
        .await;
    assert_eq!(reply.status, 200, "{reply:?}");
}

/// All that is in the subdomain, in order.
async fn everything(gateway: &Gateway) -> Vec<String> {
    let query = "%7B%22@describe%22:%22?s%22,%22@where%22:%7B%22@id%22:%22?s%22%7D%7D";
    let path = format!("{STATE}?q={query}");
    let reply = gateway.as_root("GET", &path, None).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let mut lines: Vec<_> = reply.text().lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// The folder of a gateway that has the account `acme`, and does not run.
async fn stopped() -> Folder {
    let folder = Folder::new();
    let gateway = Gateway::on(BINARY, &folder, "");
    gateway.mint("acme").await;
    assert_eq!(gateway.stop().await, Some(0));
    folder
}

/// Runs the command for the gateway in a folder, which has its state beside its keys as long as that.
fn import(folder: &Folder, from: &Gateway, key: &str) -> Output {
    let data = folder.path().join("data");
    let state = folder.path().join("state");
    fs::create_dir(&state).unwrap();
    fs::rename(data.join("store"), state.join("store")).unwrap();
    let text = |path: PathBuf| Value::from(path.to_string_lossy()).to_string();
    let config = format!(
        "[gateway]\ndomain = {:?}\nstate-dir = {}\nroot-key-file = {}\nmaster-key-file = {}\n\
         [tls]\ncertificates = [{{ certificate = {}, key = {} }}]\n",
        from.ready.domain,
        text(state.clone()),
        text(data.join("root.key")),
        text(data.join("master.key")),
        text(data.join("tls/gateway.pem")),
        text(data.join("tls/gateway-key.pem")),
    );
    let config = folder.write("serve.toml", &config);
    let auth = json!({"user": "acme", "key": key}).to_string();
    let auth = folder.write("auth.json", &auth);
    let output = Command::new(BINARY)
        .args(["domain", "import", "acme/todo", "--patience", "20"])
        .args(["--from", &from.ready.origin])
        .args(["--ca-file".as_ref(), from.ready.ca_file.as_os_str()])
        .args(["--auth-file".as_ref(), auth.as_os_str()])
        .args(["--config".as_ref(), config.as_os_str()])
        .output()
        .unwrap();
    fs::rename(state.join("store"), data.join("store")).unwrap();
    output
}

#[tokio::test]
async fn a_subdomain_moves_with_all_its_data_and_goes_on_there() {
    let old = Gateway::fresh(BINARY, "");
    let key = old.mint("acme").await;
    let made = old
        .as_root("PUT", "/api/v1/domain/acme/todo", Some("{}"))
        .await;
    assert_eq!(made.status, 200, "{made:?}");
    changed(
        &old,
        &json!({"@id": "fred", "name": "Fred", "age": [1, 2.5]}),
    )
    .await;
    changed(
        &old,
        &json!({"@id": "list", "@list": ["a", {"@id": "fred"}]}),
    )
    .await;
    let before = everything(&old).await;
    assert_eq!(before.len(), 4, "{before:?}");

    let folder = stopped().await;
    let output = import(&folder, &old, &key);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(old.stop().await, Some(0));
    let new = Gateway::on(BINARY, &folder, "");
    assert_eq!(everything(&new).await, before);
    changed(&new, &json!({"@delete": {"@id": "fred", "name": "Fred"}})).await;
    assert_ne!(everything(&new).await, before);
}

#[tokio::test]
async fn without_access_nothing_is_taken_over_and_the_command_says_so() {
    let old = Gateway::fresh(BINARY, "");
    let key = old.mint("acme").await;
    let folder = stopped().await;
    let output = import(&folder, &old, &key);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("NotFound"), "{said}");
}
