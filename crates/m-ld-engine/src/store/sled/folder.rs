//! A database in a folder, with one clone in it.

use std::path::Path;
use std::sync::Arc;
use std::thread;

use super::super::{StoreError, Unsealed};
use super::{FolderBarrier, SledStore, contained};

/// Bytes of the database that are kept in memory, about.
const CACHE: u64 = 64 << 20;
/// The tree of the clone.
const TREE: &[u8] = b"clone";
/// How often a database is tried whose last owner has not quite let go of it.
const TRIES: usize = 100;

impl SledStore {
    /// Opens the store in a folder of its own, or makes it. The values in it are not sealed: whoever can read the folder
    /// can read the data.
    ///
    /// Blocks while the database is read and, after a crash, repaired.
    ///
    /// # Errors
    /// [`StoreError::Failed`] also if another process has the folder open.
    pub fn in_folder(folder: &Path) -> Result<Self, StoreError> {
        let config = sled::Config::new()
            .path(folder)
            .cache_capacity(CACHE)
            .flush_every_ms(None)
            .use_compression(false);
        let mut opened = contained(|| config.open());
        for _ in 1..TRIES {
            // sled's threads end a moment after its handle is dropped.
            match &opened {
                Err(StoreError::Failed(why)) if why.contains("acquire lock") => {
                    thread::park_timeout(std::time::Duration::from_millis(10));
                    opened = contained(|| config.open());
                }
                Ok(_) | Err(_) => break,
            }
        }
        let database = opened?;
        let barrier = Arc::new(FolderBarrier::new(database.clone(), folder)?);
        Self::open(&database, TREE, Arc::new(Unsealed), barrier)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{Batch, Store, Table};
    use super::*;

    #[test]
    fn what_was_committed_is_there_when_the_folder_is_opened_again() {
        let folder = std::env::temp_dir().join(format!("m-ld-folder-{}", std::process::id()));
        let change = (Table::Meta, b"key".to_vec(), Some(Arc::from(*b"value")));
        {
            let mut store = SledStore::in_folder(&folder).unwrap();
            let changes = vec![change];
            store
                .commit(Batch {
                    changes,
                    ..Batch::default()
                })
                .unwrap();
            store.sync().unwrap();
        }
        let store = SledStore::in_folder(&folder).unwrap();
        let value = store.view().get(Table::Meta, b"key").unwrap();
        drop(store);
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(value.as_deref(), Some(b"value".as_slice()));
    }
}
