//! Whether files changed, told by looking.
//!
//! Looking is cheap (one `stat` each), works on every file system and through symbolic links, and cannot
//! miss a change for good, which cannot be said of notifications when folders are swapped.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{self, SHA256};

/// More than any watched file has; beyond it only the metadata counts.
const LARGEST: u64 = 1 << 20;

/// Files and how they looked.
#[derive(Debug)]
pub(super) struct Watch(Vec<(PathBuf, Seen)>);

/// How a file looked; nothing if it could not be seen.
#[derive(Debug, Default)]
struct Seen {
    stat: Option<Stat>,
    content: Option<Vec<u8>>,
}

/// Device, inode, size, and times of modification and change, each with its nanoseconds.
type Stat = (u64, u64, u64, (i64, i64), (i64, i64));

impl Watch {
    pub(super) fn new(files: Vec<PathBuf>) -> Self {
        let mut watch = Self(Vec::new());
        watch.follow(files);
        watch
    }

    /// Watches these files from now on; what is known of those among them stays known.
    pub(super) fn follow(&mut self, files: Vec<PathBuf>) {
        let mut known = std::mem::take(&mut self.0);
        for file in files {
            let place = known.iter().position(|(path, _)| *path == file);
            let entry = place.map(|index| known.swap_remove(index));
            self.0.push(entry.unwrap_or_else(|| Seen::now(file)));
        }
    }

    /// Whether any file's content changed, came or went since the last look.
    pub(super) fn look(&mut self) -> bool {
        let mut changed = false;
        for (path, seen) in &mut self.0 {
            changed |= seen.look(path);
        }
        changed
    }
}

impl Seen {
    fn now(path: PathBuf) -> (PathBuf, Self) {
        let mut seen = Self::default();
        seen.look(&path);
        (path, seen)
    }

    fn look(&mut self, path: &Path) -> bool {
        let metadata = fs::metadata(path).ok();
        let stat = metadata.as_ref().map(stat);
        if stat == self.stat {
            return false;
        }
        // Touched is not changed: only the content decides.
        let content = metadata
            .filter(|metadata| metadata.len() <= LARGEST)
            .and_then(|_| fs::read(path).ok())
            .map(|bytes| digest::digest(&SHA256, &bytes).as_ref().to_vec());
        let same = content.is_some() && content == self.content;
        *self = Self { stat, content };
        !same
    }
}

fn stat(metadata: &Metadata) -> Stat {
    (
        metadata.dev(),
        metadata.ino(),
        metadata.size(),
        (metadata.mtime(), metadata.mtime_nsec()),
        (metadata.ctime(), metadata.ctime_nsec()),
    )
}
