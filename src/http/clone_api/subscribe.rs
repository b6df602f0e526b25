//! Subscribing by webhook.

use axum::Json;
use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use super::answers::located;
use super::target::Target;
use crate::domains::Subscription;
use crate::http::problem::Problem;
use crate::notify::HookUrl;

/// `{"subscribe": "https://…"}` on poll: updates are sent there from now on. The secret is in this answer alone.
pub(super) async fn subscribe(target: &Target, body: &Value) -> Result<Response, Problem> {
    let members = body.as_object().filter(|members| members.len() == 1);
    let url = members
        .and_then(|members| members.get("subscribe"))
        .and_then(Value::as_str)
        .ok_or_else(|| Problem::bad_request("polling takes nothing, or `subscribe` with a URL"))?;
    let url = HookUrl::parse(url)?;
    let owner = target.owner.clone();
    let subscribed = target.host.subscribe(owner, url).await?;
    let mut answer = json!(subscribed.subscription);
    if let Some(members) = answer.as_object_mut() {
        let secret = subscribed.secret.expose().into();
        members.insert("secret".to_owned(), secret);
    }
    let mut response = Response::new(Body::from(answer.to_string()));
    *response.status_mut() = StatusCode::CREATED;
    let headers = response.headers_mut();
    let json = HeaderValue::from_static("application/json");
    headers.insert(header::CONTENT_TYPE, json);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(located(response, &target.subscription_location()))
}

/// `GET /api/v1/domain/{account}/{name}/subs`: the subscription, without its secret.
pub(in crate::http) async fn read(target: Target) -> Result<Json<Subscription>, Problem> {
    let subscription = target.host.subscription().await?;
    subscription.map(Json).ok_or_else(Problem::not_found)
}

/// `DELETE /api/v1/domain/{account}/{name}/subs`: ends the subscription.
pub(in crate::http) async fn end(target: Target) -> Result<Response, Problem> {
    target.host.unsubscribe().await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
