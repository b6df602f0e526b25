//! Changing the state, and its lock.

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode, Uri};

use super::answers::{answer, located};
use super::subscribe::subscribe;
use super::target::{Target, condition, has_lock};
use crate::domains::{Polled, Writing};
use crate::http::body::JsonRql;
use crate::http::problem::Problem;
use crate::http::state::App;

/// `POST /api/v1/domain/{account}/{name}/state`: changes the state by json-rql, or by none just takes the lock. With
/// `?lock` the state stays locked.
pub(in crate::http) async fn write(
    State(app): State<App>,
    target: Target,
    uri: Uri,
    headers: HeaderMap,
    body: Option<JsonRql>,
) -> Result<Response, Problem> {
    target.still_may(&app)?;
    let lock = has_lock(uri.query())?;
    let writing = Writing {
        request: body.map(|JsonRql(request)| request),
        condition: condition(&headers)?,
        lock,
    };
    let written = target.host.write(target.owner.clone(), writing).await?;
    let status = if lock {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let body = Body::from(written.update.to_string());
    let response = answer(status, "application/json", written.tick, body);
    Ok(if lock {
        located(response, &target.lock_location())
    } else {
        response
    })
}

/// `DELETE /api/v1/domain/{account}/{name}/state?lock`: releases the lock, and acknowledges what was handed out under
/// it.
pub(in crate::http) async fn unlock(
    target: Target,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if !has_lock(uri.query())? {
        return Err(Problem::only_by(
            "GET, HEAD, POST",
            "the state itself cannot be deleted, only ?lock",
        ));
    }
    let condition = condition(&headers)?;
    let tick = target.host.release(target.owner.clone(), condition).await?;
    Ok(answer(
        StatusCode::OK,
        "application/json",
        tick,
        Body::from("true"),
    ))
}

/// `POST /api/v1/domain/{account}/{name}/poll`: takes the lock and all updates that nobody has acknowledged; or, with
/// `subscribe` in the body, has them sent.
pub(in crate::http) async fn poll(
    State(app): State<App>,
    target: Target,
    body: Option<JsonRql>,
) -> Result<Response, Problem> {
    target.still_may(&app)?;
    if let Some(JsonRql(body)) = body
        && body.as_object().is_none_or(|members| !members.is_empty())
    {
        return subscribe(&target, &body).await;
    }
    let Polled { tick, updates } = target.host.poll(target.owner.clone()).await?;
    let mut lines = String::new();
    for update in &updates {
        lines.push_str(&update.to_string());
        lines.push('\n');
    }
    let body = Body::from(lines);
    let response = answer(StatusCode::CREATED, "application/x-ndjson", tick, body);
    Ok(located(response, &target.lock_location()))
}
