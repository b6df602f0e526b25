//! Data that is more than a value: shared text, and lists (m-ld protocol, sections 14 and 15).
//!
//! The state, operations and reversions of shared data are given and returned in their JSON forms,
//! in which they are stored and sent. Whoever makes many operations on one text keeps it as a
//! [`text::Text`], which is not taken apart and put together for each.

pub mod lseq;
pub mod text;

use serde_json::Value as Json;

use crate::msgpack::Value;
use crate::rdf::{Iri, vocab};
use text::{Operation, Reversion, Text};

/// Why shared data cannot be read or changed as was asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DatatypeError {
    /// The state is not one of its datatype.
    #[error("not the state of a shared text: {0}")]
    State(&'static str),
    /// The operation, or its reversion, is not one of its datatype.
    #[error("not an operation on a shared text: {0}")]
    Operation(&'static str),
    /// The expression is not one that the datatype understands.
    #[error("not an edit of a text: {0}")]
    Expression(&'static str),
    /// The result would be more than a clone can keep or send.
    #[error("a text cannot grow like this: {0}")]
    Full(&'static str),
}

/// What an edit of this clone came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Edited {
    /// The operation to send.
    pub operation: Value,
    /// The state after it.
    pub state: Value,
    /// What takes the operation back.
    pub reversion: Value,
    /// The edit, as it is to be notified: what was asked, with what could not be kept replaced.
    pub expression: Json,
}

/// What an operation of another clone came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Applied {
    /// The state after it.
    pub state: Value,
    /// What takes the operation back. Nothing if none was applied.
    pub reversion: Value,
    /// How the text changed: an expression, or an array of several or none, each of which has its
    /// index in the text before the change.
    pub expression: Json,
}

/// Whether data of this type is shared, so that there are operations on it.
pub fn is_shared(datatype: &Iri) -> bool {
    datatype.as_str() == vocab::TSEQ
}

/// The state of a new text by this clone. A character outside the basic multilingual plane becomes
/// two replacement characters (m-ld protocol, Q10).
pub fn create(content: &str, clone_id: &str) -> Result<Value, DatatypeError> {
    let mut text = Text::default();
    text.splice(clone_id, 0, 0, content)?;
    Ok(text.to_value())
}

/// Edits shared data as an application of this clone asks: `{"@splice": [index, delete count,
/// content?]}` or `{"@concat": content}`, with UTF-16 units counted.
pub fn edit(state: &Value, expression: &Json, clone_id: &str) -> Result<Edited, DatatypeError> {
    let mut text = Text::from_value(state)?;
    let (operation, reversion, expression) = text.edit(clone_id, expression)?;
    Ok(Edited {
        operation: operation.to_value(),
        state: text.to_value(),
        reversion: reversion.to_value(),
        expression,
    })
}

/// Takes back operations, the latest first, each with its reversion; then applies one of another
/// clone, if there is one.
///
/// Where later operations are kept of which an earlier one is taken back, use [`rewind`].
pub fn apply(
    state: &Value,
    reversions: &[(Value, Value)],
    operation: Option<&Value>,
) -> Result<Applied, DatatypeError> {
    rewind(state, reversions, &[], operation)
}

/// As [`apply`], with the operations on the data that were applied since the earliest that is taken
/// back and are kept, in the order in which they were applied. Two operations may delete the same
/// character, but only the first has it in its reversion: if that is taken back, the second has to
/// be done again for all clones to have the same text.
pub fn rewind(
    state: &Value,
    reversions: &[(Value, Value)],
    kept: &[Value],
    operation: Option<&Value>,
) -> Result<Applied, DatatypeError> {
    let mut text = Text::from_value(state)?;
    let reversions = reversions
        .iter()
        .map(read_pair)
        .collect::<Result<Vec<_>, _>>()?;
    let kept = kept.iter().map(Operation::from_value);
    let kept = kept.collect::<Result<Vec<_>, _>>()?;
    let operation = operation.map(Operation::from_value).transpose()?;
    let (reversion, splices) = text.rewind(&reversions, &kept, operation.as_ref())?;
    Ok(Applied {
        state: text.to_value(),
        reversion: reversion.to_value(),
        expression: text::expression(&splices),
    })
}

/// One operation that does what two in turn do, and its reversion (m-ld protocol, section 15.6).
/// Each is an operation with its reversion, which may be absent if there is none.
pub fn fuse(one: &(Value, Value), two: &(Value, Value)) -> Result<(Value, Value), DatatypeError> {
    let (operation, reversion) = text::fuse(&read_pair(one)?, &read_pair(two)?);
    Ok((operation.to_value(), reversion.to_value()))
}

/// What is left of an operation for a clone that has applied a prefix of it (m-ld protocol, section
/// 15.6). Nothing if nothing is left.
pub fn cut(prefix: &Value, operation: &Value) -> Result<Option<Value>, DatatypeError> {
    let (prefix, operation) = (
        Operation::from_value(prefix)?,
        Operation::from_value(operation)?,
    );
    let left = text::cut(&prefix, &operation);
    Ok((!left.is_empty()).then(|| left.to_value()))
}

/// The text of a state.
pub fn text(state: &Value) -> Result<String, DatatypeError> {
    Ok(Text::from_value(state)?.to_string())
}

fn read_pair(
    (operation, reversion): &(Value, Value),
) -> Result<(Operation, Reversion), DatatypeError> {
    Ok((
        Operation::from_value(operation)?,
        Reversion::from_value(reversion)?,
    ))
}
