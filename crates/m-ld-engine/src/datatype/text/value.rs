//! The JSON forms of texts, operations and reversions (m-ld protocol, section 15).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::operation::{Operation, Reversion, Run, Step};
use super::tree::{ArrayId, Mark, NodeId, ROOT, Tree};
use super::{DatatypeError, MAX_GAPS, MAX_PATH, Text};
use crate::msgpack::{Map, Value};

impl Text {
    /// Reads a state, `{"tick": n, "rest": [array…]}`. Empty nodes in it are kept until something
    /// near them changes.
    pub fn from_value(state: &Value) -> Result<Self, DatatypeError> {
        let state = state
            .as_map()
            .ok_or(DatatypeError::State("it is not an object"))?;
        let tick = state
            .get("tick")
            .and_then(tick)
            .ok_or(DatatypeError::State("it has no tick"))?;
        let rest = state.get("rest").and_then(Value::as_array);
        let mut tree = Tree::default();
        let mut names = Names::default();
        read_arrays(
            &mut tree,
            ROOT,
            rest.ok_or(DatatypeError::State("it has no rest"))?,
            (&mut names, 1),
        )?;
        if tree.gaps() > MAX_GAPS {
            return Err(DatatypeError::Full("characters are too far apart"));
        }
        Ok(Self { tree, tick })
    }

    /// The state, as it is stored and sent.
    pub fn to_value(&self) -> Value {
        let rest = self.tree.node(ROOT).arrays.iter();
        let rest = rest.filter_map(|array| write_array(&self.tree, *array));
        let mut state = Map::default();
        state.push("tick", Value::from(self.tick));
        state.push("rest", Value::Array(rest.collect()));
        Value::Map(state)
    }
}

/// Process ids, each kept once.
#[derive(Default)]
struct Names<'a>(BTreeMap<&'a str, Arc<str>>);

impl<'a> Names<'a> {
    fn name(&mut self, text: &'a str) -> Arc<str> {
        Arc::clone(self.0.entry(text).or_insert_with(|| Arc::from(text)))
    }
}

// Recursion goes as deep as `MAX_PATH`.
fn read_arrays<'a>(
    tree: &mut Tree,
    owner: NodeId,
    arrays: &'a [Value],
    (names, depth): (&mut Names<'a>, usize),
) -> Result<(), DatatypeError> {
    if depth > MAX_PATH && !arrays.is_empty() {
        return Err(DatatypeError::State("it is too deep"));
    }
    for array in arrays {
        let [process, start, nodes @ ..] = array.as_array().unwrap_or_default() else {
            return Err(DatatypeError::State("an array has no process or start"));
        };
        let process = process
            .as_str()
            .ok_or(DatatypeError::State("a process is not a string"))?;
        let start = int(start).ok_or(DatatypeError::State("an index is not an integer"))?;
        let process = names.name(process);
        let nodes = (start..).zip(nodes).filter(|(_, node)| !node.is_absent());
        for (index, node) in nodes {
            // An array without nodes is not made.
            let array = tree.ensure_array(owner, &process);
            read_node(tree, (array, index), node, (names, depth))?;
        }
    }
    Ok(())
}

fn read_node<'a>(
    tree: &mut Tree,
    (array, index): (ArrayId, i64),
    node: &'a Value,
    (names, depth): (&mut Names<'a>, usize),
) -> Result<(), DatatypeError> {
    let [character, tick, arrays @ ..] = node.as_array().unwrap_or_default() else {
        return Err(DatatypeError::State("a node has no character or tick"));
    };
    let mark =
        mark(character, tick).ok_or(DatatypeError::State("a node has no character or tick"))?;
    let node = tree.ensure_node(array, index);
    tree.set(node, mark);
    read_arrays(tree, node, arrays, (names, depth + 1))
}

/// An array with its nodes, if it has any that are not empty.
fn write_array(tree: &Tree, array: ArrayId) -> Option<Value> {
    let array = tree.array(array);
    let mut nodes = array
        .nodes()
        .filter_map(|(at, node)| Some((at, write_node(tree, node)?)));
    let (start, first) = nodes.next()?;
    let process = Value::Str((*array.process).to_owned());
    let mut members = vec![process, Value::Int(start), first];
    let mut next = start + 1;
    for (index, node) in nodes {
        members.extend((next..index).map(|_| Value::Undefined));
        members.push(node);
        next = index + 1;
    }
    Some(Value::Array(members))
}

fn write_node(tree: &Tree, node: NodeId) -> Option<Value> {
    let node = tree.node(node);
    let arrays = node
        .arrays
        .iter()
        .filter_map(|array| write_array(tree, *array));
    let mut members = Vec::with_capacity(2 + node.arrays.len());
    members.extend(write_mark(node.mark));
    members.extend(arrays);
    let is_empty = node.mark.character.is_none() && members.len() == 2;
    (!is_empty).then_some(Value::Array(members))
}

