//! The Administration API: accounts and their keys. One file for each kind of thing.
//!
//! Source: `docs/api.md`, "Accounts".

pub(super) mod account;
pub(super) mod activation;
pub(super) mod key;
pub(super) mod public_key;
