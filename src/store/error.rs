//! What a caller of the store can be told.

use std::io;
use std::path::PathBuf;

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// An expectation of the batch did not hold: nothing was changed. Read again, decide again.
    #[error("what the change expected is no longer so")]
    Conflict,
    /// The disk failed while the batch was written: it may or may not have been made. Read after a
    /// restart before trying again.
    #[error("the change may or may not have been made")]
    Unconfirmed,
    /// An earlier write failed, so nothing is written until the daemon has been restarted. What was
    /// confirmed before can still be read.
    #[error("the store takes no changes since a write failed: check the disk, then restart")]
    Failed,
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// What is on disk is not what was written. Restore a backup.
    #[error("the store is damaged ({tree}): restore it from a backup")]
    Corrupt {
        /// What is damaged: a tree's name, or `header`, `files`, `tail` for the store as a whole.
        tree: &'static str,
    },
    /// The store was sealed with another master key.
    #[error("the store was sealed with another master key")]
    WrongKey,
    /// A newer version of the daemon wrote the store; this one does not touch it.
    #[error(
        "{what} has layout {found}, written by a newer version; this one knows up to {known}: \
         install that version again, or restore a backup from before it"
    )]
    Newer {
        /// The tree, or `store` for the whole.
        what: String,
        /// The layout that was found.
        found: u32,
        /// The newest layout that is known here.
        known: u32,
    },
    /// Another process, or another part of this one, has the store open.
    #[error("{} is in use by another process", .dir.display())]
    Locked {
        /// The store's folder.
        dir: PathBuf,
    },
    /// A value or a batch is larger than the store takes.
    #[error("a change of {size} bytes is larger than {limit}")]
    TooLarge {
        /// What was asked for, in bytes.
        size: usize,
        /// What is possible, in bytes.
        limit: usize,
    },
    /// The master key's file cannot be used as it is.
    #[error("master key file {}: {problem}", .path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it and what to do.
        problem: &'static str,
    },
    /// The operating system refused.
    #[error("cannot {what} {}", .path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl StoreError {
    /// Wraps what the system said about `path`.
    pub(super) fn io(
        what: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { what, path, source }
    }
}
