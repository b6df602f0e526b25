//! Certificate chains and their keys, from files to something that can be served.
//!
//! Everything that would make a client turn away is found here, before it is served: a certificate that is
//! loaded is in date, names somebody, and fits its key.
//!
//! Source: RFC 5280 (validity, names), RFC 7468 (PEM), RFC 9525 (names are subject alternative names).

mod files;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::{Error as RustlsError, InconsistentKeys};
use x509_parser::prelude::{ASN1Time, FromDer as _, GeneralName, X509Certificate};

use super::tls::provider;
use crate::clock::Timestamp;
use crate::config::{self, CertificateFiles};

/// How long before its end a certificate is spoken of.
pub const SOON: Duration = Duration::from_hours(14 * 24);

/// Every chain that is served; the first one answers clients that name no known host.
#[derive(Debug)]
pub struct Certificates(Vec<Chain>);

/// One chain with its key.
#[derive(Debug)]
pub struct Chain {
    file: PathBuf,
    certified: Arc<CertifiedKey>,
    names: Vec<String>,
    until: Timestamp,
    broken_at: Option<usize>,
}

/// A certificate or key that cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// Nothing to serve was named.
    #[error("no certificate is configured; name one under [[tls.certificates]]")]
    None,
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// The system's reason, with its number.
        #[source]
        source: io::Error,
    },
    /// A file is too large to be what it should be.
    #[error("{path} is larger than 1 MiB; is it a certificate or key file?")]
    TooLarge {
        /// Which.
        path: PathBuf,
    },
    /// Others than owner and group can reach a private key.
    #[error("{path} has mode {mode:o}, so others can use the key; run `chmod 0600 {path}`")]
    Exposed {
        /// Which.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A certificate file holds no certificate.
    #[error("{path} holds no certificate; it should be PEM, the leaf first")]
    EmptyChain {
        /// Which.
        path: PathBuf,
    },
    /// A key file holds no key that can be read.
    #[error("{path} holds no private key; it should be PEM: PKCS#8, PKCS#1 or SEC1, not encrypted")]
    NoKey {
        /// Which.
        path: PathBuf,
    },
    /// The key is of a kind that TLS here does not use.
    #[error(
        "the key in {path} cannot be used; take ECDSA P-256 or P-384, Ed25519, or RSA of 2048 bits or more"
    )]
    UnusableKey {
        /// Which.
        path: PathBuf,
        /// What the cryptography says.
        #[source]
        source: RustlsError,
    },
    /// PEM or X.509 that cannot be parsed.
    #[error("{path} is damaged: {reason}")]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What the parser says.
        reason: String,
    },
    /// The key is not the leaf's.
    #[error("the key in {key} is not that of the first certificate in {certificate}")]
    Mismatched {
        /// The chain.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
    },
    /// The leaf's time is over.
    #[error("the certificate in {path} expired at {}; renew it", date(*at))]
    Expired {
        /// Which.
        path: PathBuf,
        /// When.
        at: Timestamp,
    },
    /// The leaf's time has not come.
    #[error("the certificate in {path} is not valid before {}; is the clock right?", date(*from))]
    NotYetValid {
        /// Which.
        path: PathBuf,
        /// From when.
        from: Timestamp,
    },
    /// The leaf is good for no name that a client could check.
    #[error(
        "the certificate in {path} has no subject alternative name, so every client will refuse it"
    )]
    NoNames {
        /// Which.
        path: PathBuf,
    },
}

/// Something an operator should see to, though it can be served.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Warning {
    /// The leaf's time is nearly over, or over.
    #[error("the certificate in {path} ends at {}, {days} days from now; renew it", date(*at))]
    EndsSoon {
        /// Which.
        path: PathBuf,
        /// When.
        at: Timestamp,
        /// How many whole days are left.
        days: u64,
    },
    /// A certificate of the chain was not issued by the one after it.
    #[error(
        "certificate {position} in {path} is not followed by its issuer; some clients will refuse the chain"
    )]
    BrokenChain {
        /// Which.
        path: PathBuf,
        /// Counted from one.
        position: usize,
    },
}

/// Reads and checks every chain and key that the configuration names.
pub fn load(config: &config::Tls, now: Timestamp) -> Result<Certificates, CertificateError> {
    if config.certificates.is_empty() {
        return Err(CertificateError::None);
    }
    let provider = provider();
    let chains = config.certificates.iter();
    chains
        .map(|files| Chain::load(files, &provider, now))
        .collect::<Result<_, _>>()
        .map(Certificates)
}

impl Certificates {
    /// The chains, in the order of the configuration.
    pub fn chains(&self) -> &[Chain] {
        &self.0
    }

    /// What an operator should see to.
    pub fn warnings(&self, now: Timestamp) -> Vec<Warning> {
        self.0
            .iter()
            .flat_map(|chain| chain.warnings(now))
            .collect()
    }

