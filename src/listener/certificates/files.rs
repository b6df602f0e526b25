//! PEM files, read with care.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::SigningKey;
use zeroize::Zeroizing;

use super::CertificateError;

/// More than any chain or key takes; a wrong path may lead to a log file or a device.
const LARGEST: u64 = 1 << 20;
/// Owner and group may read a key, the owner may write it, others nothing.
const FORBIDDEN: u32 = 0o027;

/// Reads a chain, leaf first.
pub(super) fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let (_, pem) = read(path)?;
    CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|error| CertificateError::Damaged {
            path: path.to_owned(),
            reason: error.to_string(),
        })
}

/// Reads a private key that nobody but its owner and group can reach.
pub(super) fn read_key(
    path: &Path,
    provider: &CryptoProvider,
) -> Result<Arc<dyn SigningKey>, CertificateError> {
    let (mode, pem) = read(path)?;
    if mode & FORBIDDEN != 0 {
        let path = path.to_owned();
        return Err(CertificateError::Exposed { path, mode });
    }
    let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|_| CertificateError::NoKey {
        path: path.to_owned(),
    })?;
    let loaded = provider.key_provider.load_private_key(key);
    loaded.map_err(|source| CertificateError::UnusableKey {
        path: path.to_owned(),
        source,
    })
}

/// Reads a file and the permission bits of the very file that was read.
fn read(path: &Path) -> Result<(u32, Zeroizing<Vec<u8>>), CertificateError> {
    let unreadable = |source: io::Error| CertificateError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o7777;
    let mut bytes = Zeroizing::new(Vec::new());
    let mut limited = file.take(LARGEST + 1);
    limited.read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST {
        return Err(CertificateError::TooLarge {
            path: path.to_owned(),
        });
    }
    Ok((mode, bytes))
}
