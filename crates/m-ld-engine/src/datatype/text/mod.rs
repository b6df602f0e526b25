//! Text that many clones edit at once, known as `TSeq` (m-ld protocol, section 15).
//!
//! # Invariants
//! 1. Clones that have applied the same operations, each after its causes, have the same text.
//! 2. Characters are inserted only into arrays of their own process, and a process sets one node
//!    only with ever greater ticks.
//! 3. No operation, however foreign, makes a clone allocate more than in proportion to it.
//! 4. A character is one UTF-16 unit and no surrogate, so all that is sent is UTF-8 (Q10).

mod apply;
mod fusion;
mod operation;
mod splice;
mod tree;
mod value;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod world;

use std::fmt;

use serde_json::{Value as Json, json};

use super::DatatypeError;
pub use fusion::{cut, fuse};
pub use operation::{Operation, Reversion};
use tree::{NodeId, ROOT, Tree};

/// The longest way from the root to a character that others may make. This is what messages may
/// have, too; JavaScript exhausts its stack on some 1,090.
const MAX_PATH: usize = 512;

/// The longest way that this clone makes, so that a state of it is not too deep for a message.
const MAX_OWN_PATH: usize = 480;

/// The indexes at which this clone puts characters: those which messages may have.
const OWN_INDEXES: std::ops::RangeInclusive<i64> = -100_000..=1 << 24;

/// The most indexes without a node that may be between others in the arrays of a text. In the JSON
/// form each is a value, so that an operation of a few bytes could make a state of many megabytes.
const MAX_GAPS: i64 = 1 << 20;

/// What cannot be kept as a character.
const REPLACEMENT: char = char::REPLACEMENT_CHARACTER;

/// A shared text, ready to be read and edited.
///
/// A local edit or a remote operation costs in proportion to itself, and to a small part (a
/// two-hundredth, about) of the characters in the arrays that it touches. Making one from its JSON
/// form, and the JSON form from it, costs in proportion to the text.
#[derive(Clone, Debug, Default)]
pub struct Text {
    tree: Tree,
    /// The tick of the last insertion by this clone.
    tick: u64,
}

/// A change of a text, with its index in the text before the change.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Splice {
    /// Where it begins, in UTF-16 units.
    pub index: usize,
    /// How many units go.
    pub delete_count: usize,
    /// What comes in their place.
    pub content: String,
}

impl Splice {
    /// The expression that means this.
    pub fn to_json(&self) -> Json {
        json!({ "@splice": [self.index, self.delete_count, self.content] })
    }
}

/// One expression, or an array if there are several splices or none.
pub fn expression(splices: &[Splice]) -> Json {
    match splices {
        [splice] => splice.to_json(),
        splices => splices.iter().map(Splice::to_json).collect(),
    }
}

impl Text {
    /// How many UTF-16 units it has.
    pub fn len(&self) -> usize {
        self.tree.len()
    }

    /// Whether it has no character.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Removes what is empty among these nodes, and above them.
    fn prune(&mut self, nodes: impl IntoIterator<Item = NodeId>) {
        for node in nodes {
            self.tree.prune(node);
        }
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn write(tree: &Tree, node: NodeId, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            for array in &tree.node(node).arrays {
                for (_, node) in tree.array(*array).nodes() {
                    if let Some(character) = tree.node(node).mark.character {
                        fmt::Write::write_char(f, character)?;
                    }
                    write(tree, node, f)?;
                }
            }
            Ok(())
        }
        write(&self.tree, ROOT, f)
    }
}
