//! Operations of other clones, and voiding (m-ld protocol, section 15.4).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::operation::{Run, Step};
use super::tree::{ArrayId, Mark, NodeId, ROOT, Tree};
use super::{DatatypeError, MAX_GAPS, MAX_PATH, Operation, Reversion, Splice, Text};

/// Nodes that were touched, with the characters that they had.
type Touched = BTreeMap<NodeId, Mark>;

impl Text {
    /// Takes back operations, the latest first, each with its reversion; then applies one, if there
    /// is one. Gives what takes that one back, and how the text has changed by all.
    ///
    /// After an error the text may have been changed in part.
    pub fn apply(
        &mut self,
        reversions: &[(Operation, Reversion)],
        operation: Option<&Operation>,
    ) -> Result<(Reversion, Vec<Splice>), DatatypeError> {
        self.rewind(reversions, &[], operation)
    }

    /// As [`Text::apply`], where others that were applied since the earliest that is taken back are
    /// kept: they are done again, so that what they delete is deleted, also if one that is taken
    /// back had deleted it before them.
    pub fn rewind(
        &mut self,
        reversions: &[(Operation, Reversion)],
        kept: &[Operation],
        operation: Option<&Operation>,
    ) -> Result<(Reversion, Vec<Splice>), DatatypeError> {
        let mut touched = Touched::new();
        for (operation, reversion) in reversions {
            self.revert(operation, reversion, &mut touched)?;
        }
        for operation in kept {
            self.perform(operation, &mut touched)?;
        }
        let reversion = operation.map(|operation| self.perform(operation, &mut touched));
        let reversion = reversion.transpose()?.unwrap_or_default();
        if self.tree.gaps() > MAX_GAPS {
            return Err(DatatypeError::Full("characters are too far apart"));
        }
        let splices = splices(&self.tree, &touched);
        self.prune(touched.into_keys());
        Ok((reversion, splices))
    }

    /// Sets each node that an operation affected back to what it was, whatever its tick.
    fn revert(
        &mut self,
        operation: &Operation,
        reversion: &Reversion,
        touched: &mut Touched,
    ) -> Result<(), DatatypeError> {
        for (number, run) in operation.0.iter().enumerate().rev() {
            let mut array = self.locate(run);
            for (offset, (index, _)) in run.marks().enumerate().rev() {
                if let Some(was) = reversion.get(number, offset) {
                    self.put(run, &mut array, index, was, touched)?;
                }
            }
        }
        Ok(())
    }

    fn perform(
        &mut self,
        operation: &Operation,
        touched: &mut Touched,
    ) -> Result<Reversion, DatatypeError> {
        let mut reversion = Reversion::default();
        for run in &operation.0 {
            let mut array = self.locate(run);
            let mut was = Vec::new();
            for (index, mark) in run.marks() {
                was.push(self.perform_one(run, &mut array, (index, mark), touched)?);
            }
            reversion.0.push(was);
        }
        Ok(reversion)
    }

    fn perform_one(
        &mut self,
        run: &Run,
        array: &mut Option<ArrayId>,
        (index, mark): (i64, Mark),
        touched: &mut Touched,
    ) -> Result<Option<Mark>, DatatypeError> {
        let node = array.and_then(|array| self.tree.array(array).at(index));
        let was = node.map(|node| self.tree.node(node).mark);
        let becomes = match (was, mark.character) {
            (None, Some(_)) => mark,
            (Some(was), Some(_)) if was.yields_to(mark) => mark,
            // A deletion does not change the tick.
            (Some(was), None) if was.character.is_some() && was.yields_to(mark) => Mark {
                character: None,
                ..was
            },
            _ => return Ok(None),
        };
        self.put(run, array, index, becomes, touched)?;
        Ok(Some(was.unwrap_or_default()))
    }

    /// Sets a node, which is made if need be.
    fn put(
        &mut self,
        run: &Run,
        array: &mut Option<ArrayId>,
        index: i64,
        mark: Mark,
        touched: &mut Touched,
    ) -> Result<(), DatatypeError> {
        let existing = array.and_then(|array| self.tree.array(array).at(index));
        let node = match (existing, mark.character) {
            (Some(node), _) => node,
            // Nothing is as good as an empty node.
            (None, None) => return Ok(()),
            (None, Some(_)) => {
                let array = match *array {
                    Some(array) => array,
                    None => *array.insert(self.make_way(run)?),
                };
                self.tree.ensure_node(array, index)
            }
        };
        touched.entry(node).or_insert(self.tree.node(node).mark);
        self.tree.set(node, mark);
        Ok(())
    }

