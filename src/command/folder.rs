//! Folders for the daemon alone.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use super::failure::Failure;
use crate::clock::Chance;
use crate::config::{Problem, guard};

/// Sees to it that there is such a folder, which others cannot write. Returns whether it was made.
pub(super) fn private(path: &Path) -> Result<bool, Failure> {
    if let Some(above) = path.parent() {
        fs::create_dir_all(above).map_err(Failure::file(above))?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => return Ok(true),
        Err(_) if path.is_dir() => {}
        Err(error) => return Err(Failure::file(path)(error)),
    }
    let metadata = fs::metadata(path).map_err(Failure::file(path))?;
    if metadata.mode() & 0o022 == 0 {
        return Ok(false);
    }
    Err(Problem::Exposed {
        path: path.into(),
        danger: "changed by others than its owner",
        fix: format!("chmod go-w {}", guard::quoted(path)),
    }
    .into())
}

/// A folder that is removed with all that is in it when this is dropped. What is killed leaves it behind.
#[derive(Debug)]
pub(super) struct Temporary(PathBuf);

impl Temporary {
    /// Makes a new one below `parent`.
    pub(super) fn new(parent: &Path, chance: &Chance) -> Result<Self, Failure> {
        let name = chance.text(16, b"abcdefghijklmnopqrstuvwxyz0123456789");
        let path = parent.join(format!("meldgate-dev-{name}"));
        // Fails if the name is taken: by whoever wants to be written to.
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.map_err(Failure::file(&path))?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            log::warn!(target: "meldgate::command", path:% = self.0.display(), err:err = error; "folder stays behind");
        }
    }
}
