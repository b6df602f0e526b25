//! The key that seals the store, and its file.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use zeroize::Zeroizing;

use super::StoreError;
use super::files::sync_folder;
use crate::clock::Chance;

/// Bytes of a master key.
const LENGTH: usize = 32;
/// More than this is not a key file.
const FILE_LIMIT: u64 = 128;
/// Rights that a key file must not give: any to others, and more than reading to its group.
const FORBIDDEN: u32 = 0o037;
const WANTED: &str = "must hold 64 hexadecimal digits or 32 bytes";

/// The key that wraps the store's own keys. `Debug` prints a placeholder; the memory is wiped on drop.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; LENGTH]>);

impl MasterKey {
    /// Reads the key from its file, which only its owner may write, and its group at most read: so a
    /// package can leave it to root and the daemon's own group, and so systemd hands over credentials.
    pub fn read(path: &Path) -> Result<Self, StoreError> {
        let problem = |problem| StoreError::KeyFile {
            path: path.into(),
            problem,
        };
        let file = File::open(path).map_err(StoreError::io("open", path))?;
        let facts = file.metadata().map_err(StoreError::io("look at", path))?;
        if !facts.is_file() {
            return Err(problem("is not a file"));
        }
        if !is_kept(facts.mode()) {
            return Err(problem(
                "others can read or change it: set its mode to 0600, or 0640 if its group is the \
                 daemon's own, and replace the key if others may have read it",
            ));
        }
        let mut bytes = Zeroizing::new(Vec::with_capacity(LENGTH * 4));
        file.take(FILE_LIMIT)
            .read_to_end(&mut bytes)
            .map_err(StoreError::io("read", path))?;
        Self::parse(&bytes).ok_or_else(|| problem(WANTED))
    }

    /// Makes a new key and its file with mode 0600. Never overwrites a file.
    pub fn create(path: &Path, chance: &Chance) -> Result<Self, StoreError> {
        let key = Self(Zeroizing::new(chance.bytes()));
        let aside = path.with_extension(format!("{:016x}", u64::from_le_bytes(chance.bytes())));
        // Written aside and then linked, so that a key file is whole or not there, and an existing
        // one stays.
        let made = key
            .write(&aside)
            .and_then(|()| fs::hard_link(&aside, path).map_err(StoreError::io("create", path)));
        fs::remove_file(&aside).map_err(StoreError::io("remove", &aside))?;
        made?;
        sync_folder(path.parent().unwrap_or(Path::new("/")))?;
        Ok(key)
    }

    /// Parses 64 hexadecimal digits, with or without a newline, or 32 bytes as they are.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        if let Ok(raw) = <[u8; LENGTH]>::try_from(bytes) {
            return Some(Self(Zeroizing::new(raw)));
        }
        let digits = bytes.trim_ascii_end();
        if digits.len() != 2 * LENGTH {
            return None;
        }
        let mut key = Zeroizing::new([0; LENGTH]);
        for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
            let [high, low] =
                [pair.first()?, pair.last()?].map(|&digit| char::from(digit).to_digit(16));
            *byte = u8::try_from(high? << 4 | low?).ok()?;
        }
        Some(Self(key))
    }

    /// A key for a store that ends with the process.
    pub(super) fn passing(chance: &Chance) -> Self {
        Self(Zeroizing::new(chance.bytes()))
    }

    /// The key itself. Whoever calls this answers for where it goes.
    pub(super) fn expose(&self) -> &[u8; LENGTH] {
        &self.0
    }

    fn write(&self, path: &Path) -> Result<(), StoreError> {
        let mut text = Zeroizing::new(String::with_capacity(2 * LENGTH + 1));
        for byte in self.0.iter() {
            for digit in [byte >> 4, byte & 15] {
                text.extend(char::from_digit(digit.into(), 16));
            }
        }
        text.push('\n');
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(StoreError::io("create", path))?;
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(StoreError::io("write", path))
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

fn is_kept(mode: u32) -> bool {
    mode & FORBIDDEN == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_digits_or_bytes_and_nothing_else() {
        let digits = "0123456789abcdef".repeat(4);
        let key = MasterKey::parse(digits.as_bytes()).unwrap();
        assert_eq!(key.expose()[..3], [0x01, 0x23, 0x45]);
        assert!(MasterKey::parse(format!("{digits}\n").as_bytes()).is_some());
        assert!(MasterKey::parse(&[7; 32]).is_some());
        let almost = format!("{}xy", &digits[2..]);
        for bad in [
            &b""[..],
            &[7; 31],
            &[7; 33],
            almost.as_bytes(),
            &digits.as_bytes()[1..],
        ] {
            assert!(MasterKey::parse(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn a_key_is_not_in_its_debug_text() {
        let key = MasterKey::parse(&[b'k'; 32]).unwrap();
        assert_eq!(format!("{key:?}"), "MasterKey(…)");
    }

    #[test]
    fn a_key_that_others_can_read_or_its_group_can_write_is_refused() {
        for (mode, kept) in [
            (0o600, true),
            (0o400, true),
            (0o640, true),
            (0o440, true),
            (0o660, false),
            (0o604, false),
            (0o602, false),
            (0o610, false),
        ] {
            assert_eq!(is_kept(mode), kept, "{mode:o}");
        }
    }
}
