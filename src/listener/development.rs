//! A certificate authority of one's own, for development and to begin with.
//!
//! `meldgate dev` keeps one for each data folder, `meldgate init` makes one for a new gateway: an authority for ten
//! years, whose certificate may be trusted in browsers and clients, and a leaf for a year, renewed on the way while
//! the gateway runs (see [`renew`]). The authority can sign
//! server certificates only in the sense that nothing else it signs is ever made; its key never leaves its
//! folder and is readable by its owner alone.
//!
//! Source: RFC 5280; the limits that browsers and Mozilla's profile set on a leaf's life (366 days).

mod renewal;

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown,
};
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_lc_rs::digest::{self, SHA256};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SerialNumber,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use x509_parser::prelude::{ASN1Time, FromDer as _, GeneralName, X509Certificate};
use zeroize::Zeroizing;

pub(crate) use self::renewal::renew_all;
pub use self::renewal::{Due, renew};

use crate::clock::{Chance, Clock, Timestamp};
use crate::config::CertificateFiles;
use crate::ids::GatewayDomain;

const DAY: Duration = Duration::from_hours(24);
/// The authority's and the leaf's lives, and how much of it must be left.
const AUTHORITY_LIFE: Duration = DAY.saturating_mul(3650);
const LEAF_LIFE: Duration = DAY.saturating_mul(365);
const LEFT: Duration = DAY.saturating_mul(30);
/// Certificates begin a little earlier than now: clocks differ.
const EARLIER: Duration = Duration::from_hours(1);

/// What development needs to serve TLS, and to trust it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DevCertificates {
    /// The authority's certificate, for those who shall trust it.
    pub ca_file: PathBuf,
    /// The leaf and its key.
    pub leaf: CertificateFiles,
}

/// Development certificates could not be made or kept.
#[derive(Debug, thiserror::Error)]
pub enum DevelopmentError {
    /// A file cannot be read or written.
    #[error("cannot keep development certificates in {path}")]
    Files {
        /// Which.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// What is kept is damaged, or a name is none.
    #[error("cannot make development certificates; remove {folder} to begin anew")]
    Making {
        /// Where they are kept.
        folder: PathBuf,
        /// The reason.
        source: rcgen::Error,
    },
}

/// Sees to it that `folder` holds an authority and a leaf that is good for this machine, the domain, one
/// label below it, and `extra` names or addresses, for at least thirty days more.
pub fn ensure(
    folder: &Path,
    domain: &GatewayDomain,
    extra: &[String],
    clock: &Clock,
    chance: &Chance,
) -> Result<DevCertificates, DevelopmentError> {
    let maker = Maker {
        folder,
        now: clock.now(),
        chance,
    };
    maker.ensure(&names(domain, extra))
}

/// Names of a leaf, sorted and each once.
fn names(domain: &GatewayDomain, extra: &[String]) -> Vec<String> {
    let fixed = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let mut names: Vec<_> = fixed
        .into_iter()
        .chain(extra.iter().map(|name| name.to_ascii_lowercase()))
        .collect();
    let is_address = domain.as_str().parse::<IpAddr>().is_ok();
    names.push(domain.to_string());
    if !is_address {
        names.push(format!("*.{domain}"));
    }
    names.sort();
    names.dedup();
    names
}

struct Maker<'a> {
    folder: &'a Path,
    now: Timestamp,
    chance: &'a Chance,
}

