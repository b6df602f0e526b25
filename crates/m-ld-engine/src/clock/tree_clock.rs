//! The clock of one process.

mod based;
mod hash;
mod join;
mod ticked;

use std::fmt;

use super::scan::{Met, scan};
use super::tree::{self, Node, leaf};
use super::{ClockError, GlobalClock, MAX_TICKS};
use crate::msgpack::{Limits, Reader, Value, Writer};

/// A tree clock: the ticks of every process that its owner has seen, with the owner marked as ID
/// (m-ld protocol, sections 2.1 to 2.4).
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct TreeClock {
    nodes: Vec<Node<bool>>,
    /// Where the ID is. See the module's second invariant for when there is none.
    id: Option<u32>,
}

impl TreeClock {
    /// The clock of a process that begins a domain: the ID alone, without ticks.
    pub fn genesis() -> Self {
        Self {
            nodes: vec![leaf(0, true)],
            id: Some(0),
        }
    }

    /// Reads a clock in JSON form. It may be without an ID, as in a snapshot response that
    /// carries none; see [`TreeClock::has_id`].
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, ClockError> {
        let mut nodes = Vec::new();
        let mut id = None;
        scan(reader, |met| {
            let (ticks, size, is_id) = match met {
                // Any size but one says fork, until the sizes are set.
                Met::Fork(ticks) => (ticks, 3, false),
                Met::Leaf(ticks) => (ticks, 1, false),
                Met::Id(ticks) => (ticks, 1, true),
            };
            if is_id {
                id = Some(tree::narrow(nodes.len()));
            }
            nodes.push(Node {
                ticks,
                size,
                leaf: is_id,
            });
        })?;
        tree::set_sizes(&mut nodes);
        Ok(Self { nodes, id })
    }

    /// Decodes a clock in JSON form that is all of `bytes`.
    pub fn decode(bytes: &[u8]) -> Result<Self, ClockError> {
        let mut reader = Reader::new(bytes, Limits::default());
        let clock = Self::read(&mut reader)?;
        reader.end()?;
        Ok(clock)
    }

    /// Takes a value for a clock in JSON form.
    pub fn from_value(value: &Value) -> Result<Self, ClockError> {
        Self::decode(&value.encode())
    }

    /// Writes this clock in JSON form.
    pub fn write(&self, out: &mut Writer<'_>) {
        for node in &self.nodes {
            write_node(out, node);
        }
    }

    /// This clock in JSON form, encoded.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.nodes.len() * 2);
        self.write(&mut Writer::new(&mut out));
        out
    }

    /// Whether this clock belongs to a process.
    pub fn has_id(&self) -> bool {
        self.id.is_some()
    }

    /// Whether this clock is nothing but its ID: its process has never forked.
    pub fn is_id(&self) -> bool {
        self.id == Some(0)
    }

    /// The ticks of the process that this clock belongs to: those on the path from the root to
    /// the ID. Zero for a clock without an ID.
    pub fn ticks(&self) -> u64 {
        let Some(id) = self.id else { return 0 };
        self.path_to(id).map(|at| self.nodes[at].ticks).sum::<u64>() + self.nodes[id as usize].ticks
    }

    /// All ticks in the tree.
    pub fn deep_ticks(&self) -> u64 {
        tree::deep(&self.nodes)
    }

    /// The ticks of everybody else; none if nobody else has ticked.
    pub fn non_id_ticks(&self) -> Option<u64> {
        non_id_ticks(&self.nodes)
    }

    /// Whether the ID has no ticks of its own, because it has just been forked.
    pub fn is_zero_id(&self) -> bool {
        self.id.is_some_and(|id| self.nodes[id as usize].ticks == 0)
    }

    /// How many forks are above the ID: how often this process, and those that it comes from, have
    /// let others in.
    pub fn forks(&self) -> usize {
        self.id().map_or(0, |id| tree::depth_of(&self.nodes, id))
    }

    /// How many ticks this clock has seen of the process that `process` belongs to, including
    /// those of its descendants if it has forked here. None if `process` belongs to nobody.
    pub fn get_ticks(&self, process: &Self) -> Option<u64> {
        get_ticks(&self.nodes, process)
    }

    /// Whether any ticks here are less than in `other`.
    pub fn any_lt(&self, other: &Self) -> bool {
        tree::any_lt(&self.nodes, &other.nodes)
    }

    /// Whether any ticks here are less than in a global clock.
    pub fn any_lt_global(&self, other: &GlobalClock) -> bool {
        tree::any_lt(&self.nodes, other.nodes())
    }

    /// Whether `other` has seen ticks of third processes that this clock has not: if so, a
    /// message with time `other` is not ready to be delivered (m-ld protocol, section 7.1).
    pub fn any_non_id_lt(&self, other: &Self) -> bool {
        tree::in_step(&self.nodes, &other.nodes, |ours, theirs| {
            non_id_ticks(ours)
                .zip(non_id_ticks(theirs))
                .is_some_and(|(ours, theirs)| ours < theirs)
        })
    }

    /// The forks above the node at `to`, from the root down.
    fn path_to(&self, to: u32) -> impl Iterator<Item = usize> {
        let to = to as usize;
        let next = move |at: &usize| {
            Some(tree::child(
                &self.nodes,
                *at,
                tree::side_of(&self.nodes, *at, to),
            ))
            .filter(|at| *at < to)
        };
        std::iter::successors((to > 0).then_some(0), next)
    }

    fn id_within(&self, at: usize) -> bool {
        self.id
            .is_some_and(|id| (at..at + tree::size(&self.nodes, at)).contains(&(id as usize)))
    }

    /// A clock made of a part of another's nodes.
    fn rooted(nodes: &[Node<bool>]) -> Self {
        let nodes = nodes.to_vec();
        let id = find_id(&nodes);
        Self { nodes, id }
    }

    /// This clock with its ID found again.
    fn relocated(mut self) -> Result<Self, ClockError> {
        self.id = find_id(&self.nodes);
        self.checked()
    }

    fn checked(self) -> Result<Self, ClockError> {
        if self.deep_ticks() > MAX_TICKS {
            return Err(ClockError::TooManyTicks);
        }
        debug_assert!(self.nodes.iter().filter(|node| node.leaf).count() <= 1);
        Ok(self)
    }

    /// The nodes, for global clocks.
    pub(super) fn nodes(&self) -> &[Node<bool>] {
        &self.nodes
    }

    /// Where the ID is.
    pub(super) fn id(&self) -> Option<usize> {
        self.id.map(|id| id as usize)
    }
}

