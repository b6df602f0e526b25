//! Running a plan: one solution at a time, with nothing kept but where each step is.

use std::rc::Rc;

use super::PatternError;
use super::evaluate::Evaluator;
use super::limits::Work;
use super::plan::{Place, Plan, Step};
use super::row::{Cell, Row};
use super::variable::Var;
use crate::dataset::{Graph, TermId};
use crate::store::StoreError;

type Ids<'v> = Box<dyn Iterator<Item = Result<[TermId; 3], StoreError>> + 'v>;

/// What a run needs.
#[derive(Clone)]
pub(super) struct Env<'v> {
    pub(super) graph: Graph<'v>,
    pub(super) work: Work,
    /// How many variables the request has.
    pub(super) vars: usize,
}

/// The solutions of a plan. After an error there are no more.
pub(super) struct Run<'v> {
    env: Env<'v>,
    evaluator: Rc<Evaluator>,
    plan: Rc<Plan>,
    row: Row,
    levels: Vec<Level<'v>>,
    state: State,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum State {
    New,
    Running,
    Done,
}

/// Where a step is with the solution of the steps before.
struct Level<'v> {
    source: Source<'v>,
    /// What it has bound.
    bound: Vec<Var>,
}

enum Source<'v> {
    Match(Ids<'v>),
    Union(usize, Option<Box<Run<'v>>>),
    Values(usize),
    /// At most one solution: whether it was given.
    Once(bool),
}

impl<'v> Run<'v> {
    /// Begins with no values.
    pub(super) fn new(env: Env<'v>, plan: Rc<Plan>) -> Self {
        let row = Row::new(env.vars);
        Self::from(env, Rc::default(), plan, row)
    }

    fn from(env: Env<'v>, evaluator: Rc<Evaluator>, plan: Rc<Plan>, row: Row) -> Self {
        Self {
            env,
            evaluator,
            plan,
            row,
            levels: Vec::new(),
            state: State::New,
        }
    }

    fn advance(&mut self) -> Result<bool, PatternError> {
        if self.state == State::New {
            self.state = State::Running;
            if self.plan.steps.is_empty() {
                self.state = State::Done;
                return Ok(true);
            }
            self.open()?;
        }
        while self.state == State::Running {
            self.env.work.step()?;
            if !self.next_of_last()? {
                self.close();
            } else if self.levels.len() == self.plan.steps.len() {
                return Ok(true);
            } else {
                self.open()?;
            }
        }
        Ok(false)
    }

    /// Begins the next step.
    fn open(&mut self) -> Result<(), PatternError> {
        let source = match self.plan.steps.get(self.levels.len()) {
            Some(Step::Match(places)) => self.matches(places)?,
            Some(Step::Union(_)) => Source::Union(0, None),
            Some(Step::Values(_)) => Source::Values(0),
            Some(Step::Filter(_) | Step::Bind(..)) | None => Source::Once(false),
        };
        self.levels.push(Level {
            source,
            bound: Vec::new(),
        });
        Ok(())
    }

    fn matches(&self, places: &[Place; 3]) -> Result<Source<'v>, PatternError> {
        let pattern = places.map(|place| self.id_at(place));
        if let [Some(s), Some(p), Some(o)] = pattern {
            let there = self.env.graph.contains_ids([s, p, o])?;
            return Ok(Source::Once(!there));
        }
        Ok(Source::Match(Box::new(self.env.graph.find_ids(pattern))))
    }

    fn id_at(&self, place: Place) -> Option<TermId> {
        match place {
            Place::Id(id) => Some(id),
            Place::Var(var) => self.row.get(var).map(Cell::id),
        }
    }

    /// Ends the last step.
    fn close(&mut self) {
        self.levels.pop();
        if self.levels.is_empty() {
            self.state = State::Done;
        }
    }

    /// The next solution of the last step that was begun.
    fn next_of_last(&mut self) -> Result<bool, PatternError> {
        let index = self.levels.len().saturating_sub(1);
        let plan = Rc::clone(&self.plan);
        let (Some(level), Some(step)) = (self.levels.last_mut(), plan.steps.get(index)) else {
            return Ok(false);
        };
        for var in level.bound.drain(..) {
            self.row.set(var, None);
        }
        match (&mut level.source, step) {
            (Source::Match(found), Step::Match(places)) => next_match(
                found,
                places,
                &self.env.work,
                &mut self.row,
                &mut level.bound,
            ),
            (Source::Values(next), Step::Values(rows)) => {
                Ok(next_values(next, rows, &mut self.row, &mut level.bound))
            }
            (Source::Union(..), Step::Union(plans)) => self.next_alternative(plans),
            (Source::Once(given), step) => {
                if std::mem::replace(given, true) {
                    return Ok(false);
                }
                self.once(step)
            }
            (Source::Match(_) | Source::Values(_) | Source::Union(..), _) => Ok(false),
        }
    }

    /// The only solution of a step, if it has one.
    fn once(&mut self, step: &Step) -> Result<bool, PatternError> {
        match step {
            Step::Filter(filter) => self.evaluator.is_true(&self.env, &self.row, filter),
            Step::Bind(var, expression) => {
                let value = self.evaluator.value(&self.env, &self.row, expression)?;
                let cell = value.map(|term| Cell::of(&self.env.graph, term));
                Ok(self.bind_all([(*var, cell)]))
            }
            Step::Match(_) | Step::Union(_) | Step::Values(_) => Ok(true),
        }
    }

    /// Binds variables for the last step, unless they have other values.
    fn bind_all(&mut self, values: impl IntoIterator<Item = (Var, Option<Cell>)>) -> bool {
        let Some(level) = self.levels.last_mut() else {
            return false;
        };
        let mut values = values.into_iter();
        values.all(|(var, cell)| {
            cell.is_none_or(|cell| bind(&mut self.row, &mut level.bound, var, cell))
        })
    }

    fn next_alternative(&mut self, plans: &[Rc<Plan>]) -> Result<bool, PatternError> {
        loop {
            // Undoes what did not fit.
            if let Some(level) = self.levels.last_mut() {
                for var in level.bound.drain(..) {
                    self.row.set(var, None);
                }
            }
            let Some((plan, row)) = self.alternative_row(plans)? else {
                return Ok(false);
            };
            let values = plan.vars.iter().map(|var| (*var, row.get(*var).cloned()));
            let values: Vec<_> = values.collect();
            if self.bind_all(values) {
                return Ok(true);
            }
        }
    }

    /// The next solution of any of the alternatives.
    fn alternative_row(
        &mut self,
        plans: &[Rc<Plan>],
    ) -> Result<Option<(Rc<Plan>, Row)>, PatternError> {
        let Some(Level {
            source: Source::Union(index, current),
            ..
        }) = self.levels.last_mut()
        else {
            return Ok(None);
        };
        while let Some(plan) = plans.get(*index) {
            let run = current.get_or_insert_with(|| {
                let row = if plan.joined {
                    self.row.clone()
                } else {
                    Row::new(self.env.vars)
                };
                let (evaluator, plan) = (Rc::clone(&self.evaluator), Rc::clone(plan));
                Box::new(Self::from(self.env.clone(), evaluator, plan, row))
            });
            if let Some(row) = run.next() {
                return Ok(Some((Rc::clone(plan), row?)));
            }
            *current = None;
            *index = index.saturating_add(1);
        }
        Ok(None)
    }
}

