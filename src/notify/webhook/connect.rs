//! Connections to webhooks.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;

use super::address::permitted;
use super::{HookUrl, Sending, Signed, Transport, WebhookError, post};
use crate::config::{self, Network};

/// Addresses of one host that are tried, and how long each may take.
const ADDRESSES: usize = 4;
const PATIENCE: Duration = Duration::from_secs(3);
/// Look-ups of names at once. Each holds a thread of those that everything shares, and servers of names can be slow on
/// purpose.
const LOOKUPS: usize = 64;

/// Says what addresses a name means.
pub(super) trait Resolver: fmt::Debug + Send + Sync {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Resolving<'a>;
}

pub(super) type Resolving<'a> =
    Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'a>>;

/// The system's names.
#[derive(Debug)]
pub(super) struct SystemResolver(Arc<Semaphore>);

impl SystemResolver {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(LOOKUPS)))
    }
}

impl Resolver for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Resolving<'a> {
        let (turns, host) = (Arc::clone(&self.0), host.to_owned());
        Box::pin(async move {
            let turn = turns.acquire_owned().await.map_err(io::Error::other)?;
            // A look-up cannot be broken off. Its turn ends with it, not with whoever waits for it.
            let looking_up = tokio::task::spawn_blocking(move || {
                let _turn = turn;
                let found = (host.as_str(), port).to_socket_addrs()?;
                Ok(found.collect())
            });
            looking_up.await.map_err(io::Error::other)?
        })
    }
}

/// Webhooks over the network.
pub(super) struct Connector {
    allowed: Vec<Network>,
    tls: TlsConnector,
    resolver: Box<dyn Resolver>,
}

impl Connector {
    pub(super) fn new(
        config: &config::Webhooks,
        resolver: Box<dyn Resolver>,
    ) -> Result<Self, WebhookError> {
        Ok(Self {
            allowed: config.allow_networks.clone(),
            tls: TlsConnector::from(Arc::new(tls(config.ca_file.as_deref())?)),
            resolver,
        })
    }

    /// Where a webhook is, if all that its host means is permitted.
    async fn addresses(&self, url: &HookUrl) -> Result<Vec<SocketAddr>, WebhookError> {
        let (host, port) = (url.host(), url.port());
        let addresses = if let Ok(address) = host.parse::<IpAddr>() {
            vec![(address, port).into()]
        } else {
            let found = self.resolver.resolve(host, port).await;
            found.map_err(|_| WebhookError::NoAddress)?
        };
        permitted(addresses, url.is_secure(), &self.allowed)
    }

    async fn send(&self, message: &Signed) -> Result<u16, WebhookError> {
        let stream = connect(self.addresses(&message.url).await?).await?;
        if !message.url.is_secure() {
            return post::exchange(stream, message).await;
        }
        let name = ServerName::try_from(message.url.host().to_owned());
        let name = name.map_err(|cause| WebhookError::Tls(io::Error::other(cause)))?;
        let stream = self.tls.connect(name, stream).await;
        post::exchange(stream.map_err(WebhookError::Tls)?, message).await
    }
}

impl Transport for Connector {
    fn check<'a>(&'a self, url: &'a HookUrl) -> Sending<'a, ()> {
        Box::pin(async move { self.addresses(url).await.map(drop) })
    }

    fn post<'a>(&'a self, message: &'a Signed) -> Sending<'a, u16> {
        Box::pin(self.send(message))
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector")
            .field("allowed", &self.allowed)
            .finish_non_exhaustive()
    }
}

/// Connects to the first of the addresses that answers.
async fn connect(addresses: Vec<SocketAddr>) -> Result<TcpStream, WebhookError> {
    let mut last = io::ErrorKind::AddrNotAvailable.into();
    for address in addresses.into_iter().take(ADDRESSES) {
        match tokio::time::timeout(PATIENCE, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(cause)) => last = cause,
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(WebhookError::Unreachable(last))
}

/// TLS 1.3 and 1.2 with the system's authorities and those of a file.
fn tls(ca_file: Option<&Path>) -> Result<ClientConfig, WebhookError> {
    const CA: &str = "webhooks.ca-file must be a file of certificates in PEM";
    let because = |why| {
        move |cause: super::super::Cause| WebhookError::Misconfigured {
            why,
            source: Some(cause),
        }
    };
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(system.certs);
    if roots.is_empty() && ca_file.is_none() {
        log::warn!(
            target: "meldgate::notify",
            "the system has no certificate authorities, so no https webhook will be trusted: install ca-certificates"
        );
    }
    if let Some(path) = ca_file {
        let before = roots.len();
        let certificates = CertificateDer::pem_file_iter(path);
        for certificate in certificates.map_err(|cause| because(CA)(cause.into()))? {
            let certificate = certificate.map_err(|cause| because(CA)(cause.into()))?;
            let added = roots.add(certificate);
            added.map_err(|cause| because(CA)(cause.into()))?;
        }
        if roots.len() == before {
            return Err(WebhookError::Misconfigured {
                why: CA,
                source: None,
            });
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let versions = builder.with_safe_default_protocol_versions();
    let builder = versions.map_err(|cause| because("TLS cannot be set up")(cause.into()))?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
