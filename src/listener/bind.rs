//! Listening sockets: made here, or passed in by systemd.
//!
//! Passed sockets win. If systemd passes sockets of a kind (TLS or redirect), the configured addresses of
//! that kind are not bound: two places that decide would one day disagree. A passed socket redirects if it is
//! named `redirect` (`FileDescriptorName=` in the socket unit) or has an address of `listen.redirect`; every
//! other one speaks TLS.
//!
//! Source: `sd_listen_fds(3)`.

use std::io;
use std::net::SocketAddr;

use listenfd::ListenFd;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket};

use crate::config;

/// The sockets that the gateway listens on.
#[derive(Debug, Default)]
pub struct Sockets {
    /// Those that speak TLS.
    pub https: Vec<TcpListener>,
    /// Those that only redirect.
    pub redirect: Vec<TcpListener>,
}

/// A socket that could not be listened on.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Something else listens there.
    #[error(
        "cannot listen on {address}: something else does; stop it (`ss -ltnp` names it) or choose another port"
    )]
    InUse {
        /// Where.
        address: SocketAddr,
    },
    /// Ports below 1024 need a capability.
    #[error(
        "cannot listen on {address}: not permitted; give the daemon CAP_NET_BIND_SERVICE, let systemd pass the socket, or choose a port above 1023"
    )]
    NotPermitted {
        /// Where.
        address: SocketAddr,
    },
    /// No interface has the address.
    #[error(
        "cannot listen on {address}: this machine has no such address; use one that `ip address` lists, or [::] for all"
    )]
    NoSuchAddress {
        /// Where.
        address: SocketAddr,
    },
    /// The system refused for another reason.
    #[error("cannot listen on {address}")]
    Refused {
        /// Where.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// What systemd passed is no TCP socket that listens.
    #[error(
        "socket {number} passed by systemd cannot be used; its unit needs ListenStream= with a TCP address"
    )]
    Passed {
        /// Which, counted from zero.
        number: usize,
        /// The system's reason.
        source: io::Error,
    },
}

/// Sockets that another process opened for this one.
#[derive(Debug, Default)]
pub struct Passed(Vec<(Option<String>, std::net::TcpListener)>);

impl Passed {
    /// Takes over what systemd passed, if anything.
    ///
    /// Clears `LISTEN_FDS` and its kin, so it is for the start of the process, before there are threads.
    pub fn from_environment() -> Result<Self, BindError> {
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':');
        let mut passed = ListenFd::from_env();
        let mut sockets = Vec::with_capacity(passed.len());
        for number in 0..passed.len() {
            let name = names.next().filter(|name| !name.is_empty());
            let socket = passed
                .take_tcp_listener(number)
                .map_err(|source| BindError::Passed { number, source })?;
            sockets.extend(socket.map(|socket| (name.map(str::to_owned), socket)));
        }
        Ok(Self(sockets))
    }

    /// Sockets as if systemd had passed them under these names.
    pub fn from_sockets(
        sockets: impl IntoIterator<Item = (Option<String>, std::net::TcpListener)>,
    ) -> Self {
        Self(sockets.into_iter().collect())
    }
}

/// Opens every socket that the gateway listens on; all of them or none.
///
/// Must run inside the runtime that will accept on them.
pub fn bind(listen: &config::Listen, passed: Passed) -> Result<Sockets, BindError> {
    let mut sockets = adopt(listen, passed)?;
    if sockets.https.is_empty() {
        sockets.https = open_all(&listen.https, listen.backlog)?;
    }
    if sockets.redirect.is_empty() {
        sockets.redirect = open_all(&listen.redirect, listen.backlog)?;
    }
    Ok(sockets)
}

fn adopt(listen: &config::Listen, passed: Passed) -> Result<Sockets, BindError> {
    let mut sockets = Sockets::default();
    for (number, (name, socket)) in passed.0.into_iter().enumerate() {
        let failed = |source| BindError::Passed { number, source };
        socket.set_nonblocking(true).map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        let socket = TcpListener::from_std(socket).map_err(failed)?;
        let redirects = name.as_deref() == Some("redirect") || listen.redirect.contains(&address);
        if redirects {
            sockets.redirect.push(socket);
        } else {
            sockets.https.push(socket);
        }
    }
    Ok(sockets)
}

fn open_all(addresses: &[SocketAddr], backlog: u32) -> Result<Vec<TcpListener>, BindError> {
    addresses
        .iter()
        .map(|&address| {
            let twin = addresses.iter().any(|other| {
                other.is_ipv4() && other.port() == address.port() && other.port() != 0
            });
            open(address, !twin, backlog).map_err(|source| explain(address, source))
        })
        .collect()
}

/// Opens one socket. `[::]` serves IPv4 as well if `both` says so, whatever the system's default is.
fn open(address: SocketAddr, both: bool, backlog: u32) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        let socket = TcpSocket::new_v6()?;
        SockRef::from(&socket).set_only_v6(!both)?;
        socket
    };
    // A restart must not wait for connections of the last run to leave TIME_WAIT.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(backlog)
}

fn explain(address: SocketAddr, source: io::Error) -> BindError {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the list of kinds is open, and the rest has one answer"
    )]
    match source.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse { address },
        io::ErrorKind::PermissionDenied => BindError::NotPermitted { address },
        io::ErrorKind::AddrNotAvailable => BindError::NoSuchAddress { address },
        _ => BindError::Refused { address, source },
    }
}

#[cfg(test)]
mod tests;