    /// The array of a run, if it is there.
    fn locate(&self, run: &Run) -> Option<ArrayId> {
        let mut node = ROOT;
        for (process, index) in &run.path {
            let array = self.tree.array_of(node, process)?;
            node = self.tree.array(array).at(*index)?;
        }
        self.tree.array_of(node, &run.process)
    }

    /// The array of a run, made with all on the way to it.
    fn make_way(&mut self, run: &Run) -> Result<ArrayId, DatatypeError> {
        if run.path.len() >= MAX_PATH {
            return Err(DatatypeError::Operation("a path is too long"));
        }
        let mut node = ROOT;
        for (process, index) in &run.path as &[Step] {
            let array = self.tree.ensure_array(node, process);
            node = self.tree.ensure_node(array, *index);
        }
        Ok(self.tree.ensure_array(node, &Arc::clone(&run.process)))
    }
}

/// How the text changed, given the characters that nodes had before.
fn splices(tree: &Tree, touched: &Touched) -> Vec<Splice> {
    let mut walk = Walk {
        tree,
        touched,
        within: BTreeMap::new(),
        splices: Vec::new(),
        inserted: 0,
        deleted: 0,
    };
    for node in touched.keys() {
        walk.mark(*node);
    }
    walk.visit_arrays(ROOT, 0);
    walk.splices
}

/// A walk to the nodes that were touched, in the order of the text.
struct Walk<'a> {
    tree: &'a Tree,
    touched: &'a Touched,
    /// The arrays that have touched nodes in them, and at which indexes.
    within: BTreeMap<ArrayId, BTreeSet<i64>>,
    splices: Vec<Splice>,
    inserted: usize,
    deleted: usize,
}

impl Walk<'_> {
    /// Notes a node in all arrays that it is in.
    fn mark(&mut self, node: NodeId) {
        let mut node = node;
        while node != ROOT {
            let home = self.tree.node(node).home;
            let indexes = self.within.entry(home).or_default();
            if !indexes.insert(self.tree.node(node).index) {
                return;
            }
            node = self.tree.array(home).owner;
        }
    }

    // Recursion goes as deep as paths are long, which is limited.
    fn visit_arrays(&mut self, node: NodeId, before: usize) {
        let mut before = before;
        for array in &self.tree.node(node).arrays {
            if let Some(indexes) = self.within.remove(array) {
                self.visit_array(*array, &indexes, before);
            }
            before += self.tree.array_len(*array);
        }
    }

    fn visit_array(&mut self, array: ArrayId, indexes: &BTreeSet<i64>, start: usize) {
        // What is before the index at which the last visited node ends.
        let mut known: Option<(i64, usize)> = None;
        for index in indexes {
            let Some(node) = self.tree.array(array).at(*index) else {
                continue;
            };
            let before = match known {
                Some((end, before)) if end == *index => before,
                _ => start + self.tree.before(array, *index),
            };
            known = Some((index + 1, before + self.tree.node_len(node)));
            self.visit(node, before);
        }
    }

    fn visit(&mut self, node: NodeId, before: usize) {
        let is = self.tree.node(node).mark;
        if let Some(was) = self.touched.get(&node) {
            self.note(before + self.deleted - self.inserted, *was, is);
        }
        self.visit_arrays(node, before + is.len());
    }

    /// Adds a character that changed to the last splice, or to a new one.
    fn note(&mut self, index: usize, was: Mark, is: Mark) {
        self.deleted += was.len();
        self.inserted += is.len();
        let adjacent = self.splices.last_mut();
        let adjacent = adjacent.filter(|last| index <= last.index + last.delete_count);
        let splice = match adjacent {
            Some(last) => last,
            None if was.character == is.character => return,
            None => {
                self.splices.push(Splice {
                    index,
                    delete_count: 0,
                    content: String::new(),
                });
                let Some(last) = self.splices.last_mut() else {
                    return;
                };
                last
            }
        };
        splice.delete_count += was.len();
        splice.content.extend(is.character);
    }
}
