//! Statutes: shapes that only an agreement may change (m-ld protocol, section 13.4).

use std::collections::BTreeSet;

use super::shape::Shape;
use super::values;
use super::{Constraint, Interim, Local, Refusal};
use crate::dataset::Graph;
use crate::msgpack::Value;
use crate::rdf::{Iri, Term, Triple, vocab};
use crate::store::StoreError;

/// Lets statutory shapes be changed by agreement only, of which a principal with authority over
/// all that is changed is sufficient proof.
///
/// Statutes may be anywhere in the data. A condition that is not known here is never met.
#[derive(Clone, Copy, Debug, Default)]
pub struct Statutory;

/// What an update does to some shapes.
#[derive(Clone, Debug, Default)]
struct Affected([BTreeSet<Triple>; 3]);

impl Affected {
    /// All that an update deletes, inserts and edits, but for what it entails.
    fn by(update: &Interim) -> Self {
        let edits = update.asserted.edits.iter().map(|edit| &edit.triple);
        let updates = update.updates.iter().map(|update| &update.triple);
        Self([
            values::deletes(update).cloned().collect(),
            values::inserts(update).cloned().collect(),
            edits.chain(updates).cloned().collect(),
        ])
    }

    fn is_empty(&self) -> bool {
        self.0.iter().all(BTreeSet::is_empty)
    }

    /// The part that some shapes are about, and the part that none is.
    fn divide(self, state: &Graph<'_>, shapes: &[Shape]) -> Result<(Self, Self), StoreError> {
        let (mut within, mut without) = (Self::default(), Self::default());
        for (triples, (within, without)) in self
            .0
            .into_iter()
            .zip(within.0.iter_mut().zip(&mut without.0))
        {
            for triple in &triples {
                let mut covered = false;
                for shape in shapes {
                    covered = covered || shape.covers(state, triple, &triples)?;
                }
                let part = if covered { &mut *within } else { &mut *without };
                part.insert(triple.clone());
            }
        }
        Ok((within, without))
    }
}

impl Constraint for Statutory {
    fn check(
        &self,
        state: &Graph<'_>,
        update: &mut Interim,
        _local: &mut Local<'_>,
    ) -> Result<(), Refusal> {
        for statute in statutes(state)? {
            if let Some(affected) = affected(state, update, &statute)? {
                prove(state, update, &statute, affected)?;
                update.agreed = Some(with_proof(update.agreed.take()));
            }
        }
        Ok(())
    }

    fn apply(
        &self,
        _state: &Graph<'_>,
        _update: &mut Interim,
        _local: &mut Local<'_>,
    ) -> Result<(), Refusal> {
        // Only agreements are tested.
        Ok(())
    }

    fn test_agreement(&self, state: &Graph<'_>, update: &Interim) -> Result<(), Refusal> {
        for statute in statutes(state)? {
            if let Some(affected) = affected(state, update, &statute)? {
                prove(state, update, &statute, affected)?;
            }
        }
        Ok(())
    }
}

fn statutes(state: &Graph<'_>) -> Result<Vec<Iri>, StoreError> {
    let class = Term::from(Iri::new(vocab::M_LD_STATUTE));
    let found = state.find(None, Some(&Iri::new(vocab::RDF_TYPE)), Some(&class));
    found.map(|triple| Ok(triple?.subject)).collect()
}

/// What of an update a statute protects, if anything.
fn affected(
    state: &Graph<'_>,
    update: &Interim,
    statute: &Iri,
) -> Result<Option<Affected>, StoreError> {
    let shapes = Shape::all(state, statute, vocab::M_LD_STATUTORY_SHAPE)?;
    let (affected, _) = Affected::by(update).divide(state, &shapes)?;
    Ok(Some(affected).filter(|affected| !affected.is_empty()))
}

/// Refuses an update whose principal has no authority over what is affected.
fn prove(
    state: &Graph<'_>,
    update: &Interim,
    statute: &Iri,
    affected: Affected,
) -> Result<(), Refusal> {
    let condition = Iri::new(vocab::M_LD_SUFFICIENT_CONDITION);
    let authority = Term::from(Iri::new(vocab::M_LD_HAS_AUTHORITY));
    if !values::values(state, statute, &condition)?.contains(&authority) {
        return Err(Refusal::unauthorised(format!(
            "no condition of {statute} is met"
        )));
    }
    let principal = update.principal.as_ref();
    let principal = principal.ok_or_else(|| Refusal::unauthorised("no identified principal"))?;
    let shapes = Shape::all(state, principal, vocab::M_LD_HAS_AUTHORITY)?;
    let (_, rest) = affected.divide(state, &shapes)?;
    if rest.is_empty() {
        return Ok(());
    }
    Err(Refusal::unauthorised(format!(
        "{principal} has no authority over what {statute} protects"
    )))
}

/// The proof that an agreement has, and that its principal has authority.
fn with_proof(agreed: Option<Value>) -> Value {
    match agreed {
        None => Value::Bool(true),
        Some(absent) if absent.is_absent() => Value::Bool(true),
        Some(Value::Array(mut proofs)) => {
            proofs.push(Value::Bool(true));
            Value::Array(proofs)
        }
        Some(proof) => Value::Array(vec![proof, Value::Bool(true)]),
    }
}
