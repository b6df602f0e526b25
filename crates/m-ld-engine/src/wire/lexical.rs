//! Lexical forms that JavaScript reads as numbers and times.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

/// Whether `parseFloat` makes a number of it: one that begins the text, whatever follows.
pub(super) fn is_number(text: &str) -> bool {
    let text = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits = text.strip_prefix('.').unwrap_or(text);
    text.starts_with("Infinity") || digits.starts_with(|c: char| c.is_ascii_digit())
}

/// Whether `new Date` makes a time of it, in any engine: a date or a date and time as in ISO 8601,
/// with four digits of year or a sign and six.
///
/// A space in the place of the `T`, and an offset without its colon, are understood as well, but
/// not with every year; so they need a whole date from 1000 on. Engines understand other forms
/// too, each its own. Those are not accepted: what one clone can read could close the next.
pub(super) fn is_time(text: &str) -> bool {
    let loose = matches!(
        text.as_bytes(),
        [b'1'..=b'9', _, _, _, b'-', _, _, b'-', ..]
    );
    let scan = Scan {
        rest: text.as_bytes(),
        loose,
    };
    scan.time().is_some_and(<[u8]>::is_empty)
}

/// What is left of a text, and whether to be less strict with it.
#[derive(Clone, Copy)]
struct Scan<'a> {
    rest: &'a [u8],
    loose: bool,
}

impl<'a> Scan<'a> {
    fn time(mut self) -> Option<&'a [u8]> {
        self.year()?;
        if self.skip(b"-") {
            self.number(2, 1..=12)?;
            if self.skip(b"-") {
                self.number(2, 1..=31)?;
            }
        }
        if self.skip(b"T") || (self.loose && self.skip(b" ")) {
            self.clock()?;
            if !self.skip(b"Z") && self.skip(b"+-") {
                self.number(2, 0..=23)?;
                (self.skip(b":") || self.loose).then_some(())?;
                self.number(2, 0..=59)?;
            }
        }
        Some(self.rest)
    }

    /// The years that a date can have on the whole, so that no offset exceeds it.
    fn year(&mut self) -> Option<()> {
        if self.skip(b"+") {
            self.number(6, 0..=275_000)
        } else if self.skip(b"-") {
            self.number(6, 1..=271_000)
        } else {
            self.number(4, 0..=9999)
        }
    }

    fn clock(&mut self) -> Option<()> {
        let midnight = self.rest.starts_with(b"24:");
        self.number(2, 0..=24)?;
        let top = if midnight { 0 } else { 59 };
        self.skip(b":").then_some(())?;
        self.number(2, 0..=top)?;
        if self.skip(b":") {
            self.number(2, 0..=top)?;
            if self.skip(b".") {
                let digits = self
                    .rest
                    .iter()
                    .take_while(|byte| byte.is_ascii_digit())
                    .count();
                let (fraction, rest) = self.rest.split_at_checked(digits)?;
                let zero = fraction.iter().all(|digit| *digit == b'0');
                self.rest = rest;
                (digits > 0 && (zero || !midnight)).then_some(())?;
            }
        }
        Some(())
    }

    /// A number of so many digits, within a range.
    fn number(&mut self, digits: usize, range: std::ops::RangeInclusive<u32>) -> Option<()> {
        let (number, rest) = self.rest.split_at_checked(digits)?;
        self.rest = rest;
        if !number.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let number: u32 = std::str::from_utf8(number).ok()?.parse().ok()?;
        range.contains(&number).then_some(())
    }

    /// Skips one of these, if there is one.
    fn skip(&mut self, any: &[u8]) -> bool {
        match self.rest.split_first() {
            Some((first, rest)) if any.contains(first) => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }
}
