//! The tree of characters that a text is, as an arena.
//!
//! # Invariants
//! 1. The slots of an array are in ascending order of their indexes; its chunks are not empty.
//! 2. `below` of a node is the number of characters in its arrays; `characters` of an array, and of
//!    a chunk, those of its nodes and all below them.
//! 3. The arrays of a node are in the order of their process ids, each of which has one.
//!
//! An array of a hundred thousand characters is some four hundred chunks, of which a search or a
//! change touches one and counts the others.

mod array;
#[cfg(test)]
mod check;

use std::cmp::Ordering;
use std::sync::Arc;

use array::{Array, CHUNK, Chunk};

/// A place in [`Tree::nodes`]. The root is the first.
pub(super) type NodeId = usize;
/// A place in [`Tree::arrays`].
pub(super) type ArrayId = usize;

/// The root.
pub(super) const ROOT: NodeId = 0;

/// A character and the tick at which it was set; or an emptied or never set one.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Mark {
    pub(super) character: Option<char>,
    pub(super) tick: u64,
}

impl Mark {
    /// How many characters it is: one or none.
    pub(super) fn len(self) -> usize {
        usize::from(self.character.is_some())
    }

    /// Whether `next` takes effect on this (m-ld protocol, section 15.4).
    pub(super) fn yields_to(self, next: Self) -> bool {
        match next.character {
            Some(_) => next.tick > self.tick,
            None => next.tick >= self.tick,
        }
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    /// The array that it is in. Of the root, nothing that means anything.
    pub(super) home: ArrayId,
    pub(super) index: i64,
    pub(super) mark: Mark,
    pub(super) arrays: Vec<ArrayId>,
    below: usize,
}

impl Node {
    fn characters(&self) -> usize {
        self.below + self.mark.len()
    }

    fn is_empty(&self) -> bool {
        self.mark.character.is_none() && self.arrays.is_empty()
    }
}

/// The nodes and arrays of a text.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    arrays: Vec<Array>,
    free_nodes: Vec<NodeId>,
    free_arrays: Vec<ArrayId>,
    gaps: i64,
}

impl Default for Tree {
    fn default() -> Self {
        Self {
            nodes: vec![Node::default()],
            arrays: Vec::new(),
            free_nodes: Vec::new(),
            free_arrays: Vec::new(),
            gaps: 0,
        }
    }
}

impl Tree {
    pub(super) fn node(&self, node: NodeId) -> &Node {
        &self.nodes[node]
    }

    pub(super) fn array(&self, array: ArrayId) -> &Array {
        &self.arrays[array]
    }

    /// How many characters there are.
    pub(super) fn len(&self) -> usize {
        self.nodes[ROOT].below
    }

    /// How many indexes have no node, between such that have, in all arrays.
    pub(super) fn gaps(&self) -> i64 {
        self.gaps
    }

    /// How many steps the path of a node in this array has.
    pub(super) fn depth(&self, array: ArrayId) -> usize {
        1 + self.enclosing(array).count()
    }

