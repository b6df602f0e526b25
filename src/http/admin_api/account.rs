//! An account's details.

use axum::Json as Answer;
use axum::extract::State;
use http::StatusCode;
use serde_json::Value;

use crate::accounts::{Details, Patch};
use crate::http::body::Json;
use crate::http::credentials::Caller;
use crate::http::path::AccountPath;
use crate::http::problem::Problem;
use crate::http::state::App;

/// `GET /api/v1/user/{account}`: for itself, or root.
pub(in crate::http) async fn details(
    State(app): State<App>,
    AccountPath(account): AccountPath,
    caller: Caller,
) -> Result<Answer<Details>, Problem> {
    let permit = app.accounts.permit(&caller.principal, &account)?;
    let mut details = app.accounts.details(&permit).await?;
    let domains = app.accounts.permit(&caller.principal, &account)?;
    details.subdomain = app
        .domains
        .list(&domains)
        .iter()
        .map(ToString::to_string)
        .collect();
    Ok(Answer(details))
}

/// `DELETE /api/v1/user/{account}`: its subdomains are deleted, its keys revoked, its addresses forgotten, and its
/// name is never given again; for itself, or root.
pub(in crate::http) async fn close(
    State(app): State<App>,
    AccountPath(account): AccountPath,
    caller: Caller,
) -> Result<StatusCode, Problem> {
    let permit = app.accounts.permit(&caller.principal, &account)?;
    app.domains.close_account(&permit).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `PATCH /api/v1/user/{account}`: details and revocations, all of them or none; for itself, or root.
pub(in crate::http) async fn change(
    State(app): State<App>,
    AccountPath(account): AccountPath,
    caller: Caller,
    Json(body): Json<Value>,
) -> Result<StatusCode, Problem> {
    let permit = app.accounts.permit(&caller.principal, &account)?;
    let patch = Patch::parse(&body)?;
    app.accounts.patch(&permit, &patch).await?;
    Ok(StatusCode::NO_CONTENT)
}
