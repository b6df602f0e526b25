//! The nodes of a process array, in chunks.

use std::sync::Arc;

use super::NodeId;

/// The most slots of a chunk.
pub(super) const CHUNK: usize = 512;

#[derive(Clone, Debug)]
pub(in super::super) struct Array {
    pub(in super::super) process: Arc<str>,
    pub(in super::super) owner: NodeId,
    pub(super) chunks: Vec<Chunk>,
    pub(super) slots: usize,
    pub(super) characters: usize,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Chunk {
    pub(super) slots: Vec<(i64, NodeId)>,
    pub(super) characters: usize,
}

impl Chunk {
    fn first(&self) -> i64 {
        self.slots.first().map_or(i64::MAX, |(index, _)| *index)
    }
}

impl Array {
    /// Its nodes by ascending index.
    pub(in super::super) fn nodes(&self) -> impl DoubleEndedIterator<Item = (i64, NodeId)> + '_ {
        self.chunks
            .iter()
            .flat_map(|chunk| chunk.slots.iter().copied())
    }

    /// The lowest index that has a node.
    pub(in super::super) fn first(&self) -> Option<i64> {
        self.nodes().next().map(|(index, _)| index)
    }

    /// The highest index that has a node.
    pub(in super::super) fn last(&self) -> Option<i64> {
        self.nodes().next_back().map(|(index, _)| index)
    }

    /// How many indexes between the first and the last have no node.
    pub(super) fn gaps(&self) -> i64 {
        let span = self
            .first()
            .zip(self.last())
            .map_or(0, |(first, last)| last - first + 1);
        span - i64::try_from(self.slots).unwrap_or(i64::MAX)
    }

    /// The chunk where an index is, or would be.
    pub(super) fn chunk_of(&self, index: i64) -> usize {
        let after = self.chunks.partition_point(|chunk| chunk.first() <= index);
        after.saturating_sub(1)
    }

    /// The node at an index.
    pub(in super::super) fn at(&self, index: i64) -> Option<NodeId> {
        let slots = &self.chunks.get(self.chunk_of(index))?.slots;
        let place = slots.binary_search_by_key(&index, |(at, _)| *at).ok()?;
        slots.get(place).map(|(_, node)| *node)
    }

    pub(super) fn insert(&mut self, index: i64, node: NodeId) {
        if self.chunks.is_empty() {
            self.chunks.push(Chunk::default());
        }
        let at = self.chunk_of(index);
        let slots = &mut self.chunks[at].slots;
        let place = slots.partition_point(|(other, _)| *other < index);
        slots.insert(place, (index, node));
        self.slots += 1;
    }

    pub(super) fn remove(&mut self, index: i64) {
        let at = self.chunk_of(index);
        let slots = &mut self.chunks[at].slots;
        if let Ok(place) = slots.binary_search_by_key(&index, |(other, _)| *other) {
            slots.remove(place);
            self.slots -= 1;
        }
        if slots.is_empty() {
            self.chunks.remove(at);
        }
    }
}
