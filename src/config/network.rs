//! Networks: addresses with a common prefix.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// All addresses that begin with the same bits (RFC 4632, RFC 4291).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Network {
    first: IpAddr,
    prefix: u8,
}

impl Network {
    /// Parses `address/prefix`, or a single address. `None` for what is neither, and for bits after the prefix.
    pub fn parse(raw: &str) -> Option<Self> {
        let (address, prefix) = raw.split_once('/').unwrap_or((raw, ""));
        let first: IpAddr = address.parse().ok()?;
        let width = width(first);
        let prefix = match prefix {
            "" if !raw.contains('/') => width,
            digits if digits.bytes().all(|digit| digit.is_ascii_digit()) => digits.parse().ok()?,
            _ => return None,
        };
        let network = Self { first, prefix };
        let is_first = prefix <= width && bits(first) & !network.mask() == 0;
        is_first.then_some(network)
    }

    /// The networks whose addresses are this machine.
    pub fn this_machine() -> Vec<Self> {
        let v4 = Self {
            first: Ipv4Addr::new(127, 0, 0, 0).into(),
            prefix: 8,
        };
        let v6 = Self {
            first: Ipv6Addr::LOCALHOST.into(),
            prefix: 128,
        };
        vec![v4, v6]
    }

    /// Whether an address is in it. An IPv4 address in IPv6's clothes is that IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.first.is_ipv4()
            && (bits(address) ^ bits(self.first)) & self.mask() == 0
    }

    /// The bits that all its addresses share, at the top of 128.
    fn mask(self) -> u128 {
        u128::MAX
            .checked_shl(u32::from(128 - self.prefix.min(128)))
            .unwrap_or(0)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

/// An address at the top of 128 bits.
fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()) << 96,
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

const fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_in(network: &str, address: &str) -> bool {
        let network = Network::parse(network).unwrap();
        network.contains(address.parse().unwrap())
    }

    #[test]
    fn a_network_begins_and_ends_where_its_prefix_says() {
        for (network, within, beyond) in [
            (
                "10.1.0.0/16",
                ["10.1.0.0", "10.1.255.255"],
                ["10.0.255.255", "10.2.0.0"],
            ),
            (
                "192.0.2.7",
                ["192.0.2.7", "::ffff:192.0.2.7"],
                ["192.0.2.6", "192.0.2.8"],
            ),
            ("fd00::/8", ["fd00::", "fdff::1"], ["fc00::", "fe00::"]),
            ("::1/128", ["::1", "::1"], ["::", "::2"]),
        ] {
            let is_in = |address: &&str| is_in(network, address);
            assert!(within.iter().all(is_in), "{network}");
            assert!(!beyond.iter().any(is_in), "{network}");
        }
        assert!(is_in("0.0.0.0/0", "203.0.113.9") && !is_in("0.0.0.0/0", "2001:db8::1"));
        assert!(is_in("::/0", "2001:db8::1") && !is_in("::/0", "203.0.113.9"));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for bad in [
            "",
            "/",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.1/8",
            "10.0.0/8",
            "::/129",
            "fd00::1/8",
            "10.0.0.0/+8",
            "10.0.0.0/8/8",
            "10.0.0.0/-1",
            "example.org",
        ] {
            assert_eq!(Network::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_shown_reads_back() {
        for network in ["10.1.0.0/16", "fd00::/8", "0.0.0.0/0", "192.0.2.7/32"] {
            assert_eq!(Network::parse(network).unwrap().to_string(), network);
        }
    }
}