/// The clock in its JSON form.
impl fmt::Debug for TreeClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut closing: Vec<usize> = Vec::new();
        for (at, node) in self.nodes.iter().enumerate() {
            if at > 0 && !self.nodes[at - 1].is_fork() {
                f.write_str(",")?;
            }
            match (node.is_fork(), node.leaf) {
                (true, _) => {
                    closing.push(at + node.size as usize);
                    f.write_str("[")?;
                    if node.ticks > 0 {
                        write!(f, "{},", node.ticks)?;
                    }
                }
                (false, true) if node.ticks == 0 => f.write_str("[]")?,
                (false, true) => write!(f, "[{}]", node.ticks)?,
                (false, false) => write!(f, "{}", node.ticks)?,
            }
            while closing.pop_if(|end| *end == at + 1).is_some() {
                f.write_str("]")?;
            }
        }
        Ok(())
    }
}

fn find_id(nodes: &[Node<bool>]) -> Option<u32> {
    nodes.iter().position(|node| node.leaf).map(tree::narrow)
}

fn write_node(out: &mut Writer<'_>, node: &Node<bool>) {
    match (node.is_fork(), node.leaf) {
        (true, _) => out.array(if node.ticks == 0 { 2 } else { 3 }),
        (false, true) => out.array(usize::from(node.ticks > 0)),
        (false, false) => return out.uint(node.ticks),
    }
    if node.ticks > 0 {
        out.uint(node.ticks);
    }
}

/// The ticks along the path to the ID of `process`, and of all that is under its place here.
pub(super) fn get_ticks<L>(nodes: &[Node<L>], process: &TreeClock) -> Option<u64> {
    let id = process.id()?;
    let (mut at, mut their, mut sum) = (0, 0, 0);
    while their != id {
        sum += nodes[at].ticks;
        if !nodes[at].is_fork() {
            return Some(sum);
        }
        let side = tree::side_of(process.nodes(), their, id);
        at = tree::child(nodes, at, side);
        their = tree::child(process.nodes(), their, side);
    }
    Some(sum + tree::deep(tree::sub_tree(nodes, at)))
}

/// The ticks of leaves that are not the ID, and of the forks above them. A leaf alone counts even
/// with no ticks; within a fork it counts only if it has some, since forking is not an event.
fn non_id_ticks(nodes: &[Node<bool>]) -> Option<u64> {
    if let [node] = nodes {
        return (!node.leaf).then_some(node.ticks);
    }
    let mut sum = None;
    // The nearest leaf after a fork that counts: if it is within the fork, the fork counts.
    let mut nearest = None;
    for (at, node) in nodes.iter().enumerate().rev() {
        let counts = if node.is_fork() {
            nearest.is_some_and(|leaf| leaf < at + node.size as usize)
        } else {
            !node.leaf && node.ticks > 0
        };
        if counts {
            sum = Some(sum.unwrap_or(0) + node.ticks);
            if !node.is_fork() {
                nearest = Some(at);
            }
        }
    }
    sum
}
