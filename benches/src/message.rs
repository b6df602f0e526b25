//! Operation messages as m-ld clones send them, well-formed and with a tick of their own each.
//!
//! Source: the m-ld protocol as this project describes it, sections 3 and 4.

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Result};

/// Ticks from here to `u32::MAX` are all of one length.
pub(crate) const FIRST_TICK: u32 = 1 << 20;

/// The size of a message and how its update is encoded.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Shape {
    /// Bytes of the whole message, as near as can be when compressed.
    pub(crate) size: usize,
    /// Whether the update is compressed, as JavaScript clones do above 1024 bytes.
    pub(crate) gzip: bool,
}

/// Bytes of one text value, and as many characters: all is ASCII.
const LONGEST_VALUE: usize = 9000;

/// A message whose tick can be replaced in place.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    bytes: Vec<u8>,
    prev: usize,
    from: usize,
    time: usize,
}

impl Template {
    /// Makes a message of this shape.
    pub(crate) fn new(shape: Shape) -> Result<Self> {
        let mut text = shape.size;
        for _ in 0..64 {
            let made = Self::with_text(text, shape.gzip)?;
            let over = made.bytes.len().abs_diff(shape.size);
            if over == 0 || (shape.gzip && over < shape.size / 100) {
                return Ok(made);
            }
            text = if made.bytes.len() > shape.size {
                text - over.min(text)
            } else {
                text + over
            };
        }
        Err(Failure::new(format!("no message of {} bytes", shape.size)))
    }

    fn with_text(length: usize, gzip: bool) -> Result<Self> {
        let mut update = vec![0x92, 0x80, 0x82];
        text(&mut update, "@id");
        text(&mut update, "entry");
        text(&mut update, "text");
        // More than so much in one value closes a JavaScript clone.
        let prose = prose(length);
        let values: Vec<_> = prose.as_bytes().chunks(LONGEST_VALUE).collect();
        if values.len() > 1 {
            update.extend([0xdc, low(values.len() >> 8), low(values.len())]);
        }
        for value in values {
            text(&mut update, std::str::from_utf8(value)?);
        }
        if gzip {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(&update)?;
            update = encoder.finish()?;
        }
        let mut operation = vec![0x97, 5];
        let from = tick(&mut operation);
        operation.push(0x91);
        let time = tick(&mut operation);
        binary(&mut operation, &update);
        operation.extend(if gzip { &[0x92, 1, 2][..] } else { &[0x91, 1] });
        operation.extend([0xc0, 0xc0]);

        let mut bytes = vec![0x83];
        text(&mut bytes, "prev");
        let prev = tick(&mut bytes);
        text(&mut bytes, "enc");
        binary(&mut bytes, &operation);
        let inner = bytes.len() - operation.len();
        text(&mut bytes, "attr");
        bytes.push(0xc0);
        Ok(Self {
            bytes,
            prev,
            from: inner + from,
            time: inner + time,
        })
    }

    /// The message of one tick.
    pub(crate) fn message(&self, tick: u32) -> Bytes {
        let mut bytes = self.bytes.clone();
        for (at, value) in [(self.prev, tick - 1), (self.from, tick), (self.time, tick)] {
            bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
        }
        bytes.into()
    }

    /// The tick of a message that was made from this template.
    pub(crate) fn tick(&self, message: &[u8]) -> Option<u32> {
        let bytes = message.get(self.prev..self.prev + 4)?;
        Some(u32::from_be_bytes(bytes.try_into().ok()?) + 1)
    }
}

/// Text that compresses about as well as what people write.
fn prose(length: usize) -> String {
    const WORDS: [&str; 16] = [
        "clone ", "tick ", "domain ", "shared ", "the ", "of ", "and ", "a ", "gateway ", "to ",
        "live ", "data ", "is ", "in ", "list ", "text ",
    ];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut made = String::with_capacity(length + 16);
    while made.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        made.push_str(WORDS[(state >> 60) as usize]);
        made.push(char::from(
            b'a' + u8::try_from((state >> 20) % 26).unwrap_or_default(),
        ));
    }
    made.truncate(length);
    made
}

fn tick(out: &mut Vec<u8>) -> usize {
    out.push(0xce);
    out.extend(FIRST_TICK.to_be_bytes());
    out.len() - 4
}

fn text(out: &mut Vec<u8>, text: &str) {
    match text.len() {
        length @ 0..32 => out.push(0xa0 | low(length)),
        length @ 32..256 => out.extend([0xd9, low(length)]),
        length => out.extend([0xda, low(length >> 8), low(length)]),
    }
    out.extend(text.as_bytes());
}

fn binary(out: &mut Vec<u8>, bytes: &[u8]) {
    match bytes.len() {
        length @ 0..256 => out.extend([0xc4, low(length)]),
        length => out.extend([0xc5, low(length >> 8), low(length)]),
    }
    out.extend(bytes);
}

/// The lowest byte. Messages here have at most 65,535 bytes, so two of these are a length.
fn low(length: usize) -> u8 {
    length.to_be_bytes()[size_of::<usize>() - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_as_long_as_asked_for_and_has_its_tick() {
        for size in [300, 4096] {
            let template = Template::new(Shape { size, gzip: false }).unwrap();
            let message = template.message(FIRST_TICK + 7);
            assert_eq!(message.len(), size);
            assert_eq!(template.tick(&message), Some(FIRST_TICK + 7));
        }
    }

    #[test]
    fn a_compressed_message_is_about_as_long() {
        let template = Template::new(Shape {
            size: 4096,
            gzip: true,
        })
        .unwrap();
        assert!(template.message(FIRST_TICK).len().abs_diff(4096) < 41);
    }
}