impl Operation {
    /// Reads an operation, an array of `[path, content]`.
    pub fn from_value(operation: &Value) -> Result<Self, DatatypeError> {
        let runs = operation
            .as_array()
            .ok_or(DatatypeError::Operation("it is not an array"))?;
        let mut names = Names::default();
        runs.iter()
            .map(|run| read_run(run, &mut names))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The operation, as it is stored and sent.
    pub fn to_value(&self) -> Value {
        let runs = self.0.iter().map(|run| {
            let last = (Arc::clone(&run.process), run.index);
            let path = run.path.iter().chain([&last]).map(write_step).collect();
            let content = run.content.iter();
            let content = content.map(|mark| Value::Array(write_mark(*mark).into()));
            Value::Array(vec![Value::Array(path), Value::Array(content.collect())])
        });
        Value::Array(runs.collect())
    }
}

fn read_run<'a>(run: &'a Value, names: &mut Names<'a>) -> Result<Run, DatatypeError> {
    let Some([path, content]) = run.as_array() else {
        return Err(DatatypeError::Operation("a run is not a path and content"));
    };
    let path = path
        .as_array()
        .ok_or(DatatypeError::Operation("a path is not an array"))?;
    if path.len() > MAX_PATH {
        return Err(DatatypeError::Operation("a path is too long"));
    }
    let path = path.iter().map(|step| read_step(step, names));
    let mut path = path
        .collect::<Option<Vec<_>>>()
        .ok_or(DatatypeError::Operation("a path has a bad step"))?;
    let (process, index) = path
        .pop()
        .ok_or(DatatypeError::Operation("a path is empty"))?;
    let content = content
        .as_array()
        .ok_or(DatatypeError::Operation("content is not an array"))?;
    let content = content.iter().map(read_mark);
    Ok(Run {
        path,
        process,
        index,
        content: content
            .collect::<Option<_>>()
            .ok_or(DatatypeError::Operation("content is not marks"))?,
    })
}

fn read_step<'a>(step: &'a Value, names: &mut Names<'a>) -> Option<Step> {
    match step.as_array()? {
        [process, index] => Some((names.name(process.as_str()?), int(index)?)),
        _ => None,
    }
}

fn write_step((process, index): &Step) -> Value {
    Value::Array(vec![Value::Str((**process).to_owned()), Value::Int(*index)])
}

impl Reversion {
    /// Reads a reversion, which has the shape of its operation's content. Nothing stands for a
    /// character that was not affected.
    pub fn from_value(reversion: &Value) -> Result<Self, DatatypeError> {
        const BAD: DatatypeError = DatatypeError::Operation("its reversion is not in its shape");
        fn read(was: &Value) -> Result<Option<Mark>, DatatypeError> {
            if was.is_absent() {
                return Ok(None);
            }
            read_mark(was).map(Some).ok_or(BAD)
        }
        if reversion.is_absent() {
            return Ok(Self::default());
        }
        let runs = reversion
            .as_array()
            .ok_or(BAD)?
            .iter()
            .map(|run| match run {
                absent if absent.is_absent() => Ok(Vec::new()),
                run => run.as_array().ok_or(BAD)?.iter().map(read).collect(),
            });
        runs.collect::<Result<_, _>>().map(Self)
    }

    /// The reversion, as it is stored: without what is missing at the end.
    pub fn to_value(&self) -> Value {
        let runs = self.0.iter().map(|run| {
            trimmed(run.iter().map(|was| match was {
                Some(was) => Value::Array(write_mark(*was).into()),
                None => Value::Undefined,
            }))
        });
        let runs = trimmed(runs);
        if runs.is_absent() {
            return Value::Array(Vec::new());
        }
        runs
    }
}

/// An array without what is undefined at its end; undefined if nothing is left.
fn trimmed(values: impl Iterator<Item = Value>) -> Value {
    let mut values: Vec<_> = values.collect();
    while values.last().is_some_and(Value::is_absent) {
        values.pop();
    }
    if values.is_empty() {
        return Value::Undefined;
    }
    Value::Array(values)
}

fn read_mark(value: &Value) -> Option<Mark> {
    match value.as_array()? {
        [character, tick] => mark(character, tick),
        _ => None,
    }
}

fn mark(character: &Value, at: &Value) -> Option<Mark> {
    let mut characters = character.as_str()?.chars();
    let character = characters.next();
    let single = character.is_none_or(|character| character.len_utf16() == 1);
    (single && characters.next().is_none()).then_some(())?;
    let tick = tick(at)?;
    Some(Mark { character, tick })
}

fn write_mark(mark: Mark) -> [Value; 2] {
    let character = mark.character.map(String::from).unwrap_or_default();
    [Value::Str(character), Value::from(mark.tick)]
}

/// A tick, which JavaScript can count.
fn tick(value: &Value) -> Option<u64> {
    value
        .as_u64()
        .filter(|tick| *tick <= crate::clock::MAX_TICKS)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "nothing else is an index")]
fn int(value: &Value) -> Option<i64> {
    // More than messages may have, and so little that no sum of them overflows.
    const MOST: i64 = 1 << 30;
    match value {
        Value::Int(number) if (-MOST..=MOST).contains(number) => Some(*number),
        _ => None,
    }
}
