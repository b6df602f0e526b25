//! How much a request may ask for.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value as Json;

use super::PatternError;

/// What keeping something costs, in steps: so limits of work are limits of memory too.
const KEPT: usize = 20;

/// Bounds on a request. They are there for hostile ones: usual ones come nowhere near.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Objects and arrays within one another.
    pub depth: usize,
    /// Values in the request, those within others counted too.
    pub values: usize,
    /// Steps of an answer: triples looked at, solutions made, expressions evaluated, bytes of
    /// strings put together; and several for each value that is kept until the answer is whole.
    pub work: u64,
    /// Set by whoever wants no answer any more. Looked at with each step.
    pub cancelled: Option<Arc<AtomicBool>>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 40,
            values: 200_000,
            work: 50_000_000,
            cancelled: None,
        }
    }
}

impl Limits {
    /// Refuses a request that is too deep or too large, without recursion.
    pub(super) fn admit(&self, request: &Json) -> Result<(), PatternError> {
        let mut values = 0_usize;
        let mut waiting = vec![(request, 1_usize)];
        while let Some((value, depth)) = waiting.pop() {
            values = values.saturating_add(1);
            if depth > self.depth {
                return Err(too_large("levels", self.depth));
            }
            if values.saturating_add(waiting.len()) > self.values {
                return Err(too_large("values", self.values));
            }
            let below = depth.saturating_add(1);
            match value {
                Json::Array(items) => waiting.extend(items.iter().map(|item| (item, below))),
                Json::Object(map) => waiting.extend(map.values().map(|value| (value, below))),
                Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
            }
        }
        Ok(())
    }
}

fn too_large(what: &'static str, limit: usize) -> PatternError {
    PatternError::TooLarge { what, limit }
}

/// What is left of the work that an answer may take. Its copies count together.
#[derive(Clone)]
pub(super) struct Work {
    left: Rc<Cell<u64>>,
    limit: u64,
    cancelled: Option<Arc<AtomicBool>>,
}

impl Work {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            left: Rc::new(Cell::new(limits.work)),
            limit: limits.work,
            cancelled: limits.cancelled.clone(),
        }
    }

    /// Does one step.
    pub(super) fn step(&self) -> Result<(), PatternError> {
        self.steps(1)
    }

    /// Keeps something until the answer is whole.
    pub(super) fn keep(&self) -> Result<(), PatternError> {
        self.steps(KEPT)
    }

    /// Does several steps at once.
    pub(super) fn steps(&self, count: usize) -> Result<(), PatternError> {
        if let Some(cancelled) = &self.cancelled
            && cancelled.load(Ordering::Relaxed)
        {
            return Err(PatternError::Cancelled);
        }
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        let Some(left) = self.left.get().checked_sub(count) else {
            return Err(PatternError::TooMuchWork(self.limit));
        };
        self.left.set(left);
        Ok(())
    }
}
