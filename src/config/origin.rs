//! The gateway's origin, as clients call it.

use std::net::Ipv6Addr;

use crate::ids::GatewayDomain;

const RIGHT: &str = "must be https://host or https://host:port, without a path";

/// Reads an origin; a single slash at its end is dropped.
pub(super) fn parse(raw: &str) -> Result<String, &'static str> {
    let Some(authority) = raw.strip_prefix("https://") else {
        return Err("must begin with https://: the gateway speaks nothing else");
    };
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    let (host, port) = split(authority).ok_or(RIGHT)?;
    let right_port = port.is_none_or(|port| {
        port.parse::<u16>().is_ok_and(|number| number > 0)
            && port.bytes().all(|b| b.is_ascii_digit())
    });
    if is_host(host) && right_port {
        Ok(format!("https://{authority}"))
    } else {
        Err(RIGHT)
    }
}

fn split(authority: &str) -> Option<(&str, Option<&str>)> {
    if authority.starts_with('[') {
        let (host, rest) = authority.split_at(authority.find(']')? + 1);
        return match rest {
            "" => Some((host, None)),
            _ => rest.strip_prefix(':').map(|port| (host, Some(port))),
        };
    }
    Some(match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    })
}

fn is_host(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => GatewayDomain::parse(host).is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_https_a_host_and_perhaps_a_port() {
        for good in [
            "https://gw.example.org",
            "https://gw.example.org:8443",
            "https://localhost:1",
            "https://192.0.2.1",
            "https://[::1]:8443",
        ] {
            assert_eq!(parse(good).as_deref(), Ok(good));
        }
        assert_eq!(
            parse("https://gw.example.org/").unwrap(),
            "https://gw.example.org"
        );
    }

    #[test]
    fn whatever_else_is_said_is_refused() {
        for bad in [
            "",
            "gw.example.org",
            "http://gw.example.org",
            "https://",
            "https:///",
            "https://gw.example.org/api",
            "https://gw.example.org//",
            "https://gw.example.org?x",
            "https://user@gw.example.org",
            "https://gw.example.org:",
            "https://gw.example.org:0",
            "https://gw.example.org:+1",
            "https://gw.example.org:65536",
            "https://[::1",
            "https://[::1]8443",
            "https://Gw.example.org",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
