//! A process that goes on from what others have.

use super::super::GlobalClock;
use super::super::tree::{self, Node, leaf};
use super::TreeClock;

impl TreeClock {
    /// The clock of the same process, having seen of others what a global clock says, no more and
    /// no less: its data is to be what the global clock is of.
    ///
    /// None if the process cannot go on from there: its own beginning, the ticks of the forks
    /// above it, is not in the global clock; or somebody else has ticked or forked in its place.
    pub fn based_on(&self, gwc: &GlobalClock) -> Option<Self> {
        let id = self.id()?;
        let seen = gwc.nodes().iter();
        let mut nodes: Vec<Node<bool>> = seen
            .map(|node| Node {
                ticks: node.ticks,
                size: node.size,
                leaf: false,
            })
            .collect();
        let (mut at, mut own) = (0, 0);
        while own != id {
            let (Node { ticks, .. }, begun) = (nodes[at], self.nodes[own].ticks);
            if ticks != begun {
                return None;
            }
            if !nodes[at].is_fork() {
                let fork = Node {
                    ticks,
                    size: 3,
                    leaf: false,
                };
                tree::replace(&mut nodes, at, &[fork, leaf(0, false), leaf(0, false)]);
            }
            let side = tree::side_of(&self.nodes, own, id);
            at = tree::child(&nodes, at, side);
            own = tree::child(&self.nodes, own, side);
        }
        let ticks = self.nodes[own].ticks;
        if nodes[at].is_fork() || nodes[at].ticks > ticks {
            return None;
        }
        nodes[at] = leaf(ticks, true);
        Self { nodes, id: None }.relocated().ok()
    }
}
