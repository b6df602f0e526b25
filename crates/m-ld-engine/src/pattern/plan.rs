//! How a group is matched: in which order, so that indexes find little to look at.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::PatternError;
use super::ast::{Expression, Group, Node, Template};
use super::row::Cell;
use super::run::Env;
use super::variable::Var;
use crate::dataset::TermId;

/// How far candidates are counted to compare them.
const COUNTED: usize = 64;

/// What is done for a group, in this order. Each step takes every solution of the one before,
/// and makes any number of them.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    /// The variables that it binds.
    pub(super) vars: BTreeSet<Var>,
    /// Whether it can be run with what is bound already; else it is run by itself, and joined.
    pub(super) joined: bool,
}

#[derive(Debug)]
pub(super) enum Step {
    Match([Place; 3]),
    Union(Vec<Rc<Plan>>),
    Values(Vec<Vec<(Var, Cell)>>),
    Filter(Expression),
    Bind(Var, Expression),
}

/// What is at one place of a triple.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    Var(Var),
    Id(TermId),
}

impl Plan {
    /// Plans a group. That takes work too, more than in proportion to the group.
    pub(super) fn new(env: &Env<'_>, mut group: Group) -> Result<Self, PatternError> {
        group.confine();
        Self::bound(env, group, &BTreeSet::new())
    }

    /// Plans a group, of which some variables are bound before.
    fn bound(env: &Env<'_>, group: Group, bound: &BTreeSet<Var>) -> Result<Self, PatternError> {
        env.work.steps(group.size())?;
        let joined = group.can_be_joined();
        let values_first = group.filters_are_certain();
        let vars = group.vars.clone();
        let mut planner = Planner {
            env,
            bound: if joined {
                bound.clone()
            } else {
                BTreeSet::new()
            },
            filters: group.filters,
            steps: Vec::new(),
        };
        let rows = group.values.map(|rows| planner.rows(rows));
        let (first, last) = if values_first {
            (rows, None)
        } else {
            (None, rows)
        };
        planner.values(first)?;
        planner.core(&group.triples, group.union)?;
        planner.remaining_filters();
        planner.values(last)?;
        for (var, expression) in group.binds {
            planner.steps.push(Step::Bind(var, expression));
        }
        let steps = planner.steps;
        Ok(Self {
            steps,
            vars,
            joined,
        })
    }
}

struct Planner<'a, 'v> {
    env: &'a Env<'v>,
    /// What is certainly bound so far.
    bound: BTreeSet<Var>,
    /// Those that have no step yet.
    filters: Vec<Expression>,
    steps: Vec<Step>,
}

impl Planner<'_, '_> {
    fn rows(&self, rows: Vec<Vec<(Var, crate::rdf::Term)>>) -> Vec<Vec<(Var, Cell)>> {
        let cell = |(var, term)| (var, Cell::of(&self.env.graph, term));
        let row = |row: Vec<_>| row.into_iter().map(cell).collect();
        rows.into_iter().map(row).collect()
    }

    fn values(&mut self, rows: Option<Vec<Vec<(Var, Cell)>>>) -> Result<(), PatternError> {
        let Some(rows) = rows else {
            return Ok(());
        };
        let mut certain = rows
            .iter()
            .map(|row| row.iter().map(|(var, _)| *var).collect::<BTreeSet<_>>());
        let first = certain.next().unwrap_or_default();
        self.bound
            .extend(certain.fold(first, |all, one| &all & &one));
        self.push(Step::Values(rows))
    }

    /// Subjects and alternatives, those first that have fewer solutions.
    fn core(&mut self, triples: &[Template], union: Vec<Group>) -> Result<(), PatternError> {
        let triples: Vec<_> = triples.iter().map(|triple| self.places(triple)).collect();
        if union.is_empty() {
            return self.triples(triples);
        }
        if triples.is_empty() || self.few_alternatives(&triples, &union)? {
            self.union(union)?;
            self.triples(triples)
        } else {
            self.triples(triples)?;
            self.union(union)
        }
    }

    fn places(&self, triple: &Template) -> [Place; 3] {
        triple.nodes().map(|node| match node {
            Node::Var(var) => Place::Var(*var),
            Node::Term(term) => Place::Id(self.env.graph.id(term)),
        })
    }

