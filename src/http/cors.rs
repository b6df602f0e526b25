//! Pages of any origin may use the API: it never takes a cookie, so a page gets no more than anybody.
//!
//! Source: Fetch standard, "CORS protocol".

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, header};

/// Answers a browser's question whether a page may send what it wants to.
pub(super) fn preflight(asked: &HeaderMap, sockets: bool) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let methods = if sockets {
        "GET, POST"
    } else {
        "GET, POST, PUT, PATCH, DELETE"
    };
    let headers = response.headers_mut();
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static(methods),
    );
    // A wildcard would not cover `Authorization`; what is asked for is a list of names, and is let through as one.
    if let Some(names) = asked.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
    }
    headers.insert(
        header::ACCESS_CONTROL_MAX_AGE,
        HeaderValue::from_static("7200"),
    );
    response
}

/// Lets a page read an answer.
pub(super) fn allow(headers: &mut HeaderMap) {
    // Beside those that a page may always read, such as `Content-Type`.
    const READABLE: &str =
        "Allow, ETag, Link, Location, Retry-After, WWW-Authenticate, X-Request-Id";
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    );
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static(READABLE),
    );
}
