//! Permissions to write (m-ld protocol, section 13.4).

use std::collections::BTreeSet;

use super::shape::Shape;
use super::values;
use super::{Constraint, Interim, Local, Refusal};
use crate::dataset::Graph;
use crate::rdf::{Iri, Term, Triple, vocab};
use crate::store::StoreError;

/// Lets shapes under a permission be written by principals who have it only: an operation of
/// another is refused with a status that blocks its sender.
///
/// Permissions may be anywhere in the data. They are not about edits of shared data: a clone that
/// took them to be would block what JavaScript clones do not.
#[derive(Clone, Copy, Debug, Default)]
pub struct WritePermitted;

impl Constraint for WritePermitted {
    fn check(
        &self,
        state: &Graph<'_>,
        update: &mut Interim,
        _local: &mut Local<'_>,
    ) -> Result<(), Refusal> {
        check(state, update)
    }

    fn apply(
        &self,
        state: &Graph<'_>,
        update: &mut Interim,
        _local: &mut Local<'_>,
    ) -> Result<(), Refusal> {
        check(state, update)
    }
}

fn check(state: &Graph<'_>, update: &Interim) -> Result<(), Refusal> {
    let deletes = values::deletes(update).cloned().collect();
    let inserts = values::inserts(update).cloned().collect();
    let class = Term::from(Iri::new(vocab::M_LD_WRITE_PERMISSION));
    for permission in state.find(None, Some(&Iri::new(vocab::RDF_TYPE)), Some(&class)) {
        let permission = permission?.subject;
        let shapes = Shape::all(state, &permission, vocab::M_LD_CONTROLLED_SHAPE)?;
        if affects(state, &shapes, &deletes)? || affects(state, &shapes, &inserts)? {
            check_principal(state, update.principal.as_ref(), permission)?;
        }
    }
    Ok(())
}

fn affects(
    state: &Graph<'_>,
    shapes: &[Shape],
    triples: &BTreeSet<Triple>,
) -> Result<bool, StoreError> {
    for triple in triples {
        for shape in shapes {
            if shape.covers(state, triple, triples)? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

fn check_principal(
    state: &Graph<'_>,
    principal: Option<&Iri>,
    permission: Iri,
) -> Result<(), Refusal> {
    let principal = principal.ok_or_else(|| Refusal::unauthorised("no identified principal"))?;
    let reason = format!("{principal} has no {permission}");
    let has = Iri::new(vocab::M_LD_HAS_PERMISSION);
    if state.contains(&Triple::new(principal.clone(), has, permission))? {
        return Ok(());
    }
    Err(Refusal::unauthorised(reason))
}
