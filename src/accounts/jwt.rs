//! JSON web tokens made with an account's user key: RS256 and nothing else.
//!
//! # Invariants
//! 1. The algorithm is ours, never the token's: a header that names another is refused.
//! 2. No key comes from the token (`jwk`, `jku`, `x5u`, `x5c`), and a `crit` header is refused.
//! 3. Time is the [`Clock`](crate::clock::Clock)'s: the library's own time checks are off.
//!
//! Sources: RFC 7515, 7519, 8725; the API page, sections 2 and 3.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use super::pair::{PairError, PublicKey, SigningKey};
use crate::clock::Timestamp;
use crate::ids::KeyId;

/// Longest token that is looked at.
const LIMIT: usize = 8 * 1024;
/// How far a client's clock may be off.
const LEEWAY: Duration = Duration::from_mins(1);
/// What a token is good for if it was made for a clone's configuration: the account's domains, and nothing else.
pub(super) const REMOTES: &str = "remotes";

/// What a token says. Dates are in seconds since the Unix epoch.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Claims {
    pub iss: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aud: Option<Audience>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "date"
    )]
    pub iat: Option<u64>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "date"
    )]
    pub nbf: Option<u64>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "date"
    )]
    pub exp: Option<u64>,
}

/// For whom a token is: one or several.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(untagged)]
pub(super) enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    /// Whether one of `names` is meant.
    pub(super) fn includes(&self, names: &[&str]) -> bool {
        match self {
            Self::One(name) => names.contains(&name.as_str()),
            Self::Several(all) => all.iter().any(|name| names.contains(&name.as_str())),
        }
    }
}

impl Claims {
    /// Whether the token is good at `now`. One that never ends is not.
    pub(super) fn current(&self, now: Timestamp) -> bool {
        let (now, leeway) = (now.as_secs(), LEEWAY.as_secs());
        let begun = |date: Option<u64>| date.is_none_or(|date| date <= now.saturating_add(leeway));
        let ends = self.exp.is_some_and(|end| now < end.saturating_add(leeway));
        ends && begun(self.nbf) && begun(self.iat)
    }
}

/// A token that has the right form, before its signature is verified: whose key to verify it with.
pub(super) struct Unverified<'t> {
    token: &'t str,
    /// The key that it says it was signed with.
    pub kid: KeyId,
}

impl<'t> Unverified<'t> {
    /// Parses the header; `None` if the token is not one that we would take from anybody.
    pub(super) fn parse(token: &'t str) -> Option<Self> {
        if token.len() > LIMIT {
            return None;
        }
        let header = jsonwebtoken::decode_header(token).ok()?;
        let kid = KeyId::parse(header.kid.as_deref()?).ok()?;
        permissible(&header).then_some(Self { token, kid })
    }

    /// Verifies the signature and gives what is claimed; its dates are for the caller to check.
    pub(super) fn verify(&self, key: &PublicKey) -> Option<Claims> {
        let key = DecodingKey::from_rsa_der(key.as_der());
        let token = jsonwebtoken::decode(self.token, &key, &validation()).ok()?;
        Some(token.claims)
    }
}

/// Signs `claims` with an account's user key.
pub(super) fn sign(claims: &Claims, kid: &KeyId, key: &SigningKey) -> Result<String, PairError> {
    // Signed here and not by the JWT library, which would keep the private key in memory that it does not wipe.
    let header = serde_json::json!({"alg": "RS256", "typ": "JWT", "kid": kid.as_str()});
    let claims = serde_json::to_vec(claims).map_err(|_| PairError::Failed)?;
    let message = format!(
        "{}.{}",
        BASE64.encode(header.to_string()),
        BASE64.encode(claims)
    );
    let signature = key.sign(message.as_bytes())?;
    Ok(format!("{message}.{}", BASE64.encode(signature)))
}

fn permissible(header: &Header) -> bool {
    let typed = header
        .typ
        .as_deref()
        .is_none_or(|typ| typ.eq_ignore_ascii_case("JWT"));
    let foreign = header.jwk.is_some()
        || header.jku.is_some()
        || header.x5u.is_some()
        || header.x5c.is_some();
    header.alg == Algorithm::RS256 && typed && !foreign && header.crit.is_none()
}

fn validation() -> Validation {
    let mut validation = Validation::new(Algorithm::RS256);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation
}

/// A `NumericDate` (RFC 7519, section 2), which may have a fraction.
fn date<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    let Some(number) = Option::<serde_json::Number>::deserialize(from)? else {
        return Ok(None);
    };
    let whole = number.as_u64().or_else(|| whole(number.as_f64()?));
    whole
        .map(Some)
        .ok_or_else(|| serde::de::Error::custom("not a date"))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be within what a double holds exactly"
)]
fn whole(number: f64) -> Option<u64> {
    (0.0..9_007_199_254_740_992.0)
        .contains(&number)
        .then_some(number as u64)
}
