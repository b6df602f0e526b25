//! What is to be so: subjects to match, and groups of such (m-ld protocol, section 16.3).

use serde_json::Value as Json;

use super::PatternError;
use super::ast::{Expression, Group, Node};
use super::expression::{Expressions, each};
use super::subject::{Mode, Object, Subjects};
use super::variable::{self, Var, Vars};
use crate::context::Context;
use crate::rdf::Term;

/// Reads groups.
pub(super) struct Groups<'a> {
    pub(super) context: &'a Context,
    pub(super) vars: &'a mut Vars,
}

/// Whether an object is a group, by its keys.
pub(super) fn is_group(map: &Object) -> bool {
    ["@graph", "@union", "@filter", "@values"]
        .iter()
        .any(|key| map.contains_key(*key))
}

impl Groups<'_> {
    /// A subject, several, or a group.
    pub(super) fn read(&mut self, pattern: &Json) -> Result<Group, PatternError> {
        let mut group = Group::default();
        match pattern {
            Json::Object(map) if is_group(map) => self.members(&mut group, map)?,
            Json::Object(map) if map.contains_key("@bind") => {
                return Err(PatternError::malformed(
                    "a group with only @bind is not supported",
                ));
            }
            subjects => self.subjects(&mut group, subjects)?,
        }
        Ok(group)
    }

    fn members(&mut self, group: &mut Group, map: &Object) -> Result<(), PatternError> {
        if let Some(subjects) = map.get("@graph") {
            self.subjects(group, subjects)?;
        }
        for alternative in map.get("@union").into_iter().flat_map(each) {
            let alternative = self.read(alternative)?;
            group.vars.extend(&alternative.vars);
            group.union.push(alternative);
        }
        if let Some(filters) = map.get("@filter") {
            group.filters.extend(self.expressions().filters(filters)?);
        }
        if let Some(values) = map.get("@values") {
            self.values(group, values)?;
        }
        for bind in map.get("@bind").into_iter().flat_map(each) {
            self.bind(group, bind)?;
        }
        Ok(())
    }

    fn subjects(&mut self, group: &mut Group, subjects: &Json) -> Result<(), PatternError> {
        let found = Subjects::new(self.context, self.vars, Mode::Match).read(subjects)?;
        group.triples.extend(found.triples);
        group.filters.extend(found.filters);
        group.vars.extend(found.vars);
        Ok(())
    }

    fn values(&mut self, group: &mut Group, values: &Json) -> Result<(), PatternError> {
        let mut rows = Vec::new();
        for row in each(values) {
            let row = row
                .as_object()
                .ok_or_else(|| PatternError::malformed(format!("no row of values: {row}")))?;
            let row: Vec<_> = row
                .iter()
                .map(|(name, value)| self.datum(name, value))
                .collect::<Result<_, _>>()?;
            group.vars.extend(row.iter().map(|(var, _)| *var));
            rows.push(row);
        }
        group.values = Some(rows);
        Ok(())
    }

    fn datum(&mut self, name: &str, value: &Json) -> Result<(Var, Term), PatternError> {
        let var = self.bindable(name)?;
        let mut subjects = Subjects::new(self.context, self.vars, Mode::Match);
        match subjects.object(None, value)?.0 {
            Node::Term(term) => Ok((var, term)),
            Node::Var(_) => Err(PatternError::malformed(format!(
                "the value of {name} is a variable"
            ))),
        }
    }

    fn bind(&mut self, group: &mut Group, bind: &Json) -> Result<(), PatternError> {
        let map = bind
            .as_object()
            .ok_or_else(|| PatternError::malformed(format!("nothing to bind: {bind}")))?;
        for (name, expression) in map {
            let var = self.bindable(name)?;
            let expression = self.expressions().expression(expression)?;
            group.add_bind(var, expression)?;
        }
        Ok(())
    }

    fn bindable(&mut self, name: &str) -> Result<Var, PatternError> {
        variable::name(name)
            .filter(|name| !name.is_empty())
            .map(|name| self.vars.named(name))
            .ok_or_else(|| PatternError::malformed(format!("no variable: {name}")))
    }

    fn expressions(&mut self) -> Expressions<'_> {
        Expressions {
            context: self.context,
            vars: self.vars,
        }
    }
}

impl Group {
    /// Binds a variable that nothing in the group does yet.
    pub(super) fn add_bind(
        &mut self,
        var: Var,
        expression: Expression,
    ) -> Result<(), PatternError> {
        if !self.vars.insert(var) {
            return Err(PatternError::malformed(
                "a variable in @bind has a value already",
            ));
        }
        self.binds.push((var, expression));
        Ok(())
    }
}
