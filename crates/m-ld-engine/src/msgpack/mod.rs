//! The MessagePack profile of m-ld, both ways (m-ld protocol, section 3).
//!
//! - Integers take their smallest encoding by value. A number without a fractional part is an
//!   integer, negative zero is zero, and only numbers beyond 64 bits or with a fraction are
//!   float64. Float32 is read but never written.
//! - Strings are UTF-8; map keys are strings, and their order is kept, because signatures are
//!   computed over a second encoding (section 11.2).
//! - The JavaScript value `undefined` is the extension `d4 00 00`.
//! - Bytes after the value are an error.
//!
//! [`Reader`] borrows from its input and allocates nothing; [`Value`] is an owned tree; [`Writer`]
//! appends to a buffer.

mod reader;
mod stack;
mod value;
mod writer;

pub use reader::{Reader, Token};
pub(crate) use stack::Stack;
pub use value::{Map, Value};
pub use writer::Writer;

/// How much of a stranger's MessagePack is read before giving up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Levels of arrays and maps, the outermost being the first.
    pub max_depth: usize,
    /// Values in all, counting every map key, every map and every array.
    pub max_elements: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_depth: 1024,
            max_elements: 1_000_000,
        }
    }
}

/// Why bytes are not MessagePack of this profile.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// The input ends within a value, or a length promises more than there is.
    #[error("the input ends within a value")]
    Truncated,
    /// There are bytes after the value.
    #[error("{0} bytes follow the value")]
    Trailing(usize),
    /// The byte `c1`, which MessagePack never uses.
    #[error("the byte c1 begins no value")]
    Unused,
    /// An extension type where the profile has none.
    #[error("an extension type that has no meaning here")]
    Extension,
    /// A string is not UTF-8.
    #[error("a string is not UTF-8")]
    NotUtf8,
    /// A map has a key that is not a string, or that would corrupt a JavaScript object.
    #[error("a map key is not acceptable")]
    Key,
    /// Deeper than [`Limits::max_depth`].
    #[error("nested too deeply")]
    TooDeep,
    /// More values than [`Limits::max_elements`].
    #[error("too many values")]
    TooMany,
    /// Another kind of value was needed.
    #[error("expected {0}")]
    Expected(&'static str),
}

#[cfg(test)]
mod tests;
