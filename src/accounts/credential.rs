//! What a client presents, before anything about it is known to be true.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::ids::{GatewayDomain, KeyId, Name};
use crate::secret::AccountKey;

/// Longest credential that is looked at.
const LIMIT: usize = 8 * 1024;

/// A credential as presented. `Debug` shows no secret.
#[derive(Clone)]
pub enum Credential {
    /// An account, by name or IRI, and one of its keys.
    Key {
        /// As the client gave it.
        account: String,
        /// The key.
        key: AccountKey,
    },
    /// A token signed with an account's user key.
    Jwt(String),
    /// A sealed activation, which opens nothing but `mint_key_by_activation`.
    Activation(String),
    /// Something that is none of these. Refused, and counted as a guess.
    Malformed,
    /// Nothing.
    None,
}

impl Credential {
    /// Reads the value of an `Authorization` header: `Basic` with account and key, or `Bearer`.
    pub fn from_header(value: &str) -> Self {
        let (scheme, rest) = value.trim().split_once(' ').unwrap_or((value, ""));
        let rest = rest.trim();
        if rest.is_empty() || rest.len() > LIMIT {
            Self::Malformed
        } else if scheme.eq_ignore_ascii_case("basic") {
            Self::from_basic(rest)
        } else if scheme.eq_ignore_ascii_case("bearer") {
            Self::from_bearer(rest)
        } else {
            Self::Malformed
        }
    }

    /// Reads an account and a key given apart, as in a Socket.io handshake. Without an account, the key speaks for
    /// the one in its own name, which is right for the root key only.
    pub fn from_parts(account: Option<&str>, key: &str) -> Self {
        match AccountKey::parse(key) {
            Ok(key) if account.is_none_or(|account| account.len() <= LIMIT) => Self::Key {
                account: account.map_or_else(|| key.app.to_string(), str::to_owned),
                key,
            },
            _ => Self::Malformed,
        }
    }

    /// Reads a bearer token: three parts are a JWT, five a JWE.
    pub fn from_bearer(token: &str) -> Self {
        match token.split('.').count() {
            _ if token.len() > LIMIT => Self::Malformed,
            3 => Self::Jwt(token.to_owned()),
            5 => Self::Activation(token.to_owned()),
            _ => Self::Malformed,
        }
    }

    /// The id of the key, if that is what was presented: for logs.
    pub fn key_id(&self) -> Option<&KeyId> {
        match self {
            Self::Key { key, .. } => Some(&key.id),
            Self::Jwt(_) | Self::Activation(_) | Self::Malformed | Self::None => None,
        }
    }

    fn from_basic(base64: &str) -> Self {
        let Ok(text) = BASE64.decode(base64).map(String::from_utf8) else {
            return Self::Malformed;
        };
        // The account can be an IRI, whose scheme has a colon too; so can the key's secret.
        let parts = text.ok().and_then(|text| {
            let scheme = if text.starts_with("http://") {
                "http:".len()
            } else {
                0
            };
            let end = scheme + text.get(scheme..)?.find(':')?;
            Some(Self::from_parts(
                Some(text.get(..end)?),
                text.get(end + 1..)?,
            ))
        });
        parts.unwrap_or(Self::Malformed)
    }
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Key { account, key } => write!(f, "Key({account:?}, {key})"),
            Self::Jwt(_) => f.write_str("Jwt(…)"),
            Self::Activation(_) => f.write_str("Activation(…)"),
            Self::Malformed => f.write_str("Malformed"),
            Self::None => f.write_str("None"),
        }
    }
}

/// The account that `raw` names, by its name or by its absolute IRI.
pub(super) fn account_name(raw: &str, domain: &GatewayDomain) -> Option<Name> {
    let local = raw
        .strip_prefix("http://")
        .and_then(|rest| rest.strip_prefix(domain.as_str()))
        .and_then(|rest| rest.strip_prefix('/'))
        .unwrap_or(raw);
    Name::parse(local).ok()
}

/// The absolute IRI of an account.
pub(super) fn account_iri(account: &Name, domain: &GatewayDomain) -> String {
    format!("http://{domain}/{account}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(text: &str) -> Credential {
        Credential::from_header(&format!("Basic {}", BASE64.encode(text)))
    }

    #[test]
    fn basic_takes_the_account_by_name_and_by_iri() {
        for account in ["acme", "http://gw.example.org/acme"] {
            for key in ["root.keyid1:secret", "root.keyid1:with:a:colon"] {
                let Credential::Key {
                    account: read,
                    key: parsed,
                } = basic(&format!("{account}:{key}"))
                else {
                    panic!("{account}:{key}");
                };
                assert_eq!(read, account);
                assert_eq!(parsed.expose(), key);
            }
        }
    }

    #[test]
    fn what_is_no_credential_is_malformed() {
        for bad in [
            "",
            "Basic",
            "Basic !",
            "Digest abc",
            "Bearer a.b",
            "Bearer a b",
            "Basic  ",
        ] {
            assert!(
                matches!(Credential::from_header(bad), Credential::Malformed),
                "{bad}"
            );
        }
        for bad in [
            "",
            "acme",
            "acme:root.keyid1",
            ":",
            "::",
            "acme:nokey:secret",
        ] {
            assert!(matches!(basic(bad), Credential::Malformed), "{bad}");
        }
        let long = format!("Bearer {}.b.c", "a".repeat(LIMIT));
        assert!(matches!(
            Credential::from_header(&long),
            Credential::Malformed
        ));
        let not_utf8 = format!("Basic {}", BASE64.encode([0xff, b':', 0xff, b':', 0xff]));
        assert!(matches!(
            Credential::from_header(&not_utf8),
            Credential::Malformed
        ));
    }

    #[test]
    fn a_bearer_is_told_by_its_parts() {
        assert!(matches!(
            Credential::from_header("bearer a.b.c"),
            Credential::Jwt(_)
        ));
        assert!(matches!(
            Credential::from_header("Bearer a..c.d.e"),
            Credential::Activation(_)
        ));
    }

    #[test]
    fn a_credential_shows_no_secret() {
        let shown = format!(
            "{:?} {:?} {:?}",
            basic("acme:root.keyid1:hidden"),
            Credential::from_header("Bearer hidden.hidden.hidden"),
            Credential::from_header("Bearer hidden..hidden.hidden.hidden"),
        );
        assert!(!shown.contains("hidden"), "{shown}");
    }

    #[test]
    fn an_account_of_another_gateway_is_none() {
        let domain = GatewayDomain::parse("gw.example.org").unwrap();
        let acme = Name::parse("acme").unwrap();
        assert_eq!(account_name("acme", &domain), Some(acme.clone()));
        assert_eq!(
            account_name(&account_iri(&acme, &domain), &domain),
            Some(acme)
        );
        for foreign in [
            "http://other.org/acme",
            "https://gw.example.org/acme",
            "http://gw.example.org/",
            "A",
        ] {
            assert_eq!(account_name(foreign, &domain), None, "{foreign}");
        }
    }
}
