//! HTTP/2 beside HTTP/1.1, as curl speaks them.

use std::process::Command;
use std::sync::OnceLock;

use testkit::Gateway;

use super::fresh;

fn gateway() -> &'static Gateway {
    static GATEWAY: OnceLock<Gateway> = OnceLock::new();
    GATEWAY.get_or_init(|| fresh("[http]\nbody-limit = \"64 KiB\"\n"))
}

/// Runs curl. Gives its exit code, and what it wrote: answers, and `version status` after each.
async fn curl(arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new("curl");
    command
        .args([
            "-sS",
            "--max-time",
            "20",
            "-w",
            "\n%{http_version} %{http_code}\n",
            "--cacert",
        ])
        .arg(&gateway().ready.ca_file)
        .args(arguments);
    let running = tokio::task::spawn_blocking(move || command.output());
    let output = running.await.unwrap().expect("curl, which this test needs");
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
    )
}

fn url(path: &str) -> String {
    format!("{}{path}", gateway().ready.origin)
}

async fn ends_with(arguments: &[&str], path: &str, end: &str) -> String {
    let url = url(path);
    let (code, said) = curl(&[arguments, &[&url]].concat()).await;
    assert_eq!(code, Some(0), "{arguments:?} {path}: {said}");
    assert!(
        said.ends_with(&format!("\n{end}\n")),
        "{arguments:?} {path}: {said}"
    );
    said
}

#[tokio::test]
async fn curl_can_speak_http2_here() {
    let version = Command::new("curl")
        .arg("--version")
        .output()
        .expect("curl, which these tests need");
    let said = String::from_utf8_lossy(&version.stdout).into_owned();
    assert!(
        said.contains("HTTP2"),
        "a curl with HTTP/2 is needed: {said}"
    );
}

#[tokio::test]
async fn each_client_gets_the_protocol_that_it_asks_for() {
    ends_with(&["--http2"], "/api/v1/context", "2 200").await;
    ends_with(&["--http1.1"], "/api/v1/context", "1.1 200").await;
    ends_with(&["--http2-prior-knowledge"], "/api/v1/context", "2 200").await;
    let (code, _) = curl(&["--tlsv1.0", "--tls-max", "1.1", &url("/healthz")]).await;
    assert_eq!(code, Some(35), "an old TLS was spoken");
}

#[tokio::test]
async fn the_api_is_the_same_over_http2() {
    let user = format!("root:{}", gateway().ready.root_key);
    let root = ["--http2", "-u", &user];
    let with = |more: &[&'static str]| [&root[..], more].concat();
    ends_with(&with(&["-X", "POST"]), "/api/v1/user/two/key", "2 200").await;
    let json = ["-H", "Content-Type: application/json"];
    let patch = with(&[
        "-X",
        "PATCH",
        json[0],
        json[1],
        "-d",
        r#"{"@insert":{"naming":"any"}}"#,
    ]);
    ends_with(&patch, "/api/v1/user/two", "2 204").await;
    let details = ends_with(&root, "/api/v1/user/two", "2 200").await;
    assert!(details.contains(r#""naming":["any"]"#), "{details}");
    let refused = ends_with(&["--http2"], "/api/v1/user/two", "2 401").await;
    assert!(refused.contains(r#""code":"Unauthorized""#), "{refused}");
    ends_with(&["--http2", "-I"], "/api/v1/context", "2 200").await;
    ends_with(&["--http2"], "/api/v1/%2e%2e/context", "2 404").await;
    ends_with(&["--http2", "-X", "DELETE"], "/api/v1/context", "2 405").await;
}

#[tokio::test]
async fn bad_input_over_http2_is_refused_as_ever() {
    let large = format!(r#"{{"email":"{}"}}"#, "a".repeat(70_000));
    let path = "/api/v1/user/new/activation";
    let json = ["-H", "Content-Type: application/json"];
    for (body, status) in [("{", 400), ("null", 400), (large.as_str(), 413)] {
        ends_with(
            &["--http2", json[0], json[1], "-d", body],
            path,
            &format!("2 {status}"),
        )
        .await;
    }
    ends_with(&["--http2", "-d", "a=b"], path, "2 415").await;
    let long = format!("A: {}", "b".repeat(20_000));
    let (code, said) = curl(&["--http2", "-H", &long, &url("/healthz")]).await;
    assert!(
        code != Some(0) || said.ends_with("2 431\n"),
        "{code:?} {said}"
    );
    ends_with(&["--http2"], "/healthz", "2 200").await;
}

#[tokio::test]
async fn requests_beside_each_other_on_one_connection_are_all_answered() {
    let urls: Vec<String> = (0..40).map(|n| url(&format!("/healthz?{n}"))).collect();
    let mut arguments = vec!["--http2", "-Z", "--parallel-max", "40"];
    arguments.extend(urls.iter().map(String::as_str));
    let (code, said) = curl(&arguments).await;
    assert_eq!(
        (code, said.matches("2 200\n").count()),
        (Some(0), 40),
        "{said}"
    );
    let log = gateway().log();
    assert!(
        !log.contains(" ERROR ") && !log.contains("panicked"),
        "{log}"
    );
}
