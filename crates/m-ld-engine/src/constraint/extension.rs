//! Extensions that are declared in the data (m-ld protocol, sections 13.4 and 13.5).

use std::collections::BTreeSet;

use super::shape::{Shape, ShapeConstrained};
use super::statute::Statutory;
use super::text::TextProperties;
use super::values::{self, final_values, references};
use super::{Constraint, Interim, Local, Refusal, WritePermitted};
use crate::dataset::Graph;
use crate::datatype::lseq;
use crate::rdf::{Iri, Term, Triple, vocab};
use crate::store::StoreError;

/// Which of the provided extensions one is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Text in some properties.
    Text,
    /// Shapes that subjects keep.
    Shapes,
    /// Statutes.
    Statutes,
    /// Permissions to write.
    Permissions,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Text, Self::Shapes, Self::Statutes, Self::Permissions];

    /// The module, within that of the JavaScript engine; the class; and what else may identify it.
    fn names(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Text => ("tseq", "TSeqText", "http://ext.m-ld.org/tseq/TSeqText"),
            Self::Shapes => (
                "shacl",
                "ShapeConstrained",
                "http://ext.m-ld.org/shacl/ShapeConstrained",
            ),
            Self::Statutes => (
                "statutes",
                "Statutory",
                "http://ext.m-ld.org/statutes/Statutory",
            ),
            Self::Permissions => (
                "security",
                "WritePermitted",
                "http://ext.m-ld.org/security/WritePermitted",
            ),
        }
    }

    /// Whether JavaScript finds it in a module.
    fn is_in(self, module: &str) -> bool {
        let module = module.strip_prefix("@m-ld/m-ld/ext/").unwrap_or_default();
        module.strip_suffix(".js").unwrap_or(module) == self.names().0
    }
}

/// An extension that is declared in the data.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Extension {
    /// Its identity.
    pub id: Iri,
    /// Which one it is; `None` if it is none of those that are known here. It is without effect
    /// then, and the application is to be warned.
    pub kind: Option<Kind>,
}

/// The modules and classes that a declaration names.
struct Names {
    modules: BTreeSet<Term>,
    classes: BTreeSet<Term>,
}

impl Names {
    /// The extension that JavaScript would load.
    fn kind(&self) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| {
            let has = |terms: &BTreeSet<Term>, is: &dyn Fn(&str) -> bool| {
                let mut literals = terms.iter().filter_map(Term::as_literal);
                literals.any(|literal| is(&literal.lexical))
            };
            has(&self.modules, &|module| kind.is_in(module))
                && has(&self.classes, &|class| class == kind.names().1)
        })
    }
}

/// The extensions that the data declares, in their order.
pub fn declared(state: &Graph<'_>) -> Result<Vec<Extension>, StoreError> {
    let mut slots = Vec::new();
    for triple in state.find(Some(&Iri::new(vocab::EXTENSIONS)), None, None) {
        let triple = triple?;
        slots.extend(lseq::position_of(&triple.predicate).zip(triple.object.as_iri().cloned()));
    }
    slots.sort();
    let mut found = Vec::new();
    for (_, slot) in slots {
        for id in references(values::values(state, &slot, &Iri::new(vocab::JRQL_ITEM))?) {
            let kind = kind(state, &id)?;
            found.push(Extension { id, kind });
        }
    }
    Ok(found)
}

fn kind(state: &Graph<'_>, id: &Iri) -> Result<Option<Kind>, StoreError> {
    let values = |predicate| values::values(state, id, &Iri::new(predicate));
    let mut modules = values(vocab::JS_REQUIRE)?;
    modules.extend(values(vocab::JS_MODULE)?);
    let classes = values(vocab::JS_CLASS)?;
    let named = Names { modules, classes }.kind();
    let identified = Kind::ALL
        .into_iter()
        .find(|kind| id.as_str() == kind.names().2);
    Ok(named.or(identified))
}

/// The constraints that the data declares, in their order.
pub fn from_data(state: &Graph<'_>) -> Result<Vec<Box<dyn Constraint>>, StoreError> {
    from_declared(state, &declared(state)?)
}

/// The constraints that some extensions are.
pub(super) fn from_declared(
    state: &Graph<'_>,
    extensions: &[Extension],
) -> Result<Vec<Box<dyn Constraint>>, StoreError> {
    let known = extensions.iter();
    let known = known.filter_map(|extension| Some((extension.kind?, &extension.id)));
    known
        .map(|(kind, id)| constraint(state, kind, id))
        .collect()
}

