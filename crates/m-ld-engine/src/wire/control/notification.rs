//! What comes on a channel.

use super::super::{Limits, WireError};
use crate::msgpack::{Reader, Token, Writer};

/// A notification on a channel. After [`Notification::Complete`] or [`Notification::Error`] the
/// channel is finished.
#[derive(Clone, Debug, PartialEq)]
pub enum Notification<'a> {
    /// One datum: of a snapshot's data, see [`crate::operation::Codec::decode_datum`]; of
    /// updates, an operation message.
    Next(&'a [u8]),
    /// There is no more.
    Complete,
    /// There will be no more, though there should.
    Error {
        /// An m-ld status (section 22.2), or zero if none was given.
        status: u16,
        /// What went wrong, for a log.
        message: String,
    },
}

impl<'a> Notification<'a> {
    /// Encodes this.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut out = Writer::new(&mut bytes);
        out.map(1);
        match self {
            Self::Next(datum) => {
                out.str("next");
                out.bin(datum);
            }
            Self::Complete => {
                out.str("complete");
                out.bool(true);
            }
            Self::Error { status, message } => {
                out.str("error");
                out.map(2);
                out.str("status");
                out.uint((*status).into());
                out.str("message");
                out.str(message);
            }
        }
        bytes
    }

    /// Reads a notification: a map with one key. What it is may be followed by keys with no
    /// value.
    pub fn decode(payload: &'a [u8], limits: &Limits) -> Result<Self, WireError> {
        const BAD: WireError = WireError::Envelope("notification");
        let mut reader = Reader::new(payload, (*limits).into());
        let mut found = None;
        for _ in 0..reader.map_len()? {
            let key = reader.key()?;
            let mut value = reader.clone();
            reader.skip()?;
            let this = match (key, value.token()?) {
                (_, Token::Nil | Token::Undefined) => continue,
                ("next", Token::Bin(datum)) => Self::Next(datum),
                ("complete", Token::Bool(true)) => Self::Complete,
                ("error", Token::Map(count)) => read_error(&mut value, count)?,
                ("next" | "complete" | "error", _) => return Err(BAD),
                _ => continue,
            };
            if found.replace(this).is_some() {
                return Err(BAD);
            }
        }
        reader.end()?;
        found.ok_or(BAD)
    }
}

/// Reads an error, of which `count` keys follow. It ends the channel whatever it says.
fn read_error<'a>(reader: &mut Reader<'a>, count: usize) -> Result<Notification<'a>, WireError> {
    let (mut status, mut message) = (0, String::new());
    for _ in 0..count {
        let key = reader.key()?;
        let mut value = reader.clone();
        reader.skip()?;
        match (key, value.token()?) {
            ("status", Token::UInt(number)) => status = u16::try_from(number).unwrap_or(0),
            ("message", Token::Str(text)) => text.clone_into(&mut message),
            _ => {}
        }
    }
    Ok(Notification::Error { status, message })
}
