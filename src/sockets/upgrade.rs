//! Whether a request to open a WebSocket is whole: the engine itself asks for the key alone.
//!
//! Source: RFC 6455, sections 4.2.1 and 4.2.2.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header::{
    CONNECTION, HeaderName, HeaderValue, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, Method, Request, Version};

/// The one version of the protocol that there is.
pub(super) const VERSION: HeaderValue = HeaderValue::from_static("13");
/// Bytes of a key.
const KEY: usize = 16;

/// What is wrong with a request to open a WebSocket.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fault {
    /// It is no such request.
    Incomplete,
    /// It is one for another version of the protocol.
    Version,
}

/// Checks a request to open a WebSocket.
pub(super) fn check<B>(request: &Request<B>) -> Result<(), Fault> {
    let headers = request.headers();
    let asks = *request.method() == Method::GET
        && request.version() == Version::HTTP_11
        && names(headers, &CONNECTION, "upgrade")
        && names(headers, &UPGRADE, "websocket")
        && has_key(headers);
    match (asks, one(headers, &SEC_WEBSOCKET_VERSION)) {
        (true, Some(version)) if *version == VERSION => Ok(()),
        (true, Some(_)) => Err(Fault::Version),
        (true, None) | (false, _) => Err(Fault::Incomplete),
    }
}

/// Whether a list, which may be in several fields, has a token.
fn names(headers: &HeaderMap, field: &HeaderName, token: &str) -> bool {
    let mut lists = headers.get_all(field).iter();
    lists.any(|list| {
        let mut tokens = list.to_str().unwrap_or_default().split(',');
        tokens.any(|found| found.trim().eq_ignore_ascii_case(token))
    })
}

fn has_key(headers: &HeaderMap) -> bool {
    let key = one(headers, &SEC_WEBSOCKET_KEY).map(|key| BASE64.decode(key.as_bytes()));
    key.is_some_and(|key| key.is_ok_and(|key| key.len() == KEY))
}

fn one<'h>(headers: &'h HeaderMap, field: &HeaderName) -> Option<&'h HeaderValue> {
    let mut values = headers.get_all(field).iter();
    values.next().filter(|_| values.next().is_none())
}
