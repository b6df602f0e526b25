//! Which addresses a message may be sent to.
//!
//! Sources: the registries of special-purpose addresses that RFC 6890 set up (IPv4, IPv6), RFC 4291 for what is global
//! in IPv6.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::WebhookError;
use crate::config::Network;

/// Addresses of IPv4 that are not everybody's: first address and prefix.
const SPECIAL_V4: [([u8; 4], u32); 18] = [
    ([0, 0, 0, 0], 8),        // this network
    ([10, 0, 0, 0], 8),       // private
    ([100, 64, 0, 0], 10),    // shared behind a carrier's translation
    ([127, 0, 0, 0], 8),      // loopback
    ([168, 63, 129, 16], 32), // a cloud's service to its machines, though the address is a public one
    ([169, 254, 0, 0], 16),   // link-local, and most clouds' metadata
    ([172, 16, 0, 0], 12),    // private
    ([192, 0, 0, 0], 24),     // protocol assignments
    ([192, 0, 2, 0], 24),     // documentation
    ([192, 31, 196, 0], 24),  // name servers' sink
    ([192, 52, 193, 0], 24),  // multicast tunnels
    ([192, 88, 99, 0], 24),   // relays of 6to4
    ([192, 168, 0, 0], 16),   // private
    ([192, 175, 48, 0], 24),  // name servers' sink
    ([198, 18, 0, 0], 15),    // benchmarks
    ([198, 51, 100, 0], 24),  // documentation
    ([203, 0, 113, 0], 24),   // documentation
    ([224, 0, 0, 0], 3),      // multicast, reserved, broadcast
];

/// Addresses of IPv6 that are not everybody's among those that could be.
const SPECIAL_V6: [([u16; 3], u32); 6] = [
    ([0x2001, 0, 0], 23),           // protocol assignments, Teredo among them
    ([0x2001, 0x0db8, 0], 32),      // documentation
    ([0x2002, 0, 0], 16),           // 6to4: holds an IPv4 address
    ([0x2620, 0x004f, 0x8000], 48), // name servers' sink
    ([0x3fff, 0, 0], 20),           // documentation
    ([0x3ffe, 0, 0], 16),           // a network of trials that is gone
];

/// Whether an address is everybody's.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => !SPECIAL_V4.iter().any(|(first, prefix)| {
            let differs = v4.to_bits() ^ Ipv4Addr::from(*first).to_bits();
            differs.leading_zeros() >= *prefix
        }),
        IpAddr::V6(v6) => {
            is_global_unicast(v6)
                && !SPECIAL_V6.iter().any(|(first, prefix)| {
                    let [a, b, c] = *first;
                    let differs = v6.to_bits() ^ Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0).to_bits();
                    differs.leading_zeros() >= *prefix
                })
        }
    }
}

/// `2000::/3`, of which alone global addresses are given. So translations of IPv4 (`64:ff9b::/96`) are none, nor are
/// loopback, link-local, unique local and multicast.
fn is_global_unicast(address: Ipv6Addr) -> bool {
    address.to_bits() >> 125 == 0b001
}

/// Checks all addresses of a host, and gives those that can be connected to: all, or none where one is not permitted.
pub(super) fn permitted(
    addresses: Vec<SocketAddr>,
    secure: bool,
    allowed: &[Network],
) -> Result<Vec<SocketAddr>, WebhookError> {
    if addresses.is_empty() {
        return Err(WebhookError::NoAddress);
    }
    for address in &addresses {
        let ip = address.ip();
        let is_allowed = allowed.iter().any(|network| network.contains(ip));
        if !is_allowed && !is_public(ip) {
            return Err(WebhookError::NotPermitted);
        }
        if !is_allowed && !secure {
            return Err(WebhookError::Insecure);
        }
    }
    Ok(addresses)
}
