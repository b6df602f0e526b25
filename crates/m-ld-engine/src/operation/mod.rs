//! Operations: what one process did to the triples of a domain (m-ld protocol, section 4).
//!
//! A [`Codec`] reads them from what others send, and writes them.

mod codec;
mod decode;
mod encode;
mod fuse;

pub use codec::{Codec, Datum, Received};
pub use encode::{encode_past_operation, message};
pub(crate) use fuse::contiguous;
pub use fuse::{FuseError, Fusion, Reversion, cut};

use crate::clock::{Tid, TreeClock};
use crate::msgpack::Value;
use crate::rdf::{Iri, Triple};

/// A triple with the transactions that it has, gains or loses.
#[derive(Clone, Debug, PartialEq)]
pub struct Tagged {
    /// The triple.
    pub triple: Triple,
    /// The transactions, each once.
    pub tids: Vec<Tid>,
    /// If the object's datatype is one of indirected data and this is an insert: the data, in the
    /// datatype's own JSON form.
    pub data: Option<Value>,
}

/// An operation on the shared data of a triple.
#[derive(Clone, Debug, PartialEq)]
pub struct SharedUpdate {
    /// The triple. Its object has the data's datatype and identity.
    pub triple: Triple,
    /// The operation, in the datatype's own JSON form.
    pub operation: Value,
}

/// That an operation includes an agreement (m-ld protocol, section 12).
#[derive(Clone, Debug, PartialEq)]
pub struct Agreement {
    /// The tick of the (last) agreement.
    pub tick: u64,
    /// What proves it to the application.
    pub proof: Value,
}

/// What one process did in one tick, or in several contiguous ones (a *fusion*).
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// Its first tick. Less than the ticks of [`Operation::time`] if it is a fusion.
    pub from: u64,
    /// The clock of its process, having ticked for it; of a fusion, that of the last tick.
    pub time: TreeClock,
    /// Triples with the transactions that are removed from them.
    pub deletes: Vec<Tagged>,
    /// Triples with the transactions that are added to them. Those of an operation that is no
    /// fusion all have [`Operation::tid`] alone.
    pub inserts: Vec<Tagged>,
    /// Operations on shared data.
    pub updates: Vec<SharedUpdate>,
    /// Who is responsible for it.
    pub principal: Option<Iri>,
    /// The last agreement in it.
    pub agreed: Option<Agreement>,
}

impl Operation {
    /// The id of its (last) transaction.
    pub fn tid(&self) -> Tid {
        self.time.tid()
    }

    /// Its last tick.
    pub fn ticks(&self) -> u64 {
        self.time.ticks()
    }

    /// Whether it is several operations in one.
    pub fn is_fusion(&self) -> bool {
        self.from < self.ticks()
    }
}
