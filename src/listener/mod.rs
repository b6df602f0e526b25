//! Sockets to connections: binding, accepting, counting, TLS, and the files that TLS lives on.
//!
//! The room takes bytes off the network and hands on a [`Connection`]: encrypted, counted against its
//! source, guarded against a peer that stops taking bytes. It knows no route and no HTTP.
//!
//! # Invariants
//! 1. The accept loop ends only when it is told to; no error of a peer or of the system ends it.
//! 2. A socket is counted ([`ConnectionSlot`]) from before its first byte is read until it is closed: its
//!    stream owns its place, so that nobody can give up the one and keep the other.
//! 3. What is served changes only to something that was validated as a whole; a live connection keeps what
//!    it began with.
//!
//! # Sources
//! `ARCHITECTURE.md`; RFC 8446 and RFC 5246 (TLS), RFC 7301 (ALPN), RFC 6066 section 3 (SNI), RFC 5077 and
//! RFC 8446 section 4.6.1 (tickets), RFC 9325 (recommendations); Mozilla's "intermediate" profile.

mod accept;
mod ahead;
pub mod bind;
pub mod certificates;
pub mod development;
mod guard;
mod handshake;
pub mod reload;
#[cfg(test)]
mod testing;
mod tls;

use std::net::SocketAddr;

use tokio::net::TcpStream;

pub use accept::{Counts, Listener, Open};
pub use ahead::Ahead;
pub use bind::{BindError, Sockets, bind};
pub use certificates::{CertificateError, Certificates};
pub use guard::{Abort, CutHandle, Guarded};
pub use reload::Reloader;
pub use tls::{Tls, TlsError};

use crate::limits::{ConnectionSlot, Source};

/// A guarded socket with its place among all connections.
pub type Socket = Guarded<TcpStream, ConnectionSlot>;

/// A TLS stream over such a socket.
pub type TlsStream = tokio_rustls::server::TlsStream<Ahead<Socket>>;

/// The protocol that client and gateway agreed on (RFC 7301).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Alpn {
    /// `http/1.1`, or nothing was asked for.
    Http1,
    /// `h2`.
    Http2,
}

/// A connection whose TLS handshake is done.
#[derive(Debug)]
pub struct Connection {
    /// Its bytes, in clear.
    pub stream: TlsStream,
    /// Who is at the other end; an IPv4 address is never written as IPv6.
    pub peer: SocketAddr,
    /// The prefix that its limits count against.
    pub source: Source,
    /// What is spoken on it.
    pub alpn: Alpn,
    /// Cuts it at once, from anywhere.
    pub cut: CutHandle,
}

/// A connection without TLS.
#[derive(Debug)]
pub struct PlainConnection {
    /// Its bytes.
    pub stream: Socket,
    /// Who is at the other end; an IPv4 address is never written as IPv6.
    pub peer: SocketAddr,
    /// The prefix that its limits count against.
    pub source: Source,
    /// Cuts it at once, from anywhere.
    pub cut: CutHandle,
}
