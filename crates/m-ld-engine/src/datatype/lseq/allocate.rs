//! Where there is room between two positions, and which numbers are taken of it.

use std::cmp::Ordering;

use super::position::{Level, Position};

/// How many digits of a number are reckoned with. A number of more levels is the same but for
/// digits that come after, which are zeros in those that are made.
const WINDOW: usize = 21;

/// From this level on, a position before all others is put near its neighbour, so that there is room
/// for many more before it. JavaScript makes a new level for every few.
const MIRRORED: usize = 4;

/// One of two positions between which others are made: its levels, of which an end has none.
#[derive(Clone, Debug)]
pub(super) struct Bound<'a> {
    levels: Vec<Level<'a>>,
    text: &'a str,
    /// Whether it is the end of the list.
    is_end: bool,
}

impl<'a> Bound<'a> {
    pub(super) fn lower(position: Option<&'a Position>) -> Self {
        Self::of(position, false)
    }

    pub(super) fn upper(position: Option<&'a Position>) -> Self {
        Self::of(position, true)
    }

    fn of(position: Option<&'a Position>, upper: bool) -> Self {
        let levels = position.into_iter().flat_map(Position::levels);
        Self {
            levels: levels.map_while(|level| level).collect(),
            text: position.map_or("", Position::as_str),
            is_end: position.is_none() && upper,
        }
    }

    fn level(&self, level: usize) -> Option<Level<'a>> {
        self.levels.get(level).copied()
    }

    /// The number at a level; zero if there is none.
    fn number(&self, level: usize) -> Number<'a> {
        match self.level(level) {
            _ if self.is_end && level == 0 => Number::Base,
            Some(level) => Number::Digits(level.number),
            None => Number::Digits(""),
        }
    }

    /// The text of the levels before one, and how many there are of these.
    fn prefix(&self, level: usize) -> (&'a str, usize) {
        let levels = self.levels.iter().take(level);
        let length = levels
            .clone()
            .map(|level| level.number.len() + level.site.len());
        (
            self.text.get(..length.sum()).unwrap_or_default(),
            levels.len(),
        )
    }
}

/// A number at a level.
#[derive(Clone, Copy, Debug)]
enum Number<'a> {
    /// In base 36. Digits that are missing at the end are zeros.
    Digits(&'a str),
    /// One more than the greatest of the level.
    Base,
}

impl Number<'_> {
    /// Its digits from one on, as a number of at most [`WINDOW`].
    fn window(self, level: usize, skip: usize) -> u128 {
        let digits = (level + 1).saturating_sub(skip).min(WINDOW);
        match self {
            Self::Base => (0..digits).fold(1, |number, _| number * 36),
            Self::Digits(text) => (skip..skip + digits).fold(0, |number, at| {
                let digit = text.as_bytes().get(at).copied().unwrap_or(b'0');
                number * 36 + u128::from(value(digit))
            }),
        }
    }

    /// How many digits at the beginning this has in common with another.
    fn common(self, other: Self) -> usize {
        match (self, other) {
            (Self::Digits(one), Self::Digits(two)) => {
                let len = one.len().max(two.len());
                let digit = |text: &str, at| text.as_bytes().get(at).copied().unwrap_or(b'0');
                (0..len)
                    .take_while(|at| digit(one, *at) == digit(two, *at))
                    .count()
            }
            _ => 0,
        }
    }
}

fn value(digit: u8) -> u8 {
    match digit {
        b'a'..=b'z' => digit - b'a' + 10,
        _ => digit.saturating_sub(b'0').min(9),
    }
}

fn digits(number: u128, count: usize) -> String {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut rest = number;
    let mut text: Vec<u8> = (0..count)
        .map(|_| {
            let digit = usize::try_from(rest % 36).unwrap_or_default();
            rest /= 36;
            DIGITS.get(digit).copied().unwrap_or(b'0')
        })
        .collect();
    text.reverse();
    String::from_utf8(text).unwrap_or_default()
}

/// Numbers that are free at a level, after the same levels of one of the bounds.
pub(super) struct Room<'a> {
    level: usize,
    /// The bound that gives the levels before this one.
    after: Bound<'a>,
    next: Bound<'a>,
    /// The numbers between which there is room.
    lower: Number<'a>,
    upper: Number<'a>,
}

impl<'a> Room<'a> {
    /// Finds room between two positions.
    pub(super) fn between(lower: &Bound<'a>, upper: &Bound<'a>) -> Option<Self> {
        for level in 0..=lower.levels.len().max(upper.levels.len()) {
            let (one, two) = (lower.number(level), upper.number(level));
            match gap(one, two, level) {
                Gap::None => {
                    if let (Some(one), Some(two)) = (lower.level(level), upper.level(level))
                        && compare(one.site, two.site) != Ordering::Equal
                    {
                        return Self::below(lower, upper, level, false);
                    }
                }
                Gap::One => return Self::below(lower, upper, level, true),
                Gap::More => return Some(Self::at(level, lower, upper, (one, two))),
            }
        }
        None
    }

