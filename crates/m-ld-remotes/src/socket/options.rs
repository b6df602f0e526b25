//! What a client is told before it connects.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;

use super::Backoff;

/// Where and how to connect.
#[derive(Clone, Debug)]
pub struct Options {
    /// The server.
    pub address: Address,
    /// Query parameters of the handshake.
    pub query: Vec<(String, String)>,
    /// The `auth` payload, or null.
    pub auth: Value,
    /// For an address with TLS: how, and whom to trust. ALPN is not taken from it.
    pub tls: Option<Arc<ClientConfig>>,
    /// How long a connection may take, from looking up the name to the server's CONNECT.
    pub connect_timeout: Duration,
    /// How long the server may take to acknowledge what asks for that.
    pub ack_timeout: Duration,
    /// Waits between attempts to connect.
    pub backoff: Backoff,
    /// Messages of refusals that are of the moment: they are waited out as if the server was not there.
    /// Any other refusal ends the client.
    pub passing_refusals: Vec<String>,
    /// What the server may make us hold.
    pub limits: Limits,
}

impl Options {
    /// Everything as usual.
    pub fn new(address: Address) -> Self {
        Self {
            address,
            query: Vec::new(),
            auth: Value::Null,
            tls: None,
            connect_timeout: Duration::from_secs(20),
            ack_timeout: Duration::from_secs(5),
            backoff: Backoff::default(),
            passing_refusals: Vec::new(),
            limits: Limits::default(),
        }
    }
}

/// What the server may make us hold. Bytes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// One message, or the attachments of one packet together.
    pub message: usize,
    /// Text of one message: JSON takes many times as much memory once it is read.
    pub text: usize,
    /// Attachments of one packet.
    pub attachments: usize,
    /// What was received and not yet taken; at least twice [`message`](Self::message).
    pub unread: usize,
    /// What was emitted and not yet sent, or asks for an acknowledgement and has none yet.
    pub unsent: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message: 16 << 20,
            text: 1 << 20,
            attachments: 8,
            unread: 64 << 20,
            unsent: 64 << 20,
        }
    }
}

/// Where a server listens: scheme, host and port, and the path of its endpoint.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Address {
    /// Whether it is spoken to by TLS.
    pub(super) secure: bool,
    pub(super) host: String,
    pub(super) port: u16,
    path: String,
    query: Option<String>,
}

/// A text that names no server.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidAddress(&'static str);

impl Address {
    /// Parses an origin as `https://host:port/`, with `http`, `ws` or `wss` as well, and perhaps a query. A path would be a
    /// Socket.io namespace, of which there is only `/` here.
    pub fn parse(text: &str) -> Result<Self, InvalidAddress> {
        let uri: Uri = text.parse().map_err(|_| InvalidAddress("not a URI"))?;
        let secure = match uri.scheme_str() {
            Some("https" | "wss") => true,
            Some("http" | "ws") => false,
            _ => return Err(InvalidAddress("neither https nor http")),
        };
        let authority = uri.authority().ok_or(InvalidAddress("no host"))?;
        if authority.as_str().contains('@') {
            return Err(InvalidAddress("a user where none belongs"));
        }
        if !matches!(uri.path(), "" | "/") {
            return Err(InvalidAddress("a path, which would be a namespace"));
        }
        let host = authority.host();
        if host.is_empty() {
            return Err(InvalidAddress("no host"));
        }
        Ok(Self {
            secure,
            host: host.to_owned(),
            port: authority
                .port_u16()
                .unwrap_or(if secure { 443 } else { 80 }),
            path: "/socket.io/".to_owned(),
            query: uri.query().map(str::to_owned),
        })
    }

    /// The same server with its endpoint at another path than `/socket.io/`.
    pub fn with_path(self, path: &str) -> Result<Self, InvalidAddress> {
        let legal = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#');
        if !path.starts_with('/') || !path.bytes().all(legal) {
            return Err(InvalidAddress("not a path"));
        }
        let path = path.to_owned();
        Ok(Self { path, ..self })
    }

    /// Whether it is spoken to by TLS.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The host as names and addresses are looked up: without the brackets of an IPv6 address.
    pub(super) fn bare_host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    /// The URI of the WebSocket with these parameters of the handshake.
    pub(super) fn web_socket(&self, query: &[(String, String)]) -> String {
        let scheme = if self.secure { "wss" } else { "ws" };
        let (host, port, path) = (&self.host, self.port, &self.path);
        let mut uri = format!("{scheme}://{host}:{port}{path}?EIO=4&transport=websocket");
        if let Some(query) = &self.query {
            uri.push('&');
            uri.push_str(query);
        }
        for (name, value) in query {
            let [name, value] =
                [name, value].map(|text| utf8_percent_encode(text, NON_ALPHANUMERIC));
            // Writing to a string does not fail.
            write!(uri, "&{name}={value}").unwrap_or_default();
        }
        uri
    }
}

/// TLS that trusts whom this machine trusts.
pub fn trust_system() -> Result<Arc<ClientConfig>, rustls::Error> {
    let mut roots = RootCertStore::empty();
    // What cannot be read is left out, as others do: a machine's store often has something strange in it.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    client_config(roots)
}

/// TLS that trusts the authorities in these PEM files and nobody else.
pub fn trust_files<P: AsRef<Path>>(files: &[P]) -> Result<Arc<ClientConfig>, pem::Error> {
    let mut roots = RootCertStore::empty();
    for file in files {
        for certificate in CertificateDer::pem_file_iter(file)? {
            roots.add_parsable_certificates([certificate?]);
        }
    }
    client_config(roots).map_err(|_| pem::Error::NoItemsFound)
}

fn client_config(roots: RootCertStore) -> Result<Arc<ClientConfig>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_becomes_the_address_of_a_web_socket() {
        let address = Address::parse("https://gw.example.org/?a=b").unwrap();
        let query = [("@id".to_owned(), "c&1".to_owned())];
        assert_eq!(
            address.web_socket(&query),
            "wss://gw.example.org:443/socket.io/?EIO=4&transport=websocket&a=b&%40id=c%261"
        );
        let plain = Address::parse("http://[::1]:3000")
            .unwrap()
            .with_path("/x/")
            .unwrap();
        assert_eq!(
            plain.web_socket(&[]),
            "ws://[::1]:3000/x/?EIO=4&transport=websocket"
        );
        assert_eq!(plain.bare_host(), "::1");
    }

    #[test]
    fn what_names_no_server_is_refused() {
        for text in [
            "",
            "gw.example.org",
            "ftp://a",
            "https:///",
            "https://u:p@a/",
            "https://a/namespace",
            "https://a b",
        ] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
        let address = Address::parse("https://a").unwrap();
        for path in ["", "x", "/a?b", "/a b", "/a\r\nb"] {
            assert!(address.clone().with_path(path).is_err(), "{path:?}");
        }
    }
}
