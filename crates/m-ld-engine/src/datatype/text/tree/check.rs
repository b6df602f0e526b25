//! Whether the invariants of a tree hold.

use std::cmp::Ordering;

use super::array::CHUNK;
use super::{ROOT, Tree, compare};

impl Tree {
    /// Recomputes what is counted.
    pub(in super::super) fn check_invariants(&self) {
        let mut gaps = 0;
        let mut open = vec![ROOT];
        while let Some(node) = open.pop() {
            let arrays = &self.nodes[node].arrays;
            let below: usize = arrays.iter().map(|array| self.array_len(*array)).sum();
            assert_eq!(self.nodes[node].below, below);
            let processes: Vec<_> = arrays.iter().map(|a| &self.arrays[*a].process).collect();
            assert!(processes.is_sorted_by(|a, b| compare(a, b) == Ordering::Less));
            for array in arrays {
                let array = &self.arrays[*array];
                assert_eq!(array.owner, node);
                assert!(
                    array
                        .nodes()
                        .map(|(index, _)| index)
                        .is_sorted_by(|a, b| a < b)
                );
                assert_eq!(array.nodes().count(), array.slots);
                let chunks: usize = array.chunks.iter().map(|chunk| chunk.characters).sum();
                assert_eq!(array.characters, chunks);
                for chunk in &array.chunks {
                    assert!(!chunk.slots.is_empty() && chunk.slots.len() <= CHUNK);
                    let nodes = chunk.slots.iter().map(|(_, node)| self.node_len(*node));
                    assert_eq!(chunk.characters, nodes.sum::<usize>());
                }
                gaps += array.gaps();
                open.extend(array.nodes().map(|(_, node)| node));
            }
        }
        assert_eq!(self.gaps, gaps);
    }
}
