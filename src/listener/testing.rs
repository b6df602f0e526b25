//! What this room's unit tests share: certificates of every kind, in a folder of their own.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use x509_parser::prelude::ASN1Time;

use crate::clock::Timestamp;
use crate::config::{self, CertificateFiles};

/// The time at which these tests play: 2030-01-01.
pub(super) const NOW: Timestamp = Timestamp::from_millis(1_893_456_000_000);
pub(super) const DAY: i64 = 86_400;

/// A folder that goes away with its value.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("meldgate-listener-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a self-signed certificate for `names`, valid from and until so many seconds after [`NOW`].
    pub(super) fn certificate(
        &self,
        stem: &str,
        names: &[&str],
        from: i64,
        until: i64,
    ) -> CertificateFiles {
        let key = KeyPair::generate().unwrap();
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = at(from).to_datetime();
        params.not_after = at(until).to_datetime();
        let certificate = params.self_signed(&key).unwrap();
        let files = self.files(stem);
        fs::write(&files.certificate, certificate.pem()).unwrap();
        write_key(&files.key, &key.serialize_pem());
        files
    }

    /// A certificate that is fine.
    pub(super) fn good(&self, stem: &str, names: &[&str]) -> CertificateFiles {
        self.certificate(stem, names, -DAY, 90 * DAY)
    }

    pub(super) fn files(&self, stem: &str) -> CertificateFiles {
        CertificateFiles {
            certificate: self.path(&format!("{stem}.pem")),
            key: self.path(&format!("{stem}-key.pem")),
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

pub(super) fn write_key(path: &Path, pem: &str) {
    fs::write(path, pem).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

pub(super) fn tls(certificates: &[CertificateFiles]) -> config::Tls {
    config::Tls {
        certificates: certificates.to_vec(),
        handshake_timeout: Duration::from_secs(5),
        handshakes: 8,
        watch_interval: Duration::ZERO,
        hsts: Duration::ZERO,
    }
}

fn at(offset: i64) -> ASN1Time {
    let now = i64::try_from(NOW.as_secs()).unwrap();
    ASN1Time::from_timestamp(now + offset).unwrap()
}
