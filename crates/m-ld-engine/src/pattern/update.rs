//! Updates, parsed: what goes and what comes with each solution (m-ld protocol, section 16.5).

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::PatternError;
use super::ast::{Expression, Group, Inline, Node, Template};
use super::group::Groups;
use super::subject::{Mode, Object, Subjects};
use super::variable::{Var, Vars};
use crate::context::Context;
use crate::rdf::Iri;

/// An update.
#[derive(Default)]
pub(super) struct Update {
    pub(super) deletes: Vec<Template>,
    pub(super) inserts: Vec<Template>,
    pub(super) pattern: Option<Group>,
    /// Expressions in the place of values to be inserted.
    pub(super) inline: Vec<Inline>,
    /// Filters in the place of values to be deleted.
    filters: Vec<Expression>,
    /// The variables that solutions are needed for.
    vars: BTreeSet<Var>,
    /// Whether any insert depends on solutions.
    pub(super) inserts_vary: bool,
}

/// Reads updates.
pub(super) struct Reader<'a> {
    pub(super) context: &'a Context,
    pub(super) vars: &'a mut Vars,
    pub(super) identity: &'a mut dyn FnMut() -> Iri,
}

impl Reader<'_> {
    pub(super) fn update(&mut self, request: &Object) -> Result<Update, PatternError> {
        let mut update = Update::default();
        if let Some(deletes) = request.get("@delete") {
            self.deletes(&mut update, deletes)?;
        }
        if let Some(inserts) = request.get("@insert") {
            self.inserts(&mut update, inserts)?;
        }
        if let Some(updates) = request.get("@update") {
            self.updates(&mut update, updates)?;
        }
        if let Some(pattern) = request.get("@where").filter(|pattern| !pattern.is_null()) {
            let mut groups = Groups {
                context: self.context,
                vars: self.vars,
            };
            let group = groups.read(pattern)?;
            update.check_vars(&group)?;
            update.pattern = Some(group);
        }
        Ok(update)
    }

    pub(super) fn inserts(
        &mut self,
        update: &mut Update,
        inserts: &Json,
    ) -> Result<(), PatternError> {
        let found = Subjects::new(self.context, self.vars, Mode::Load(self.identity));
        let found = found.read(inserts)?;
        update.inserts_vary |= !found.vars.is_empty();
        update.inserts.extend(found.triples);
        update.inline.extend(found.inline);
        Ok(())
    }

    fn deletes(&mut self, update: &mut Update, deletes: &Json) -> Result<(), PatternError> {
        let found = Subjects::new(self.context, self.vars, Mode::Match).read(deletes)?;
        update.deletes.extend(found.triples);
        update.filters.extend(found.filters);
        update.vars.extend(found.vars);
        Ok(())
    }

    /// Each value takes the place of any that is there.
    fn updates(&mut self, update: &mut Update, updates: &Json) -> Result<(), PatternError> {
        let found = Subjects::new(self.context, self.vars, Mode::Load(self.identity));
        let found = found.read(updates)?;
        let results: BTreeSet<Var> = found.inline.iter().map(|inline| inline.result).collect();
        update.vars.extend(found.vars.difference(&results));
        update.inline.extend(found.inline);
        for triple in found.triples {
            let before = triple.before.unwrap_or_else(|| self.vars.anonymous());
            update.vars.insert(before);
            let (subject, predicate) = (triple.subject.clone(), triple.predicate.clone());
            let delete = Template::new(subject, predicate, Node::Var(before));
            update.deletes.push(delete);
            update.inserts_vary |= triple.vars().next().is_some();
            update.inserts.push(triple);
        }
        Ok(())
    }
}

impl Update {
    /// What its solutions are those of; none if it has no need of solutions.
    pub(super) fn group(&mut self) -> Result<Option<Group>, PatternError> {
        let mut group = match self.pattern.take() {
            Some(group) => group,
            None if self.vars.is_empty() => return Ok(None),
            None => Group {
                triples: self.deletes.clone(),
                vars: self.deletes.iter().flat_map(Template::vars).collect(),
                ..Group::default()
            },
        };
        group.filters.append(&mut self.filters);
        for inline in &self.inline {
            if let Some(value) = &inline.value {
                group.add_bind(inline.result, value.clone())?;
            }
        }
        Ok(Some(group))
    }

    /// Whether what goes can be found by a pattern.
    fn check_vars(&self, group: &Group) -> Result<(), PatternError> {
        if self.vars.is_subset(&group.vars) {
            return Ok(());
        }
        Err(PatternError::malformed(
            "a variable of what is to be deleted or updated is not in @where",
        ))
    }
}
