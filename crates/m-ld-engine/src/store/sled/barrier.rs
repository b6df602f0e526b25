//! What makes sure that written bytes are on the disk.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::super::StoreError;
use super::contained;

/// Makes durable what was written to a database. Whoever has the database has one for all stores
/// in it, and may let them share a wait.
pub trait Barrier: Send + Sync {
    /// Returns once everything written so far survives a loss of power.
    fn wait(&self) -> Result<(), StoreError>;
}

impl<F: Fn() -> Result<(), StoreError> + Send + Sync> Barrier for F {
    fn wait(&self) -> Result<(), StoreError> {
        self()
    }
}

/// The barrier of a database in a folder: sled's flush, then `fdatasync` of its files and `fsync`
/// of the folders.
///
/// sled's flush ends with `sync_file_range`, which leaves the disk's own cache and the length of
/// the file as they were.
pub struct FolderBarrier {
    database: sled::Db,
    folder: PathBuf,
    log: File,
    /// Large values, which sled keeps in a file each and writes once.
    blobs: Mutex<BTreeSet<OsString>>,
}

impl FolderBarrier {
    /// The barrier of a database that was opened in `folder`. What opening wrote is made durable
    /// too.
    pub fn new(database: sled::Db, folder: &Path) -> Result<Self, StoreError> {
        let log = File::open(folder.join("db")).map_err(failed)?;
        for entry in listed(folder).map_err(failed)? {
            let path = folder.join(entry);
            if path.is_file() {
                sync(&path).map_err(failed)?;
            }
        }
        let barrier = Self {
            database,
            folder: folder.into(),
            log,
            blobs: Mutex::default(),
        };
        barrier.wait()?;
        Ok(barrier)
    }

    fn sync_blobs(&self) -> io::Result<()> {
        let folder = self.folder.join("blobs");
        let present = listed(&folder)?;
        let mut synced = self.blobs.lock().unwrap_or_else(PoisonError::into_inner);
        if *synced == present {
            return Ok(());
        }
        for name in present.difference(&synced) {
            match sync(&folder.join(name)) {
                // sled removed it since it was listed.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                outcome => outcome?,
            }
        }
        File::open(&folder)?.sync_all()?;
        *synced = present;
        Ok(())
    }
}

impl Barrier for FolderBarrier {
    fn wait(&self) -> Result<(), StoreError> {
        contained(|| self.database.flush())?;
        self.sync_blobs().map_err(failed)?;
        self.log.sync_data().map_err(failed)?;
        File::open(&self.folder)
            .and_then(|folder| folder.sync_all())
            .map_err(failed)
    }
}

fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_data()
}

/// The names in a folder; none if there is no such folder.
fn listed(folder: &Path) -> io::Result<BTreeSet<OsString>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| Ok(entry?.file_name())).collect(),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(BTreeSet::new()),
        Err(error) => Err(error),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err gives it")]
fn failed(error: io::Error) -> StoreError {
    StoreError::Failed(error.to_string().into())
}
