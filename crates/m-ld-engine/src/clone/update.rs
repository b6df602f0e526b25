//! What a transaction did, for the application.

use super::apply::Work;
use super::json;
use super::replica::Replica;
use crate::clock::Tid;
use crate::context::Context;
use crate::dataset::Graph;
use crate::msgpack::Value;
use crate::pattern::{Notice, Shown, notification};
use crate::rdf::{Iri, Triple, vocab};
use crate::store::StoreError;

/// What a transaction did to the graph (m-ld protocol, section 17).
#[derive(Clone, Debug, Default)]
pub struct Update {
    /// Triples that went, with their data. Of a write by this clone, also those that were asked to
    /// go and were not there.
    pub deletes: Vec<Shown>,
    /// Triples that came, with their data; also those that were there already.
    pub inserts: Vec<Shown>,
    /// Edits of shared data, as expressions.
    pub edits: Vec<(Triple, serde_json::Value)>,
    /// Names for properties in the notification: subject, or all; property; name.
    pub aliases: Vec<(Option<Iri>, Iri, String)>,
    /// The clone's own tick.
    pub ticks: u64,
    /// Who is responsible.
    pub principal: Option<Iri>,
    /// If it is an agreement: its proof.
    pub agreed: Option<Value>,
    /// How it came about.
    pub trace: Trace,
}

/// The operations that an update comes from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    /// The operation that was written or received.
    pub trigger: Option<Tid>,
    /// The message of the operation by which constraints of this clone answered.
    pub resolution: Option<Vec<u8>>,
    /// The operations that an agreement made void, latest first.
    pub voids: Vec<Tid>,
    /// Why the operation was refused, with an m-ld status. Its process is blocked.
    pub error: Option<(u16, String)>,
}

impl Update {
    /// Whether there is nothing to tell of.
    pub fn is_empty(&self) -> bool {
        self.deletes.is_empty() && self.inserts.is_empty() && self.edits.is_empty()
    }

    /// The notification, in a context.
    pub fn to_json(&self, context: &Context) -> serde_json::Value {
        let agree = self.agreed.as_ref().map(json::to_json);
        notification(
            context,
            &Notice {
                deletes: &self.deletes,
                inserts: &self.inserts,
                updates: &self.edits,
                aliases: &self.aliases,
                ticks: self.ticks,
                principal: self.principal.as_ref(),
                agree: agree.as_ref(),
            },
        )
    }
}

impl Replica {
    /// What is to be told of a transaction that is about to be committed.
    pub(super) fn update_of(&self, work: &Work, ticks: u64) -> Result<Update, StoreError> {
        let before = Graph::new(&*self.view)?;
        let after = Graph::new(&work.pending)?;
        let shown = |triples: Vec<&Triple>, graph: &Graph<'_>| {
            let shown = triples.into_iter().map(|triple| show(triple, graph));
            shown.collect::<Result<Vec<_>, _>>()
        };
        Ok(Update {
            deletes: shown(work.interim.deletes().collect(), &before)?,
            inserts: shown(work.interim.inserts().collect(), &after)?,
            edits: work.edits.clone(),
            aliases: work.interim.aliases.clone(),
            ticks,
            principal: work.interim.principal.clone(),
            agreed: work.interim.agreed.clone(),
            trace: Trace {
                voids: work.voids.clone(),
                ..Trace::default()
            },
        })
    }
}

fn show(triple: &Triple, graph: &Graph<'_>) -> Result<Shown, StoreError> {
    let literal = triple.object.as_literal();
    let literal = literal.filter(|literal| {
        // Most literals are of these, which have no data apart.
        !matches!(
            literal.datatype.as_str(),
            vocab::XS_STRING | vocab::XS_INTEGER | vocab::XS_DOUBLE | vocab::XS_BOOLEAN
        )
    });
    Ok(Shown {
        triple: triple.clone(),
        data: literal
            .map(|literal| graph.data(literal))
            .transpose()?
            .flatten(),
    })
}
