//! Starts `tools/smtp_sink.py` and hears what it has to say.

use std::fs;
use std::io::{BufRead as _, BufReader, Lines};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::Value;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tools/smtp_sink.py");

/// A mail server that lives as long as its owner.
pub(super) struct Sink {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    pub(super) port: u16,
}

impl Sink {
    pub(super) fn start(arguments: &[&str]) -> Self {
        let python = std::env::var_os("TEST_PYTHON").unwrap_or_else(|| "python3".into());
        require(&python);
        let mut child = Command::new(python)
            .arg(SCRIPT)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        let port = ready["port"].as_u64().unwrap().try_into().unwrap();
        Self { child, lines, port }
    }

    pub(super) fn secured(security: &str, certificates: &Certificates, more: &[&str]) -> Self {
        let path = |path: &PathBuf| path.to_str().unwrap().to_owned();
        let (certificate, key) = (path(&certificates.leaf), path(&certificates.key));
        let secured = [
            "--security",
            security,
            "--certificate",
            &certificate,
            "--key",
            &key,
        ];
        Self::start(&[&secured, more].concat())
    }

    /// Ends the server and gives back what happened.
    pub(super) fn finish(&mut self) -> Vec<Value> {
        drop(self.child.stdin.take());
        let events = self.lines.by_ref();
        let events = events
            .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
            .collect();
        self.child.wait().unwrap();
        events
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn require(python: &std::ffi::OsStr) {
    let found = Command::new(python)
        .args(["-c", "import aiosmtpd"])
        .output();
    assert!(
        found.is_ok_and(|found| found.status.success()),
        "these tests need Python 3 with aiosmtpd: run `make setup`, or `pip install -r tests/requirements.txt` \
         and name that Python in TEST_PYTHON (now: {})",
        python.display()
    );
}

/// A CA, and a certificate that it gave to one host; the files go away with their owner.
pub(super) struct Certificates {
    folder: PathBuf,
    pub(super) ca: PathBuf,
    pub(super) leaf: PathBuf,
    pub(super) key: PathBuf,
}

impl Certificates {
    pub(super) fn make(host: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("meldgate-mail-{}-{count}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).unwrap();
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new([host.to_owned()]).unwrap();
        let leaf = leaf.signed_by(&key, &ca).unwrap();
        let write = |name: &str, pem: String| {
            let path = folder.join(name);
            fs::write(&path, pem).unwrap();
            path
        };
        Self {
            ca: write("ca.pem", ca.pem()),
            leaf: write("leaf.pem", leaf.pem()),
            key: write("key.pem", key.serialize_pem()),
            folder,
        }
    }
}

impl Drop for Certificates {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.folder));
    }
}
