//! Clocks that hear of others.

use super::super::tree::{self, Node};
use super::super::{ClockError, GlobalClock};
use super::TreeClock;

impl TreeClock {
    /// This clock, with what `other` has seen besides.
    ///
    /// # Errors
    /// [`ClockError::Overlap`] if `other` says that this clock's own process has forked.
    pub fn update(&self, other: &Self) -> Result<Self, ClockError> {
        self.join(&other.nodes)
    }

    /// This clock, with what a global clock has besides.
    ///
    /// # Errors
    /// As [`TreeClock::update`].
    pub fn update_global(&self, other: &GlobalClock) -> Result<Self, ClockError> {
        self.join(other.nodes())
    }

    /// Whether every process that has forked did so at the same tick in both.
    ///
    /// Clocks of one domain always agree on that. One that does not would, joined with this, put
    /// this one's process in a place that is none.
    pub fn forks_as(&self, other: &Self) -> bool {
        let (mut i, mut j) = (0, 0);
        while let (Some(ours), Some(theirs)) = (self.nodes.get(i), other.nodes.get(j)) {
            let agree = match (ours.is_fork(), theirs.is_fork()) {
                (true, true) => ours.ticks == theirs.ticks,
                // What is known of a process is no later than its fork, unless that is known.
                (true, false) => theirs.ticks <= ours.ticks,
                (false, true) => ours.ticks <= theirs.ticks,
                (false, false) => true,
            };
            if !agree {
                return false;
            }
            if ours.is_fork() && theirs.is_fork() {
                (i, j) = (i + 1, j + 1);
            } else {
                i += tree::size(&self.nodes, i);
                j += tree::size(&other.nodes, j);
            }
        }
        true
    }

    fn join<L>(&self, other: &[Node<L>]) -> Result<Self, ClockError> {
        let mut next = self.clone();
        // Where `other` has forks that this clock has not: our leaf, and their fork.
        let mut grown: Vec<(usize, usize)> = Vec::new();
        let (mut i, mut j) = (0, 0);
        while i < self.nodes.len() {
            let (ours, theirs) = (&self.nodes[i], &other[j]);
            if ours.leaf && theirs.is_fork() {
                return Err(ClockError::Overlap);
            }
            next.nodes[i].ticks = ours.ticks.max(theirs.ticks);
            if ours.is_fork() && theirs.is_fork() {
                (i, j) = (i + 1, j + 1);
                continue;
            }
            if theirs.is_fork() {
                grown.push((i, j));
            }
            i += tree::size(&self.nodes, i);
            j += tree::size(other, j);
        }
        // From the last to the first, so that the earlier places stay where they are.
        for (at, their) in grown.into_iter().rev() {
            let mut branch: Vec<_> = tree::sub_tree(other, their)
                .iter()
                .map(|node| Node {
                    ticks: node.ticks,
                    size: node.size,
                    leaf: false,
                })
                .collect();
            branch[0].ticks = next.nodes[at].ticks;
            tree::replace(&mut next.nodes, at, &branch);
        }
        next.relocated()
    }
}