impl Iterator for Run<'_> {
    type Item = Result<Row, PatternError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.advance() {
            Ok(true) => Some(Ok(self.row.clone())),
            Ok(false) => None,
            Err(error) => {
                self.state = State::Done;
                self.levels.clear();
                Some(Err(error))
            }
        }
    }
}

fn next_match(
    found: &mut Ids<'_>,
    places: &[Place; 3],
    work: &Work,
    row: &mut Row,
    bound: &mut Vec<Var>,
) -> Result<bool, PatternError> {
    for ids in found {
        let fits = places.iter().zip(ids?).all(|(place, id)| match place {
            Place::Id(_) => true,
            Place::Var(var) => bind(row, bound, *var, Cell::stored(id)),
        });
        if fits {
            return Ok(true);
        }
        work.step()?;
        for var in bound.drain(..) {
            row.set(var, None);
        }
    }
    Ok(false)
}

fn next_values(
    next: &mut usize,
    rows: &[Vec<(Var, Cell)>],
    row: &mut Row,
    bound: &mut Vec<Var>,
) -> bool {
    while let Some(values) = rows.get(*next) {
        *next = next.saturating_add(1);
        let mut values = values.iter();
        if values.all(|(var, cell)| bind(row, bound, *var, cell.clone())) {
            return true;
        }
        for var in bound.drain(..) {
            row.set(var, None);
        }
    }
    false
}

/// Binds a variable. False if it has another value.
fn bind(row: &mut Row, bound: &mut Vec<Var>, var: Var, cell: Cell) -> bool {
    if let Some(known) = row.get(var) {
        return known.id() == cell.id();
    }
    row.set(var, Some(cell));
    bound.push(var);
    true
}
