//! The transaction id that a clock stands for.

use super::super::Tid;
use super::super::tree::{self, leaf};
use super::{TreeClock, write_node};
use crate::msgpack::Writer;

impl TreeClock {
    /// The transaction id of the operation that was made at this time.
    pub fn tid(&self) -> Tid {
        Tid::of(&self.hash_form())
    }

    /// The JSON form with forks left out that have not ticked on either side, encoded.
    pub(super) fn hash_form(&self) -> Vec<u8> {
        let collapsed = self.collapsed();
        let mut out = Vec::with_capacity(self.nodes.len() * 2);
        let mut at = 0;
        while let Some(node) = self.nodes.get(at) {
            match collapsed.get(at).copied().flatten() {
                Some(is_id) if node.is_fork() => {
                    write_node(&mut Writer::new(&mut out), &leaf(node.ticks, is_id));
                    at += node.size as usize;
                }
                _ => {
                    write_node(&mut Writer::new(&mut out), node);
                    at += 1;
                }
            }
        }
        out
    }

    /// For each node that is, or stands for, a leaf in the form that is hashed: whether it is
    /// the ID.
    fn collapsed(&self) -> Vec<Option<bool>> {
        let mut leaves: Vec<Option<bool>> = vec![None; self.nodes.len()];
        // Whether the node is zero in that form: such are the children of a fork that collapses.
        let zero =
            |leaves: &[Option<bool>], at: usize| leaves[at].filter(|_| self.nodes[at].ticks == 0);
        for (at, node) in self.nodes.iter().enumerate().rev() {
            leaves[at] = if node.is_fork() {
                let (left, right) = (at + 1, tree::right(&self.nodes, at));
                zero(&leaves, left)
                    .zip(zero(&leaves, right))
                    .map(|(left, right)| left || right)
            } else {
                Some(node.leaf)
            };
        }
        leaves
    }
}
