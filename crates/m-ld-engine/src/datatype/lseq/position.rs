//! One position, as text.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use super::SITE;

/// A place in a list: for each level a number in base 36, as many digits long as the levels so far,
/// and a site of sixteen UTF-16 units. Ordered as JavaScript orders strings.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Position(Arc<str>);

/// A level of a position.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Level<'a> {
    /// Its number in base 36, padded.
    pub(super) number: &'a str,
    pub(super) site: &'a str,
}

impl Position {
    /// Reads a position.
    pub fn parse(text: &str) -> Option<Self> {
        let position = Self(Arc::from(text));
        let mut last = None;
        for (number, level) in (1..).zip(position.levels()) {
            let level = level?;
            let digits = level.number.bytes();
            let all = digits
                .clone()
                .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'z'));
            (digits.len() == number && all).then_some(())?;
            last = Some(level.number.bytes().any(|digit| digit != b'0'));
        }
        last?.then_some(position)
    }

    /// A position of a prefix of whole levels, and one more.
    pub(super) fn of(prefix: &str, number: &str, site: &str) -> Self {
        Self(format!("{prefix}{number}{site}").into())
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its levels. `None` where the text is not one, after which it has no meaning.
    pub(super) fn levels(&self) -> impl Iterator<Item = Option<Level<'_>>> {
        let mut rest = &*self.0;
        let mut digits = 0;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            digits += 1;
            let level = split(rest, digits);
            rest = level.map_or("", |(_, rest)| rest);
            Some(level.map(|(level, _)| level))
        })
    }
}

/// A level with so many digits, and what follows it.
fn split(text: &str, digits: usize) -> Option<(Level<'_>, &str)> {
    let (number, rest) = text.split_at_checked(digits)?;
    let mut units = 0;
    let ends = rest.char_indices().find_map(|(at, character)| {
        units += character.len_utf16();
        (units >= SITE).then(|| at + character.len_utf8())
    });
    let (site, rest) = rest.split_at_checked(ends?)?;
    (units == SITE).then_some((Level { number, site }, rest))
}

impl Ord for Position {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.encode_utf16().cmp(other.0.encode_utf16())
    }
}

impl PartialOrd for Position {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
