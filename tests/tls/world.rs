//! A listener on a free port, certificates, and clients.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use meldgate::clock::{Chance, Clock, Timestamp};
use meldgate::config::{self, CertificateFiles, Rate};
use meldgate::ids::GatewayDomain;
use meldgate::limits::Limits;
use meldgate::listener::bind::Passed;
use meldgate::listener::{Connection, Listener, Open, Tls, bind, certificates, development};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Long enough that only a defect reaches it.
pub(super) const AT_MOST: Duration = Duration::from_secs(20);
pub(super) const HOST: &str = "gw.test";

/// What a test decides about its listener.
pub(super) struct Plan {
    pub(super) handshake_timeout: Duration,
    pub(super) handshakes: usize,
    pub(super) connections_per_source: usize,
    pub(super) stall_timeout: Duration,
    pub(super) hosts: &'static [&'static str],
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            handshake_timeout: AT_MOST,
            handshakes: 4,
            connections_per_source: 100,
            stall_timeout: AT_MOST,
            hosts: &[HOST],
        }
    }
}

/// A running listener.
pub(super) struct World {
    pub(super) folder: Folder,
    pub(super) address: SocketAddr,
    pub(super) listener: Listener,
    pub(super) tls: Arc<Tls>,
    pub(super) config: config::Tls,
    pub(super) roots: RootCertStore,
    pub(super) stop: watch::Sender<bool>,
    pub(super) serving: JoinHandle<Open>,
}

impl World {
    /// A listener whose connections are echoed.
    pub(super) fn echo(plan: &Plan) -> Self {
        Self::serve(plan, echo)
    }

    pub(super) fn serve<F, Served>(plan: &Plan, service: F) -> Self
    where
        F: Fn(Connection) -> Served + Clone + Send + Sync + 'static,
        Served: Future<Output = ()> + Send + 'static,
    {
        let folder = Folder::new();
        let mut roots = RootCertStore::empty();
        let mut files = Vec::new();
        for host in plan.hosts {
            let made = folder.certificate(host, now());
            let authority = CertificateDer::from_pem_file(&made.ca_file).unwrap();
            roots.add(authority).unwrap();
            files.push(made.leaf);
        }
        let config = config::Tls {
            certificates: files,
            handshake_timeout: plan.handshake_timeout,
            handshakes: plan.handshakes,
            watch_interval: Duration::ZERO,
            hsts: Duration::ZERO,
        };
        let loaded = certificates::load(&config, now()).unwrap();
        let tls = Arc::new(Tls::new(&config, &loaded).unwrap());
        let limits = Arc::new(Limits::new(&limits(plan), &Clock::system()));
        let listener = Listener::new(limits, plan.stall_timeout);
        let sockets = bind(&listen(), Passed::default()).unwrap();
        let address = sockets.https[0].local_addr().unwrap();
        let (stop, stopped) = watch::channel(false);
        let serving = tokio::spawn({
            let (listener, tls) = (listener.clone(), Arc::clone(&tls));
            async move { listener.serve(sockets.https, tls, stopped, service).await }
        });
        Self {
            folder,
            address,
            listener,
            tls,
            config,
            roots,
            stop,
            serving,
        }
    }

    /// A client configuration that trusts every certificate of this world.
    pub(super) fn client(&self) -> ClientConfig {
        self.client_with(default_provider(), rustls::ALL_VERSIONS)
    }

    pub(super) fn client_with(
        &self,
        provider: CryptoProvider,
        versions: &[&'static SupportedProtocolVersion],
    ) -> ClientConfig {
        ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(self.roots.clone())
            .with_no_client_auth()
    }

    pub(super) async fn connect(
        &self,
        client: &Arc<ClientConfig>,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        self.connect_to(client, HOST).await
    }

    pub(super) async fn connect_to(
        &self,
        client: &Arc<ClientConfig>,
        host: &'static str,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from(host).unwrap();
        let connecting = TlsConnector::from(Arc::clone(client)).connect(name, stream);
        tokio::time::timeout(AT_MOST, connecting).await.unwrap()
    }

    /// The leaf that a new client is shown.
    pub(super) async fn leaf(&self) -> Vec<u8> {
        let stream = self.connect(&Arc::new(self.client())).await.unwrap();
        stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
    }
}

/// Answers each byte with the same byte, until the client leaves.
pub(super) async fn echo(mut connection: Connection) {
    let mut buffer = [0; 256];
    while let Ok(count @ 1..) = connection.stream.read(&mut buffer).await {
        let written = connection.stream.write_all(&buffer[..count]).await;
        if written.and(connection.stream.flush().await).is_err() {
            return;
        }
    }
}

/// Sends a few bytes and sees them come back.
pub(super) async fn echoes(stream: &mut TlsStream<TcpStream>) -> std::io::Result<bool> {
    stream.write_all(b"hello").await?;
    let mut answer = [0; 5];
    tokio::time::timeout(AT_MOST, stream.read_exact(&mut answer))
        .await
        .expect("an answer in time")?;
    Ok(&answer == b"hello")
}

pub(super) fn now() -> Timestamp {
    Clock::system().now()
}

fn listen() -> config::Listen {
    config::Listen {
        https: vec!["127.0.0.1:0".parse().unwrap()],
        redirect: Vec::new(),
        backlog: 64,
    }
}

fn limits(plan: &Plan) -> config::Limits {
    let rate = Rate {
        burst: 1000,
        period: Duration::from_secs(1),
    };
    config::Limits {
        connections: 1000,
        connections_per_source: plan.connections_per_source,
        sessions: 1000,
        sessions_per_source: 100,
        requests_per_source: rate,
        requests_per_account: rate,
        activations_per_source: rate,
        activations_per_address: rate,
        mints_per_account: rate,
        connects_per_source: rate,
        connects_per_account: rate,
        messages_per_socket: rate,
        messages_per_account: rate,
        sources_per_network: 16,
        table_size: 1000,
    }
}

/// A folder that goes away with its value.
pub(super) struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("meldgate-tls-{}-{number}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    /// A certificate for `host` of an authority of its own, made at a given time.
    pub(super) fn certificate(&self, host: &str, at: Timestamp) -> development::DevCertificates {
        let (clock, _) = Clock::manual(at);
        let domain = GatewayDomain::parse(host).unwrap();
        let folder = self.0.join(host);
        development::ensure(&folder, &domain, &[], &clock, &Chance::system()).unwrap()
    }

    /// Forgets the leaf of `host` and makes another, with a new key, by the same authority.
    pub(super) fn renew(&self, host: &str, at: Timestamp) -> CertificateFiles {
        fs::remove_file(self.0.join(host).join("gateway-key.pem")).unwrap();
        self.certificate(host, at).leaf
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}
