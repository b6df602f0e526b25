//! New keys.

use std::time::Duration;

use axum::Json as Answer;
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts as _, Query, State};
use http::{HeaderMap, Request};
use serde::Deserialize;
use serde_json::Value;

use crate::accounts::Credential;
use crate::http::body::Json;
use crate::http::credentials::{Caller, credential, source};
use crate::http::duration;
use crate::http::path::{AccountPath, KeyPath};
use crate::http::problem::Problem;
use crate::http::state::App;

/// How long an old key is good beside its successor, if nobody says otherwise, and at most.
const OVERLAP: Duration = Duration::from_hours(24);
const OVERLAP_LIMIT: Duration = Duration::from_hours(90 * 24);

/// The header that carries the code from the mail.
const CODE: &str = "x-activation-code";

/// What is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Wanted {
    r#type: Option<Kind>,
}

/// Kinds of user keys.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Rsa,
}

/// `POST /api/v1/user/{account}/key`: a new key, by the account itself, by root, or by an activation. With
/// `?type=rsa`, its pair as well.
pub(in crate::http) async fn mint(
    State(app): State<App>,
    AccountPath(account): AccountPath,
    request: Request<axum::body::Body>,
) -> Result<Answer<Value>, Problem> {
    let (mut parts, _) = request.into_parts();
    let query = Query::<Wanted>::from_request_parts(&mut parts, &()).await;
    let with_pair = pair_wanted(query)?;
    let minted = if let Some(Credential::Activation(token)) = credential(&parts.headers) {
        let code = code(&parts.headers).unwrap_or_default();
        let minting = app.accounts.mint_key_by_activation(
            &account,
            (&token, code),
            source(&parts),
            with_pair,
        );
        minting.await?
    } else {
        let caller = Caller::from_request_parts(&mut parts, &app).await?;
        let permit = app.accounts.permit(&caller.principal, &account)?;
        app.accounts.mint_key(&permit, with_pair).await?
    };
    Ok(Answer(minted.expose()))
}

/// `POST /api/v1/user/{account}/key/{keyid}/rotate`: a successor of a key, which ends after the overlap, an ISO 8601
/// duration; by the account itself or root. With `?type=rsa`, the successor's pair as well.
pub(in crate::http) async fn rotate(
    State(app): State<App>,
    KeyPath(account, old): KeyPath,
    caller: Caller,
    wanted: Result<Query<Wanted>, QueryRejection>,
    body: Option<Json<Value>>,
) -> Result<Answer<Value>, Problem> {
    let permit = app.accounts.permit(&caller.principal, &account)?;
    let with_pair = pair_wanted(wanted)?;
    let overlap = overlap(body.map(|Json(body)| body))?;
    let rotating = app.accounts.rotate_key(&permit, &old, overlap, with_pair);
    Ok(Answer(rotating.await?.expose()))
}

fn overlap(body: Option<Value>) -> Result<Duration, Problem> {
    let bad = || {
        Problem::bad_request(
            "overlap has to be an ISO 8601 duration of at most P90D, such as PT24H or P7D",
        )
    };
    let Some(Value::Object(mut members)) = body else {
        return Ok(OVERLAP);
    };
    let overlap = members.remove("overlap");
    if !members.is_empty() {
        return Err(bad());
    }
    let Some(overlap) = overlap else {
        return Ok(OVERLAP);
    };
    let parsed = overlap.as_str().and_then(duration::parse);
    parsed
        .filter(|overlap| *overlap <= OVERLAP_LIMIT)
        .ok_or_else(bad)
}

fn pair_wanted(query: Result<Query<Wanted>, QueryRejection>) -> Result<bool, Problem> {
    query
        .map(|Query(wanted)| wanted.r#type.is_some())
        .map_err(|_| Problem::bad_request("the query string can be type=rsa, once, or left out"))
}

/// The code, if there is one and no more.
fn code(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(CODE).iter();
    let code = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(code)
}
