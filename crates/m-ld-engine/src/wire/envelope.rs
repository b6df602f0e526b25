//! An operation message as a relay sees it.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "whatever is not looked for is refused, new kinds too"
)]

use super::{Encoding, Limits, WireError, content, update};
use crate::clock::{self, MAX_TICKS, Tid, TreeClock};
use crate::msgpack::{Reader, Token, Writer};

/// What is known of an operation message without applying it. Everything is borrowed from the
/// message.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Envelope<'a> {
    /// The version of the operation's format: 3, 4 or 5.
    pub version: u64,
    /// The first tick of the operation. Less than [`Envelope::ticks`] if it is a fusion of
    /// several.
    pub from: u64,
    /// The last tick of the operation: that of its process at its time.
    pub ticks: u64,
    /// The previous public tick of the same process.
    pub prev: u64,
    /// The identity of the responsible principal, as it is on the wire: it may be relative to the
    /// domain.
    pub principal: Option<&'a str>,
    /// The tick of the last agreement in the operation.
    pub agreed: Option<u64>,
    /// Who answers for the message. None in a domain without transport security. The signature
    /// has not been verified.
    pub attribution: Option<Attribution<'a>>,
    /// How the update is encoded.
    pub encoding: Encoding,
    /// Whether the update has been processed by transport security, and so has not been judged.
    ///
    /// In a domain that does *not* use transport security, a JavaScript clone closes on such an
    /// operation. Whoever knows the domain should refuse it there.
    pub secure: bool,
    /// The length of the update when decompressed; of a secure one, its length as it is.
    pub inflated: usize,
    /// The encoded operation, over which an attribution signs.
    pub operation: &'a [u8],
    time: &'a [u8],
    pub(crate) update: &'a [u8],
    pub(crate) proof: Option<&'a [u8]>,
}

/// The principal that answers for a message, and the signature that proves it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Attribution<'a> {
    /// The principal's IRI.
    pub principal: &'a str,
    /// The signature.
    pub signature: &'a [u8],
}

impl Envelope<'_> {
    /// The time of the operation: the clock of its process, ticked for it.
    pub fn time(&self) -> Result<TreeClock, WireError> {
        Ok(TreeClock::decode(self.time)?)
    }

    /// The id of the operation.
    pub fn tid(&self) -> Result<Tid, WireError> {
        Ok(self.time()?.tid())
    }

    /// Whether this is several operations of one process made into one.
    pub fn is_fusion(&self) -> bool {
        self.from < self.ticks
    }
}

/// Decides if an operation message may be passed on.
///
/// What it costs is in proportion to the message, and to what that decompresses to. It allocates
/// nothing for a message that is not compressed and not deeply nested.
///
/// # Errors
/// Any error means that no engine would have sent this, and that it may harm those who receive
/// it. See the [module](super) for what is looked at.
pub fn judge<'a>(message: &'a [u8], limits: &Limits) -> Result<Envelope<'a>, WireError> {
    let (mut envelope, elements_left) = open(message, limits)?;
    if !envelope.secure {
        let data = content::plain(envelope.update, envelope.encoding, limits)?;
        envelope.inflated = data.len();
        let limits = Limits {
            max_elements: elements_left,
            ..*limits
        };
        update::check(&data, envelope.is_fusion(), &limits)?;
    }
    Ok(envelope)
}

/// Reads the message and the encoded operation in it, but not the update. Says how many values
/// may still be read.
pub(crate) fn open<'a>(
    message: &'a [u8],
    limits: &Limits,
) -> Result<(Envelope<'a>, usize), WireError> {
    if message.len() > limits.max_message {
        return Err(WireError::TooLarge {
            size: message.len(),
            limit: limits.max_message,
        });
    }
    let mut reader = Reader::new(message, (*limits).into());
    let Outer {
        prev,
        enc,
        attribution,
    } = Outer::read(&mut reader)?;
    let mut inner = reader.inner(enc);
    let mut envelope = read_operation(&mut inner)?;
    inner.end()?;
    envelope.prev = prev;
    envelope.attribution = attribution;
    envelope.operation = enc;
    if prev >= envelope.ticks {
        return Err(WireError::AfterItself);
    }
    Ok((envelope, inner.elements_left()))
}

/// Reads an encoded operation that is in no message, but not its update. Says how many values may
/// still be read.
pub(crate) fn open_operation<'a>(
    encoded: &'a [u8],
    limits: &Limits,
) -> Result<(Envelope<'a>, usize), WireError> {
    let mut reader = Reader::new(encoded, (*limits).into());
    let mut envelope = read_operation(&mut reader)?;
    reader.end()?;
    envelope.operation = encoded;
    Ok((envelope, reader.elements_left()))
}

