//! The way to a first key: a code by mail.

use axum::Json as Answer;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::http::body::Json;
use crate::http::credentials::From;
use crate::http::path::AccountPath;
use crate::http::problem::Problem;
use crate::http::state::App;

/// Who asks for a code.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Request {
    email: String,
}

/// `POST /api/v1/user/{account}/activation`: mails a code, and gives the token to present with it. The answer
/// is the same whether or not there is such an account.
pub(in crate::http) async fn request(
    State(app): State<App>,
    AccountPath(account): AccountPath,
    From(source): From,
    Json(request): Json<Request>,
) -> Result<Answer<Value>, Problem> {
    let jwe = app
        .accounts
        .activate(&account, &request.email, source)
        .await?;
    Ok(Answer(json!({ "jwe": jwe })))
}
