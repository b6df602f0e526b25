//! The backend on sled 0.34: the only place that names it.
//!
//! What is known of it, and what is done about it:
//! - Its flush ends with `sync_file_range`, which leaves the disk's own cache and the file's metadata
//!   unsynced: the barrier syncs files and folders itself. Its periodic flush is off.
//! - It asserts where others return errors, and a damaged file can make it panic: every call is contained,
//!   and a panic reported as damage.
//! - `cache_capacity` is not a bound on memory.
//! - Threads of its own can hold its file, and with it its lock, for a moment after it was dropped.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use m_ld_engine::store::Seal;
use m_ld_engine::store::sled::{Barrier, SledStore};
use sled::transaction::{ConflictableTransactionError, TransactionError};

use super::backend::{Backend, Change, Place};
use super::files::{private_folder, sync_file, sync_folder};
use super::{StoreError, Tree};

const LOCK: &str = "lock";
const DATA: &str = "data";
/// What sled calls its parts inside the data folder.
const LOG: &str = "db";
const BLOBS: &str = "blobs";
/// What errors call files that sled cannot read.
const NAME: &str = "files";
const CACHE: u64 = 16 * 1024 * 1024;
/// How often and how long to wait for sled's own lock, once the store's is held.
const TRIES: u32 = 200;
const PAUSE: Duration = Duration::from_millis(10);

/// An open sled database, and the lock on its folder.
pub(super) struct Sled {
    trees: Vec<sled::Tree>,
    database: sled::Db,
    log: File,
    data: PathBuf,
    blobs: Mutex<BTreeSet<OsString>>,
    _lock: File,
}

impl Sled {
    /// Opens or makes the database in `dir`.
    pub(super) fn open(dir: &Path) -> Result<Self, StoreError> {
        private_folder(dir)?;
        let lock = lock(dir)?;
        let data = dir.join(DATA);
        private_folder(&data)?;
        let database = patiently(&data)?;
        let highest = Tree::ALL.map(Tree::number).into_iter().max().unwrap_or(0);
        let trees = (0..=highest)
            .map(|number| contained(&data, || database.open_tree([number])))
            .collect::<Result<_, _>>()?;
        let log = data.join(LOG);
        let sled = Self {
            trees,
            database,
            log: File::open(&log).map_err(StoreError::io("open", &log))?,
            data,
            blobs: Mutex::default(),
            _lock: lock,
        };
        sled.settle()?;
        Ok(sled)
    }

    /// Makes durable what opening wrote: new files, and what was repaired.
    fn settle(&self) -> Result<(), StoreError> {
        for entry in entries(&self.data)? {
            let path = self.data.join(entry);
            if path.is_file() {
                sync_file(&path)?;
            }
        }
        self.barrier()
    }

    /// Makes large values durable, which sled keeps in a file each, written once.
    fn sync_blobs(&self) -> Result<(), StoreError> {
        let folder = self.data.join(BLOBS);
        let present = entries(&folder)?;
        let mut synced = self.blobs.lock().unwrap_or_else(PoisonError::into_inner);
        if *synced != present {
            for name in present.difference(&synced) {
                match sync_file(&folder.join(name)) {
                    // Sled removed it since it was listed.
                    Err(StoreError::Io { source, .. })
                        if source.kind() == std::io::ErrorKind::NotFound => {}
                    outcome => outcome?,
                }
            }
            sync_folder(&folder)?;
            *synced = present;
        }
        Ok(())
    }

    fn tree(&self, number: u8) -> Result<&sled::Tree, StoreError> {
        let tree = self.trees.get(usize::from(number));
        tree.ok_or(StoreError::Corrupt { tree: NAME })
    }
}

impl Backend for Sled {
    fn get(&self, place: Place) -> Result<Option<Vec<u8>>, StoreError> {
        let tree = self.tree(place.tree)?;
        let bytes = contained(&self.data, || tree.get(place.hash))?;
        Ok(bytes.map(|bytes| bytes.to_vec()))
    }

    fn scan(&self, number: u8) -> Result<Vec<(Place, Vec<u8>)>, StoreError> {
        let tree = self.tree(number)?;
        let records = contained(&self.data, || tree.iter().collect::<Result<Vec<_>, _>>())?;
        records
            .into_iter()
            .map(|(key, bytes)| {
                let hash = <[u8; 16]>::try_from(&*key);
                let hash = hash.map_err(|_| StoreError::Corrupt { tree: NAME })?;
                Ok((Place { tree: number, hash }, bytes.to_vec()))
            })
            .collect()
    }