/// The members of the message's map.
struct Outer<'a> {
    prev: u64,
    enc: &'a [u8],
    attribution: Option<Attribution<'a>>,
}

impl<'a> Outer<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, WireError> {
        let (mut prev, mut enc, mut attr) = (None, None, None);
        for _ in 0..reader.map_len()? {
            match reader.key()? {
                "prev" => once(&mut prev, tick(reader)?, "prev")?,
                "enc" => once(&mut enc, reader.bytes()?, "enc")?,
                "attr" => once(&mut attr, Attribution::read(reader)?, "attr")?,
                _ => drop(reader.skip()?),
            }
        }
        reader.end()?;
        Ok(Self {
            prev: prev.ok_or(WireError::Envelope("prev"))?,
            enc: enc.ok_or(WireError::Envelope("enc"))?,
            attribution: attr.ok_or(WireError::Envelope("attr"))?,
        })
    }
}

impl<'a> Attribution<'a> {
    /// Reads the attribution of any message, or that it has none.
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Option<Self>, WireError> {
        let len = match reader.token()? {
            Token::Nil => return Ok(None),
            Token::Map(len) => len,
            _ => return Err(WireError::Envelope("attr")),
        };
        let (mut pid, mut sig) = (None, None);
        for _ in 0..len {
            match reader.key()? {
                "pid" => once(&mut pid, reader.str()?, "pid")?,
                "sig" => once(&mut sig, reader.bytes()?, "sig")?,
                _ => drop(reader.skip()?),
            }
        }
        Ok(Some(Self {
            principal: pid.ok_or(WireError::Envelope("pid"))?,
            signature: sig.ok_or(WireError::Envelope("sig"))?,
        }))
    }
}

impl Attribution<'_> {
    /// Writes the attribution of any message, or that it has none.
    pub(crate) fn write(attribution: Option<Self>, out: &mut Writer<'_>) {
        match attribution {
            None => out.nil(),
            Some(attribution) => {
                out.map(2);
                out.str("pid");
                out.str(attribution.principal);
                out.str("sig");
                out.bin(attribution.signature);
            }
        }
    }
}

/// Reads the array of seven that is an encoded operation. Versions 3 and 4 may end early.
fn read_operation<'a>(reader: &mut Reader<'a>) -> Result<Envelope<'a>, WireError> {
    let len = reader.array_len()?;
    if !(5..=7).contains(&len) {
        return Err(WireError::Envelope("operation"));
    }
    let version = reader.uint()?;
    if !(3..=5).contains(&version) {
        return Err(WireError::Version(version));
    }
    let from = tick(reader)?;
    let before = reader.rest();
    let ticks = clock::measure(reader)?
        .ticks
        .ok_or(clock::ClockError::NoId)?;
    let time = before
        .get(..before.len().saturating_sub(reader.rest().len()))
        .unwrap_or_default();
    let update = reader.bytes()?;
    let encoding = Encoding::read(reader)?;
    let principal = if len > 5 { principal(reader)? } else { None };
    let agreed = if len > 6 { agreed(reader)? } else { None };
    let in_order = from <= ticks && agreed.is_none_or(|(tick, _)| (from..=ticks).contains(&tick));
    if !in_order {
        return Err(WireError::Ticks);
    }
    Ok(Envelope {
        version,
        from,
        ticks,
        prev: 0,
        principal,
        agreed: agreed.map(|(tick, _)| tick),
        attribution: None,
        encoding,
        secure: encoding.secure,
        inflated: update.len(),
        operation: &[],
        time,
        update,
        proof: agreed.map(|(_, proof)| proof),
    })
}

fn principal<'a>(reader: &mut Reader<'a>) -> Result<Option<&'a str>, WireError> {
    match reader.token()? {
        Token::Nil | Token::Undefined => Ok(None),
        Token::Str(id) => Ok(Some(id)),
        _ => Err(WireError::Envelope("principal")),
    }
}

/// The tick and the proof of an agreement.
fn agreed<'a>(reader: &mut Reader<'a>) -> Result<Option<(u64, &'a [u8])>, WireError> {
    match reader.token()? {
        Token::Nil | Token::Undefined => Ok(None),
        Token::Array(2) => Ok(Some((tick(reader)?, reader.skip()?))),
        _ => Err(WireError::Envelope("agreement")),
    }
}

fn tick(reader: &mut Reader<'_>) -> Result<u64, WireError> {
    match reader.uint()? {
        tick if tick <= MAX_TICKS => Ok(tick),
        _ => Err(WireError::Ticks),
    }
}

/// Takes a member of a map that must not come twice: engines would not agree on which one counts.
fn once<T>(slot: &mut Option<T>, value: T, name: &'static str) -> Result<(), WireError> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(WireError::Envelope(name)),
    }
}