    /// The public keys that are served, as DER.
    pub(super) fn public_keys(&self) -> BTreeSet<Vec<u8>> {
        let keys = self
            .0
            .iter()
            .filter_map(|chain| chain.certified.key.public_key());
        keys.map(|key| key.as_ref().to_vec()).collect()
    }
}

impl Chain {
    fn load(
        files: &CertificateFiles,
        provider: &CryptoProvider,
        now: Timestamp,
    ) -> Result<Self, CertificateError> {
        let path = &files.certificate;
        let certificates = files::read_chain(path)?;
        let parsed = parse(&certificates, path)?;
        let leaf = parsed
            .first()
            .ok_or_else(|| CertificateError::EmptyChain { path: path.clone() })?;
        let until = check_validity(leaf, path, now)?;
        let names = read_names(leaf, path)?;
        let broken_at = parsed.windows(2).position(|pair| {
            matches!(pair, [below, above] if below.issuer().as_raw() != above.subject().as_raw())
        });
        let key = files::read_key(&files.key, provider)?;
        Ok(Self {
            certified: Arc::new(join(certificates, key, files)?),
            file: path.clone(),
            names,
            until,
            broken_at: broken_at.map(|index| index + 1),
        })
    }

    /// The DNS names that the leaf is good for, in lower case; a wildcard begins with `*.`.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// When the leaf's time is over.
    pub fn until(&self) -> Timestamp {
        self.until
    }

    /// What TLS serves.
    pub(super) fn certified(&self) -> &Arc<CertifiedKey> {
        &self.certified
    }

    fn warnings(&self, now: Timestamp) -> impl Iterator<Item = Warning> {
        let left = self.until.since(now);
        let ends = (left < SOON).then(|| Warning::EndsSoon {
            path: self.file.clone(),
            at: self.until,
            days: left.as_secs() / 86_400,
        });
        let broken = self.broken_at.map(|position| Warning::BrokenChain {
            path: self.file.clone(),
            position,
        });
        ends.into_iter().chain(broken)
    }
}

fn parse<'a>(
    chain: &'a [CertificateDer<'static>],
    path: &Path,
) -> Result<Vec<X509Certificate<'a>>, CertificateError> {
    let one = |der: &'a CertificateDer<'static>| {
        X509Certificate::from_der(der)
            .map(|(_, certificate)| certificate)
            .map_err(|error| CertificateError::Damaged {
                path: path.to_owned(),
                reason: error.to_string(),
            })
    };
    chain.iter().map(one).collect()
}

/// Says until when the leaf is valid, if it is now.
fn check_validity(
    leaf: &X509Certificate<'_>,
    path: &Path,
    now: Timestamp,
) -> Result<Timestamp, CertificateError> {
    let from = timestamp(leaf.validity().not_before);
    let until = timestamp(leaf.validity().not_after);
    if now < from {
        return Err(CertificateError::NotYetValid {
            path: path.to_owned(),
            from,
        });
    }
    if now > until {
        return Err(CertificateError::Expired {
            path: path.to_owned(),
            at: until,
        });
    }
    Ok(until)
}

fn read_names(leaf: &X509Certificate<'_>, path: &Path) -> Result<Vec<String>, CertificateError> {
    let alternatives = leaf
        .subject_alternative_name()
        .map_err(|error| CertificateError::Damaged {
            path: path.to_owned(),
            reason: error.to_string(),
        })?
        .map(|extension| extension.value.general_names.as_slice())
        .unwrap_or_default();
    let usable = |name: &GeneralName<'_>| {
        matches!(name, GeneralName::DNSName(_) | GeneralName::IPAddress(_))
    };
    if !alternatives.iter().any(usable) {
        return Err(CertificateError::NoNames {
            path: path.to_owned(),
        });
    }
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "only DNS names can be asked for by SNI"
    )]
    let dns = alternatives.iter().filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        _ => None,
    });
    Ok(dns.collect())
}

fn join(
    chain: Vec<CertificateDer<'static>>,
    key: Arc<dyn SigningKey>,
    files: &CertificateFiles,
) -> Result<CertifiedKey, CertificateError> {
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        // A key that cannot tell its public half is none of ours; all of aws-lc-rs can.
        Ok(()) | Err(RustlsError::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(certified),
        Err(RustlsError::InconsistentKeys(_)) => Err(CertificateError::Mismatched {
            certificate: files.certificate.clone(),
            key: files.key.clone(),
        }),
        Err(error) => Err(CertificateError::Damaged {
            path: files.certificate.clone(),
            reason: error.to_string(),
        }),
    }
}

fn timestamp(time: ASN1Time) -> Timestamp {
    let seconds = u64::try_from(time.timestamp()).unwrap_or(0);
    Timestamp::from_millis(seconds.saturating_mul(1000))
}

fn date(at: Timestamp) -> String {
    let time = UNIX_EPOCH.checked_add(Duration::from_secs(at.as_secs()));
    time.map_or_else(
        || "the end of time".to_owned(),
        |time| humantime::format_rfc3339_seconds(time).to_string(),
    )
}

#[cfg(test)]
mod tests;
