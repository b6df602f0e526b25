//! Reading over a value.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a value of any kind is read over, new kinds too"
)]

use super::super::{Error, Stack};
use super::{Reader, Token};

/// The open arrays and maps: how many tokens each waits for, and if those are by turns keys and
/// values.
type Open = Stack<(usize, bool), 16>;

impl<'a> Reader<'a> {
    /// Reads over one whole value, checking it, and gives its bytes.
    ///
    /// It refuses extensions, and map keys that [`Reader::key`] refuses.
    pub fn skip(&mut self) -> Result<&'a [u8], Error> {
        let before = self.rest;
        let mut open: Open = Stack::new();
        loop {
            match self.token()? {
                Token::Array(len) if len > 0 => self.open(&mut open, (len, false))?,
                Token::Map(len) if len > 0 => {
                    self.open(&mut open, (len.saturating_mul(2), true))?;
                    self.key()?;
                    close_one(&mut open);
                    continue;
                }
                Token::Ext(..) => return Err(Error::Extension),
                _ if close_all(&mut open) => break,
                _ => {}
            }
            if let Some((left, true)) = open.top()
                && left.is_multiple_of(2)
            {
                self.key()?;
                close_one(&mut open);
            }
        }
        let len = before.len().saturating_sub(self.rest.len());
        Ok(before.get(..len).unwrap_or_default())
    }

    fn open(&self, open: &mut Open, frame: (usize, bool)) -> Result<(), Error> {
        if open.len() >= self.max_depth {
            return Err(Error::TooDeep);
        }
        open.push(frame);
        Ok(())
    }
}

/// Notes that the container on top has had one of its tokens.
fn close_one(open: &mut Open) {
    if let Some((left, _)) = open.top() {
        *left = left.saturating_sub(1);
    }
}

/// Notes that a value is complete, and with it every container that waited for it alone. Says if
/// that was the outermost.
fn close_all(open: &mut Open) -> bool {
    while let Some((left, _)) = open.top() {
        *left = left.saturating_sub(1);
        if *left > 0 {
            return false;
        }
        open.pop();
    }
    true
}
