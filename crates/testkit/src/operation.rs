//! Operation messages: good ones of a genesis clone, and ones that must reach nobody.
//!
//! Source: m-ld protocol, sections 3 and 4.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

/// Longest text that a JavaScript clone stores, and a little less.
const LONGEST_TEXT: usize = 9000;

/// The genesis clone of a domain, which writes one property of one subject after the other.
#[derive(Clone, Debug, Default)]
pub struct Writer {
    tick: u64,
}

impl Writer {
    /// One whose first message has the number after `tick`.
    pub fn after(tick: u64) -> Self {
        Self { tick }
    }

    /// The next operation message, of exactly so many bytes.
    pub fn next_of(&mut self, bytes: usize) -> Vec<u8> {
        let probe = self.clone().next(bytes).len() - bytes;
        // The size of the value decides how long the marks before it are.
        let found = (0..16)
            .map(|more| bytes - probe - 8 + more)
            .find(|size| self.clone().next(*size).len() == bytes);
        self.next(found.unwrap())
    }

    /// The next operation message, with a value of about so many bytes.
    pub fn next(&mut self, size: usize) -> Vec<u8> {
        self.tick += 1;
        let value = format!("{:08}{}", self.tick, "x".repeat(size.saturating_sub(8)));
        message(self.tick - 1, &encoded(5, self.tick, &update(&value), &[1]))
    }

    /// The number that the value of an operation message begins with.
    pub fn number(message: &[u8]) -> u64 {
        let at = message
            .windows(5)
            .position(|window| window == b"\xa4name")
            .unwrap()
            + 5;
        let digits = message[at..]
            .iter()
            .skip_while(|byte| !byte.is_ascii_digit());
        let text: Vec<u8> = digits.take(8).copied().collect();
        std::str::from_utf8(&text).unwrap().parse().unwrap()
    }
}

/// What would close a JavaScript clone, or worse, by what it is.
pub fn poisons() -> Vec<(&'static str, Vec<u8>)> {
    let good = Writer::default().next(100);
    let inserts = update("x");
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    let chunk = vec![0; 64 * 1024];
    for _ in 0..1024 {
        gzip.write_all(&chunk).unwrap();
    }
    let bomb = gzip.finish().unwrap();
    vec![
        ("nothing", Vec::new()),
        ("garbage", b"\xc1\xff\x00garbage".to_vec()),
        ("text", b"{\"prev\":0}".to_vec()),
        ("a truncated message", good[..good.len() - 3].to_vec()),
        (
            "a message with more behind it",
            [&good[..], b"\xc0"].concat(),
        ),
        ("an old version", message(0, &encoded(2, 1, &inserts, &[1]))),
        (
            "a future version",
            message(0, &encoded(6, 1, &inserts, &[1])),
        ),
        (
            "an unknown encoding",
            message(0, &encoded(5, 1, &inserts, &[9])),
        ),
        (
            "an update that is no MessagePack",
            message(0, &encoded(5, 1, b"\xc1", &[1])),
        ),
        (
            "an update that is no gzip",
            message(0, &encoded(5, 1, &inserts, &[1, 2])),
        ),
        ("a gzip bomb", message(0, &encoded(5, 1, &bomb, &[1, 2]))),
        (
            "an update of one member",
            message(0, &encoded(5, 1, b"\x91\x80", &[1])),
        ),
        (
            "an update of numbers",
            message(0, &encoded(5, 1, b"\x92\x01\x02", &[1])),
        ),
        (
            "a nesting without end",
            message(0, &encoded(5, 1, &[0x91; 100_000], &[1])),
        ),
        (
            "an array that promises too much",
            message(0, &encoded(5, 1, b"\xdd\xff\xff\xff\xff", &[1])),
        ),
    ]
}

/// One subject with a value; what is more than a JavaScript clone takes in one is in further values.
fn update(value: &str) -> Vec<u8> {
    let (first, rest) = value.split_at(value.len().min(LONGEST_TEXT));
    let mut bytes = b"\x92\x80".to_vec();
    bytes.push(if rest.is_empty() { 0x82 } else { 0x83 });
    bytes.extend_from_slice(b"\xa3@id\xa4fred\xa4name");
    text(&mut bytes, first);
    if !rest.is_empty() {
        let more: Vec<_> = rest.as_bytes().chunks(LONGEST_TEXT).collect();
        bytes.extend_from_slice(b"\xa4more\xdc");
        bytes.extend_from_slice(&u16::try_from(more.len()).unwrap().to_be_bytes());
        for chunk in more {
            text(&mut bytes, std::str::from_utf8(chunk).unwrap());
        }
    }
    bytes
}

fn encoded(version: u8, tick: u64, update: &[u8], encoding: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x97, version];
    number(&mut bytes, tick);
    bytes.push(0x91);
    number(&mut bytes, tick);
    binary(&mut bytes, update);
    bytes.push(0x90 | u8::try_from(encoding.len()).unwrap());
    bytes.extend_from_slice(encoding);
    bytes.extend_from_slice(&[0xc0, 0xc0]);
    bytes
}

fn message(prev: u64, encoded: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x83\xa4prev".to_vec();
    number(&mut bytes, prev);
    bytes.extend_from_slice(b"\xa3enc");
    binary(&mut bytes, encoded);
    bytes.extend_from_slice(b"\xa4attr\xc0");
    bytes
}

fn number(bytes: &mut Vec<u8>, number: u64) {
    match number {
        0..=0x7f => bytes.push(u8::try_from(number).unwrap()),
        0x80..=0xff => bytes.extend_from_slice(&[0xcc, u8::try_from(number).unwrap()]),
        0x100..=0xffff => {
            bytes.push(0xcd);
            bytes.extend_from_slice(&u16::try_from(number).unwrap().to_be_bytes());
        }
        _ => {
            bytes.push(0xce);
            bytes.extend_from_slice(&u32::try_from(number).unwrap().to_be_bytes());
        }
    }
}

fn binary(bytes: &mut Vec<u8>, content: &[u8]) {
    sized(bytes, [0xc4, 0xc5, 0xc6], content);
}

fn text(bytes: &mut Vec<u8>, content: &str) {
    if content.len() < 32 {
        bytes.push(0xa0 | u8::try_from(content.len()).unwrap());
        bytes.extend_from_slice(content.as_bytes());
    } else {
        sized(bytes, [0xd9, 0xda, 0xdb], content.as_bytes());
    }
}

fn sized(bytes: &mut Vec<u8>, marks: [u8; 3], content: &[u8]) {
    if let Ok(length) = u8::try_from(content.len()) {
        bytes.extend_from_slice(&[marks[0], length]);
    } else if let Ok(length) = u16::try_from(content.len()) {
        bytes.push(marks[1]);
        bytes.extend_from_slice(&length.to_be_bytes());
    } else {
        bytes.push(marks[2]);
        bytes.extend_from_slice(&u32::try_from(content.len()).unwrap().to_be_bytes());
    }
    bytes.extend_from_slice(content);
}
