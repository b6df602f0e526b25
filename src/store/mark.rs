//! A count of commits, in the store and beside it, so that a store that comes back without its newest
//! commits is noticed.
//!
//! A log-structured engine that finds its newest log entries damaged takes them for a write that a crash
//! interrupted, and opens without them. That is right for what was never confirmed and silent loss for
//! what was. So each group of batches also puts a count into the store, and after the barrier the same
//! count, signed, into a file. The file is not synced: it may be behind, but is never ahead of what was
//! confirmed. A store that is behind the file has lost something.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use super::StoreError;
use super::backend::{Backend, Place};
use super::vault::Vault;

const TREE: u8 = 0;
const KEY: &[u8] = b"commits";
const FILE: &str = "mark";
/// What errors call the newest commits.
const NAME: &str = "tail";
const SIGNATURE: usize = 16;

/// The count of commits and, for a store with files, where it is kept beside them.
pub(super) struct Mark {
    count: u64,
    file: Option<File>,
}

impl Mark {
    /// Reads the count, and checks it against the file in `dir`.
    pub(super) fn open(
        backend: &dyn Backend,
        vault: &Vault,
        dir: Option<&Path>,
    ) -> Result<Self, StoreError> {
        let count = stored(backend, vault)?;
        let Some(dir) = dir else {
            return Ok(Self { count, file: None });
        };
        let path = dir.join(FILE);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(StoreError::io("open", &path))?;
        match noted(&file, vault) {
            Some(noted) if noted > count => {
                log::error!(
                    target: "meldgate::store", stored = count, confirmed = noted;
                    "the store has lost confirmed commits"
                );
                return Err(StoreError::Corrupt { tree: NAME });
            }
            None if count > 0 => log::warn!(
                target: "meldgate::store", file = path.display().to_string().as_str();
                "no readable count of commits beside the store; it is made anew"
            ),
            Some(_) | None => {}
        }
        let mark = Self {
            count,
            file: Some(file),
        };
        mark.note(vault);
        Ok(mark)
    }

    /// Counts one more commit, as one of its changes.
    pub(super) fn count(
        &mut self,
        vault: &Vault,
        changes: &mut BTreeMap<Place, Option<Vec<u8>>>,
    ) -> Result<(), StoreError> {
        self.count += 1;
        let place = vault.place(TREE, KEY);
        let sealed = vault.seal(place, KEY, &self.count.to_le_bytes());
        let sealed = sealed.map_err(|_| StoreError::Corrupt { tree: NAME })?;
        changes.insert(place, Some(sealed));
        Ok(())
    }

    /// Notes that the last commit was confirmed.
    pub(super) fn note(&self, vault: &Vault) {
        let Some(file) = &self.file else { return };
        let count = self.count.to_le_bytes();
        let noted = [&count[..], &vault.sign(&count)].concat();
        if let Err(error) = file.write_all_at(&noted, 0) {
            // The file stays behind, which hides a loss but claims none.
            log::warn!(target: "meldgate::store", error:err = error; "the count of commits could not be noted");
        }
    }
}

fn stored(backend: &dyn Backend, vault: &Vault) -> Result<u64, StoreError> {
    let place = vault.place(TREE, KEY);
    let Some(sealed) = backend.get(place)? else {
        return Ok(0);
    };
    let record = vault.open(place, &sealed);
    let count = record.ok().and_then(|record| record.value.try_into().ok());
    count
        .map(u64::from_le_bytes)
        .ok_or(StoreError::Corrupt { tree: NAME })
}

/// The count in the file, if the store wrote it.
fn noted(file: &File, vault: &Vault) -> Option<u64> {
    let mut bytes = [0; 8 + SIGNATURE];
    file.read_exact_at(&mut bytes, 0).ok()?;
    let (count, signature) = bytes.split_first_chunk()?;
    (vault.sign(count)[..] == *signature).then(|| u64::from_le_bytes(*count))
}
