//! How an update is encoded.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::WireError;
use crate::msgpack::Reader;

/// How an update is encoded (m-ld protocol, section 4.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Encoding {
    pub(super) format: Format,
    pub(super) gzip: bool,
    pub(crate) secure: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Format {
    Json,
    MessagePack,
}

impl Encoding {
    /// Whether the update is compressed.
    pub fn is_compressed(self) -> bool {
        self.gzip
    }

    /// Whether the update is JSON text, which is understood but never sent.
    pub fn is_json(self) -> bool {
        self.format == Format::Json
    }

    /// Reads the codes of the encodings, in the order in which they were applied.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let count = reader.array_len()?;
        let mut codes = [None; 3];
        for (code, _) in codes.iter_mut().zip(0..count) {
            *code = Some(reader.uint()?);
        }
        let (format, rest) = match codes {
            [Some(0), rest @ ..] => (Format::Json, rest),
            [Some(1), rest @ ..] => (Format::MessagePack, rest),
            _ => return Err(WireError::Encoding),
        };
        let (gzip, secure) = match rest {
            _ if count > codes.len() => return Err(WireError::Encoding),
            [None, None] => (false, false),
            [Some(2), None] => (true, false),
            [Some(3), None] => (false, true),
            [Some(2), Some(3)] => (true, true),
            _ => return Err(WireError::Encoding),
        };
        Ok(Self {
            format,
            gzip,
            secure,
        })
    }
}
