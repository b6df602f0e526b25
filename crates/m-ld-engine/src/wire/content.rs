//! The update of an operation, with its encodings undone.

use std::borrow::Cow;

use super::encoding::Format;
use super::{Encoding, Limits, WireError, gzip, json};

/// Undoes the encodings of an update, giving its MessagePack.
pub(crate) fn plain<'a>(
    update: &'a [u8],
    encoding: Encoding,
    limits: &Limits,
) -> Result<Cow<'a, [u8]>, WireError> {
    let data = if encoding.gzip {
        Cow::Owned(gzip::inflate(update, limits.max_inflated)?)
    } else {
        Cow::Borrowed(update)
    };
    match encoding.format {
        Format::MessagePack => Ok(data),
        Format::Json => Ok(Cow::Owned(
            json::parse(&data, limits.max_elements)?.encode(),
        )),
    }
}