impl Maker<'_> {
    fn ensure(&self, names: &[String]) -> Result<DevCertificates, DevelopmentError> {
        let kept = self.kept();
        let mut folder = fs::DirBuilder::new();
        folder.recursive(true).mode(0o700);
        folder
            .create(self.folder)
            .map_err(|source| files_error(self.folder, source))?;
        let (key, fresh) = self.authority(&kept)?;
        if fresh || !self.leaf_will_do(&kept, names) {
            self.make_leaf(&kept, names, (&key, LEAF_LIFE))?;
        }
        Ok(kept)
    }

    fn kept(&self) -> DevCertificates {
        let file = |name| self.folder.join(name);
        DevCertificates {
            ca_file: file("ca.pem"),
            leaf: CertificateFiles {
                certificate: file("gateway.pem"),
                key: file("gateway-key.pem"),
            },
        }
    }

    fn authority_key(&self) -> PathBuf {
        self.folder.join("ca-key.pem")
    }

    /// The authority's key, and whether it was just made.
    fn authority(&self, kept: &DevCertificates) -> Result<(KeyPair, bool), DevelopmentError> {
        let key_file = self.authority_key();
        let enough = |until: Timestamp| until > self.now.after(LEAF_LIFE);
        if let (Some(pem), Some(key)) = (read(&kept.ca_file), read(&key_file)) {
            let key = KeyPair::from_pem(&key).map_err(|error| self.making(error))?;
            // One who was interrupted between the two files left a pair that does not fit.
            if inspect(&pem).is_some_and(|ca| enough(ca.until) && ca.key == key.public_key_raw()) {
                return Ok((key, false));
            }
        }
        let key = self.make_key()?;
        let certificate = self.authority_params(&key)?.self_signed(&key);
        let certificate = certificate.map_err(|error| self.making(error))?;
        self.write(&key_file, 0o600, &key.serialize_pem())?;
        self.write(&kept.ca_file, 0o644, &certificate.pem())?;
        Ok((key, true))
    }

    /// What an authority with this key is like. Its name follows from its key: two authorities in one
    /// trust store must not bear one name.
    fn authority_params(&self, key: &KeyPair) -> Result<CertificateParams, DevelopmentError> {
        let mut params = self.params(Vec::new(), AUTHORITY_LIFE)?;
        let print = digest::digest(&SHA256, key.public_key_raw());
        let print = print
            .as_ref()
            .iter()
            .take(4)
            .fold(0_u32, |all, &byte| all << 8 | u32::from(byte));
        params.distinguished_name.push(
            DnType::CommonName,
            format!("meldgate development authority {print:08x}"),
        );
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Ok(params)
    }

    fn make_leaf(
        &self,
        kept: &DevCertificates,
        names: &[String],
        (authority, life): (&KeyPair, Duration),
    ) -> Result<(), DevelopmentError> {
        let key = self.make_key()?;
        let mut params = self.params(names.to_vec(), life)?;
        params
            .distinguished_name
            .push(DnType::CommonName, "meldgate development");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let issuer = Issuer::new(self.authority_params(authority)?, authority);
        let certificate = params
            .signed_by(&key, &issuer)
            .map_err(|error| self.making(error))?;
        self.write(&kept.leaf.key, 0o600, &key.serialize_pem())?;
        self.write(&kept.leaf.certificate, 0o644, &certificate.pem())
    }

    fn leaf_will_do(&self, kept: &DevCertificates, names: &[String]) -> bool {
        let Some(leaf) = read(&kept.leaf.certificate).and_then(|pem| inspect(&pem)) else {
            return false;
        };
        leaf.until > self.left()
            && leaf.names == names
            && fits(kept, &leaf)
            && read(&kept.ca_file)
                .and_then(|pem| inspect(&pem))
                .is_some_and(|ca| leaf.issuer == ca.subject)
    }

    /// What ends before then is renewed.
    fn left(&self) -> Timestamp {
        self.now.after(LEFT)
    }

    fn params(
        &self,
        names: Vec<String>,
        life: Duration,
    ) -> Result<CertificateParams, DevelopmentError> {
        let mut params = CertificateParams::new(names).map_err(|error| self.making(error))?;
        params.distinguished_name = rcgen::DistinguishedName::new();
        let begins = self.now.as_secs().saturating_sub(EARLIER.as_secs());
        params.not_before = self.time(begins)?.to_datetime();
        params.not_after = self.time(self.now.after(life).as_secs())?.to_datetime();
        let mut serial = self.chance.bytes::<16>();
        // Positive and never zero, as RFC 5280 section 4.1.2.2 wants it.
        serial[0] = serial[0] & 0x7f | 0x40;
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        Ok(params)
    }

    fn time(&self, seconds: u64) -> Result<ASN1Time, DevelopmentError> {
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        ASN1Time::from_timestamp(seconds).map_err(|_| self.making(rcgen::Error::Time))
    }

    fn make_key(&self) -> Result<KeyPair, DevelopmentError> {
        KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(|error| self.making(error))
    }

    /// Writes a file beside its place and moves it there, so that nobody finds half of it. It keeps the owner and
    /// the readers of one that it replaces.
    fn write(&self, path: &Path, mode: u32, text: &str) -> Result<(), DevelopmentError> {
        let beside = path.with_extension(format!("{}.new", self.chance.below(u64::MAX)));
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside)
            .and_then(|mut file| {
                keep_readers(&file, path, mode)?;
                file.write_all(text.as_bytes())
                    .and_then(|()| file.sync_all())
            })
            .and_then(|()| fs::rename(&beside, path));
        written.map_err(|source| {
            // The reason is in the first failure; a second one would only say the same.
            drop(fs::remove_file(&beside));
            files_error(path, source)
        })
    }

    fn making(&self, source: rcgen::Error) -> DevelopmentError {
        DevelopmentError::Making {
            folder: self.folder.to_owned(),
            source,
        }
    }
}

