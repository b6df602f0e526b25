//! Making sure that folders and files are really on the disk.

use std::fs::{DirBuilder, File, Permissions};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

use super::StoreError;

/// Makes `dir`, and those above it, for the owner alone; tightens the mode of one that is there.
pub(super) fn private_folder(dir: &Path) -> Result<(), StoreError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(StoreError::io("create", dir))?;
    std::fs::set_permissions(dir, Permissions::from_mode(0o700))
        .map_err(StoreError::io("set the mode of", dir))?;
    sync_folder(dir.parent().unwrap_or(Path::new("/")))
}

/// Makes a folder's entries durable.
pub(super) fn sync_folder(dir: &Path) -> Result<(), StoreError> {
    // The parent of a bare file name is the empty path.
    let dir = if dir.as_os_str().is_empty() {
        Path::new(".")
    } else {
        dir
    };
    File::open(dir)
        .and_then(|folder| folder.sync_all())
        .map_err(StoreError::io("sync", dir))
}

/// Makes a file's bytes durable.
pub(super) fn sync_file(path: &Path) -> Result<(), StoreError> {
    File::open(path)
        .and_then(|file| file.sync_data())
        .map_err(StoreError::io("sync", path))
}
