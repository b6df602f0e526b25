//! What a client is told when a request fails.
//!
//! Sources: RFC 9457; `docs/api.md`, "Errors". The members `code` and `message` are the ones that clients of
//! the public m-ld gateway read.

use std::borrow::Cow;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::accounts::{AccountError, AuthError};
use crate::domains::{DomainError, HostError, OpenError};
use crate::ids::Invalid;
use crate::limits::Refused;
use crate::store::StoreError;

/// When it is worth trying again where too many wait.
const BUSY: Duration = Duration::from_secs(1);

/// A failed request's answer. `detail` is written for the client; causes go to the log, never here.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: Cow<'static, str>,
    extra: Option<(header::HeaderName, HeaderValue)>,
}

/// The members of the body.
#[derive(Serialize)]
struct Members<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    instance: &'a str,
    code: &'a str,
    message: &'a str,
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            extra: None,
        }
    }

    /// 400: says what would be right.
    pub(crate) fn bad_request(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", detail)
    }

    /// 401, the same for every reason.
    pub(crate) fn unauthorized() -> Self {
        let challenge =
            HeaderValue::from_static(r#"Basic realm="meldgate", charset="UTF-8", Bearer"#);
        Self {
            extra: Some((header::WWW_AUTHENTICATE, challenge)),
            ..Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", "not authorized")
        }
    }

    /// 403, the same for every reason.
    pub(crate) fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "Forbidden", "not permitted")
    }

    /// 403 by the data's own rules, which whoever may read it knows.
    pub(crate) fn forbidden_because(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "Forbidden", detail)
    }

    /// 404, the same for every reason.
    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "NotFound", "no such resource")
    }

    /// 405; the envelope adds the methods that the router knows.
    pub(crate) fn method_not_allowed(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", detail)
    }

    /// 405 of an endpoint, which says by which methods it would be right.
    pub(crate) fn only_by(methods: &'static str, detail: &'static str) -> Self {
        Self {
            extra: Some((header::ALLOW, HeaderValue::from_static(methods))),
            ..Self::method_not_allowed(detail)
        }
    }

    /// 408: what was to come did not come in time.
    pub(crate) fn request_timeout(detail: &'static str) -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "RequestTimeout", detail)
    }

    /// 409: says what stands against it.
    pub(crate) fn conflict(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::CONFLICT, "Conflict", detail)
    }

    /// 412: the state is not the one that the request was meant for.
    pub(crate) fn precondition_failed() -> Self {
        let status = StatusCode::PRECONDITION_FAILED;
        let detail = "the state is another than the one that If-Match names";
        Self::new(status, "PreconditionFailed", detail)
    }

    /// 413 with the limit.
    pub(crate) fn payload_too_large(limit: usize) -> Self {
        let detail = format!("the body is larger than {limit} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "PayloadTooLarge", detail)
    }

    /// 415.
    pub(crate) fn unsupported_media_type() -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "UnsupportedMediaType",
            "the body has to be application/json",
        )
    }

    /// 429 with the time after which it is worth trying again.
    pub(crate) fn too_many_requests(retry_after: Duration) -> Self {
        let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
        Self {
            extra: Some((header::RETRY_AFTER, HeaderValue::from(seconds.max(1)))),
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "TooManyRequests",
                "too many requests; wait before the next",
            )
        }
    }

    /// 500: our fault; the log has the cause.
    pub(crate) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "Internal",
            "the gateway failed; the request id is in its log",
        )
    }

    /// 503: not now; whether it was done is not known unless `detail` says so.
    pub(crate) fn unavailable(detail: &'static str) -> Self {
        let seconds = HeaderValue::from_static("5");
        Self {
            extra: Some((header::RETRY_AFTER, seconds)),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "Internal", detail)
        }
    }

    /// The answer, with the id by which the log knows the request.
    pub(crate) fn respond(&self, request_id: &str) -> Response {
        let members = Members {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            instance: request_id,
            code: self.code,
            message: &self.detail,
        };
        let body = serde_json::to_vec(&members).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some((name, value)) = &self.extra {
            headers.insert(name, value.clone());
        }
        response
    }
}

/// Leaves the problem to the envelope, which knows the request's id.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        Self::too_many_requests(refused.retry_after)
    }
}

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Self {
        Self::bad_request(invalid.to_string())
    }
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Unauthorized => Self::unauthorized(),
            AuthError::Forbidden => Self::forbidden(),
            AuthError::NotFound => Self::not_found(),
            AuthError::TooMany { retry_after } => Self::too_many_requests(retry_after),
            AuthError::Unavailable => Self::unavailable("not just now; try again"),
        }
    }
}

impl From<AccountError> for Problem {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::Refused(refusal) => refusal.into(),
            AccountError::Invalid(invalid) => invalid.into(),
            AccountError::Conflict(conflict) => Self::conflict(conflict.to_string()),
            AccountError::NoMail => {
                Self::unavailable("this gateway sends no mail: ask its operator for a key")
            }
            AccountError::Pair(cause) => {
                log::error!(target: "meldgate::http", error:err = cause; "a key pair cannot be made or used");
                Self::internal()
            }
            AccountError::Store(cause) => unconfirmed(&cause),
        }
    }
}

impl From<HostError> for Problem {
    fn from(error: HostError) -> Self {
        match error {
            HostError::Bad(why) => Self::bad_request(why.to_string()),
            HostError::Stale => Self::precondition_failed(),
            HostError::Locked => Self::request_timeout("the state stayed locked; try again"),
            HostError::NotLocked | HostError::NotSubscribed => Self::not_found(),
            HostError::Busy => Self::too_many_requests(BUSY),
            HostError::Refused(why) => Self::forbidden_because(why.to_string()),
            HostError::TooManyKeys => Self::conflict(error.to_string()),
            // A write may have been made before the clone went.
            HostError::Closed => Self::unavailable(
                "not just now, or not confirmed: read before you try a write again",
            ),
        }
    }
}

impl From<DomainError> for Problem {
    fn from(error: DomainError) -> Self {
        match error {
            DomainError::Refused(refusal) => refusal.into(),
            DomainError::Invalid(invalid) => invalid.into(),
            DomainError::NameNeeded => {
                Self::only_by("GET, HEAD", "a name is needed: use PUT with one")
            }
            DomainError::Signatures | DomainError::Deleted | DomainError::TooMany { .. } => {
                Self::conflict(error.to_string())
            }
            DomainError::Open(OpenError::NotReady) => Self::unavailable("not just now; try again"),
            DomainError::Open(OpenError::Full) => {
                log::warn!(
                    target: "meldgate::http",
                    "a request has to wait: as many subdomains are in use as domains.open-clones allows"
                );
                Self::unavailable(
                    "too many subdomains are in use just now; no state was changed, try again",
                )
            }
            DomainError::Host(cause) | DomainError::Open(OpenError::Host(cause)) => cause.into(),
            DomainError::Open(cause) => {
                log::error!(target: "meldgate::http", error:err = cause; "a subdomain's clone cannot be opened");
                Self::internal()
            }
            DomainError::Account(cause) => cause.into(),
            DomainError::Store(cause) => unconfirmed(&cause),
        }
    }
}

fn unconfirmed(cause: &StoreError) -> Problem {
    log::error!(target: "meldgate::http", error:% = cause; "the store failed");
    Problem::unavailable("not confirmed; read before you try again")
}