/// Makes a new file readable by those who can read what is at `path`, or else as `mode` says.
fn keep_readers(file: &File, path: &Path, mode: u32) -> io::Result<()> {
    const GROUP_READS: u32 = 0o040;
    let Ok(before) = fs::metadata(path) else {
        return file.set_permissions(Permissions::from_mode(mode));
    };
    let now = file.metadata()?;
    if (now.uid(), now.gid()) != (before.uid(), before.gid()) {
        fchown(file, Some(before.uid()), Some(before.gid()))?;
    }
    let mode = mode | (before.mode() & GROUP_READS);
    file.set_permissions(Permissions::from_mode(mode))
}

fn files_error(path: &Path, source: io::Error) -> DevelopmentError {
    DevelopmentError::Files {
        path: path.to_owned(),
        source,
    }
}

/// What matters of a certificate that is kept.
struct Kept {
    until: Timestamp,
    names: Vec<String>,
    key: Vec<u8>,
    issuer: Vec<u8>,
    subject: Vec<u8>,
}

/// Whether the key that is kept is the leaf's. One who was interrupted between the two files left another.
fn fits(kept: &DevCertificates, leaf: &Kept) -> bool {
    let key = read(&kept.leaf.key).and_then(|pem| KeyPair::from_pem(&pem).ok());
    key.is_some_and(|key| leaf.key == key.public_key_raw())
}

fn read(path: &Path) -> Option<Zeroizing<String>> {
    fs::read_to_string(path).ok().map(Zeroizing::new)
}

fn inspect(pem: &str) -> Option<Kept> {
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
    let (_, certificate) = X509Certificate::from_der(&der).ok()?;
    let until = u64::try_from(certificate.validity().not_after.timestamp()).ok()?;
    let alternatives = certificate.subject_alternative_name().ok()?;
    let names = alternatives.map(|names| names.value.general_names.as_slice());
    let mut names: Vec<_> = names.unwrap_or_default().iter().filter_map(name).collect();
    names.sort();
    Some(Kept {
        until: Timestamp::from_millis(until.saturating_mul(1000)),
        names,
        key: certificate.public_key().subject_public_key.data.to_vec(),
        issuer: certificate.issuer().as_raw().to_vec(),
        subject: certificate.subject().as_raw().to_vec(),
    })
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "no other kind is ever put in"
    )]
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            let v6 = <[u8; 16]>::try_from(*bytes).map(IpAddr::from);
            v4.or(v6).ok().map(|address| address.to_string())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
