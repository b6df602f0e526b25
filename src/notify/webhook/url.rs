//! Where a webhook is.

use std::fmt;

use http::Uri;
use http::uri::Scheme;

use crate::ids::Invalid;

/// Characters of a URL.
const LENGTH: usize = 2048;

/// An absolute `https` or `http` URL without user and fragment. Whether it may be used is another matter.
#[derive(Clone, Eq, PartialEq)]
pub struct HookUrl(Uri);

impl HookUrl {
    /// Parses a URL as it arrives in a request.
    pub fn parse(raw: &str) -> Result<Self, Invalid> {
        let invalid = || {
            let rule =
                "an absolute https URL of at most 2048 ASCII characters, without user and fragment";
            Invalid::new("a webhook", rule)
        };
        if raw.len() > LENGTH || raw.contains('#') {
            return Err(invalid());
        }
        let uri: Uri = raw.parse().map_err(|_| invalid())?;
        let is_http = matches!(uri.scheme_str(), Some("https" | "http"));
        let authority = uri.authority().ok_or_else(invalid)?;
        let port_is_right = match authority.as_str().rsplit_once(':') {
            Some((_, port)) if !port.ends_with(']') => authority.port_u16().is_some_and(|p| p > 0),
            _ => true,
        };
        let right = is_http
            && port_is_right
            && !authority.host().is_empty()
            && !authority.as_str().contains('@');
        right.then_some(Self(uri)).ok_or_else(invalid)
    }

    /// Whether it asks for TLS.
    pub fn is_secure(&self) -> bool {
        self.0.scheme() == Some(&Scheme::HTTPS)
    }

    /// The host: a name, or an address without brackets.
    pub fn host(&self) -> &str {
        let host = self.0.host().unwrap_or_default();
        let inner = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        inner.unwrap_or(host)
    }

    /// The port.
    pub fn port(&self) -> u16 {
        let usual = if self.is_secure() { 443 } else { 80 };
        self.0.port_u16().unwrap_or(usual)
    }

    /// Host and port, as the `Host` header has them.
    pub(super) fn authority(&self) -> &str {
        self.0.authority().map_or("", http::uri::Authority::as_str)
    }

    /// Path and query, as they are asked for.
    pub(super) fn target(&self) -> &str {
        let target = self.0.path_and_query();
        target.map_or("/", http::uri::PathAndQuery::as_str)
    }
}

impl fmt::Display for HookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A path may hold a token, so only the host is shown.
impl fmt::Debug for HookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HookUrl").field(&self.authority()).finish()
    }
}
