//! Two operations as one, and one without what was in another (m-ld protocol, section 15.6).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::operation::{Operation, Place, Reversion, Run, Step, Touch, runs};

/// One operation that does what two in turn do, with what takes it back.
pub fn fuse(one: &(Operation, Reversion), two: &(Operation, Reversion)) -> (Operation, Reversion) {
    let mut arrays = Arrays::default();
    let mut touched = Vec::new();
    let mut places: BTreeMap<Place, usize> = BTreeMap::new();
    for (operation, reversion) in [one, two] {
        for (number, run) in operation.0.iter().enumerate() {
            let array = arrays.number(run);
            for (offset, (index, mark)) in run.marks().enumerate() {
                let was = reversion.get(number, offset);
                let place = *places.entry((array, index)).or_insert(touched.len());
                if place == touched.len() {
                    touched.push(((array, index), (mark, was)));
                } else {
                    supersede(&mut touched, place, (mark, was));
                }
            }
        }
    }
    runs(touched, |array| arrays.path(array))
}

fn supersede(touched: &mut [(Place, Touch)], place: usize, (mark, later): Touch) {
    if let Some((_, (earlier_mark, earlier))) = touched.get_mut(place) {
        *earlier_mark = mark;
        *earlier = earlier.or(later);
    }
}

/// What is left of an operation for whoever has applied a prefix of it.
pub fn cut(prefix: &Operation, operation: &Operation) -> Operation {
    let mut arrays = Arrays::default();
    let mut applied = BTreeMap::new();
    for run in &prefix.0 {
        let array = arrays.number(run);
        applied.extend(run.marks().map(|(index, mark)| ((array, index), mark)));
    }
    let mut left = Vec::new();
    for run in &operation.0 {
        let array = arrays.number(run);
        let marks = run
            .marks()
            .map(|(index, mark)| ((array, index), (mark, None)));
        left.extend(marks.filter(|(place, (mark, _))| {
            applied
                .get(place)
                .is_none_or(|applied| applied.yields_to(*mark))
        }));
    }
    runs(left, |array| arrays.path(array)).0
}

/// Numbers for the arrays that runs are in.
#[derive(Default)]
struct Arrays<'a> {
    numbers: BTreeMap<(&'a [Step], &'a str), usize>,
    runs: Vec<&'a Run>,
}

impl<'a> Arrays<'a> {
    fn number(&mut self, run: &'a Run) -> usize {
        let next = self.runs.len();
        let number = *self
            .numbers
            .entry((&run.path, &run.process))
            .or_insert(next);
        if number == next {
            self.runs.push(run);
        }
        number
    }

    fn path(&self, array: usize) -> (Vec<Step>, Arc<str>) {
        let run = self.runs.get(array);
        run.map_or_else(
            || (Vec::new(), Arc::from("")),
            |run| (run.path.clone(), Arc::clone(&run.process)),
        )
    }
}
