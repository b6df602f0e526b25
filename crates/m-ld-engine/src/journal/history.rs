//! Operations of one process without a gap.

use super::{Record, record};
use crate::clock::TreeClock;
use crate::operation::contiguous;
use crate::rdf::Iri;
use crate::store::{StoreError, View};

/// The ticks of an operation, and who is responsible for it: what decides if it follows another
/// without a gap.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Span {
    /// The first tick.
    pub from: u64,
    /// The time of the last tick.
    pub time: TreeClock,
    /// Who is responsible.
    pub principal: Option<Iri>,
}

impl Span {
    /// Whether this comes right after `before`, the process having received nothing in between
    /// (m-ld protocol, section 6.4).
    pub fn follows(&self, before: &Self) -> bool {
        before.principal == self.principal && contiguous(&before.time, self.from, &self.time)
    }
}

/// The operations that precede `latest` without a gap, latest first, going no further back than
/// what contains the tick `to`.
pub fn past(
    view: &dyn View,
    latest: &Record,
    to: u64,
) -> impl Iterator<Item = Result<Record, StoreError>> {
    let mut span = Some(latest.span.clone());
    std::iter::from_fn(move || {
        let after = span.take().filter(|span| span.from > to)?;
        let before = after.time.ticked_to(after.from.checked_sub(1)?).ok()?;
        match record(view, before.tid()) {
            Ok(found) => {
                let found = found.filter(|found| after.follows(&found.span))?;
                span = Some(found.span.clone());
                Some(Ok(found))
            }
            Err(error) => Some(Err(error)),
        }
    })
}
