//! Constraints: rules that a domain's data keeps (m-ld protocol, section 13).
//!
//! A constraint *checks* writes of this clone, which it may amend or refuse; and it is *applied*
//! to operations of others, which it cannot refuse but must resolve. Either way it sees the graph
//! as it was before, and what has been decided so far.

mod extension;
mod list;
mod order;
mod permission;
mod rules;
mod shape;
mod single;
mod statute;
mod text;
mod values;

#[cfg(test)]
mod tests;

use crate::chance::Chance;
use crate::change::Change;
use crate::dataset::Graph;
use crate::msgpack::Value;
use crate::operation::SharedUpdate;
use crate::rdf::{Iri, Triple};
use crate::store::StoreError;

pub use extension::{Extension, Kind, declared, from_data};
pub use list::DefaultList;
pub use permission::WritePermitted;
pub use rules::{Configured, Rules};
pub use shape::{PropertyShape, Shape, ShapeConstrained};
pub use single::SingleValued;
pub use statute::Statutory;
pub use text::{SharedValues, TextProperties};

/// Why a constraint does not let an update pass.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The update breaks a rule. Of a write, nothing happens. On application, a status between
    /// 4000 and 4999 blocks the process that sent it (m-ld protocol, section 12.4).
    #[error("{reason}")]
    Rule {
        /// An m-ld status (m-ld protocol, section 22.2).
        status: u16,
        /// What is wrong, for the application.
        reason: String,
    },
    /// The graph could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Refusal {
    /// What a write that breaks a rule is refused with.
    pub(crate) fn not_writeable(reason: impl Into<String>) -> Self {
        Self::Rule {
            status: NOT_WRITEABLE,
            reason: reason.into(),
        }
    }

    /// What an update by somebody without the right to it is refused with.
    pub(crate) fn unauthorised(reason: impl Into<String>) -> Self {
        Self::Rule {
            status: UNAUTHORISED,
            reason: reason.into(),
        }
    }
}

/// The m-ld status of a pattern that is not writeable (m-ld protocol, section 22.2).
const NOT_WRITEABLE: u16 = 4001;
/// The m-ld status of what somebody has no right to.
const UNAUTHORISED: u16 = 4030;

/// Who makes decisions at this clone, and with what.
pub struct Local<'a> {
    /// The id of this clone.
    pub clone_id: &'a str,
    /// The base IRI of the domain, under which identities are generated.
    pub base: &'a Iri,
    /// Where new identities come from.
    pub chance: &'a mut dyn Chance,
}

/// An update on its way into the graph.
#[derive(Clone, Debug, Default)]
pub struct Interim {
    /// What is asserted: triples that go and come, for everybody. When an operation of another
    /// clone is applied, what that asserts; it cannot be changed then.
    pub asserted: Change,
    /// Operations on shared data by another clone.
    pub updates: Vec<SharedUpdate>,
    /// What this clone asserts in answer to an operation of another: an operation of its own.
    pub resolution: Change,
    /// What follows, in the graph of this clone alone.
    pub entailed: Change,
    /// Names for properties in the update notification: subject, or all; property; name. A name
    /// that begins with `data:application/mld-li,` stands for an index in the subject's list before
    /// the update; of an insertion, a comma and its place among those at this index follow.
    pub aliases: Vec<(Option<Iri>, Iri, String)>,
    /// Who is responsible for the update.
    pub principal: Option<Iri>,
    /// If the update is an agreement: its proof.
    pub agreed: Option<Value>,
}

impl Interim {
    /// The triples that go, as it stands: asserted, resolved and entailed.
    pub fn deletes(&self) -> impl Iterator<Item = &Triple> {
        let resolved = self.resolution.deletes.iter();
        let entailed = self.entailed.deletes.iter();
        self.asserted.deletes.iter().chain(resolved).chain(entailed)
    }

    /// The triples that come, as it stands: asserted, resolved and entailed, unless one of the
    /// latter takes them away again.
    pub fn inserts(&self) -> impl Iterator<Item = &Triple> {
        let asserted = self.asserted.inserts.keys().filter(|triple| {
            !self.resolution.deletes.contains(*triple) && !self.entailed.deletes.contains(*triple)
        });
        let resolved = self.resolution.inserts.keys();
        asserted.chain(resolved).chain(self.entailed.inserts.keys())
    }
}

/// A rule that a domain's data keeps.
pub trait Constraint: Send + Sync {
    /// Checks a write of this clone. It may add to what is asserted and entailed, take from it,
    /// or make an agreement of it.
    fn check(
        &self,
        state: &Graph<'_>,
        update: &mut Interim,
        local: &mut Local<'_>,
    ) -> Result<(), Refusal>;

    /// Resolves an operation of another clone. It may add to the resolution and what is entailed.
    fn apply(
        &self,
        state: &Graph<'_>,
        update: &mut Interim,
        local: &mut Local<'_>,
    ) -> Result<(), Refusal>;

    /// Tests an agreement of another clone, after it has been applied provisionally (m-ld
    /// protocol, section 12.3).
    fn test_agreement(&self, _state: &Graph<'_>, _update: &Interim) -> Result<(), Refusal> {
        Ok(())
    }
}
