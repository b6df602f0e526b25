//! Subdomains: what a clone has to be told to join one.
//!
//! Source: `docs/api.md`, "Subdomains".

use axum::Json as Answer;
use axum::extract::State;
use serde_json::Value;

use super::body::Json;
use super::credentials::Caller;
use super::path::{AccountPath, DomainPath};
use super::problem::Problem;
use super::state::App;
use crate::accounts::{Credential, Principal};
use crate::domains::{Configuration, Request};

/// `POST /api/v1/domain/{account}`: a fresh UUID subdomain for anybody whom the account lets, or one by name.
pub(super) async fn configure(
    State(app): State<App>,
    AccountPath(account): AccountPath,
    caller: Option<Caller>,
    body: Option<Json<Value>>,
) -> Result<Answer<Configuration>, Problem> {
    let request = Request::parse_post(body.as_ref().map(|Json(body)| body))?;
    let (principal, credential) = match caller {
        Some(Caller {
            principal,
            credential,
        }) => (principal, credential),
        None => (Principal::Anonymous, Credential::None),
    };
    Ok(Answer(
        app.domains
            .post(&account, &request, (&principal, &credential))
            .await?,
    ))
}

/// `PUT /api/v1/domain/{account}/{name}`: sees that the named subdomain exists; for its account, or root.
pub(super) async fn create(
    State(app): State<App>,
    DomainPath(account, name): DomainPath,
    Caller {
        principal,
        credential,
    }: Caller,
    body: Option<Json<Value>>,
) -> Result<Answer<Configuration>, Problem> {
    let permit = app.accounts.permit(&principal, &account)?;
    let request = Request::parse_put(body.as_ref().map(|Json(body)| body))?;
    Ok(Answer(
        app.domains
            .put(&permit, &name, &request, (&principal, &credential))
            .await?,
    ))
}
