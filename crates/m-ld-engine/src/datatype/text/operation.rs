//! Operations on a text, and what takes them back.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::tree::{ArrayId, Mark, NodeId, Tree};

/// One step of a path: a process, and an index in its array.
pub(super) type Step = (Arc<str>, i64);

/// What an operation does to a text: runs of characters that are set or emptied, no node twice.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Operation(pub(super) Vec<Run>);

/// Characters for nodes with successive indexes in one array.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Run {
    /// The path of the array's owner.
    pub(super) path: Vec<Step>,
    /// The process whose array it is.
    pub(super) process: Arc<str>,
    /// The index of the first node.
    pub(super) index: i64,
    pub(super) content: Vec<Mark>,
}

impl Run {
    /// Each node's index and what it becomes.
    pub(super) fn marks(
        &self,
    ) -> impl DoubleEndedIterator<Item = (i64, Mark)> + ExactSizeIterator + '_ {
        let marks = self.content.iter().enumerate();
        marks.map(|(offset, mark)| {
            let offset = i64::try_from(offset).unwrap_or(i64::MAX);
            (self.index.saturating_add(offset), *mark)
        })
    }
}

/// What the nodes of an operation were before it, if they were affected: for each run, for each of
/// its characters.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Reversion(pub(super) Vec<Vec<Option<Mark>>>);

impl Reversion {
    /// What a node was before.
    pub(super) fn get(&self, run: usize, offset: usize) -> Option<Mark> {
        self.0.get(run)?.get(offset).copied().flatten()
    }
}

impl Operation {
    /// Whether it does nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What was done to these nodes of a tree, and what they were before: each node in the order
    /// in which it was first touched.
    pub(super) fn of(tree: &Tree, touched: &[(NodeId, Mark)]) -> (Self, Reversion) {
        let places = touched.iter().map(|(node, was)| {
            let node = tree.node(*node);
            ((node.home, node.index), (node.mark, Some(*was)))
        });
        runs(places.collect(), |array| {
            let process = Arc::clone(&tree.array(array).process);
            (path(tree, array), process)
        })
    }
}

/// The path of the owner of an array.
fn path(tree: &Tree, array: ArrayId) -> Vec<Step> {
    let within = std::iter::once(array).chain(tree.enclosing(array));
    let outer = tree.enclosing(array);
    let mut steps: Vec<_> = within
        .zip(outer)
        .map(|(inner, outer)| {
            let index = tree.node(tree.array(inner).owner).index;
            (Arc::clone(&tree.array(outer).process), index)
        })
        .collect();
    steps.reverse();
    steps
}

/// Which array, and which index in it.
pub(super) type Place = (usize, i64);
/// What a node becomes, and what it was.
pub(super) type Touch = (Mark, Option<Mark>);

/// Joins nodes into maximal runs. Runs are in the order of their first nodes, as in JavaScript.
pub(super) fn runs(
    touched: Vec<(Place, Touch)>,
    path_of: impl Fn(usize) -> (Vec<Step>, Arc<str>),
) -> (Operation, Reversion) {
    let mut order = BTreeMap::new();
    let mut places = BTreeMap::new();
    for (turn, (place, touch)) in touched.into_iter().enumerate() {
        order.entry(place).or_insert(turn);
        places.insert(place, touch);
    }
    let mut found: Vec<(usize, Place, Vec<Touch>)> = Vec::new();
    let mut next = None;
    for ((array, index), touch) in places {
        if let Some((.., run)) = found.last_mut().filter(|_| next == Some((array, index))) {
            run.push(touch);
        } else {
            let turn = order.get(&(array, index)).copied().unwrap_or_default();
            found.push((turn, (array, index), vec![touch]));
        }
        next = index.checked_add(1).map(|index| (array, index));
    }
    found.sort_by_key(|(turn, ..)| *turn);
    let pairs = found.into_iter().map(|(_, (array, index), touches)| {
        let (path, process) = path_of(array);
        let (content, reversion) = touches.into_iter().unzip();
        let run = Run {
            path,
            process,
            index,
            content,
        };
        (run, reversion)
    });
    let (operation, reversion) = pairs.unzip();
    (Operation(operation), Reversion(reversion))
}
