//! Certificates and configurations of both sides.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Result};

/// The name that clients ask for.
pub(crate) const NAME: &str = "localhost";

/// Files that a server and its clients need, PEM.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    /// What clients trust.
    pub(crate) ca: PathBuf,
    /// The server's chain.
    pub(crate) chain: PathBuf,
    /// The server's key.
    pub(crate) key: PathBuf,
}

impl Files {
    /// Those that a gateway in development keeps beside its CA.
    pub(crate) fn beside(ca: &Path) -> Result<Self> {
        let folder = ca
            .parent()
            .ok_or_else(|| Failure::new("the CA has no folder"))?;
        let files = Self {
            ca: ca.into(),
            chain: folder.join("gateway.pem"),
            key: folder.join("gateway-key.pem"),
        };
        if files.chain.exists() && files.key.exists() {
            Ok(files)
        } else {
            Err(Failure::new(format!(
                "no gateway.pem and gateway-key.pem in {}",
                folder.display()
            )))
        }
    }

    /// New ones in `folder`: an authority and a leaf, P-256, as a gateway in development makes them.
    pub(crate) fn make(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let files = Self {
            ca: folder.join("ca.pem"),
            chain: folder.join("gateway.pem"),
            key: folder.join("gateway-key.pem"),
        };
        let ca_key = KeyPair::generate()?;
        let mut ca = CertificateParams::new(Vec::new())?;
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        fs::write(&files.ca, ca.self_signed(&ca_key)?.pem())?;
        let leaf_key = KeyPair::generate()?;
        let leaf = CertificateParams::new(vec![NAME.into(), "127.0.0.1".into()])?;
        let issuer = Issuer::new(ca, ca_key);
        fs::write(&files.chain, leaf.signed_by(&leaf_key, &issuer)?.pem())?;
        fs::write(&files.key, leaf_key.serialize_pem())?;
        Ok(files)
    }
}

/// How a client agrees on keys.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) enum Groups {
    /// X25519 alone: what every server can do.
    X25519,
    /// X25519MLKEM768 first, as today's browsers.
    Hybrid,
}

/// A client's configuration. Sessions are kept for resumption only if `resume`.
pub(crate) fn client(ca: &Path, groups: Groups, resume: bool) -> Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca)? {
        roots.add(certificate?)?;
    }
    let mut config = ClientConfig::builder_with_provider(provider(groups))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = if resume {
        Resumption::in_memory_sessions(8)
    } else {
        Resumption::disabled()
    };
    Ok(Arc::new(config))
}

/// The bare relay's configuration.
pub(crate) fn server(chain: &Path, key: &Path) -> Result<Arc<ServerConfig>> {
    let chain =
        CertificateDer::pem_file_iter(chain)?.collect::<std::result::Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_file(key)?;
    let config = ServerConfig::builder_with_provider(provider(Groups::Hybrid))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(Arc::new(config))
}

/// The server's name, as clients check it.
pub(crate) fn name() -> Result<ServerName<'static>> {
    Ok(ServerName::try_from(NAME)?)
}

fn provider(groups: Groups) -> Arc<CryptoProvider> {
    let mut provider = aws_lc_rs::default_provider();
    if groups == Groups::X25519 {
        provider.kx_groups = vec![aws_lc_rs::kx_group::X25519];
    }
    Arc::new(provider)
}
