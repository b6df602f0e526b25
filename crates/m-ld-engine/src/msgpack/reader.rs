//! Reading MessagePack where it lies.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "whatever is not looked for is refused, new kinds too"
)]

mod skip;

use super::{Error, Limits};

/// One step of a MessagePack encoding. Arrays and maps announce their length; their members are
/// the tokens that follow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Token<'a> {
    /// `null`.
    Nil,
    /// The JavaScript value `undefined`; treat it as absent.
    Undefined,
    /// A truth value.
    Bool(bool),
    /// An integer that is not negative, whatever its encoding.
    UInt(u64),
    /// A negative integer.
    NegInt(i64),
    /// A float; single precision is widened.
    Float(f64),
    /// A string.
    Str(&'a str),
    /// Bytes.
    Bin(&'a [u8]),
    /// An array of so many values.
    Array(usize),
    /// A map of so many keys, each followed by its value.
    Map(usize),
    /// An extension other than `undefined`: its type and data. The engine never sends one.
    Ext(u8, &'a [u8]),
}

/// A cursor over MessagePack that borrows from its input.
///
/// It allocates nothing but for [`Reader::skip`] on nesting deeper than sixteen levels. It counts
/// every value against [`Limits::max_elements`], and refuses a length that the rest of the input
/// cannot hold.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    whole: usize,
    elements: usize,
    max_depth: usize,
}

impl<'a> Reader<'a> {
    /// A reader at the beginning of `bytes`.
    pub fn new(bytes: &'a [u8], limits: Limits) -> Self {
        Self {
            rest: bytes,
            whole: bytes.len(),
            elements: limits.max_elements,
            max_depth: limits.max_depth,
        }
    }

    /// What has not been read.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// How many bytes have been read.
    pub fn position(&self) -> usize {
        self.whole.saturating_sub(self.rest.len())
    }

    /// How many more values may be read.
    pub fn elements_left(&self) -> usize {
        self.elements
    }

    /// A reader of other bytes that goes on with what is left of this one's limits.
    pub fn inner<'b>(&self, bytes: &'b [u8]) -> Reader<'b> {
        Reader {
            rest: bytes,
            whole: bytes.len(),
            elements: self.elements,
            max_depth: self.max_depth,
        }
    }

    /// Reads the next token.
    #[inline]
    pub fn token(&mut self) -> Result<Token<'a>, Error> {
        self.elements = self.elements.checked_sub(1).ok_or(Error::TooMany)?;
        let first = self.byte()?;
        match first {
            0x00..=0x7f => Ok(Token::UInt(u64::from(first))),
            0x80..=0x8f => self.map(usize::from(first & 0x0f)),
            0x90..=0x9f => self.array(usize::from(first & 0x0f)),
            0xa0..=0xbf => self.string(usize::from(first & 0x1f)),
            0xe0..=0xff => Ok(Token::NegInt(i64::from(first.cast_signed()))),
            0xc0 => Ok(Token::Nil),
            0xc1 => Err(Error::Unused),
            0xc2 => Ok(Token::Bool(false)),
            0xc3 => Ok(Token::Bool(true)),
            _ => self.long(first),
        }
    }

    /// The tokens whose first byte is followed by a length or a number.
    fn long(&mut self, first: u8) -> Result<Token<'a>, Error> {
        match first {
            0xc4 => self.length(1).and_then(|n| self.bin(n)),
            0xc5 => self.length(2).and_then(|n| self.bin(n)),
            0xc6 => self.length(4).and_then(|n| self.bin(n)),
            0xc7 => self.length(1).and_then(|n| self.ext(n)),
            0xc8 => self.length(2).and_then(|n| self.ext(n)),
            0xc9 => self.length(4).and_then(|n| self.ext(n)),
            0xca => Ok(Token::Float(f64::from(f32::from_be_bytes(self.fixed()?)))),
            0xcb => Ok(Token::Float(f64::from_be_bytes(self.fixed()?))),
            0xcc => Ok(Token::UInt(u64::from(self.byte()?))),
            0xcd => Ok(Token::UInt(u64::from(u16::from_be_bytes(self.fixed()?)))),
            0xce => Ok(Token::UInt(u64::from(u32::from_be_bytes(self.fixed()?)))),
            0xcf => Ok(Token::UInt(u64::from_be_bytes(self.fixed()?))),
            0xd0 => Ok(signed(i64::from(i8::from_be_bytes(self.fixed()?)))),
            0xd1 => Ok(signed(i64::from(i16::from_be_bytes(self.fixed()?)))),
            0xd2 => Ok(signed(i64::from(i32::from_be_bytes(self.fixed()?)))),
            0xd3 => Ok(signed(i64::from_be_bytes(self.fixed()?))),
            0xd4 => self.ext(1),
            0xd5 => self.ext(2),
            0xd6 => self.ext(4),
            0xd7 => self.ext(8),
            0xd8 => self.ext(16),
            0xd9 => self.length(1).and_then(|n| self.string(n)),
            0xda => self.length(2).and_then(|n| self.string(n)),
            0xdb => self.length(4).and_then(|n| self.string(n)),
            0xdc => self.length(2).and_then(|n| self.array(n)),
            0xdd => self.length(4).and_then(|n| self.array(n)),
            0xde => self.length(2).and_then(|n| self.map(n)),
            _ => self.length(4).and_then(|n| self.map(n)),
        }
    }

    /// Reads a string.
    pub fn str(&mut self) -> Result<&'a str, Error> {
        match self.token()? {
            Token::Str(text) => Ok(text),
            _ => Err(Error::Expected("a string")),
        }
    }

    /// Reads a map key, which is a string, and not the one that would replace the prototype of a
    /// JavaScript object.
    pub fn key(&mut self) -> Result<&'a str, Error> {
        match self.token()? {
            Token::Str(text) if text != "__proto__" => Ok(text),
            _ => Err(Error::Key),
        }
    }

    /// Reads an integer that is not negative.
    pub fn uint(&mut self) -> Result<u64, Error> {
        match self.token()? {
            Token::UInt(number) => Ok(number),
            _ => Err(Error::Expected("a natural number")),
        }
    }

    /// Reads an integer that fits 64 bits with a sign.
    pub fn int(&mut self) -> Result<i64, Error> {
        let expected = Error::Expected("an integer");
        match self.token()? {
            Token::UInt(number) => i64::try_from(number).map_err(|_| expected),
            Token::NegInt(number) => Ok(number),
            _ => Err(expected),
        }
    }

    /// Reads bytes.
    pub fn bytes(&mut self) -> Result<&'a [u8], Error> {
        match self.token()? {
            Token::Bin(bytes) => Ok(bytes),
            _ => Err(Error::Expected("bytes")),
        }
    }

    /// Reads the beginning of an array, giving its length.
    pub fn array_len(&mut self) -> Result<usize, Error> {
        match self.token()? {
            Token::Array(len) => Ok(len),
            _ => Err(Error::Expected("an array")),
        }
    }

    /// Reads the beginning of a map, giving its length.
    pub fn map_len(&mut self) -> Result<usize, Error> {
        match self.token()? {
            Token::Map(len) => Ok(len),
            _ => Err(Error::Expected("a map")),
        }
    }

    /// Fails unless everything has been read.
    pub fn end(&self) -> Result<(), Error> {
        match self.rest.len() {
            0 => Ok(()),
            more => Err(Error::Trailing(more)),
        }
    }

    fn byte(&mut self) -> Result<u8, Error> {
        let (first, rest) = self.rest.split_first().ok_or(Error::Truncated)?;
        self.rest = rest;
        Ok(*first)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(Error::Truncated)?;
        self.rest = rest;
        Ok(*bytes)
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], Error> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(Error::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn length(&mut self, width: usize) -> Result<usize, Error> {
        let long = self
            .take(width)?
            .iter()
            .fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
        usize::try_from(long).map_err(|_| Error::Truncated)
    }

    fn string(&mut self, len: usize) -> Result<Token<'a>, Error> {
        let text = std::str::from_utf8(self.take(len)?).map_err(|_| Error::NotUtf8)?;
        Ok(Token::Str(text))
    }

    fn bin(&mut self, len: usize) -> Result<Token<'a>, Error> {
        self.take(len).map(Token::Bin)
    }

    fn ext(&mut self, len: usize) -> Result<Token<'a>, Error> {
        let kind = self.byte()?;
        match (kind, self.take(len)?) {
            (0, [0]) => Ok(Token::Undefined),
            (kind, data) => Ok(Token::Ext(kind, data)),
        }
    }

    fn array(&mut self, len: usize) -> Result<Token<'a>, Error> {
        // Each member takes a byte at least.
        if len > self.rest.len() {
            return Err(Error::Truncated);
        }
        Ok(Token::Array(len))
    }

    fn map(&mut self, len: usize) -> Result<Token<'a>, Error> {
        if len > self.rest.len() / 2 {
            return Err(Error::Truncated);
        }
        Ok(Token::Map(len))
    }
}

fn signed(number: i64) -> Token<'static> {
    u64::try_from(number).map_or(Token::NegInt(number), Token::UInt)
}
