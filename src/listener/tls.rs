//! What TLS is spoken, and with which certificate.
//!
//! # Decisions
//! - TLS 1.3 and 1.2, ephemeral key exchange and authenticated ciphers only; the client's order of suites
//!   counts, as Mozilla's profile asks, because a client without AES instructions knows best.
//! - Tickets instead of a session table: nothing to hold for each client. Their keys rotate every six hours,
//!   so a ticket is good for six to twelve. One ticket for each handshake: our clients hold one connection,
//!   a resumed connection brings a fresh ticket, and each costs a derivation, an encryption and ~200 bytes.
//! - Tickets survive a change of certificates as long as every key that was served is still served. A key
//!   that went away may have been stolen, and a resumed session would pass by its replacement.
//! - No early data: it can be replayed. Renegotiation does not exist in rustls.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{self, Ticketer, cipher_suite as suite, kx_group};
use rustls::server::{ClientHello, NoServerSessionStorage, ProducesTickets, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use tokio::sync::Semaphore;

use super::certificates::Certificates;
use crate::config;

/// What is served now. Replaced as a whole; a connection keeps what it began with.
#[derive(Debug)]
pub struct Tls {
    serving: ArcSwap<Serving>,
}

/// One state of [`Tls`].
#[derive(Debug)]
pub(super) struct Serving {
    pub(super) config: Arc<ServerConfig>,
    /// Turns to compute a handshake; see [`super::handshake`].
    pub(super) turns: Arc<Semaphore>,
    pub(super) timeout: Duration,
    handshakes: usize,
    keys: BTreeSet<Vec<u8>>,
}

/// TLS could not be set up from valid certificates: a defect or a lack of randomness.
#[derive(Debug, thiserror::Error)]
#[error("tls cannot be set up")]
pub struct TlsError(#[from] rustls::Error);

impl Tls {
    /// Prepares to serve these certificates.
    pub fn new(config: &config::Tls, certificates: &Certificates) -> Result<Self, TlsError> {
        let turns = Arc::new(Semaphore::new(config.handshakes));
        let serving = Serving::new(config, certificates, Ticketer::new()?, turns)?;
        Ok(Self {
            serving: ArcSwap::from_pointee(serving),
        })
    }

    /// Serves these certificates and limits from the next connection on.
    pub fn replace(
        &self,
        config: &config::Tls,
        certificates: &Certificates,
    ) -> Result<(), TlsError> {
        let old = self.serving();
        let tickets = if old.keys.is_subset(&certificates.public_keys()) {
            Arc::clone(&old.config.ticketer)
        } else {
            Ticketer::new()?
        };
        let turns = if old.handshakes == config.handshakes {
            Arc::clone(&old.turns)
        } else {
            Arc::new(Semaphore::new(config.handshakes))
        };
        let serving = Serving::new(config, certificates, tickets, turns)?;
        self.serving.store(Arc::new(serving));
        Ok(())
    }

    pub(super) fn serving(&self) -> Arc<Serving> {
        self.serving.load_full()
    }
}

impl Serving {
    fn new(
        config: &config::Tls,
        certificates: &Certificates,
        tickets: Arc<dyn ProducesTickets>,
        turns: Arc<Semaphore>,
    ) -> Result<Self, TlsError> {
        Ok(Self {
            config: Arc::new(server_config(certificates, tickets)?),
            turns,
            timeout: config.handshake_timeout,
            handshakes: config.handshakes,
            keys: certificates.public_keys(),
        })
    }
}

fn server_config(
    certificates: &Certificates,
    tickets: Arc<dyn ProducesTickets>,
) -> Result<ServerConfig, TlsError> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(ByName::new(certificates)));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer = tickets;
    config.send_tls13_tickets = 1;
    config.max_early_data_size = 0;
    Ok(config)
}

/// The algorithms that are offered, in our order of preference.
pub(super) fn provider() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: vec![
            suite::TLS13_AES_128_GCM_SHA256,
            suite::TLS13_AES_256_GCM_SHA384,
            suite::TLS13_CHACHA20_POLY1305_SHA256,
            suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
            suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
            suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
            suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
            suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
            suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        ],
        kx_groups: vec![
            kx_group::X25519MLKEM768,
            kx_group::X25519,
            kx_group::SECP256R1,
            kx_group::SECP384R1,
        ],
        ..aws_lc_rs::default_provider()
    }
}

/// Certificates by the names they are good for.
#[derive(Debug)]
struct ByName {
    all: Vec<Arc<CertifiedKey>>,
    exact: HashMap<String, Vec<usize>>,
    /// By what follows `*.`, which stands for exactly one label (RFC 6125 section 6.4.3).
    wildcard: HashMap<String, Vec<usize>>,
}

impl ByName {
    fn new(certificates: &Certificates) -> Self {
        let mut exact = HashMap::<_, Vec<_>>::new();
        let mut wildcard = HashMap::<_, Vec<_>>::new();
        for (index, chain) in certificates.chains().iter().enumerate() {
            for name in chain.names() {
                let (map, name) = match name.strip_prefix("*.") {
                    Some(parent) => (&mut wildcard, parent),
                    None => (&mut exact, name.as_str()),
                };
                map.entry(name.to_owned()).or_default().push(index);
            }
        }
        let keys = certificates.chains().iter();
        Self {
            all: keys.map(|chain| Arc::clone(chain.certified())).collect(),
            exact,
            wildcard,
        }
    }

    /// Certificates for a name: exact ones, then wildcards, then the first there is.
    fn candidates(&self, name: Option<&str>) -> impl Iterator<Item = &Arc<CertifiedKey>> {
        let name = name.unwrap_or_default().to_ascii_lowercase();
        let parent = name.split_once('.').map_or("", |(_, parent)| parent);
        let exact = self.exact.get(&name).into_iter().flatten();
        let wildcard = self.wildcard.get(parent).into_iter().flatten();
        exact
            .chain(wildcard)
            .copied()
            .collect::<Vec<_>>()
            .into_iter()
            .chain([0])
            .filter_map(|index| self.all.get(index))
    }
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let schemes = hello.signature_schemes();
        let mut first = None;
        for candidate in self.candidates(hello.server_name()) {
            // One name may have an RSA and an elliptic certificate, for old clients and new ones.
            if candidate.key.choose_scheme(schemes).is_some() {
                return Some(Arc::clone(candidate));
            }
            first = first.or(Some(candidate));
        }
        // No key fits: rustls then says why in the alert.
        first.map(Arc::clone)
    }
}

#[cfg(test)]
mod tests;
