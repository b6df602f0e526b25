//! The content of shared text, as far as it can harm (m-ld protocol, section 15).

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "whatever is not looked for is refused, new kinds too"
)]

use super::WireError;
use crate::msgpack::{Error, Reader, Stack, Token};

/// The datatype of shared text.
pub(super) const DATATYPE: &str = "http://ext.m-ld.org/tseq/TSeq";

/// The indexes that a character may have in its process array. JavaScript fills gaps with nothing,
/// one by one; and before the first with a call of as many arguments, for which its stack does.
const INDEXES: std::ops::RangeInclusive<i64> = -100_000..=1 << 24;

/// The longest way from the root to a character. JavaScript exhausts its stack on some 1,090.
const MAX_PATH: usize = 512;

const BAD: WireError = WireError::Update("a text");

/// Checks an operation on text: an array of runs, each `[path, content]`.
pub(super) fn check_operation(reader: &mut Reader<'_>) -> Result<(), WireError> {
    for _ in 0..len(reader)? {
        exactly(reader, 2)?;
        check_path(reader)?;
        for _ in 0..len(reader)? {
            exactly(reader, 2)?;
            check_character(reader)?;
            check_tick(reader)?;
        }
    }
    Ok(())
}

/// Checks a path: an array of `[process id, index]`, not empty.
fn check_path(reader: &mut Reader<'_>) -> Result<(), WireError> {
    let steps = len(reader)?;
    if !(1..=MAX_PATH).contains(&steps) {
        return Err(BAD);
    }
    for _ in 0..steps {
        exactly(reader, 2)?;
        reader.str()?;
        check_index(reader)?;
    }
    Ok(())
}

/// Checks the state of a text: `{tick, rest}`, where `rest` is the root's process arrays.
pub(super) fn check_state(reader: &mut Reader<'_>) -> Result<(), WireError> {
    let (mut tick, mut rest) = (0_usize, 0_usize);
    for _ in 0..reader.map_len()? {
        match reader.key()? {
            "tick" => {
                check_tick(reader)?;
                tick = tick.saturating_add(1);
            }
            "rest" => {
                check_tree(reader)?;
                rest = rest.saturating_add(1);
            }
            _ => drop(reader.skip()?),
        }
    }
    if (tick, rest) == (1, 1) {
        Ok(())
    } else {
        Err(BAD)
    }
}

/// What an open array of a text's tree holds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Holds {
    /// The process arrays of a node, or of the root.
    #[default]
    Arrays,
    /// The nodes of a process array.
    Nodes,
}

/// Checks the process arrays of the root, and all that is in them: a process array is `[process
/// id, start index, node…]`, a node `[character, tick, array…]`, or absent.
fn check_tree(reader: &mut Reader<'_>) -> Result<(), WireError> {
    let mut open: Stack<(usize, Holds), 16> = Stack::new();
    open.push((len(reader)?, Holds::Arrays));
    while let Some((left, holds)) = open.top() {
        if *left == 0 {
            open.pop();
            continue;
        }
        *left = left.saturating_sub(1);
        let holds = *holds;
        match reader.token()? {
            Token::Nil | Token::Undefined if holds == Holds::Nodes => {}
            Token::Array(members) if members >= 2 => {
                // Each node is two arrays deep.
                if open.len() > MAX_PATH.saturating_mul(2) {
                    return Err(Error::TooDeep.into());
                }
                open.push((members.saturating_sub(2), check_head(reader, holds)?));
            }
            _ => return Err(BAD),
        }
    }
    Ok(())
}

/// Checks the first two members of a process array or a node, and says what the others are.
fn check_head(reader: &mut Reader<'_>, within: Holds) -> Result<Holds, WireError> {
    match within {
        Holds::Arrays => {
            reader.str()?;
            check_index(reader)?;
            Ok(Holds::Nodes)
        }
        Holds::Nodes => {
            check_character(reader)?;
            check_tick(reader)?;
            Ok(Holds::Arrays)
        }
    }
}

/// Checks a character: nothing, or one UTF-16 unit. A surrogate cannot be one: it is not UTF-8.
fn check_character(reader: &mut Reader<'_>) -> Result<(), WireError> {
    let mut units = reader.str()?.encode_utf16();
    match (units.next(), units.next()) {
        (_, None) => Ok(()),
        _ => Err(WireError::Update("a character of several units")),
    }
}

fn check_index(reader: &mut Reader<'_>) -> Result<(), WireError> {
    if INDEXES.contains(&reader.int()?) {
        Ok(())
    } else {
        Err(BAD)
    }
}

fn check_tick(reader: &mut Reader<'_>) -> Result<(), WireError> {
    if reader.uint()? <= crate::clock::MAX_TICKS {
        Ok(())
    } else {
        Err(BAD)
    }
}

fn len(reader: &mut Reader<'_>) -> Result<usize, WireError> {
    Ok(reader.array_len()?)
}

fn exactly(reader: &mut Reader<'_>, expected: usize) -> Result<(), WireError> {
    if len(reader)? == expected {
        Ok(())
    } else {
        Err(BAD)
    }
}
