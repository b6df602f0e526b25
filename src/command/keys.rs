//! The root account's key and the store's key, made once.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use zeroize::Zeroizing;

use super::failure::Failure;
use crate::clock::Chance;
use crate::config::guard::{self, Kind};
use crate::config::{Config, Problem};
use crate::ids::Name;
use crate::secret::AccountKey;
use crate::store::MasterKey;

/// Whether something was made or was there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Made {
    Now,
    Before,
}

impl Made {
    pub(super) fn if_new(new: bool) -> Self {
        if new { Self::Now } else { Self::Before }
    }
}

/// The root key in `path`, made for `account` if there is none.
pub(super) fn root(
    path: &Path,
    account: &Name,
    chance: &Chance,
) -> Result<(AccountKey, Made), Failure> {
    if path.exists() {
        let text = guard::read(path, Kind::Key)?;
        let key = AccountKey::parse(text.trim()).map_err(|invalid| Problem::Content {
            path: path.into(),
            wrong: format!("holds no account key: {invalid}"),
        })?;
        return Ok((key, Made::Before));
    }
    let key = AccountKey::mint(account, chance)?;
    let text = Zeroizing::new(format!("{}\n", key.expose()));
    create(path, &text, 0o600, chance)?;
    Ok((key, Made::Now))
}

/// Sees to it that there is a master key in `path`.
pub(super) fn master(path: &Path, chance: &Chance) -> Result<Made, Failure> {
    if path.exists() {
        MasterKey::read(path)?;
        return Ok(Made::Before);
    }
    MasterKey::create(path, chance)?;
    Ok(Made::Now)
}

/// Makes a file, whole or not at all. What is there is never replaced.
pub(super) fn create(path: &Path, text: &str, mode: u32, chance: &Chance) -> Result<(), Failure> {
    let suffix = chance.text(12, b"0123456789abcdef");
    let aside = path.with_extension(format!("{suffix}.new"));
    let mut options = OpenOptions::new();
    let written = options
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&aside)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())
                .and_then(|()| file.sync_all())
        })
        .and_then(|()| fs::hard_link(&aside, path));
    // Nothing is lost with it: either the link is made, or nothing is.
    drop(fs::remove_file(&aside));
    written.map_err(Failure::file(path))
}

/// The root account of a configuration that has a root key.
pub(super) fn root_account(config: &Config) -> &str {
    let key = config.gateway.root_key.as_ref();
    key.map_or("", |key| key.app.as_str())
}