    /// The arrays that an array is in, the nearest first.
    pub(super) fn enclosing(&self, array: ArrayId) -> impl Iterator<Item = ArrayId> + '_ {
        let outer = |array: &ArrayId| {
            let owner = self.arrays[*array].owner;
            (owner != ROOT).then(|| self.nodes[owner].home)
        };
        std::iter::successors(outer(&array), outer)
    }

    /// The array of a process in a node.
    pub(super) fn array_of(&self, node: NodeId, process: &str) -> Option<ArrayId> {
        let place = self.place_of(node, process).ok()?;
        self.nodes[node].arrays.get(place).copied()
    }

    fn place_of(&self, node: NodeId, process: &str) -> Result<usize, usize> {
        let arrays = &self.nodes[node].arrays;
        arrays.binary_search_by(|array| compare(&self.arrays[*array].process, process))
    }

    /// The same, made if there is none.
    pub(super) fn ensure_array(&mut self, owner: NodeId, process: &Arc<str>) -> ArrayId {
        let place = match self.place_of(owner, process) {
            Ok(place) => return self.nodes[owner].arrays[place],
            Err(place) => place,
        };
        let made = Array {
            process: Arc::clone(process),
            owner,
            chunks: Vec::new(),
            slots: 0,
            characters: 0,
        };
        let array = keep(&mut self.arrays, &mut self.free_arrays, made);
        self.nodes[owner].arrays.insert(place, array);
        array
    }

    /// The node at an index of an array, made if there is none.
    pub(super) fn ensure_node(&mut self, home: ArrayId, index: i64) -> NodeId {
        if let Some(node) = self.arrays[home].at(index) {
            return node;
        }
        let made = Node {
            home,
            index,
            ..Node::default()
        };
        let node = keep(&mut self.nodes, &mut self.free_nodes, made);
        self.gaps -= self.arrays[home].gaps();
        self.arrays[home].insert(index, node);
        self.split(home, index);
        self.gaps += self.arrays[home].gaps();
        node
    }

    fn split(&mut self, array: ArrayId, index: i64) {
        let Self { nodes, arrays, .. } = self;
        let array = &mut arrays[array];
        let at = array.chunk_of(index);
        let chunk = &mut array.chunks[at];
        if chunk.slots.len() <= CHUNK {
            return;
        }
        let slots = chunk.slots.split_off(CHUNK / 2);
        let characters = slots
            .iter()
            .map(|(_, node)| nodes[*node].characters())
            .sum();
        chunk.characters -= characters;
        array.chunks.insert(at + 1, Chunk { slots, characters });
    }

    /// Sets a node.
    pub(super) fn set(&mut self, node: NodeId, mark: Mark) {
        let (was, is) = (self.nodes[node].mark.len(), mark.len());
        self.nodes[node].mark = mark;
        if was != is {
            self.recount(node, was, is);
        }
    }

    /// Counts what a node has become in all that it is in.
    fn recount(&mut self, node: NodeId, was: usize, is: usize) {
        let mut node = node;
        while node != ROOT {
            let Node { home, index, .. } = self.nodes[node];
            let array = &mut self.arrays[home];
            let chunk = array.chunk_of(index);
            array.characters = array.characters + is - was;
            array.chunks[chunk].characters = array.chunks[chunk].characters + is - was;
            node = array.owner;
            self.nodes[node].below = self.nodes[node].below + is - was;
        }
    }

    /// Removes a node if it is empty, and then what has become empty by that.
    pub(super) fn prune(&mut self, node: NodeId) {
        let mut node = node;
        // A node that was removed already is empty, and not in its place.
        while node != ROOT && self.nodes[node].is_empty() && self.is_in_place(node) {
            let Node { home, index, .. } = self.nodes[node];
            self.gaps -= self.arrays[home].gaps();
            self.arrays[home].remove(index);
            self.gaps += self.arrays[home].gaps();
            self.free_nodes.push(node);
            if self.arrays[home].slots > 0 {
                return;
            }
            node = self.arrays[home].owner;
            self.nodes[node].arrays.retain(|array| *array != home);
            self.free_arrays.push(home);
        }
    }

    fn is_in_place(&self, node: NodeId) -> bool {
        let Node { home, index, .. } = self.nodes[node];
        self.arrays[home].at(index) == Some(node)
    }

    /// The nodes of at most `count` characters, from the one with `skip` before it.
    pub(super) fn characters(&self, skip: usize, count: usize) -> Vec<NodeId> {
        let mut found = Found {
            skip,
            count,
            nodes: Vec::new(),
        };
        self.collect_arrays(ROOT, &mut found);
        found.nodes
    }

    // Recursion goes as deep as paths are long, which is limited.
    fn collect_arrays(&self, node: NodeId, found: &mut Found) {
        for array in &self.nodes[node].arrays {
            let array = &self.arrays[*array];
            if found.passes(array.characters) {
                continue;
            }
            for chunk in &array.chunks {
                if found.passes(chunk.characters) {
                    continue;
                }
                for (_, node) in &chunk.slots {
                    if !found.passes(self.nodes[*node].characters()) {
                        found.take(*node, self.nodes[*node].mark);
                        self.collect_arrays(*node, found);
                    }
                }
            }
        }
    }

    /// How many characters an array has before an index.
    pub(super) fn before(&self, array: ArrayId, index: i64) -> usize {
        let array = &self.arrays[array];
        let at = array.chunk_of(index);
        let whole: usize = array
            .chunks
            .iter()
            .take(at)
            .map(|chunk| chunk.characters)
            .sum();
        let rest = array.chunks.get(at).map_or(&[][..], |chunk| &chunk.slots);
        let rest = rest.iter().take_while(|(other, _)| *other < index);
        whole
            + rest
                .map(|(_, node)| self.nodes[*node].characters())
                .sum::<usize>()
    }

    /// How many characters an array has.
    pub(super) fn array_len(&self, array: ArrayId) -> usize {
        self.arrays[array].characters
    }

    /// How many characters a node has, with all below it.
    pub(super) fn node_len(&self, node: NodeId) -> usize {
        self.nodes[node].characters()
    }
}

/// Characters that are looked for.
struct Found {
    skip: usize,
    count: usize,
    nodes: Vec<NodeId>,
}

impl Found {
    /// Whether so many characters are all before the first that is looked for, or after the last.
    fn passes(&mut self, characters: usize) -> bool {
        if self.nodes.len() >= self.count {
            return true;
        }
        let before = characters <= self.skip;
        if before {
            self.skip -= characters;
        }
        before
    }

    fn take(&mut self, node: NodeId, mark: Mark) {
        if mark.character.is_none() {
            return;
        }
        if self.skip > 0 {
            self.skip -= 1;
        } else if self.nodes.len() < self.count {
            self.nodes.push(node);
        }
    }
}

fn keep<T>(all: &mut Vec<T>, free: &mut Vec<usize>, made: T) -> usize {
    if let Some(place) = free.pop() {
        all[place] = made;
        place
    } else {
        all.push(made);
        all.len() - 1
    }
}

/// The order of JavaScript strings: by UTF-16 unit.
fn compare(one: &str, two: &str) -> Ordering {
    one.encode_utf16().cmp(two.encode_utf16())
}
