//! Transaction ids.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};

/// The longest transaction id: Base64 of twenty bytes.
const MAX: usize = 28;

/// A transaction id: what identifies an operation, and tags every triple that it inserted.
///
/// It is Base64 with padding, of a clock's encoding or, if that is longer than twenty bytes, of
/// its SHA-1 digest (m-ld protocol, section 2.4). Ids are compared as text.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Tid {
    text: [u8; MAX],
    len: u8,
}

/// A text that is too long, or not plain ASCII, cannot be a transaction id.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a transaction id")]
pub struct InvalidTid;

impl Tid {
    /// The id in a global clock for a position that has none yet.
    pub const NONE: Self = Self {
        text: [0; MAX],
        len: 0,
    };

    /// Takes a text for an id.
    ///
    /// Local markers of the JavaScript engine, such as `!blocked!`, are accepted too.
    pub fn parse(text: &str) -> Result<Self, InvalidTid> {
        let mut tid = Self::NONE;
        let slot = tid.text.get_mut(..text.len()).ok_or(InvalidTid)?;
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidTid);
        }
        slot.copy_from_slice(text.as_bytes());
        tid.len = u8::try_from(text.len()).map_err(|_| InvalidTid)?;
        Ok(tid)
    }

    /// The id of a clock with this encoding in the form that is hashed.
    pub(crate) fn of(encoding: &[u8]) -> Self {
        let digest;
        let bytes = if encoding.len() > 20 {
            digest = Sha1::digest(encoding);
            digest.as_slice()
        } else {
            encoding
        };
        let mut tid = Self::NONE;
        // Twenty bytes never need more than the buffer has.
        let len = STANDARD.encode_slice(bytes, &mut tid.text).unwrap_or(0);
        tid.len = u8::try_from(len).unwrap_or(0);
        tid
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        let bytes = self.text.get(..usize::from(self.len)).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    /// Whether this is [`Tid::NONE`].
    pub fn is_none(&self) -> bool {
        self.len == 0
    }
}

impl fmt::Display for Tid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Tid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tid({})", self.as_str())
    }
}
