//! Mail addresses that are safe to put into a header and an envelope.

use std::fmt;

use crate::ids::Invalid;

/// Bytes of an address: RFC 5321, section 4.5.3.1.3, less the angle brackets (erratum 1690).
const LENGTH: usize = 254;
/// Bytes before the `@`: RFC 5321, section 4.5.3.1.1.
const LOCAL_LENGTH: usize = 64;

/// A mail address: a dot-atom (RFC 5322, section 3.2.3) at a host name, all ASCII.
///
/// Quoted local parts, address literals and comments are refused: they are legal, rare, and have a
/// history of being understood differently by each program that sees them. An international domain is
/// written in its `xn--` form.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Address {
    text: Box<str>,
    at: usize,
}

impl Address {
    /// Parses an address as it arrives in a request; the domain is kept in lower case.
    pub fn parse(raw: &str) -> Result<Self, Invalid> {
        let invalid = Invalid::new(
            "a mail address",
            "of the form name@host.example, up to 254 ASCII characters",
        );
        let parts = raw.split_once('@').filter(|_| raw.len() <= LENGTH);
        let Some((local, domain)) = parts else {
            return Err(invalid);
        };
        if is_local(local) && is_domain(domain) {
            Ok(Self {
                text: format!("{local}@{}", domain.to_ascii_lowercase()).into(),
                at: local.len(),
            })
        } else {
            Err(invalid)
        }
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The part after the `@`, in lower case.
    pub fn domain(&self) -> &str {
        self.text.get(self.at + 1..).unwrap_or_default()
    }

    /// What addresses of the same mailbox have in common at most providers: lower case, without a `+tag`.
    /// For counting, so that variants of one address share a limit; mail goes to the address as given.
    pub fn mailbox(&self) -> String {
        let local = self.text.get(..self.at).unwrap_or_default();
        let base = local.split_once('+').map_or(local, |(base, _)| base);
        // An address may begin with its tag's sign.
        let base = if base.is_empty() { local } else { base };
        format!("{}@{}", base.to_ascii_lowercase(), self.domain())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn is_local(local: &str) -> bool {
    let is_atom = |atom: &str| !atom.is_empty() && atom.bytes().all(is_atext);
    local.len() <= LOCAL_LENGTH && local.split('.').all(is_atom)
}

fn is_atext(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte)
}

fn is_domain(domain: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = domain.rsplit('.').next().unwrap_or_default();
    // A last label of digits is an IPv4 address.
    domain.split('.').all(is_label) && !last.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_people_have_are_taken() {
        for good in [
            "a@b.example",
            "First.Last+tag@Sub.Example.org",
            "o'brien@example.org",
            "root@localhost",
            "x@xn--bcher-kva.example",
            "x@123.example",
            &format!("{}@b.example", "x".repeat(64)),
        ] {
            assert!(Address::parse(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn what_could_carry_a_header_or_confuse_a_server_is_refused() {
        let long = format!("x@{}.example", ["y".repeat(63).as_str(); 4].join("."));
        for bad in [
            "",
            "a",
            "@b.example",
            "a@",
            "a@b.example\r\nBcc: c@d.example",
            "a@b.example\nx",
            "a\0@b.example",
            "a b@c.example",
            "\"a b\"@c.example",
            "<a@b.example>",
            "A <a@b.example>",
            "a@b.example,c@d.example",
            "a@b@c.example",
            "a@[127.0.0.1]",
            "a@127.0.0.1",
            "a(comment)@b.example",
            ".a@b.example",
            "a..b@c.example",
            "a.@b.example",
            "a@-b.example",
            "a@b..example",
            "a@b.example.",
            "jörg@b.example",
            "a@bücher.example",
            "a@b.example ",
            &format!("{}@b.example", "x".repeat(65)),
            &long,
        ] {
            assert!(Address::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_address_of_254_characters_is_the_longest() {
        let of = |length: usize| {
            let labels = ["y".repeat(63), "y".repeat(63), "y".repeat(63)].join(".");
            let local = "x".repeat(length - labels.len() - 1);
            Address::parse(&format!("{local}@{labels}"))
        };
        assert!(of(254).is_ok());
        assert!(of(255).is_err());
    }

    #[test]
    fn variants_of_a_mailbox_are_counted_together() {
        let mailbox = |raw| Address::parse(raw).unwrap().mailbox();
        assert_eq!(mailbox("A.b+c+d@Example.org"), "a.b@example.org");
        assert_eq!(mailbox("+c@example.org"), "+c@example.org");
    }
}
