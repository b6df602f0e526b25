//! Lists of a kind of their own.
//!
//! The default list is a subject with positions for properties. If a list has another type, its
//! indexes stay in the data as they were written, and are sent under the keyword `@list` (m-ld
//! protocol, section 14.4).

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "whatever is not looked for is refused, new kinds too"
)]

use super::object::subject_at;
use super::{Role, deeper, term};
use crate::msgpack::{Reader, Token};
use crate::wire::WireError;

const BAD: WireError = WireError::Update("a list");

/// Checks a list: a map from indexes to slots, or to arrays of slots.
pub(super) fn check(reader: &mut Reader<'_>, role: Role, level: usize) -> Result<(), WireError> {
    for _ in 0..reader.map_len()? {
        if !term::is_index(reader.key()?) {
            return Err(BAD);
        }
        match reader.token()? {
            Token::Map(count) => subject_at(reader, count, role, level)?,
            Token::Array(slots) => {
                let level = deeper(level)?;
                for _ in 0..slots {
                    let count = reader.map_len()?;
                    subject_at(reader, count, role, level)?;
                }
            }
            _ => return Err(BAD),
        }
    }
    Ok(())
}