    fn apply(&self, changes: &[Change]) -> Result<(), StoreError> {
        contained(&self.data, || {
            use sled::Transactional as _;
            // Sled may run this again after a conflict: it reads `changes` and touches nothing else.
            let made = self.trees[..].transaction(|trees| {
                for (place, bytes) in changes {
                    let Some(tree) = trees.get(usize::from(place.tree)) else {
                        return Err(ConflictableTransactionError::Abort(()));
                    };
                    match bytes {
                        Some(bytes) => tree.insert(&place.hash, &bytes[..])?,
                        None => tree.remove(&place.hash)?,
                    };
                }
                Ok(())
            });
            made.map_err(|error| match error {
                TransactionError::Storage(error) => error,
                TransactionError::Abort(()) => sled::Error::Unsupported("no such tree".to_owned()),
            })
        })
    }

    fn tables(
        &self,
        name: &[u8],
        seal: Arc<dyn Seal>,
    ) -> Result<Box<dyn m_ld_engine::store::Store>, StoreError> {
        open_tables(&self.database, name, seal)
    }

    fn remove_tables(&self, name: &[u8]) -> Result<(), StoreError> {
        contained(&self.data, || self.database.drop_tree(name)).map(drop)
    }

    fn barrier(&self) -> Result<(), StoreError> {
        contained(&self.data, || self.database.flush())?;
        self.sync_blobs()?;
        let log = self.data.join(LOG);
        self.log.sync_data().map_err(StoreError::io("sync", log))?;
        sync_folder(&self.data)
    }
}

/// Opens the tables of a clone in a tree of their own. Making them durable is the barrier's part, which is the
/// backend's, and not theirs.
fn open_tables(
    database: &sled::Db,
    name: &[u8],
    seal: Arc<dyn Seal>,
) -> Result<Box<dyn m_ld_engine::store::Store>, StoreError> {
    let nothing: Arc<dyn Barrier> = Arc::new(|| Ok(()));
    let tables = SledStore::open(database, name, seal, nothing);
    Ok(Box::new(tables.map_err(super::tables::failed)?))
}

/// The tables of clones beside a store in memory: in files that go with the process.
pub(super) struct Passing(sled::Db);

impl Passing {
    pub(super) fn open() -> Result<Self, StoreError> {
        let config = sled::Config::new()
            .temporary(true)
            .cache_capacity(CACHE)
            .flush_every_ms(None);
        contained(Path::new("passing tables"), || config.open()).map(Self)
    }

    pub(super) fn tables(
        &self,
        name: &[u8],
        seal: Arc<dyn Seal>,
    ) -> Result<Box<dyn m_ld_engine::store::Store>, StoreError> {
        open_tables(&self.0, name, seal)
    }

    pub(super) fn remove_tables(&self, name: &[u8]) -> Result<(), StoreError> {
        contained(Path::new("passing tables"), || self.0.drop_tree(name)).map(drop)
    }
}

/// Takes the folder's lock, which lasts as long as the file is open.
fn lock(dir: &Path) -> Result<File, StoreError> {
    let path = dir.join(LOCK);
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(StoreError::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked { dir: dir.into() }),
        Err(TryLockError::Error(error)) => Err(StoreError::io("lock", path)(error)),
    }
}

/// Opens sled. Nobody else has the store open, so a lock on sled's file is that of one of its threads
/// that has not ended yet.
fn patiently(data: &Path) -> Result<sled::Db, StoreError> {
    let config = sled::Config::new()
        .path(data)
        .cache_capacity(CACHE)
        .flush_every_ms(None)
        .use_compression(false);
    for _ in 1..TRIES {
        match contained(data, || config.clone().open()) {
            Err(StoreError::Io { source, .. }) if is_lock(&source) => std::thread::sleep(PAUSE),
            outcome => return outcome,
        }
    }
    contained(data, || config.open())
}

fn is_lock(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::Other && error.to_string().contains("acquire lock")
}

/// Calls sled, and turns its errors and panics into ours.
fn contained<T>(
    data: &Path,
    call: impl FnOnce() -> Result<T, sled::Error>,
) -> Result<T, StoreError> {
    // What a panic may have left half done is sled's own state: after a failed write nothing is written
    // any more, and what is read is authenticated.
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(sled::Error::Io(source))) => Err(StoreError::io("use", data)(source)),
        Ok(Err(error)) => {
            log::error!(target: "meldgate::store", error:err = error; "the store's files are damaged");
            Err(StoreError::Corrupt { tree: NAME })
        }
        Err(_) => {
            log::error!(target: "meldgate::store", "the storage engine panicked");
            Err(StoreError::Corrupt { tree: NAME })
        }
    }
}

fn entries(folder: &Path) -> Result<BTreeSet<OsString>, StoreError> {
    let listed = fs::read_dir(folder).map_err(StoreError::io("list", folder))?;
    listed
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<Result<_, _>>()
        .map_err(StoreError::io("list", folder))
}
