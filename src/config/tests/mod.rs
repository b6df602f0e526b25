//! The configuration as an operator meets it.

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::*;
use crate::clock::Chance;

mod environment;
mod faults;
mod installed;
mod random;
mod secrets;

const INSTALLED: &str = include_str!("../../../config/meldgate.toml");
const ROOT_KEY: &str = "app.abcdef:bcdfghjkmnpq";

/// A folder with what a configuration names, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let name = Chance::system().text(12, b"abcdefghijklmnop");
        let folder = Self(std::env::temp_dir().join(format!("meldgate-config-{name}")));
        fs::create_dir(&folder.0).unwrap();
        fs::set_permissions(&folder.0, Permissions::from_mode(0o700)).unwrap();
        folder.put("root.key", ROOT_KEY, 0o600);
        folder.put("master.key", "not looked at here", 0o600);
        folder.put("smtp", "swordfish\n", 0o640);
        folder
    }

    fn put(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    /// The least that a gateway needs, and `more` after it.
    fn text(&self, more: &str) -> String {
        format!(
            "[gateway]\ndomain = 'gw.example.org'\nroot-key-file = '{}'\nmaster-key-file = '{}'\n\
             [[tls.certificates]]\ncertificate = '/c.pem'\nkey = '/k.pem'\n{more}",
            self.path("root.key"),
            self.path("master.key"),
        )
    }

    fn sources(&self, text: &str, variables: &[(&str, &str)]) -> Sources {
        let own = |&(name, text): &(&str, &str)| (OsString::from(name), OsString::from(text));
        Sources {
            file: Some(self.put("meldgate.toml", text, 0o644)),
            variables: variables.iter().map(own).collect(),
            ..Sources::default()
        }
    }

    fn load(&self, more: &str, variables: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
        Config::load(&Purpose::Serve, &self.sources(&self.text(more), variables))
    }

    fn config(&self, more: &str, variables: &[(&str, &str)]) -> Config {
        self.load(more, variables).unwrap().config
    }

    fn refusal(&self, more: &str, variables: &[(&str, &str)]) -> String {
        let refusal = self.load(more, variables).unwrap_err().to_string();
        refusal.replace(&self.path("meldgate.toml"), "FILE")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}
