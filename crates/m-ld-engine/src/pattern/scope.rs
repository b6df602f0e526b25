//! Which variables have a value where.
//!
//! A group is a scope, as in SPARQL: its filters see what its subjects and alternatives bind, and
//! nothing from outside. Alternatives are nevertheless run with what is bound outside, so that
//! indexes can be used, wherever that makes no difference: where their expressions only have
//! variables that each of their solutions binds.

use std::collections::BTreeSet;

use super::ast::{Expression, Group};
use super::variable::Var;

type VarSet = BTreeSet<Var>;

impl Expression {
    /// The variables in it.
    pub(super) fn vars(&self) -> VarSet {
        match self {
            Self::Var(var) => VarSet::from([*var]),
            Self::Term(_) | Self::Unbound => VarSet::new(),
            Self::Apply(_, arguments) => arguments.iter().flat_map(Self::vars).collect(),
        }
    }

    /// Takes away variables that are not in scope.
    fn confine(&mut self, scope: &VarSet) {
        match self {
            Self::Var(var) if !scope.contains(var) => *self = Self::Unbound,
            Self::Var(_) | Self::Term(_) | Self::Unbound => {}
            Self::Apply(_, arguments) => {
                for argument in arguments {
                    argument.confine(scope);
                }
            }
        }
    }
}

impl Group {
    /// How much there is in it.
    pub(super) fn size(&self) -> usize {
        let own = self.triples.len().saturating_add(self.filters.len());
        self.union
            .iter()
            .map(Self::size)
            .fold(own, usize::saturating_add)
    }

    /// Takes variables out of expressions that do not see them.
    pub(super) fn confine(&mut self) {
        let mut scope: VarSet = self
            .triples
            .iter()
            .flat_map(super::ast::Template::vars)
            .collect();
        for alternative in &mut self.union {
            alternative.confine();
            scope.extend(&alternative.vars);
        }
        for filter in &mut self.filters {
            filter.confine(&scope);
        }
        for row in self.values.iter().flatten() {
            scope.extend(row.iter().map(|(var, _)| *var));
        }
        for (var, expression) in &mut self.binds {
            expression.confine(&scope);
            scope.insert(*var);
        }
    }

    /// The variables that subjects and alternatives bind in each solution.
    pub(super) fn certain(&self) -> VarSet {
        let mut certain: VarSet = self
            .triples
            .iter()
            .flat_map(super::ast::Template::vars)
            .collect();
        let mut alternatives = self.union.iter().map(Self::certain_with_values);
        if let Some(first) = alternatives.next() {
            certain.extend(alternatives.fold(first, |all, one| &all & &one));
        }
        certain
    }

    /// As [`Group::certain`], and inline data too.
    pub(super) fn certain_with_values(&self) -> VarSet {
        let mut certain = self.certain();
        let mut rows = self.values.iter().flatten().map(|row| {
            let vars = row.iter().map(|(var, _)| *var);
            vars.collect::<VarSet>()
        });
        if let Some(first) = rows.next() {
            certain.extend(rows.fold(first, |all, one| &all & &one));
        }
        certain
    }

    /// Whether the filters come to the same if more variables are bound before.
    pub(super) fn filters_are_certain(&self) -> bool {
        let certain = self.certain();
        self.filters
            .iter()
            .all(|filter| filter.vars().is_subset(&certain))
    }

    /// Whether the group has the same solutions if more variables are bound before, but those
    /// that differ in them.
    pub(super) fn can_be_joined(&self) -> bool {
        let certain = self.certain_with_values();
        self.filters_are_certain()
            && self
                .binds
                .iter()
                .all(|(_, bound)| bound.vars().is_subset(&certain))
            && self.union.iter().all(Self::can_be_joined)
    }
}
