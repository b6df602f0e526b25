//! From an `Authorization` header to a credential, and from there to a principal.

use std::net::{IpAddr, Ipv4Addr};

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;
use http::{HeaderMap, header};

use super::problem::Problem;
use super::state::App;
use crate::accounts::{Credential, Principal};
use crate::limits::Source;

/// Somebody who showed a valid credential. Extracting one is authenticating.
#[derive(Debug)]
pub(crate) struct Caller {
    /// Who it is.
    pub(crate) principal: Principal,
    /// What was shown for it.
    pub(crate) credential: Credential,
}

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let credential = credential(&parts.headers).ok_or_else(Problem::unauthorized)?;
        let principal = app
            .accounts
            .authenticate(&credential, source(parts))
            .await?;
        app.spend(&principal)?;
        Ok(Self {
            principal,
            credential,
        })
    }
}

/// Somebody, or nobody: for requests that do not need a credential but take one.
impl OptionalFromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Option<Self>, Problem> {
        if parts.headers.contains_key(header::AUTHORIZATION) {
            <Self as FromRequestParts<App>>::from_request_parts(parts, app)
                .await
                .map(Some)
        } else {
            Ok(None)
        }
    }
}

/// Where a request comes from, as the envelope noted it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct From(pub(crate) Source);

impl<S: Send + Sync> FromRequestParts<S> for From {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(source(parts)))
    }
}

/// Where a request comes from.
pub(crate) fn source(parts: &Parts) -> Source {
    parts
        .extensions
        .get()
        .copied()
        .unwrap_or(Source::of(IpAddr::V4(Ipv4Addr::UNSPECIFIED)))
}

/// The credential in the header, if there is one header and no more.
pub(crate) fn credential(headers: &HeaderMap) -> Option<Credential> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    values
        .next()
        .is_none()
        .then(|| Credential::from_header(value))
}