fn constraint(state: &Graph<'_>, kind: Kind, id: &Iri) -> Result<Box<dyn Constraint>, StoreError> {
    Ok(match kind {
        Kind::Text => {
            let properties = Iri::new(vocab::SH_TARGET_OBJECTS_OF);
            let properties = references(values::values(state, id, &properties)?);
            Box::new(TextProperties(properties.collect()))
        }
        Kind::Shapes => {
            let shapes = Shape::all(state, id, vocab::M_LD_CONTROLLED_SHAPE)?;
            Box::new(ShapeConstrained(shapes))
        }
        Kind::Statutes => Box::new(Statutory),
        Kind::Permissions => Box::new(WritePermitted),
    })
}

/// Refuses to declare an extension that JavaScript clones cannot load: they would close, or fail
/// after every transaction (m-ld protocol, Q8). Always in force.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Loadable;

impl Constraint for Loadable {
    fn check(
        &self,
        state: &Graph<'_>,
        update: &mut Interim,
        _local: &mut Local<'_>,
    ) -> Result<(), Refusal> {
        for id in touched(state, update)? {
            let values = |predicate| final_values(state, update, &id, &Iri::new(predicate));
            let mut modules = values(vocab::JS_REQUIRE)?;
            modules.extend(values(vocab::JS_MODULE)?);
            let classes = values(vocab::JS_CLASS)?;
            if (Names { modules, classes }).kind().is_none() {
                return Err(Refusal::not_writeable(format!(
                    "{id} is no extension that all clones can load"
                )));
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
        Ok(())
    }
}

/// The extensions that an update declares, or whose declaration it changes.
fn touched(state: &Graph<'_>, update: &Interim) -> Result<BTreeSet<Iri>, StoreError> {
    let mut found = BTreeSet::new();
    for triple in values::deletes(update).chain(values::inserts(update)) {
        match (triple.subject.as_str(), triple.predicate.as_str()) {
            (vocab::EXTENSIONS, _) => {
                let slot = triple.object.as_iri().filter(|slot| holds(update, slot));
                if let Some(slot) = slot {
                    found.extend(items(state, update, slot)?);
                }
            }
            (_, vocab::JRQL_ITEM) if is_slot(state, update, &triple.subject)? => {
                found.extend(items(state, update, &triple.subject)?);
            }
            (_, vocab::JS_REQUIRE | vocab::JS_MODULE | vocab::JS_CLASS)
                if is_item(state, update, &triple.subject)? =>
            {
                found.insert(triple.subject.clone());
            }
            _ => {}
        }
    }
    Ok(found)
}

fn items(
    state: &Graph<'_>,
    update: &Interim,
    slot: &Iri,
) -> Result<impl Iterator<Item = Iri> + use<>, StoreError> {
    let items = final_values(state, update, slot, &Iri::new(vocab::JRQL_ITEM))?;
    Ok(references(items))
}

/// Whether the list of extensions will have a slot.
fn is_slot(state: &Graph<'_>, update: &Interim, slot: &Iri) -> Result<bool, StoreError> {
    if holds(update, slot) {
        return Ok(true);
    }
    let list = Iri::new(vocab::EXTENSIONS);
    for triple in state.find(Some(&list), None, Some(&slot.clone().into())) {
        let triple: Triple = triple?;
        if !update.asserted.deletes.contains(&triple) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether an update puts a slot into the list of extensions.
fn holds(update: &Interim, slot: &Iri) -> bool {
    let from = Triple::new(Iri::new(vocab::EXTENSIONS), Iri::new(""), Iri::new(""));
    let range = update
        .asserted
        .inserts
        .range(&from..)
        .map(|(triple, _)| triple);
    let mut inserts = range.take_while(|triple| triple.subject == from.subject);
    inserts.any(|triple| triple.object.as_iri() == Some(slot))
}

/// Whether a slot of the list of extensions will have an item.
fn is_item(state: &Graph<'_>, update: &Interim, item: &Iri) -> Result<bool, StoreError> {
    let predicate = Iri::new(vocab::JRQL_ITEM);
    let object = Term::from(item.clone());
    for triple in state.find(None, Some(&predicate), Some(&object)) {
        let triple = triple?;
        let stays = !update.asserted.deletes.contains(&triple);
        if stays && is_slot(state, update, &triple.subject)? {
            return Ok(true);
        }
    }
    // One whose item the update inserts is found by that.
    Ok(false)
}
