//! Who a socket says it is: the query of its handshake and the `auth` of its CONNECT.
//!
//! Source: `docs/api.md`, "Socket.io remotes".

use std::borrow::Cow;

use http::Uri;
use percent_encoding::percent_decode_str;
use serde::Deserialize;

use crate::accounts::{AuthError, Credential};
use crate::domains::{DomainError, OpenError};
use crate::ids::{CloneId, DomainId, GatewayDomain};

/// Longest text of `auth` that is looked at.
const AUTH_LIMIT: usize = 16 * 1024;

/// A handshake whose form is right; whether it is let in is for the accounts to say.
#[derive(Debug)]
pub(super) struct Handshake {
    /// What the clone calls itself.
    pub(super) clone: CloneId,
    /// What it wants to join.
    pub(super) domain: DomainId,
    /// What it shows for it.
    pub(super) credential: Credential,
}

/// What a refused client is told: the class of the reason, never more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Refusal {
    Unauthorized,
    Forbidden,
    BadGateway,
    NotFound,
    TooManyRequests,
    /// Not just now: the domain's clone cannot be opened.
    NotNow,
}

impl Refusal {
    /// The message of the connect error.
    pub(super) const fn message(self) -> &'static str {
        match self {
            Self::Unauthorized => "Unauthorized",
            Self::Forbidden => "Forbidden",
            Self::BadGateway => "Bad gateway",
            Self::NotFound => "NotFound",
            Self::TooManyRequests => "TooManyRequests",
            Self::NotNow => "Not now",
        }
    }

    /// Whether the client is told, or else just loses its connection and tries again: a JavaScript clone that is told
    /// anything closes for good.
    pub(super) fn is_told(self) -> bool {
        self != Self::NotNow
    }
}

impl From<AuthError> for Refusal {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Unauthorized => Self::Unauthorized,
            AuthError::Forbidden => Self::Forbidden,
            AuthError::NotFound => Self::NotFound,
            AuthError::TooMany { .. } | AuthError::Unavailable => Self::TooManyRequests,
        }
    }
}

impl From<DomainError> for Refusal {
    fn from(error: DomainError) -> Self {
        if let DomainError::Refused(refused) = error {
            return refused.into();
        }
        if matches!(error, DomainError::Open(OpenError::Full)) {
            log::warn!(
                target: "meldgate::sockets",
                "a socket has to wait: as many subdomains are in use as domains.open-clones allows"
            );
        } else {
            log::error!(target: "meldgate::sockets", error:err = error; "a subdomain's clone cannot be opened");
        }
        Self::NotNow
    }
}

impl Handshake {
    /// Reads the query of the transport's first request, and the JSON of `auth`.
    pub(super) fn parse(
        uri: &Uri,
        auth: Option<&str>,
        gateway: &GatewayDomain,
    ) -> Result<Self, Refusal> {
        let query = uri.query().unwrap_or_default();
        let domain = member(query, "@domain").ok_or(Refusal::BadGateway)?;
        let clone = member(query, "@id").ok_or(Refusal::Forbidden)?;
        Ok(Self {
            domain: DomainId::parse(&domain, gateway).map_err(|_| Refusal::BadGateway)?,
            clone: CloneId::parse(&clone).map_err(|_| Refusal::Forbidden)?,
            credential: credential(auth.unwrap_or_default())?,
        })
    }
}

/// The one value of a member of the query; none if it is missing, repeated or not UTF-8.
fn member(query: &str, name: &str) -> Option<String> {
    let mut found = query.split('&').filter_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(key)? == name).then_some(value)
    });
    let value = found.next()?;
    if found.next().is_some() {
        return None;
    }
    decode(value).map(Cow::into_owned)
}

fn decode(text: &str) -> Option<Cow<'_, str>> {
    if text.contains('+') {
        let text = text.replace('+', " ");
        return percent_decode_str(&text)
            .decode_utf8()
            .ok()
            .map(|text| Cow::Owned(text.into_owned()));
    }
    percent_decode_str(text).decode_utf8().ok()
}

/// The `auth` payload; members that are not ours are the application's own.
#[derive(Default, Deserialize)]
struct Auth {
    user: Option<String>,
    key: Option<String>,
    jwt: Option<String>,
}

fn credential(auth: &str) -> Result<Credential, Refusal> {
    if auth.len() > AUTH_LIMIT {
        return Err(Refusal::Unauthorized);
    }
    let auth: Option<Auth> = match auth {
        "" => None,
        // An array would be taken for the members in order.
        text if text.trim_start().starts_with('[') => return Err(Refusal::Unauthorized),
        text => serde_json::from_str(text).map_err(|_| Refusal::Unauthorized)?,
    };
    match auth.unwrap_or_default() {
        Auth {
            user: None,
            key: None,
            jwt: None,
        } => Ok(Credential::None),
        Auth {
            user: None,
            key: None,
            jwt: Some(jwt),
        } => Ok(Credential::Jwt(jwt)),
        Auth {
            user: Some(user),
            key: Some(key),
            jwt: None,
        } => Ok(Credential::from_parts(Some(&user), &key)),
        _ => Err(Refusal::Unauthorized),
    }
}
