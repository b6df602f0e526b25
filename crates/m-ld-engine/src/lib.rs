//! A native engine for m-ld, the protocol of live-shared linked data.
//!
//! m-ld keeps a set of RDF triples in step between *clones*, which write at any time and exchange
//! *operations* whenever they are connected. This crate is the part of such a clone that needs no
//! runtime, no socket and no time: bytes and facts go in, decisions come out. So far it holds
//!
//! - [`msgpack`]: the MessagePack profile in which everything is sent (m-ld protocol, section 3);
//! - [`clock`]: tree clocks, global clocks and transaction ids (m-ld protocol, section 2);
//! - [`wire`]: operation messages, judged and decoded (m-ld protocol, section 4);
//! - [`journal`]: what a clone has done and received, in order (m-ld protocol, section 6);
//! - [`clone`]: a clone as a state machine: delivery, agreements, rev-ups and snapshots (m-ld
//!   protocol, sections 5, 7, 8 and 12);
//! - [`pattern`]: json-rql, what applications read and write (m-ld protocol, sections 16 and 17).
//!
//! Bytes of others are read by [`wire`] and [`msgpack`] only. They are read within limits that the
//! caller sets, without recursion that input can drive, without allocating more than in proportion
//! to the input, and without a panic.
//!
//! The protocol description that the citations mean is part of this project's documentation.

pub mod chance;
pub mod change;
pub mod clock;
pub mod clone;
pub mod constraint;
pub mod context;
pub mod dataset;
pub mod datatype;
#[doc(hidden)]
pub mod fuzzing;
pub mod journal;
pub mod msgpack;
pub mod number;
pub mod operation;
pub mod pattern;
pub mod rdf;
pub mod security;
pub mod store;
pub mod wire;

/// The examples of the crate's README, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
