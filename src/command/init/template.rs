//! A first configuration, made of the one that is installed.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::failure::Failure;
use super::super::{CONFIG_FILE, keys};
use crate::clock::Chance;
use crate::config::CertificateFiles;
use crate::ids::GatewayDomain;

/// The configuration as it is installed.
const TEMPLATE: &str = include_str!("../../../config/meldgate.toml");

/// Where things are that belong to a configuration file.
pub(super) struct Beside {
    keys: PathBuf,
    pub(super) tls: PathBuf,
    state: PathBuf,
}

pub(super) fn beside(file: &Path) -> Beside {
    let folder = file.parent().unwrap_or(Path::new("/"));
    Beside {
        keys: folder.join("keys"),
        tls: folder.join("tls"),
        state: folder.join("state"),
    }
}

/// The template with a domain and a certificate; in another folder than the usual, everything stays in it.
fn filled(file: &Path, domain: &GatewayDomain) -> String {
    let beside = beside(file);
    let set = |text: String, key: &str, value: &str| -> String {
        let is_key = |line: &str| line.starts_with(&format!("#{key} = "));
        let set = format!("{key} = {value}");
        let lines = text.lines();
        lines
            .flat_map(|line| [if is_key(line) { &set } else { line }, "\n"])
            .collect()
    };
    // A string of JSON is one of TOML as well.
    let path = |path: PathBuf| serde_json::Value::from(path.to_string_lossy()).to_string();
    let files = certificate_files(&beside.tls);
    let (certificate, key) = (path(files.certificate), path(files.key));
    let certificates = format!("[{{ certificate = {certificate}, key = {key} }}]");
    let mut text = set(TEMPLATE.into(), "domain", &format!("\"{domain}\""));
    text = set(text, "certificates", &certificates);
    if file != Path::new(CONFIG_FILE) {
        text = set(text, "state-dir", &path(beside.state));
        text = set(text, "root-key-file", &path(beside.keys.join("root.key")));
        text = set(
            text,
            "master-key-file",
            &path(beside.keys.join("master.key")),
        );
    }
    text
}

/// A certificate to begin with, in its folder.
pub(super) fn certificate_files(tls: &Path) -> CertificateFiles {
    CertificateFiles {
        certificate: tls.join("gateway.pem"),
        key: tls.join("gateway-key.pem"),
    }
}

/// A configuration file that gets its name once everything it names is there.
pub(super) struct Draft(PathBuf);

impl Draft {
    /// Writes one beside `file`, which is not there.
    pub(super) fn new(
        file: &Path,
        domain: &GatewayDomain,
        chance: &Chance,
    ) -> Result<Self, Failure> {
        let folder = file.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(folder).map_err(Failure::file(folder))?;
        let suffix = chance.text(12, b"0123456789abcdef");
        let draft = Self(file.with_extension(format!("{suffix}.draft")));
        keys::create(draft.path(), &filled(file, domain), 0o644, chance)?;
        Ok(draft)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Gives it its name.
    pub(super) fn keep(self, file: &Path) -> Result<(), Failure> {
        fs::hard_link(&self.0, file).map_err(Failure::file(file))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Its content is either at its place by now, or not wanted.
        drop(fs::remove_file(&self.0));
    }
}
