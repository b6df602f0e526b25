//! Reading a tree clock from its JSON form in MessagePack (m-ld protocol, section 2.2).
//!
//! | form | meaning |
//! |---|---|
//! | `n` | a leaf that is not the ID |
//! | `[]`, `[n]` | the ID leaf |
//! | `[left, right]`, `[n, left, right]` | a fork |

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "whatever is not looked for is refused, new kinds too"
)]

use super::{ClockError, MAX_DEPTH, MAX_TICKS};
use crate::msgpack::{Reader, Stack, Token};

/// What is met on reading a tree clock, in pre-order.
#[derive(Clone, Copy, Debug)]
pub(super) enum Met {
    /// A fork with so many local ticks; its children follow.
    Fork(u64),
    /// A leaf that is not the ID.
    Leaf(u64),
    /// The ID leaf.
    Id(u64),
}

/// What a clock says without its tree being built.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Measure {
    /// The ticks of the process that the clock belongs to; none if it belongs to nobody.
    pub(crate) ticks: Option<u64>,
}

/// Reads over a tree clock, checking it, without allocating while it is shallow.
pub(crate) fn measure(reader: &mut Reader<'_>) -> Result<Measure, ClockError> {
    scan(reader, |_| {})
}

/// An open fork: its ticks, and how many children it waits for.
type Fork = (u64, u8);

pub(super) fn scan(
    reader: &mut Reader<'_>,
    mut meet: impl FnMut(Met),
) -> Result<Measure, ClockError> {
    let mut open: Stack<Fork, 16> = Stack::new();
    // The local ticks of all open forks, and of everything.
    let (mut above, mut all) = (0_u64, 0_u64);
    let mut ticks = None;
    loop {
        let node = read_node(reader)?;
        meet(node);
        let (Met::Fork(local) | Met::Leaf(local) | Met::Id(local)) = node;
        all = all.saturating_add(local);
        if all > MAX_TICKS {
            return Err(ClockError::TooManyTicks);
        }
        match node {
            Met::Fork(local) if open.len() < MAX_DEPTH => {
                above = above.saturating_add(local);
                open.push((local, 2));
                continue;
            }
            Met::Fork(_) => return Err(ClockError::TooDeep),
            Met::Id(_) if ticks.is_some() => return Err(ClockError::SeveralIds),
            Met::Id(local) => ticks = Some(above.saturating_add(local)),
            Met::Leaf(_) => {}
        }
        if close(&mut open, &mut above) {
            return Ok(Measure { ticks });
        }
    }
}

/// Closes the forks whose children are complete. Says if nothing is open.
fn close(open: &mut Stack<Fork, 16>, above: &mut u64) -> bool {
    while let Some((local, left)) = open.top() {
        *left = left.saturating_sub(1);
        if *left > 0 {
            return false;
        }
        *above = above.saturating_sub(*local);
        open.pop();
    }
    true
}

fn read_node(reader: &mut Reader<'_>) -> Result<Met, ClockError> {
    match reader.token()? {
        Token::UInt(ticks) => Ok(Met::Leaf(ticks)),
        Token::Array(0) => Ok(Met::Id(0)),
        Token::Array(1) => ticks(reader).map(Met::Id),
        Token::Array(2) => Ok(Met::Fork(0)),
        Token::Array(3) => ticks(reader).map(Met::Fork),
        _ => Err(ClockError::Shape),
    }
}

fn ticks(reader: &mut Reader<'_>) -> Result<u64, ClockError> {
    match reader.token()? {
        Token::UInt(ticks) => Ok(ticks),
        _ => Err(ClockError::Shape),
    }
}
