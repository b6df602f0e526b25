//! Files that only the right people may change or read.

use std::fs::{File, Metadata};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use zeroize::Zeroizing;

use super::error::Problem;

/// No configuration or key is longer; what is, was named by mistake.
const LONGEST: u64 = 1 << 20;

/// What a file is for, which decides who may touch it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Nobody but its owner may write it.
    Configuration,
    /// Nobody but its owner may write it; its group may read it, others may not.
    Key,
    /// Handed over by the service manager, which has seen to it. The mode is not looked at, because an
    /// access control list shows there as a right of the group.
    Credential,
}

/// Refuses a file that is not there, is no regular file, or that the wrong people can touch.
pub fn verify(path: &Path, kind: Kind) -> Result<(), Problem> {
    open(path, kind).map(drop)
}

/// Reads the text of a file after [`verify`]ing it. The text is wiped when it is dropped.
pub fn read(path: &Path, kind: Kind) -> Result<Zeroizing<String>, Problem> {
    let file = open(path, kind)?;
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(LONGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(|cause| Problem::unreadable(path, cause))?;
    if bytes.len() as u64 > LONGEST {
        return Err(Problem::content(path, "is longer than 1 MiB"));
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(Problem::content(path, "is not UTF-8 text")),
    }
}

fn open(path: &Path, kind: Kind) -> Result<File, Problem> {
    let unreadable = |cause| Problem::unreadable(path, cause);
    // Before it is opened, because opening a pipe would wait for a writer.
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(Problem::content(path, "is not a regular file"));
    }
    let file = File::open(path).map_err(unreadable)?;
    // Of the open file, so that what was looked at is what will be read.
    judge(path, &file.metadata().map_err(unreadable)?, kind)?;
    judge_folder(path, kind)?;
    Ok(file)
}

fn judge(path: &Path, metadata: &Metadata, kind: Kind) -> Result<(), Problem> {
    let (write, read) = (metadata.mode() & 0o022 != 0, metadata.mode() & 0o007 != 0);
    match kind {
        Kind::Key if write || read => exposed(
            path,
            "read or changed by others than its owner",
            "chmod g-wx,o-rwx",
        ),
        Kind::Configuration if write => {
            exposed(path, "changed by others than its owner", "chmod go-w")
        }
        Kind::Configuration | Kind::Key | Kind::Credential => Ok(()),
    }
}

/// Whoever can write a folder can put another file in the place of a guarded one, unless the folder is
/// sticky.
fn judge_folder(path: &Path, kind: Kind) -> Result<(), Problem> {
    let folder = match path.parent() {
        Some(folder) if kind != Kind::Credential && folder.is_absolute() => folder,
        _ => return Ok(()),
    };
    let mode = std::fs::metadata(folder)
        .map_err(|cause| Problem::unreadable(folder, cause))?
        .mode();
    if mode & 0o002 != 0 && mode & 0o1000 == 0 {
        return exposed(folder, "changed by everybody", "chmod o-w");
    }
    Ok(())
}

fn exposed(path: &Path, danger: &'static str, fix: &str) -> Result<(), Problem> {
    Err(Problem::Exposed {
        path: path.into(),
        danger,
        fix: format!("{fix} {}", quoted(path)),
    })
}

/// A path as a shell wants it.
pub fn quoted(path: &Path) -> String {
    let path = path.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%".contains(c);
    if path.chars().all(plain) {
        path.into_owned()
    } else {
        format!("'{}'", path.replace('\'', r"'\''"))
    }
}
