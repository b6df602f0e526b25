//! Names and ids that passed their rule. Holding one is the proof; nothing checks again.
//!
//! Sources: the API page of the gateway (`docs/api.md`), "Names"; m-ld protocol, section 1.

use std::fmt;

/// A text that is not what its type promises; says what would be.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{what} must be {rule}")]
pub struct Invalid {
    what: &'static str,
    rule: &'static str,
}

impl Invalid {
    /// Says that `what` must be `rule`.
    pub const fn new(what: &'static str, rule: &'static str) -> Self {
        Self { what, rule }
    }
}

macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $test:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(Box<str>);

        impl $name {
            /// Parses the text as it arrives in a path, a body or a command.
            pub fn parse(raw: &str) -> Result<Self, Invalid> {
                let test: fn(&str) -> bool = $test;
                if test(raw) {
                    Ok(Self(raw.into()))
                } else {
                    Err(Invalid::new($what, $rule))
                }
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_type!(
    /// An account's or a subdomain's name: a *component id*, `^[a-z0-9_-]{1,63}$`.
    Name,
    "a name",
    "1 to 63 of a-z, 0-9, _ and -",
    |raw| (1..=63).contains(&raw.len()) && raw.bytes().all(is_component)
);

text_type!(
    /// The public half of an account key, `^\w{5,}$` and at most 64 characters here.
    KeyId,
    "a key id",
    "5 to 64 letters, digits and _",
    |raw| (5..=64).contains(&raw.len()) && raw.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
);

text_type!(
    /// The host name that the gateway answers for, in lower case.
    GatewayDomain,
    "a domain",
    "a host name such as gw.example.org, in lower case",
    is_host
);

text_type!(
    /// What a clone calls itself: any text of 1 to 255 bytes, without `/` and control characters, that is
    /// not `present` (both would collide with room names).
    CloneId,
    "a clone id",
    "1 to 255 bytes without / and control characters, and not \"present\"",
    |raw| (1..=255).contains(&raw.len())
        && raw != "present"
        && !raw.contains('/')
        && !raw.chars().any(char::is_control)
);

fn is_component(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-')
}

fn is_host(raw: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    raw.len() <= 190 && raw.split('.').all(label)
}

impl Name {
    /// Whether this is a UUID name, `^c[a-z0-9]{24}$` (a CUID).
    pub fn is_uuid(&self) -> bool {
        let mut bytes = self.0.bytes();
        self.0.len() == 25
            && bytes.next() == Some(b'c')
            && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    }
}

/// A domain that the gateway serves: its own, or an account's subdomain.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum DomainId {
    /// The gateway's own domain, which holds the accounts; root only.
    Gateway,
    /// `≪name≫.≪account≫.≪domain≫`.
    Subdomain {
        /// Whose it is.
        account: Name,
        /// What its owner calls it.
        name: Name,
    },
}

impl DomainId {
    /// Parses an m-ld domain name, which must be `gateway` itself or exactly two labels below it.
    ///
    /// The comparison is by label: `evil-gw.example.org` is not below `gw.example.org`.
    pub fn parse(raw: &str, gateway: &GatewayDomain) -> Result<Self, Invalid> {
        let invalid = Invalid::new("a domain", "this gateway's, or name.account below it");
        let Some(above) = raw.strip_suffix(gateway.as_str()) else {
            return Err(invalid);
        };
        if above.is_empty() {
            return Ok(Self::Gateway);
        }
        let parts = above
            .strip_suffix('.')
            .and_then(|labels| labels.split_once('.'));
        let Some((name, account)) = parts else {
            return Err(invalid);
        };
        Ok(Self::Subdomain {
            account: Name::parse(account)?,
            name: Name::parse(name)?,
        })
    }

    /// The m-ld domain name below `gateway`.
    pub fn to_mld(&self, gateway: &GatewayDomain) -> String {
        match self {
            Self::Gateway => gateway.to_string(),
            Self::Subdomain { account, name } => format!("{name}.{account}.{gateway}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_to_the_component_rule() {
        for good in ["a", "my-app_2", &"x".repeat(63)] {
            assert!(Name::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "A", "a.b", "a/b", "é", "a b", &"x".repeat(64)] {
            assert!(Name::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_a_cuid_is_a_uuid_name() {
        assert!(Name::parse("ckzz0abcdefgh0123456789ab").unwrap().is_uuid());
        for named in [
            "todo",
            "kkzz0abcdefgh0123456789ab",
            "c-zz0abcdefgh0123456789ab",
            "ckzz0",
        ] {
            assert!(!Name::parse(named).unwrap().is_uuid(), "{named}");
        }
    }

    #[test]
    fn a_domain_is_matched_at_a_label_boundary() {
        let gateway = GatewayDomain::parse("gw.example.org").unwrap();
        assert_eq!(
            DomainId::parse("gw.example.org", &gateway),
            Ok(DomainId::Gateway)
        );
        let todo = DomainId::parse("todo.app.gw.example.org", &gateway).unwrap();
        assert_eq!(todo.to_mld(&gateway), "todo.app.gw.example.org");
        for foreign in [
            "evil-gw.example.org",
            "app.gw.example.org",
            "a.b.c.gw.example.org",
            ".gw.example.org",
            "",
        ] {
            assert!(DomainId::parse(foreign, &gateway).is_err(), "{foreign}");
        }
    }

    #[test]
    fn a_clone_id_cannot_name_a_room() {
        assert!(CloneId::parse("clone 1").is_ok());
        for bad in ["", "present", "a/present", "a\nb", &"x".repeat(256)] {
            assert!(CloneId::parse(bad).is_err(), "{bad}");
        }
    }
}
