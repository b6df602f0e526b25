//! Who is counted: one host, or the network that hands hosts their addresses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::ids::Invalid;

/// What one peer is counted as: an IPv4 address, or an IPv6 /64 (a host can use all of its /64).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Source(Prefix<4, 8>);

/// What may hand out many [`Source`]s: an IPv4 /24 or an IPv6 /48.
///
/// It has a budget of its own, so that one /48 cannot bring 65,536 fresh ones.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Network(Prefix<3, 6>);

/// The leading bytes of an address, by family.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
enum Prefix<const V4: usize, const V6: usize> {
    V4([u8; V4]),
    V6([u8; V6]),
}

impl Source {
    /// The source that `address` belongs to. An IPv4 address inside IPv6 (`::ffff:192.0.2.1`) is IPv4.
    pub fn of(address: IpAddr) -> Self {
        Self(Prefix::of(address))
    }

    /// The wider network around it.
    pub fn network(self) -> Network {
        Network(Prefix::of(self.0.first_address()))
    }

    /// Whether it is an IPv6 prefix.
    pub const fn is_v6(self) -> bool {
        matches!(self.0, Prefix::V6(_))
    }

    /// Parses what `Display` wrote.
    pub fn parse(raw: &str) -> Result<Self, Invalid> {
        let source = parse(raw, "/64").map(Self::of);
        source
            .filter(|source| source.to_string() == raw)
            .ok_or(Invalid::new("a source", "an IPv4 address or an IPv6 /64"))
    }
}

impl Network {
    /// Parses what `Display` wrote.
    pub fn parse(raw: &str) -> Result<Self, Invalid> {
        let suffix = if raw.contains(':') { "/48" } else { "/24" };
        let network = parse(raw, suffix).map(|address| Self(Prefix::of(address)));
        network
            .filter(|network| network.to_string() == raw)
            .ok_or(Invalid::new("a network", "an IPv4 /24 or an IPv6 /48"))
    }
}

fn parse(raw: &str, suffix: &str) -> Option<IpAddr> {
    raw.strip_suffix(suffix).unwrap_or(raw).parse().ok()
}

impl<const V4: usize, const V6: usize> Prefix<V4, V6> {
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self::V4(head(v4.octets())),
            IpAddr::V6(v6) => Self::V6(head(v6.octets())),
        }
    }

    fn first_address(&self) -> IpAddr {
        match self {
            Self::V4(bytes) => Ipv4Addr::from(head::<V4, 4>(*bytes)).into(),
            Self::V6(bytes) => Ipv6Addr::from(head::<V6, 16>(*bytes)).into(),
        }
    }
}

/// `bytes` cut, or filled up with zeros, to another length.
fn head<const FROM: usize, const TO: usize>(bytes: [u8; FROM]) -> [u8; TO] {
    let mut cut = [0; TO];
    cut.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
    cut
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let suffix = if self.is_v6() { "/64" } else { "" };
        write!(f, "{}{suffix}", self.0.first_address())
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let suffix = match self.0 {
            Prefix::V4(_) => "/24",
            Prefix::V6(_) => "/48",
        };
        write!(f, "{}{suffix}", self.0.first_address())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(address: &str) -> Source {
        Source::of(address.parse().unwrap())
    }

    #[test]
    fn an_ipv4_address_is_a_source_of_its_own_however_it_is_written() {
        assert_eq!(source("192.0.2.1"), source("::ffff:192.0.2.1"));
        assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
        assert_eq!(source("::ffff:192.0.2.1").to_string(), "192.0.2.1");
        assert!(!source("::ffff:192.0.2.1").is_v6());
    }

    #[test]
    fn an_ipv6_source_is_a_64() {
        assert_eq!(source("2001:db8:1:2::1"), source("2001:db8:1:2:ffff::9"));
        assert_ne!(source("2001:db8:1:2::1"), source("2001:db8:1:3::1"));
        assert_eq!(source("2001:db8:1:2::1").to_string(), "2001:db8:1:2::/64");
    }

    #[test]
    fn a_network_is_a_24_or_a_48() {
        let network = |address| source(address).network();
        assert_eq!(network("192.0.2.1"), network("192.0.2.254"));
        assert_ne!(network("192.0.2.1"), network("192.0.3.1"));
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:ffff::1"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:2:2::1"));
        assert_eq!(network("192.0.2.1").to_string(), "192.0.2.0/24");
        assert_eq!(network("2001:db8:1:2::1").to_string(), "2001:db8:1::/48");
    }

    #[test]
    fn what_is_written_is_read_again_and_nothing_else() {
        for address in ["192.0.2.1", "2001:db8:1:2::1", "::1", "::"] {
            let (source, network) = (source(address), source(address).network());
            assert_eq!(Source::parse(&source.to_string()), Ok(source));
            assert_eq!(Network::parse(&network.to_string()), Ok(network));
        }
        for bad in ["", "192.0.2", "192.0.2.1/24", "::1/48", "2001:db8::1/64"] {
            assert!(Source::parse(bad).is_err(), "{bad}");
        }
        for bad in ["", "192.0.2.1/24", "192.0.2.1", "2001:db8::/64", "::1/48"] {
            assert!(Network::parse(bad).is_err(), "{bad}");
        }
    }
}
