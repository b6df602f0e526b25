//! Triples that a snapshot had without transactions, for a reason that is not known here.
//!
//! Triples without transactions are those that constraints have put into the graph, and of the
//! constraints that everybody has only lists do that. But a JavaScript clone goes on applying
//! operations while it sends a snapshot, and looks a triple's transactions up when it sends it:
//! what has been deleted meanwhile has none. The operation that deletes it is still to come,
//! and would find no transaction to take away (m-ld protocol, Q32).
//!
//! So such a triple is doubted: it goes with the first operation that deletes a transaction of it,
//! and is not passed on in snapshots of this clone.

use crate::dataset::{TermId, Writer};
use crate::rdf::{Triple, vocab};
use crate::store::{Pending, StoreError, Table, View};

/// What the keys of doubted triples begin with, in [`Table::Meta`]; their ids follow.
const DOUBTED: &[u8] = b"doubted/";

fn key(ids: [TermId; 3]) -> Vec<u8> {
    let mut key = DOUBTED.to_vec();
    for id in &ids {
        key.extend_from_slice(id.as_bytes());
    }
    key
}

/// Doubts a triple that a snapshot has without transactions, unless it is a list's.
pub(super) fn doubt(writer: &mut Writer<'_>, triple: &Triple) {
    if triple.predicate.as_str() != vocab::JRQL_INDEX {
        let key = key(writer.graph().ids(triple));
        writer.pending().put(Table::Meta, key, [].as_slice());
    }
}

/// Takes a triple out of the graph if it is doubted and has no transactions. Says if so.
pub(super) fn give_up(writer: &mut Writer<'_>, triple: &Triple) -> Result<bool, StoreError> {
    let ids = writer.graph().ids(triple);
    let key = key(ids);
    if writer.pending().get(Table::Meta, &key)?.is_none() {
        return Ok(false);
    }
    writer.pending().remove(Table::Meta, key);
    let gone = writer.graph().is_entailed(triple)?;
    if gone {
        writer.entail_delete(triple)?;
    }
    Ok(gone)
}

/// Whether a stored triple is doubted.
pub(super) fn is_doubted(view: &dyn View, ids: [TermId; 3]) -> Result<bool, StoreError> {
    Ok(view.get(Table::Meta, &key(ids))?.is_some())
}

/// Doubts nothing any more: all data goes.
pub(super) fn clear(view: &dyn View, pending: &mut Pending) -> Result<(), StoreError> {
    for found in view.scan(Table::Meta, DOUBTED) {
        pending.remove(Table::Meta, found?.0);
    }
    Ok(())
}
