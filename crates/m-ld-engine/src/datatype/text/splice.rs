//! Edits by this clone (m-ld protocol, section 15.5).

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::tree::{ArrayId, Mark, NodeId, ROOT};
use super::{DatatypeError, MAX_OWN_PATH, OWN_INDEXES, Operation, REPLACEMENT, Reversion, Text};

const BAD: DatatypeError = DatatypeError::Expression("@splice needs an index and a delete count");

/// Nodes in the order in which they were first touched, with what they were.
#[derive(Default)]
struct Touched {
    nodes: Vec<(NodeId, Mark)>,
    seen: BTreeSet<NodeId>,
}

impl Touched {
    fn note(&mut self, node: NodeId, was: Mark) {
        if self.seen.insert(node) {
            self.nodes.push((node, was));
        }
    }
}

impl Text {
    /// Edits the text as an expression says, as the process of a clone. Gives the operation, what
    /// takes it back, and the expression with what could not be kept replaced.
    ///
    /// After an error the text may have been changed in part.
    pub fn edit(
        &mut self,
        process: &str,
        expression: &Json,
    ) -> Result<(Operation, Reversion, Json), DatatypeError> {
        let expressions = expression.as_object().into_iter().flatten();
        for (operator, argument) in expressions {
            match operator.as_str() {
                "@concat" => return self.concat(process, argument),
                "@splice" => return self.splice_as(process, argument),
                _ => {}
            }
        }
        Err(DatatypeError::Expression("neither @splice nor @concat"))
    }

    fn concat(
        &mut self,
        process: &str,
        argument: &Json,
    ) -> Result<(Operation, Reversion, Json), DatatypeError> {
        let content = argument.as_str();
        let content = content.ok_or(DatatypeError::Expression("@concat needs a string"))?;
        let (operation, reversion) = self.splice(process, self.len(), 0, content)?;
        Ok((operation, reversion, json!({ "@concat": clean(content) })))
    }

    fn splice_as(
        &mut self,
        process: &str,
        argument: &Json,
    ) -> Result<(Operation, Reversion, Json), DatatypeError> {
        let arguments = argument.as_array().map(Vec::as_slice).ok_or(BAD)?;
        let (index, count, content) = match arguments {
            [index, count] | [index, count, Json::Null] => (index, count, None),
            [index, count, Json::String(content)] => (index, count, Some(content.as_str())),
            _ => return Err(BAD),
        };
        let (at, deletes) = (natural(index)?, natural(count)?);
        let (operation, reversion) = self.splice(process, at, deletes, content.unwrap_or(""))?;
        let arguments = match content {
            Some(content) => json!([index, count, clean(content)]),
            None => json!([index, count]),
        };
        Ok((operation, reversion, json!({ "@splice": arguments })))
    }

    /// Removes at most `delete_count` characters from `index`, and inserts others in their place, as
    /// the process of a clone. What is beyond the end is the end.
    ///
    /// After an error the text may have been changed in part.
    pub fn splice(
        &mut self,
        process: &str,
        index: usize,
        delete_count: usize,
        content: &str,
    ) -> Result<(Operation, Reversion), DatatypeError> {
        let index = index.min(self.len());
        let mut touched = Touched::default();
        for node in self.tree.characters(index, delete_count) {
            let mark = self.tree.node(node).mark;
            self.touch(
                node,
                Mark {
                    character: None,
                    ..mark
                },
                &mut touched,
            );
        }
        self.insert(process, index, content, &mut touched)?;
        let done = Operation::of(&self.tree, &touched.nodes);
        self.prune(touched.nodes.into_iter().map(|(node, _)| node));
        Ok(done)
    }

    fn touch(&mut self, node: NodeId, mark: Mark, touched: &mut Touched) {
        touched.note(node, self.tree.node(node).mark);
        self.tree.set(node, mark);
    }

    fn insert(
        &mut self,
        process: &str,
        index: usize,
        content: &str,
        touched: &mut Touched,
    ) -> Result<(), DatatypeError> {
        let characters: Vec<char> = clean(content).chars().collect();
        if characters.is_empty() {
            return Ok(());
        }
        self.tick += 1;
        let before = index.checked_sub(1).and_then(|index| self.character(index));
        let (before, done) = self.refill(process, before, &characters, touched);
        let left = characters.get(done..).unwrap_or_default();
        if left.is_empty() {
            return Ok(());
        }
        let after = self.character(index + done);
        let (array, first) = self.make_room(process, before, after, left.len())?;
        self.fill(array, first, left, touched)
    }

