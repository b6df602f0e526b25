//! Bodies of requests: read within their size and time, and parsed as JSON.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, OptionalFromRequest};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, header};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::error::Category;

use super::json;
use super::problem::Problem;
use super::state::App;
use crate::config;

/// How long, and for how many times the limit, a body that nobody wants may go on coming.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_LIMITS: usize = 4;

/// A JSON body.
#[derive(Debug)]
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, app: &App) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let bytes = read(body, &app.http).await?;
        if bytes.is_empty() {
            return Err(Problem::bad_request("a JSON body is needed"));
        }
        parse(&parts.headers, &bytes)
    }
}

/// A JSON body, or none at all.
impl<T: DeserializeOwned> OptionalFromRequest<App> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, app: &App) -> Result<Option<Self>, Problem> {
        let (parts, body) = request.into_parts();
        let bytes = read(body, &app.http).await?;
        if bytes.is_empty() {
            Ok(None)
        } else {
            parse(&parts.headers, &bytes).map(Some)
        }
    }
}

/// json-rql: an object, or an array of subjects.
#[derive(Debug)]
pub(crate) struct JsonRql(pub(crate) Value);

/// json-rql, or nothing at all.
impl OptionalFromRequest<App> for JsonRql {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, app: &App) -> Result<Option<Self>, Problem> {
        let (parts, body) = request.into_parts();
        let bytes = read(body, &app.http).await?;
        if bytes.is_empty() {
            return Ok(None);
        }
        let value = value(&parts.headers, &bytes)?;
        if value.is_object() || value.is_array() {
            Ok(Some(Self(value)))
        } else {
            Err(Problem::bad_request(
                "the body has to be json-rql: an object, or an array of subjects",
            ))
        }
    }
}

/// A request's body, of which some more is taken and forgotten when it is dropped before its end: of clients that are
/// cut off while they send, many never see why, and an HTTP/1 connection is of no more use before the body is through.
#[derive(Debug)]
pub(super) struct Lingering {
    body: Body,
    limit: usize,
    /// Whether it comes: its sender may have asked first whether to send it.
    comes: bool,
}

impl Lingering {
    /// The body of a request with these headers, where a body of `limit` bytes would be read.
    pub(super) fn new(headers: &HeaderMap, body: Body, limit: usize) -> Self {
        let comes = !headers.contains_key(header::EXPECT);
        Self { body, limit, comes }
    }
}

impl http_body::Body for Lingering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.comes = true;
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        if self.comes && !self.body.is_end_stream() {
            let left = self.limit.saturating_mul(LINGER_LIMITS);
            runtime.spawn(forget(std::mem::take(&mut self.body), left));
        }
    }
}

/// Takes what comes of a body, up to so many bytes.
async fn forget(mut body: Body, mut left: usize) {
    let rest = async {
        while let Some(Ok(frame)) = body.frame().await {
            let size = frame.data_ref().map_or(0, Bytes::len);
            left = left.saturating_sub(size);
            if left == 0 {
                return;
            }
        }
    };
    drop(tokio::time::timeout(LINGER, rest).await);
}

async fn read(body: Body, http: &config::Http) -> Result<Bytes, Problem> {
    let limit = http.body_limit;
    // What says that it will be too large need not come, and is not waited for.
    if body.size_hint().lower() > limit as u64 {
        return Err(Problem::payload_too_large(limit));
    }
    let collected = tokio::time::timeout(http.body_timeout, collect(body, limit)).await;
    collected.unwrap_or_else(|_| Err(Problem::request_timeout("the body did not arrive in time")))
}

async fn collect(mut body: Body, limit: usize) -> Result<Bytes, Problem> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::bad_request("the body did not arrive whole"))?;
        let data = frame.into_data().unwrap_or_default();
        if bytes.len() + data.len() > limit {
            return Err(Problem::payload_too_large(limit));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.freeze())
}

/// Every body of the API is an object. Said here, because an array of its values would be taken for it.
fn parse<T: DeserializeOwned>(headers: &HeaderMap, bytes: &[u8]) -> Result<Json<T>, Problem> {
    let value = value(headers, bytes)?;
    if !value.is_object() {
        return Err(Problem::bad_request("the body has to be a JSON object"));
    }
    T::deserialize(value)
        .map(Json)
        .map_err(|_| Problem::bad_request("the body has not the right members"))
}

fn value(headers: &HeaderMap, bytes: &[u8]) -> Result<Value, Problem> {
    if !is_json(headers) || is_encoded(headers) {
        return Err(Problem::unsupported_media_type());
    }
    json::parse(bytes).map_err(|error| Problem::bad_request(describe(&error)))
}

/// Names positions and quotes nothing: what is refused can be a secret all the same.
fn describe(error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    match error.classify() {
        Category::Data => {
            format!("the body has two members of one name, line {line} column {column}")
        }
        Category::Io | Category::Syntax | Category::Eof => {
            format!("the body is not JSON, line {line} column {column}")
        }
    }
}

/// Whether the body would have to be decoded first, which nothing here does.
fn is_encoded(headers: &HeaderMap) -> bool {
    let mut encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    encodings.any(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// No type at all is taken as JSON, as the public gateway's clients send it.
fn is_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let Some(value) = values.next() else {
        return true;
    };
    let (Ok(text), None) = (value.to_str(), values.next()) else {
        return false;
    };
    let essence = text
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn json_is_told_by_its_type() {
        let with = |value: &'static str| {
            HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(value))])
        };
        assert!(is_json(&HeaderMap::new()));
        for good in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/ld+json",
        ] {
            assert!(is_json(&with(good)), "{good}");
        }
        for bad in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "",
            "text/json+json",
        ] {
            assert!(!is_json(&with(bad)), "{bad}");
        }
    }

    #[test]
    fn a_refused_body_is_not_quoted() {
        for body in [r#"{"hunter2":1,"hunter2":2}"#, r#"{"key":"hunter2"#] {
            let error = json::parse(body.as_bytes()).unwrap_err();
            assert!(!describe(&error).contains("hunter2"));
        }
    }
}