    fn at(
        level: usize,
        after: &Bound<'a>,
        next: &Bound<'a>,
        (lower, upper): (Number<'a>, Number<'a>),
    ) -> Self {
        Self {
            level,
            after: after.clone(),
            next: next.clone(),
            lower,
            upper,
        }
    }

    /// Finds room below a level at which there is none: after the lower, or before the upper.
    fn below(lower: &Bound<'a>, upper: &Bound<'a>, level: usize, both: bool) -> Option<Self> {
        let deepest = lower.levels.len().max(upper.levels.len());
        (level + 1..=deepest + 1).find_map(|level| {
            let (one, two) = (lower.number(level), upper.number(level));
            let zero = Number::Digits("");
            if matches!(gap(one, Number::Base, level), Gap::More) {
                Some(Self::at(level, lower, upper, (one, Number::Base)))
            } else if both && matches!(gap(zero, two, level), Gap::More) {
                Some(Self::at(level, upper, upper, (zero, two)))
            } else {
                None
            }
        })
    }

    /// Takes positions, of which some may have to be made between the others.
    pub(super) fn take(&self, site: &str, count: usize) -> Vec<Position> {
        let prefix = self.prefix(site);
        let numbers = self.numbers(count).into_iter();
        let made: Vec<_> = numbers
            .map(|number| Position::of(&prefix, &number, site))
            .collect();
        if made.len() >= count || made.is_empty() {
            return made;
        }
        self.fill_up(&made, site, count)
    }

    /// Puts positions between others, as many after each until there are enough.
    fn fill_up(&self, made: &[Position], site: &str, count: usize) -> Vec<Position> {
        let each = (count - made.len()).div_ceil(made.len());
        let mut all = Vec::with_capacity(count);
        let mut missing = count - made.len();
        for (at, position) in made.iter().enumerate() {
            all.push(position.clone());
            if missing > 0 {
                let next = match made.get(at + 1) {
                    Some(next) => Bound::upper(Some(next)),
                    None => self.next.clone(),
                };
                let room = Room::between(&Bound::lower(Some(position)), &next);
                all.extend(room.into_iter().flat_map(|room| room.take(site, each)));
                missing = missing.saturating_sub(each);
            }
        }
        all.truncate(count);
        all
    }

    /// The levels before the numbers. Where the lower has none but the upper has, as in the upper
    /// unless the own site is before its; else of the own site.
    fn prefix(&self, site: &str) -> String {
        let (text, levels) = self.after.prefix(self.level);
        let mut prefix = text.to_owned();
        let mut within = true;
        for level in levels..self.level {
            let next = self.next.level(level).filter(|_| within);
            let follows = next.filter(|next| {
                let is_zero = next.number.bytes().all(|digit| digit == b'0');
                is_zero && compare(next.site, site) != Ordering::Greater
            });
            within = follows.is_some();
            prefix.push_str(&digits(0, level + 1));
            prefix.push_str(follows.map_or(site, |next| next.site));
        }
        prefix
    }

    /// At most so many numbers, as far apart as those that follow may want.
    fn numbers(&self, count: usize) -> Vec<String> {
        let skip = self.lower.common(self.upper);
        let lower = self.lower.window(self.level, skip);
        let upper = self.upper.window(self.level, skip);
        let available = upper - lower - 1;
        let others = u128::try_from(count)
            .unwrap_or(u128::MAX)
            .saturating_sub(1)
            .max(1);
        let gap = (available / 8 / others).max(1);
        let first = available / 16 + 1;
        let offsets =
            (0..u128::try_from(count).unwrap_or(u128::MAX)).map(|turn| first + turn * gap);
        let offsets = offsets.take_while(|offset| *offset <= available);
        let mut numbers: Vec<u128> = offsets.map(|offset| lower + offset).collect();
        let is_before = matches!(
            (self.lower, self.upper),
            (Number::Digits(""), Number::Digits(_))
        );
        if self.level >= MIRRORED && is_before {
            numbers = numbers
                .iter()
                .rev()
                .map(|number| lower + (upper - number))
                .collect();
        }
        numbers
            .into_iter()
            .map(|number| self.written(number, skip))
            .collect()
    }

    /// A number in all its digits, of which it is the window after those in common.
    fn written(&self, number: u128, skip: usize) -> String {
        let length = self.level + 1;
        let common = match self.upper {
            Number::Digits(text) => text.get(..skip).unwrap_or_default(),
            Number::Base => "",
        };
        let window = (length - skip).min(WINDOW);
        let mut text = format!("{common}{}", digits(number, window));
        text.extend(std::iter::repeat_n('0', length - text.len()));
        text
    }
}

/// How much room there is between two numbers.
enum Gap {
    /// They are equal.
    None,
    /// One is next to the other, or what is between them is too little to reckon with.
    One,
    /// There are numbers between them.
    More,
}

fn gap(lower: Number<'_>, upper: Number<'_>, level: usize) -> Gap {
    let skip = lower.common(upper);
    let windows = (lower.window(level, skip), upper.window(level, skip));
    match windows.1.saturating_sub(windows.0) {
        0 => Gap::None,
        1 => Gap::One,
        _ => Gap::More,
    }
}

fn compare(one: &str, two: &str) -> Ordering {
    one.encode_utf16().cmp(two.encode_utf16())
}
