//! What anybody may know of the gateway.
//!
//! Source: `docs/api.md`, "Gateway".

use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};

use super::state::App;

/// `GET /api/v1/context`: the JSON-LD context of the gateway's own vocabulary, or the same for a person.
pub(super) async fn context(State(app): State<App>, headers: HeaderMap) -> Response {
    let context = app.accounts.context();
    if wants_html(&headers) {
        let text = serde_json::to_string_pretty(&context).unwrap_or_default();
        // The domain is the only part that is not fixed, and a host name has nothing to escape.
        let page = format!(
            "<!doctype html><html lang=en><meta charset=utf-8><title>m-ld gateway context</title><h1>JSON-LD context</h1><pre>{text}</pre></html>"
        );
        return Html(page).into_response();
    }
    (
        [(header::CONTENT_TYPE, "application/ld+json")],
        context.to_string(),
    )
        .into_response()
}

/// Whether a page is preferred to JSON, as a browser's address line does.
fn wants_html(headers: &HeaderMap) -> bool {
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let position = |kind: &str| {
        accept
            .split(',')
            .position(|part| part.trim().starts_with(kind))
    };
    match (position("text/html"), position("application/")) {
        (Some(html), Some(json)) => html < json,
        (html, _) => html.is_some(),
    }
}

/// `GET /api/v1/publicKey`: the root account's public key, by which what the gateway signs is verified.
pub(super) async fn public_key(State(app): State<App>) -> impl IntoResponse {
    pem(app.accounts.root_public_key().to_pem())
}

/// An answer that is a PEM file.
pub(super) fn pem(text: String) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/x-pem-file")], text)
}

/// `GET /healthz`: the process is up.
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: it can serve, changes too, and its own domain is there. A store that failed takes none until the daemon
/// is started again.
pub(super) async fn ready(State(app): State<App>) -> Response {
    let serves = app.ready.load(Ordering::SeqCst) && app.accounts.is_writable();
    if serves && app.domains.own_is_live() {
        "ok\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n").into_response()
    }
}
