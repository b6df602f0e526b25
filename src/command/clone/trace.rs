//! What passes between the clone and others, in a file.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use serde_json::Value;

use super::super::failure::Failure;
use crate::clock::Clock;

/// A file that lines are appended to, for its owner alone.
#[derive(Debug)]
pub(super) struct File {
    file: fs::File,
    clock: Clock,
}

impl File {
    /// Opens it; what it has stays.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let mut options = fs::OpenOptions::new();
        let file = options.create(true).append(true).mode(0o600).open(path);
        Ok(Self {
            file: file.map_err(Failure::file(path))?,
            clock: Clock::system(),
        })
    }

    /// Appends an object, with the time in it, at once: the process may be killed.
    pub(super) fn append(&mut self, mut line: Value) {
        line["at"] = self.clock.now().as_millis().into();
        // A trace that cannot be written is no reason to end a clone.
        self.file.write_all(format!("{line}\n").as_bytes()).ok();
    }
}