    /// Whether alternatives have fewer solutions than triples do.
    fn few_alternatives(
        &self,
        triples: &[[Place; 3]],
        union: &[Group],
    ) -> Result<bool, PatternError> {
        if union.iter().any(|group| !group.can_be_joined()) {
            return Ok(true);
        }
        let most = self.fewest(triples)?.1;
        let mut all = 0_usize;
        for group in union {
            let triples: Vec<_> = group.triples.iter().map(|t| self.places(t)).collect();
            let few = self.fewest(&triples)?.1;
            all = all.saturating_add(few);
            if all >= most {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn union(&mut self, union: Vec<Group>) -> Result<(), PatternError> {
        let certain = union
            .iter()
            .map(Group::certain_with_values)
            .reduce(|all, one| &all & &one);
        let plans = union
            .into_iter()
            .map(|group| Plan::bound(self.env, group, &self.bound).map(Rc::new))
            .collect::<Result<_, _>>()?;
        self.bound.extend(certain.unwrap_or_default());
        self.push(Step::Union(plans))
    }

    fn triples(&mut self, mut triples: Vec<[Place; 3]>) -> Result<(), PatternError> {
        while !triples.is_empty() {
            self.env.work.steps(triples.len())?;
            let next = match self.next_of(&triples) {
                Some(next) => next,
                None => self.fewest(&triples)?.0,
            };
            let triple = triples.swap_remove(next.min(triples.len().saturating_sub(1)));
            self.bound.extend(triple.iter().filter_map(Place::var));
            self.push(Step::Match(triple))?;
        }
        Ok(())
    }

    /// The triple that goes on from what is bound; none if none does.
    fn next_of(&self, triples: &[[Place; 3]]) -> Option<usize> {
        let connected = triples.iter().enumerate().filter(|(_, triple)| {
            let free = triple.iter().filter_map(Place::var);
            triples.len() == 1 || free.into_iter().any(|var| self.bound.contains(&var))
        });
        let best = connected.min_by_key(|(_, triple)| self.breadth(triple));
        best.map(|(index, _)| index)
    }

    /// How much may be found at a time, as a guess from what is known.
    fn breadth(&self, triple: &[Place; 3]) -> u8 {
        let known = triple.map(|place| place.var().is_none_or(|var| self.bound.contains(&var)));
        match known {
            [true, true, true] => 0,
            [true, true, false] => 1,
            [true, false, true] => 2,
            [false, true, true] => 3,
            [true, false, false] => 4,
            [false, false, true] => 5,
            [false, true, false] => 6,
            [false, false, false] => 7,
        }
    }

    /// The triple that has the fewest matches by itself, and how many; counted up to a limit.
    fn fewest(&self, triples: &[[Place; 3]]) -> Result<(usize, usize), PatternError> {
        let mut best = (0, COUNTED);
        let mut order: Vec<usize> = (0..triples.len()).collect();
        order.sort_by_key(|index| triples.get(*index).map(|triple| self.breadth(triple)));
        if let Some(first) = order.first() {
            best.0 = *first;
        }
        for index in order {
            let Some(triple) = triples.get(index) else {
                continue;
            };
            self.env.work.steps(best.1)?;
            // There is no need to count further than to the best so far.
            let count = self.env.graph.count_up_to(triple.map(Place::id), best.1)?;
            if count < best.1 {
                best = (index, count);
            }
        }
        Ok(best)
    }

    fn push(&mut self, step: Step) -> Result<(), PatternError> {
        self.env.work.steps(self.filters.len())?;
        self.steps.push(step);
        let bound = &self.bound;
        let (ready, waiting) = std::mem::take(&mut self.filters)
            .into_iter()
            .partition(|filter| filter.vars().is_subset(bound));
        self.filters = waiting;
        let ready: Vec<Expression> = ready;
        self.steps.extend(ready.into_iter().map(Step::Filter));
        Ok(())
    }

    fn remaining_filters(&mut self) {
        let filters = std::mem::take(&mut self.filters);
        self.steps.extend(filters.into_iter().map(Step::Filter));
    }
}

impl Place {
    fn var(&self) -> Option<Var> {
        match self {
            Self::Var(var) => Some(*var),
            Self::Id(_) => None,
        }
    }

    fn id(self) -> Option<TermId> {
        match self {
            Self::Var(_) => None,
            Self::Id(id) => Some(id),
        }
    }
}
