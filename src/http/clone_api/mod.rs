//! The Clone API: reading, changing and following the data of a named subdomain without a clone of one's own.
//!
//! Source: `docs/api.md`, "Clone API".

pub(super) mod read;
pub(super) mod subscribe;
pub(super) mod updates;
pub(super) mod write;

mod answers;
mod target;