    fn character(&self, index: usize) -> Option<NodeId> {
        self.tree.characters(index, 1).first().copied()
    }

    /// Sets empty nodes that follow one of this process. Says which node is then the last before
    /// what is left, and how many were set.
    fn refill(
        &mut self,
        process: &str,
        before: Option<NodeId>,
        characters: &[char],
        touched: &mut Touched,
    ) -> (Option<NodeId>, usize) {
        let own = before.filter(|node| {
            let node = self.tree.node(*node);
            &*self.tree.array(node.home).process == process && node.arrays.is_empty()
        });
        let Some(mut last) = own else {
            return (before, 0);
        };
        for (done, character) in characters.iter().enumerate() {
            let home = self.tree.node(last).home;
            let index = self.tree.node(last).index + 1;
            let next = self.tree.array(home).at(index);
            let taken = next.map(|next| self.tree.node(next));
            let taken = taken.is_some_and(|n| n.mark.character.is_some() || !n.arrays.is_empty());
            if taken || !OWN_INDEXES.contains(&index) {
                return (Some(last), done);
            }
            last = self.tree.ensure_node(home, index);
            self.touch(last, self.set_now(*character), touched);
        }
        (Some(last), characters.len())
    }

    fn set_now(&self, character: char) -> Mark {
        Mark {
            character: Some(character),
            tick: self.tick,
        }
    }

    /// Finds an array of this process, and the first of `count` indexes in it, for characters
    /// between two others, or at an end of the text.
    fn make_room(
        &mut self,
        process: &str,
        before: Option<NodeId>,
        after: Option<NodeId>,
        count: usize,
    ) -> Result<(ArrayId, i64), DatatypeError> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let Some(next) = after.map(|after| self.tree.node(after).home) else {
            return Ok(self.append(process, before.unwrap_or(ROOT)));
        };
        if let Some(before) = before.filter(|before| self.is_within(*before, next)) {
            return Ok(self.append(process, before));
        }
        let first = self.tree.array(next).first().unwrap_or_default();
        if &*self.tree.array(next).process == process {
            return Ok((next, first.saturating_sub(count)));
        }
        if !OWN_INDEXES.contains(&(first - 1)) {
            return Err(DatatypeError::Full("too much was put before a character"));
        }
        let node = self.tree.ensure_node(next, first - 1);
        Ok(self.append(process, node))
    }

    /// Whether a node is in an array, or below one of its nodes.
    fn is_within(&self, node: NodeId, array: ArrayId) -> bool {
        let home = self.tree.node(node).home;
        home == array || self.tree.enclosing(home).any(|outer| outer == array)
    }

    fn append(&mut self, process: &str, node: NodeId) -> (ArrayId, i64) {
        let array = self.tree.ensure_array(node, &Arc::from(process));
        let last = self.tree.array(array).last();
        (array, last.map_or(0, |last| last + 1))
    }

    fn fill(
        &mut self,
        array: ArrayId,
        first: i64,
        characters: &[char],
        touched: &mut Touched,
    ) -> Result<(), DatatypeError> {
        if self.tree.depth(array) > MAX_OWN_PATH {
            return Err(DatatypeError::Full("too many insertions within insertions"));
        }
        for (index, character) in (first..).zip(characters) {
            if !OWN_INDEXES.contains(&index) {
                return Err(DatatypeError::Full("too many characters in a row"));
            }
            let node = self.tree.ensure_node(array, index);
            self.touch(node, self.set_now(*character), touched);
        }
        Ok(())
    }
}

/// A text of characters that can be kept, as many UTF-16 units long.
fn clean(content: &str) -> String {
    let kept = content
        .chars()
        .flat_map(|character| match character.len_utf16() {
            1 => std::iter::repeat_n(character, 1),
            units => std::iter::repeat_n(REPLACEMENT, units),
        });
    kept.collect()
}

fn natural(json: &Json) -> Result<usize, DatatypeError> {
    let number = json.as_u64().or_else(|| whole(json.as_f64()?));
    number
        .and_then(|number| usize::try_from(number).ok())
        .ok_or(BAD)
}

/// A number such as `2.0`, which JavaScript does not tell from `2`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the range is checked in the same line"
)]
fn whole(number: f64) -> Option<u64> {
    (number.fract() == 0.0 && (0.0..9e15).contains(&number)).then_some(number as u64)
}
