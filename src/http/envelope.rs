//! What is around every request, whatever it asks for: its id, the rate of its source, its time, the headers
//! that keep browsers safe, its line in the access log, and the form of its failure.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Version, header};
use hyper::body::Incoming;
use tower_service::Service as _;

use super::body::Lingering;
use super::cors;
use super::problem::Problem;
use super::state::App;
use crate::limits::{Class, Source};
use crate::listener::CutHandle;

/// The header that carries a request's id.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// A poll that finds nothing ends with the socket's next heartbeat; this is only a backstop.
const POLL_TIMEOUT: Duration = Duration::from_mins(5);

/// A request's facts that are known before it is looked into.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    /// Where it comes from.
    pub(super) source: Source,
    /// How to cut the connection that it came on.
    pub(super) cut: CutHandle,
}

/// Answers one request.
pub(super) async fn answer(
    app: App,
    router: Router,
    arrival: Arrival,
    request: Request<Incoming>,
) -> Response {
    let id = app.request_id();
    let began = app.clock.running();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let is_page_s = request.headers().contains_key(header::ORIGIN);
    let worked = AssertUnwindSafe(within_limits(&app, router, &arrival, request))
        .catch_unwind()
        .await;
    let response = worked.unwrap_or_else(|_| {
        log::error!(target: "meldgate::http", request = id.as_str(); "answering a request panicked");
        Problem::internal().into_response()
    });
    let mut response = with_problem(response, &id);
    protect(response.headers_mut(), app.hsts.as_ref());
    // Whatever the answer is: a page has to learn why it was refused, and when to come back.
    if is_page_s {
        cors::allow(response.headers_mut());
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    if app.log_access {
        let took = app.clock.running().saturating_sub(began);
        // Neither query nor headers: both can carry what is nobody's business.
        log::info!(
            target: "meldgate::access",
            request = id, source:% = arrival.source, method = method.as_str(), path, status = response.status().as_u16(),
            ms = took.as_millis();
            "request"
        );
    }
    response
}

async fn within_limits(
    app: &App,
    router: Router,
    arrival: &Arrival,
    request: Request<Incoming>,
) -> Response {
    if let Err(refused) = app.limits.spend_source(Class::Requests, arrival.source) {
        return Problem::from(refused).into_response();
    }
    if !names_its_host(&request) {
        return Problem::bad_request("one Host is needed, and no more").into_response();
    }
    let sockets = app.sockets.owns(request.uri().path());
    if request.method() == Method::OPTIONS && request.headers().contains_key(header::ORIGIN) {
        return cors::preflight(request.headers(), sockets);
    }
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(arrival.source);
    if sockets {
        request.extensions_mut().insert(arrival.cut.clone());
        to_sockets(app, request).await
    } else {
        let (parts, body) = request.into_parts();
        let body = Lingering::new(&parts.headers, body, app.http.body_limit);
        let request = Request::from_parts(parts, Body::new(body));
        to_router(app.http.request_timeout, router, request).await
    }
}

/// RFC 9112, section 3.2: what is before us may go by another of two hosts than we would. HTTP/2 has its own
/// field for it, which its library sees to.
fn names_its_host<B>(request: &Request<B>) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let valid =
        |host: &HeaderValue| host.is_empty() || Authority::try_from(host.as_bytes()).is_ok();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => valid(host),
        (None, _) => request.version() != Version::HTTP_11,
        (Some(_), Some(_)) => false,
    }
}

async fn to_router(limit: Duration, mut router: Router, request: Request<Body>) -> Response {
    let answered = tokio::time::timeout(limit, router.call(request)).await;
    match answered {
        Ok(Ok(response)) => response,
        Ok(Err(never)) => match never {},
        Err(_) => Problem::unavailable("the answer took too long; read before you try again")
            .into_response(),
    }
}

async fn to_sockets(app: &App, request: Request<Body>) -> Response {
    let timeout = if request.method() == Method::POST {
        app.http.body_timeout
    } else {
        POLL_TIMEOUT
    };
    match tokio::time::timeout(timeout, app.sockets.answer(request)).await {
        Ok(response) => response,
        Err(_) => Problem::request_timeout("the body did not arrive in time").into_response(),
    }
}

/// Gives a failure its body, which names the request.
fn with_problem(mut response: Response, id: &str) -> Response {
    match response.extensions_mut().remove::<Problem>() {
        Some(problem) => {
            let mut headers = std::mem::take(response.headers_mut());
            headers.remove(header::CONTENT_LENGTH); // that of the empty body
            let mut response = problem.respond(id);
            for (name, value) in &headers {
                response
                    .headers_mut()
                    .entry(name)
                    .or_insert_with(|| value.clone());
            }
            response
        }
        None if response.status() == StatusCode::METHOD_NOT_ALLOWED => {
            let allowed = response.headers_mut().remove(header::ALLOW);
            let mut response =
                Problem::method_not_allowed("this resource has other methods").respond(id);
            if let Some(allowed) = allowed {
                response.headers_mut().insert(header::ALLOW, allowed);
            }
            response
        }
        None => response,
    }
}

/// Headers that keep what we answer from being taken for something else.
fn protect(headers: &mut HeaderMap, hsts: Option<&HeaderValue>) {
    const FIXED: [(HeaderName, HeaderValue); 4] = [
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
        (
            header::REFERRER_POLICY,
            HeaderValue::from_static("no-referrer"),
        ),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    for (name, value) in FIXED {
        headers.entry(name).or_insert(value);
    }
    if let Some(hsts) = hsts {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, hsts.clone());
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use axum::routing::get;
    use serde_json::Value;

    use super::*;

    async fn never() -> StatusCode {
        pending().await
    }

    #[tokio::test]
    async fn an_answer_that_takes_longer_than_a_request_may_is_a_503_that_confirms_nothing() {
        let router = Router::new()
            .route("/never", get(never))
            .route("/now", get(StatusCode::OK));
        let ask = |path: &str| Request::get(path).body(Body::empty()).unwrap();
        let limit = Duration::from_millis(20);
        let late = to_router(limit, router.clone(), ask("/never")).await;
        let late = with_problem(late, "its id");
        assert_eq!(late.status(), StatusCode::SERVICE_UNAVAILABLE);
        let body = axum::body::to_bytes(late.into_body(), 1024).await.unwrap();
        let said: Value = serde_json::from_slice(&body).unwrap();
        let detail = said["detail"].as_str().unwrap();
        assert!(detail.contains("read before you try again"), "{said}");

        let soon = to_router(Duration::MAX, router, ask("/now")).await;
        assert_eq!(soon.status(), StatusCode::OK);
    }
}
