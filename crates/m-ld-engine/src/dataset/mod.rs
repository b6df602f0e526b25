//! The dataset of a domain: an SU-Set of triples (m-ld protocol, section 5).
//!
//! A triple has *transactions*: the ids of those that inserted it and that nobody who saw them
//! has deleted. The *graph*, which queries see, has the triples with transactions; and in
//! addition those that constraints *entailed*, without those that constraints *hid* (m-ld
//! protocol, section 13.1). [`Graph`] reads, [`Writer`] writes.
//!
//! # Layout
//! - A term's id is a keyed hash of its encoding ([`TermId`]): 16 bytes, computed, never looked
//!   up. `Terms` has the encodings by id.
//! - `Spo` has a triple by the ids of subject, predicate and object. The value says whether the
//!   graph shows it, and which transactions it has.
//! - `Pos` and `Osp` have the same triples by other orders. Their values are empty if the graph
//!   shows the triple, and one byte if it is hidden.
//! - `Data` has indirected data (m-ld protocol, section 4.6) as MessagePack, by the id of its
//!   literal.
//! - `Meta` has the version of all this, and the key of the hash, at `dataset`.
//!
//! # Invariants
//! 1. A triple is stored exactly if it has transactions, or the graph shows it.
//! 2. The three orders have the same triples, and agree on which are hidden.
//! 3. A term is stored exactly if a stored triple uses it, and its id is its hash.
//!
//! Data may outlast the triples of its literal: a concurrent operation can change it, and voiding
//! a delete can bring the triple back (m-ld protocol, section 12.3). [`Writer::forget_data`]
//! removes it when no journal entry can.
//!
//! [`Graph::check`] tests all of them.

mod check;
mod graph;
mod id;
mod presence;
mod scan;
mod term;
mod writer;

pub use graph::{Graph, Stored};
pub use id::TermId;
pub use scan::Pattern;
pub use writer::Writer;

#[cfg(test)]
pub(crate) mod tests;
