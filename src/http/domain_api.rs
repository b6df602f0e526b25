//! Subdomains: what a clone has to be told to join one.
//!
//! Source: `docs/api.md`, "Subdomains".

use axum::Json as Answer;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::Value;

use super::body::Json;
use super::credentials::Caller;
use super::path::{AccountPath, DomainPath};
use super::problem::Problem;
use super::state::App;
use crate::accounts::{Credential, Principal};
use crate::domains::{Configuration, Request};
use crate::ids::Name;

/// How many subdomains a page has, if nobody says otherwise, and at most.
const PAGE_SIZE: usize = 100;
const PAGE_LIMIT: usize = 1000;
/// What a page is asked for with.
const PAGE: &str = "after can be a name and limit a number from 1 to 1000, each once";

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

/// Which page of a list is wanted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    after: Option<String>,
    limit: Option<usize>,
}

/// `GET /api/v1/domain/{account}`: its named subdomains in the order of their names, a page at a time: `after` a name,
/// at most `limit` of them. A `Link` header leads to the next page, if there is one. For its account, or root.
pub(super) async fn list(
    State(app): State<App>,
    AccountPath(account): AccountPath,
    Caller { principal, .. }: Caller,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Response, Problem> {
    let permit = app.accounts.permit(&principal, &account)?;
    let Query(page) = page.map_err(|_| Problem::bad_request(PAGE))?;
    let limit = page.limit.unwrap_or(PAGE_SIZE);
    if !(1..=PAGE_LIMIT).contains(&limit) {
        return Err(Problem::bad_request(PAGE));
    }
    let after = page.after.as_deref().map(Name::parse).transpose()?;
    let (listed, next) = app.domains.page(&permit, after.as_ref(), limit).await?;
    let next = next.map(|last| format!(r#"<?after={last}&limit={limit}>; rel="next""#));
    let link = next.and_then(|link| HeaderValue::from_str(&link).ok());
    let mut response = Answer(listed).into_response();
    if let Some(link) = link {
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}

/// `DELETE /api/v1/domain/{account}/{name}`: its data is destroyed and its name never given again; for its account,
/// or root.
pub(super) async fn delete(
    State(app): State<App>,
    DomainPath(account, name): DomainPath,
    Caller { principal, .. }: Caller,
) -> Result<StatusCode, Problem> {
    let permit = app.accounts.permit(&principal, &account)?;
    app.domains.delete(&permit, &name).await?;
    Ok(StatusCode::NO_CONTENT)
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
