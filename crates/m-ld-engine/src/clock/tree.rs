//! The tree under both kinds of clock, and what can be asked of any two of them.

/// A node: its local ticks, the size of its sub-tree, and what it is if a leaf.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Node<L> {
    pub(super) ticks: u64,
    pub(super) size: u32,
    /// The value of a leaf; for a fork, the default.
    pub(super) leaf: L,
}

/// Which way down a fork.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Side {
    Left,
    Right,
}

impl<L> Node<L> {
    pub(super) fn is_fork(&self) -> bool {
        self.size > 1
    }
}

pub(super) fn leaf<L>(ticks: u64, leaf: L) -> Node<L> {
    Node {
        ticks,
        size: 1,
        leaf,
    }
}

/// The sub-tree at `at`.
pub(super) fn sub_tree<L>(nodes: &[Node<L>], at: usize) -> &[Node<L>] {
    &nodes[at..at + size(nodes, at)]
}

pub(super) fn size<L>(nodes: &[Node<L>], at: usize) -> usize {
    nodes[at].size as usize
}

/// The right child of the fork at `at`.
pub(super) fn right<L>(nodes: &[Node<L>], at: usize) -> usize {
    at + 1 + size(nodes, at + 1)
}

pub(super) fn child<L>(nodes: &[Node<L>], at: usize, side: Side) -> usize {
    match side {
        Side::Left => at + 1,
        Side::Right => right(nodes, at),
    }
}

/// On which side of the fork at `at` the node `to` is.
pub(super) fn side_of<L>(nodes: &[Node<L>], at: usize, to: usize) -> Side {
    if to < right(nodes, at) {
        Side::Left
    } else {
        Side::Right
    }
}

/// All ticks of a sub-tree.
pub(super) fn deep<L>(nodes: &[Node<L>]) -> u64 {
    nodes.iter().map(|node| node.ticks).sum()
}

/// Whether any ticks are less than in the other (m-ld protocol, section 2.3, *anyLt*).
///
/// Where both trees fork they are walked in step, so that both indexes reach their right children
/// together; where one does not, the sums decide.
pub(super) fn any_lt<A, B>(this: &[Node<A>], other: &[Node<B>]) -> bool {
    in_step(this, other, |a, b| deep(a) < deep(b))
}

/// Whether `less` holds for any two sub-trees in the same place, of which one is a leaf.
pub(super) fn in_step<A, B>(
    this: &[Node<A>],
    other: &[Node<B>],
    less: impl Fn(&[Node<A>], &[Node<B>]) -> bool,
) -> bool {
    let (mut i, mut j) = (0, 0);
    while i < this.len() && j < other.len() {
        if this[i].is_fork() && other[j].is_fork() {
            (i, j) = (i + 1, j + 1);
            continue;
        }
        let (a, b) = (sub_tree(this, i), sub_tree(other, j));
        if less(a, b) {
            return true;
        }
        (i, j) = (i + a.len(), j + b.len());
    }
    false
}

/// Puts `with` in the place of the sub-tree at `at`.
pub(super) fn replace<L: Clone>(nodes: &mut Vec<Node<L>>, at: usize, with: &[Node<L>]) {
    let old = size(nodes, at);
    let mut i = 0;
    while i < at {
        // The side is found before any size on the way down to it changes.
        let next = child(nodes, i, side_of(nodes, i, at));
        let grown = nodes[i].size as usize + with.len() - old;
        nodes[i].size = narrow(grown);
        i = next;
    }
    nodes.splice(at..at + old, with.iter().cloned());
}

/// Sets the size of every node, by which only forks and leaves are told apart until now.
pub(super) fn set_sizes<L>(nodes: &mut [Node<L>]) {
    let mut done: Vec<u32> = Vec::new();
    for node in nodes.iter_mut().rev() {
        if node.is_fork() {
            let left = done.pop().unwrap_or(1);
            let right = done.pop().unwrap_or(1);
            node.size = left.saturating_add(right).saturating_add(1);
        }
        done.push(node.size);
    }
}

/// A size as it is kept. Trees that came from bytes are far smaller than this.
pub(super) fn narrow(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

/// How many forks are above the node at `to`.
pub(super) fn depth_of<L>(nodes: &[Node<L>], to: usize) -> usize {
    let (mut at, mut depth) = (0, 0);
    while at < to {
        at = child(nodes, at, side_of(nodes, at, to));
        depth += 1;
    }
    depth
}
