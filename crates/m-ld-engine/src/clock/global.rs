//! The clock of a domain.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "whatever is not looked for is refused, new kinds too"
)]

use super::tree::{self, Node, leaf};
use super::tree_clock::get_ticks;
use super::{ClockError, MAX_DEPTH, MAX_TICKS, Tid, TreeClock};
use crate::msgpack::{Limits, Reader, Token, Value, Writer};

/// A global clock: the latest *public* ticks of every process, those for which an operation was
/// sent, with their transaction ids (m-ld protocol, section 2.5).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GlobalClock {
    nodes: Vec<Node<Tid>>,
}

impl GlobalClock {
    /// The global clock of a domain in which nothing has happened.
    pub fn genesis() -> Self {
        Self {
            nodes: vec![leaf(0, TreeClock::genesis().tid())],
        }
    }

    /// Reads a global clock in JSON form: `[n, "tid"]` for a leaf, `[n, [left, right]]` for a
    /// fork.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, ClockError> {
        let mut nodes = Vec::new();
        let mut open: Vec<u8> = Vec::new();
        let mut all = 0_u64;
        loop {
            let node = read_node(reader)?;
            all = all.saturating_add(node.ticks);
            if all > MAX_TICKS {
                return Err(ClockError::TooManyTicks);
            }
            if node.is_fork() {
                open.push(2);
                if open.len() > MAX_DEPTH {
                    return Err(ClockError::TooDeep);
                }
                nodes.push(node);
                continue;
            }
            nodes.push(node);
            while let Some(left) = open.last_mut() {
                *left -= 1;
                if *left > 0 {
                    break;
                }
                open.pop();
            }
            if open.is_empty() {
                tree::set_sizes(&mut nodes);
                return Ok(Self { nodes });
            }
        }
    }

    /// Decodes a global clock in JSON form that is all of `bytes`.
    pub fn decode(bytes: &[u8]) -> Result<Self, ClockError> {
        let mut reader = Reader::new(bytes, Limits::default());
        let clock = Self::read(&mut reader)?;
        reader.end()?;
        Ok(clock)
    }

    /// Takes a value for a global clock in JSON form.
    pub fn from_value(value: &Value) -> Result<Self, ClockError> {
        Self::decode(&value.encode())
    }

    /// Writes this clock in JSON form.
    pub fn write(&self, out: &mut Writer<'_>) {
        for node in &self.nodes {
            out.array(2);
            out.uint(node.ticks);
            if node.is_fork() {
                out.array(2);
            } else {
                out.str(node.leaf.as_str());
            }
        }
    }

    /// This clock in JSON form, encoded.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut Writer::new(&mut out));
        out
    }

    /// This clock with the ticks of `time`'s process set to those of `time`, forward or back, and
    /// its id to `time`'s.
    ///
    /// # Errors
    /// [`ClockError::Foreign`] if `time` forked at another tick than this clock knows of.
    pub fn set(&self, time: &TreeClock) -> Result<Self, ClockError> {
        self.set_to(time, time.tid())
    }

    /// As [`GlobalClock::set`], with another id in the place of `time`'s own.
    pub fn set_to(&self, time: &TreeClock, tid: Tid) -> Result<Self, ClockError> {
        let Some(id) = time.id() else {
            return Ok(self.clone());
        };
        let theirs = time.nodes();
        let mut next = self.nodes.clone();
        let (mut at, mut their) = (0, 0);
        while their != id {
            let node = next[at];
            if node.ticks != theirs[their].ticks {
                return Err(ClockError::Foreign);
            }
            if !node.is_fork() {
                // Both branches begin with the id of the process that forked.
                let fork = Node {
                    ticks: node.ticks,
                    size: 3,
                    leaf: Tid::NONE,
                };
                tree::replace(
                    &mut next,
                    at,
                    &[fork, leaf(0, node.leaf), leaf(0, node.leaf)],
                );
            }
            let side = tree::side_of(theirs, their, id);
            at = tree::child(&next, at, side);
            their = tree::child(theirs, their, side);
        }
        tree::replace(&mut next, at, &[leaf(theirs[id].ticks, tid)]);
        if tree::deep(&next) > MAX_TICKS {
            return Err(ClockError::TooManyTicks);
        }
        Ok(Self { nodes: next })
    }

    /// The id of the latest operation of the process that `time` belongs to, or if that has made
    /// none yet, of the process that it was forked from. None if the process has forked since.
    pub fn tid(&self, time: &TreeClock) -> Option<Tid> {
        let id = time.id()?;
        let (mut at, mut their) = (0, 0);
        while their != id && self.nodes[at].is_fork() {
            let side = tree::side_of(time.nodes(), their, id);
            at = tree::child(&self.nodes, at, side);
            their = tree::child(time.nodes(), their, side);
        }
        Some(self.nodes[at])
            .filter(|node| !node.is_fork())
            .map(|node| node.leaf)
    }

    /// The ids of all processes, left to right. One can come twice.
    pub fn tids(&self) -> impl Iterator<Item = Tid> {
        self.nodes
            .iter()
            .map(|node| node.leaf)
            .filter(|tid| !tid.is_none())
    }

    /// How many public ticks there are of the process that `process` belongs to, including those
    /// of its descendants if it has forked here. None if `process` belongs to nobody.
    pub fn get_ticks(&self, process: &TreeClock) -> Option<u64> {
        get_ticks(&self.nodes, process)
    }

    /// Whether any ticks here are less than in a tree clock.
    pub fn any_lt(&self, other: &TreeClock) -> bool {
        tree::any_lt(&self.nodes, other.nodes())
    }

    /// Whether any ticks here are less than in another global clock.
    pub fn any_lt_global(&self, other: &Self) -> bool {
        tree::any_lt(&self.nodes, &other.nodes)
    }

    /// The nodes, for tree clocks.
    pub(super) fn nodes(&self) -> &[Node<Tid>] {
        &self.nodes
    }
}

fn read_node(reader: &mut Reader<'_>) -> Result<Node<Tid>, ClockError> {
    if reader.array_len()? != 2 {
        return Err(ClockError::Shape);
    }
    let ticks = reader.uint()?;
    match reader.token()? {
        Token::Str(text) => Ok(leaf(ticks, Tid::parse(text)?)),
        Token::Array(2) => Ok(Node {
            ticks,
            size: 3,
            leaf: Tid::NONE,
        }),
        _ => Err(ClockError::Shape),
    }
}
