//! What a transaction does to the graph of triples.

use std::collections::{BTreeMap, BTreeSet};

use crate::msgpack::Value;
use crate::rdf::Triple;

/// Triples that go and come, and edits of shared data.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Change {
    /// Triples that go. They need not be there.
    pub deletes: BTreeSet<Triple>,
    /// Triples that come, with their indirected data if their object's datatype has such. They
    /// may be there already.
    pub inserts: BTreeMap<Triple, Option<Value>>,
    /// Edits of shared data by this clone.
    pub edits: Vec<Edit>,
}

/// An edit of shared data, as an application asks for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Edit {
    /// The triple that refers to the data.
    pub triple: Triple,
    /// An expression that the datatype understands, such as `{"@splice": [0, 1, "a"]}`.
    pub expression: serde_json::Value,
}

impl Change {
    /// Whether it does nothing.
    pub fn is_empty(&self) -> bool {
        self.deletes.is_empty() && self.inserts.is_empty() && self.edits.is_empty()
    }

    /// Deletes a triple, after all that was said so far.
    pub fn delete(&mut self, triple: Triple) {
        self.inserts.remove(&triple);
        self.deletes.insert(triple);
    }

    /// Inserts a triple, after all that was said so far.
    pub fn insert(&mut self, triple: Triple, data: Option<Value>) {
        self.deletes.remove(&triple);
        self.inserts.insert(triple, data);
    }
}
