//! Public halves of key pairs.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};

use crate::http::credentials::Caller;
use crate::http::gateway_api::pem;
use crate::http::path::KeyPath;
use crate::http::problem::Problem;
use crate::http::state::App;

/// `GET /api/v1/user/{account}/publicKey/{keyid}`: by which the account's tokens and signatures are verified;
/// for itself, or root.
pub(in crate::http) async fn read(
    State(app): State<App>,
    KeyPath(account, key): KeyPath,
    caller: Caller,
) -> Result<Response, Problem> {
    let permit = app.accounts.permit(&caller.principal, &account)?;
    let public = app.accounts.public_key(&permit, &key)?;
    Ok(pem(public.to_pem()).into_response())
}
