//! New keys.

use axum::Json as Answer;
use axum::extract::{FromRequestParts as _, Query, State};
use http::request::Parts;
use http::{HeaderMap, Request};
use serde::Deserialize;
use serde_json::Value;

use crate::accounts::Credential;
use crate::http::credentials::{Caller, credential, source};
use crate::http::path::AccountPath;
use crate::http::problem::Problem;
use crate::http::state::App;

/// The header that carries the code from the mail.
const CODE: &str = "x-activation-code";

/// What is asked for.
#[derive(Debug, Default, Deserialize)]
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
    let with_pair = wanted(&mut parts).await?.r#type.is_some();
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

async fn wanted(parts: &mut Parts) -> Result<Wanted, Problem> {
    let query = Query::<Wanted>::from_request_parts(parts, &()).await;
    query
        .map(|Query(wanted)| wanted)
        .map_err(|_| Problem::bad_request("type can be rsa, once, or left out"))
}

/// The code, if there is one and no more.
fn code(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(CODE).iter();
    let code = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(code)
}
