//! A native clone engine for m-ld, the protocol of live-shared linked data.
//!
//! m-ld keeps a set of RDF triples in step between *clones*, which write at any time and exchange
//! *operations* whenever they are connected. This crate is such a clone but for its runtime, its
//! socket and its clock: bytes and facts go in with the time, and what is to be done comes out.
//! Begin with [`clone`]; the README has a program that joins two of them.
//!
//! # For embedders
//! - [`clone`]: a clone as a state machine: delivery, agreements, rev-ups and snapshots (m-ld
//!   protocol, sections 5, 7, 8, 12 and 18);
//! - [`pattern`]: json-rql, what applications read and write, and what they are told (sections 16
//!   and 17);
//! - [`context`]: names of applications for IRIs, and back (sections 4.4 and 16.1);
//! - [`store`]: what is kept, in memory or on disk (section 19);
//! - [`constraint`]: what the data must keep, and the extensions that it declares (sections 13 and
//!   14);
//! - [`security`]: who may speak to whom (section 11);
//! - [`chance`]: the randomness that an embedder gives.
//!
//! # What it is made of
//! - [`dataset`]: the triples, as an SU-Set with three indexes (section 5);
//! - [`journal`]: what a clone has done and received, in order (section 6);
//! - [`operation`]: operations, encoded, decoded, fused and cut (sections 4 and 6);
//! - [`datatype`]: shared data within values: text, and positions in lists (sections 14 and 15);
//! - [`change`]: what a write asks for, before it is an operation;
//! - [`clock`]: tree clocks, global clocks and transaction ids (section 2);
//! - [`wire`]: operation and control messages, judged and decoded (sections 4 and 8);
//! - [`msgpack`]: the MessagePack profile in which everything is sent (section 3);
//! - [`rdf`] and [`number`]: terms and triples, and numbers as text (section 1).
//!
//! They depend on one another in one direction only: clone → journal, dataset → operation → clock.
//!
//! # Features
//! - `sled`: `store::SledStore`, a store on disk;
//! - `acl`: `security::acl`, transport security with signatures and encryption.
//!
//! # Invariants
//! 1. Bytes of others are read by [`wire`], [`msgpack`], [`clock`] and [`operation`] only: within
//!    limits that the caller sets, without recursion that input can drive, without allocating more
//!    than in proportion to the input, and without a panic.
//! 2. Nothing here reads the time, waits, or draws a random number of its own; only signatures, with
//!    the feature `acl`, are made with randomness of the library for them.
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
