//! One record as one line of text.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::time::{Duration, SystemTime};

use log::Record;
use log::kv::{self, Key, Value, VisitSource};

use crate::clock::Timestamp;

/// Characters that are written of one message or value.
const LONGEST: usize = 1000;
/// Bytes after which a line takes no further key-values.
const LONGEST_LINE: usize = 8000;

/// A record as a person reads it: `message key=value key="a value"`.
#[derive(Debug)]
pub struct Line(String);

impl Line {
    /// Message and key-values, without time and level, as the journal wants it.
    pub fn bare(record: &Record<'_>) -> Self {
        let mut line = Self(String::new());
        line.tell(record);
        line
    }

    /// The whole line, with its end: `2026-01-31T12:00:00.000Z INFO  listener: message key=value`.
    pub fn full(record: &Record<'_>, now: Timestamp) -> Self {
        let mut line = Self(String::new());
        line.put(format_args!(
            "{} {:<5} {}: ",
            calendar(now),
            record.level(),
            room(record.target())
        ));
        line.tell(record);
        line.0.push('\n');
        line
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn tell(&mut self, record: &Record<'_>) {
        self.escaped(record.args(), Quotes::AsTheyAre);
        // A value whose `Display` fails leaves the line as it is: there is nobody to tell.
        drop(record.key_values().visit(self));
    }

    fn put(&mut self, text: fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        self.0.write_fmt(text).unwrap_or_default();
    }

    fn escaped(&mut self, text: impl fmt::Display, quotes: Quotes) {
        let mut into = Escaper {
            line: &mut self.0,
            left: LONGEST,
            quotes,
        };
        // Fails when enough is written.
        write!(into, "{text}").unwrap_or_default();
    }

    fn value(&mut self, text: &str) {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._:/@+-[]%~".contains(c);
        if !text.is_empty() && text.len() <= LONGEST && text.chars().all(plain) {
            self.0.push_str(text);
        } else {
            self.0.push('"');
            self.escaped(text, Quotes::Escaped);
            self.0.push('"');
        }
    }
}

impl<'kvs> VisitSource<'kvs> for Line {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), kv::Error> {
        if self.0.len() > LONGEST_LINE {
            return Ok(());
        }
        self.put(format_args!(" {}=", key.as_str().escape_default()));
        match value.to_borrowed_error() {
            Some(error) => self.value(&chain(error)),
            None => self.value(&value.to_string()),
        }
        Ok(())
    }
}

/// An error with everything that led to it.
fn chain(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    let told: Vec<String> = causes.take(16).map(ToString::to_string).collect();
    told.join(": caused by ")
}

/// The module that speaks, without the crate that they are all in.
fn room(target: &str) -> &str {
    target.strip_prefix("meldgate::").unwrap_or(target)
}

fn calendar(now: Timestamp) -> humantime::Rfc3339Timestamp {
    // The last second of the year 9999: nothing later has a calendar date of this form.
    const LAST: u64 = 253_402_300_799_999;
    let since = Duration::from_millis(now.as_millis().min(LAST));
    humantime::format_rfc3339_millis(SystemTime::UNIX_EPOCH + since)
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Quotes {
    AsTheyAre,
    Escaped,
}

/// Writes text so that it stays on its line.
struct Escaper<'a> {
    line: &'a mut String,
    left: usize,
    quotes: Quotes,
}

impl fmt::Write for Escaper<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            if self.left == 0 {
                self.line.push('…');
                return Err(fmt::Error);
            }
            self.left -= 1;
            match c {
                '"' | '\'' if self.quotes == Quotes::AsTheyAre => self.line.push(c),
                '\'' => self.line.push(c),
                // Escapes controls, invisible and unassigned characters, and marks that join the one before.
                _ => self.line.extend(c.escape_debug()),
            }
        }
        Ok(())
    }
}
