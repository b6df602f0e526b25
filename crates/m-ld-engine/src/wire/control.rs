//! What two clones say to one another: requests, responses, acknowledgements and notifications
//! (m-ld protocol, section 8.4).
//!
//! Requests and responses are wrapped with an attribution, as operations are. An acknowledgement
//! is nothing but a MessagePack null, and notifications are not attributed.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "whatever is not looked for is refused, new kinds too"
)]

mod notification;

pub use notification::Notification;

use super::{Attribution, Limits, WireError};
use crate::clock::{GlobalClock, TreeClock};
use crate::msgpack::{Reader, Token, Writer};

const REQUEST_SNAPSHOT: &str = "http://control.m-ld.org/request/snapshot";
const REQUEST_REVUP: &str = "http://control.m-ld.org/request/revup";
const RESPONSE_SNAPSHOT: &str = "http://control.m-ld.org/response/snapshot";
const RESPONSE_REVUP: &str = "http://control.m-ld.org/response/revup";
const RESPONSE_REJECTED: &str = "http://control.m-ld.org/response/rejected";

/// The acknowledgement of a response: all of its payload.
pub const ACK: [u8; 1] = [0xc0];

/// What a clone asks of another.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// All data.
    Snapshot {
        /// Whether the requester needs a clock.
        new_clock: bool,
    },
    /// What happened after a time.
    Revup {
        /// The requester's clock.
        time: TreeClock,
    },
}

/// What a clone answers to a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Response {
    /// A snapshot follows.
    Snapshot {
        /// The requester's new clock, if it asked for one. Without an ID, or missing, if not; a
        /// JavaScript clone needs something there (section 20, Q1), so if it is missing, a clock
        /// without an ID is written.
        clock: Option<TreeClock>,
        /// What the snapshot includes.
        gwc: GlobalClock,
        /// The time of the last agreement.
        agreed: TreeClock,
        /// The channel on which the data will be.
        data_address: String,
        /// The channel on which operations will be that are not in the data.
        updates_address: String,
    },
    /// A rev-up follows, or cannot be given.
    Revup {
        /// What the responder has; none if it declines.
        gwc: Option<GlobalClock>,
        /// The channel on which operations will be. If it declines, its own id.
        updates_address: String,
    },
    /// The request cannot be served.
    Rejected {
        /// An m-ld status (section 22.2).
        status: u16,
    },
}

/// A message as it arrived.
#[derive(Clone, Debug, PartialEq)]
pub struct Signed<'a, T> {
    /// What it says.
    pub body: T,
    /// What is signed.
    pub enc: &'a [u8],
    /// Who answers for it. The signature has not been verified.
    pub attribution: Option<Attribution<'a>>,
}

/// Wraps an encoded request or response, with the attribution that its bytes were given.
pub fn wrap(enc: &[u8], attribution: Option<Attribution<'_>>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(enc.len().saturating_add(32));
    let mut out = Writer::new(&mut bytes);
    out.map(2);
    out.str("enc");
    out.bin(enc);
    out.str("attr");
    Attribution::write(attribution, &mut out);
    bytes
}

/// Whether a reply to a response acknowledges it. It may be rejected instead.
pub fn is_ack(payload: &[u8]) -> bool {
    payload == ACK
}

impl Request {
    /// Encodes this: what is signed, and wrapped.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut out = Writer::new(&mut bytes);
        out.map(2);
        out.str("@type");
        match self {
            Self::Snapshot { new_clock } => {
                out.str(REQUEST_SNAPSHOT);
                out.str("newClock");
                out.bool(*new_clock);
            }
            Self::Revup { time } => {
                out.str(REQUEST_REVUP);
                out.str("time");
                time.write(&mut out);
            }
        }
        bytes
    }

    /// Reads a request and its wrapping.
    pub fn decode<'a>(payload: &'a [u8], limits: &Limits) -> Result<Signed<'a, Self>, WireError> {
        open(payload, limits, |members| match members.kind {
            Some(REQUEST_SNAPSHOT) => Ok(Self::Snapshot {
                new_clock: members.new_clock.unwrap_or(false),
            }),
            Some(REQUEST_REVUP) => Ok(Self::Revup {
                time: tree_clock(members.time)?,
            }),
            _ => Err(WireError::Envelope("request")),
        })
    }
}

impl Response {
    /// Encodes this: what is signed, and wrapped.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut out = Writer::new(&mut bytes);
        match self {
            Self::Snapshot {
                clock,
                gwc,
                agreed,
                data_address,
                updates_address,
            } => {
                out.map(6);
                write_kind(&mut out, RESPONSE_SNAPSHOT, "clock");
                match clock {
                    Some(clock) => clock.write(&mut out),
                    None => out.uint(0),
                }
                out.str("gwc");
                gwc.write(&mut out);
                out.str("agreed");
                agreed.write(&mut out);
                out.str("dataAddress");
                out.str(data_address);
                out.str("updatesAddress");
                out.str(updates_address);
            }
            Self::Revup {
                gwc,
                updates_address,
            } => {
                out.map(3);
                write_kind(&mut out, RESPONSE_REVUP, "gwc");
                match gwc {
                    Some(gwc) => gwc.write(&mut out),
                    None => out.nil(),
                }
                out.str("updatesAddress");
                out.str(updates_address);
            }
            Self::Rejected { status } => {
                out.map(2);
                write_kind(&mut out, RESPONSE_REJECTED, "status");
                out.uint((*status).into());
            }
        }
        bytes
    }

    /// Reads a response and its wrapping.
    pub fn decode<'a>(payload: &'a [u8], limits: &Limits) -> Result<Signed<'a, Self>, WireError> {
        open(payload, limits, |members| match members.kind {
            Some(RESPONSE_SNAPSHOT) => Ok(Self::Snapshot {
                clock: members.clock.map(TreeClock::decode).transpose()?,
                gwc: global_clock(members.gwc)?,
                agreed: tree_clock(members.agreed)?,
                data_address: address(members.data_address)?,
                updates_address: address(members.updates_address)?,
            }),
            Some(RESPONSE_REVUP) => Ok(Self::Revup {
                gwc: members.gwc.map(GlobalClock::decode).transpose()?,
                updates_address: address(members.updates_address)?,
            }),
            Some(RESPONSE_REJECTED) => Ok(Self::Rejected {
                status: members.status.ok_or(WireError::Envelope("status"))?,
            }),
            _ => Err(WireError::Envelope("response")),
        })
    }
}

/// Writes the type, and the first key after it.
fn write_kind(out: &mut Writer<'_>, kind: &str, key: &str) {
    out.str("@type");
    out.str(kind);
    out.str(key);
}

/// The members of any request or response; clocks as they are encoded.
#[derive(Default)]
struct Members<'a> {
    kind: Option<&'a str>,
    new_clock: Option<bool>,
    time: Option<&'a [u8]>,
    clock: Option<&'a [u8]>,
    gwc: Option<&'a [u8]>,
    agreed: Option<&'a [u8]>,
    data_address: Option<&'a str>,
    updates_address: Option<&'a str>,
    status: Option<u16>,
}

impl<'a> Members<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, WireError> {
        let mut members = Self::default();
        for _ in 0..reader.map_len()? {
            match reader.key()? {
                "@type" => members.kind = Some(reader.str()?),
                "newClock" => members.new_clock = Some(truth(reader)?),
                "time" => members.time = present(reader)?,
                "clock" => members.clock = present(reader)?,
                "gwc" => members.gwc = present(reader)?,
                "agreed" => members.agreed = present(reader)?,
                "dataAddress" => members.data_address = Some(reader.str()?),
                "updatesAddress" => members.updates_address = Some(reader.str()?),
                "status" => members.status = u16::try_from(reader.uint()?).ok(),
                _ => drop(reader.skip()?),
            }
        }
        reader.end()?;
        Ok(members)
    }
}

/// Reads the wrapping, and what is in it.
fn open<'a, T>(
    payload: &'a [u8],
    limits: &Limits,
    body: impl FnOnce(Members<'a>) -> Result<T, WireError>,
) -> Result<Signed<'a, T>, WireError> {
    if payload.len() > limits.max_message {
        return Err(WireError::TooLarge {
            size: payload.len(),
            limit: limits.max_message,
        });
    }
    let mut reader = Reader::new(payload, (*limits).into());
    let (mut enc, mut attribution) = (None, None);
    for _ in 0..reader.map_len()? {
        match reader.key()? {
            "enc" => enc = Some(reader.bytes()?),
            "attr" => attribution = Attribution::read(&mut reader)?,
            _ => drop(reader.skip()?),
        }
    }
    reader.end()?;
    let enc = enc.ok_or(WireError::Envelope("enc"))?;
    let members = Members::read(&mut reader.inner(enc))?;
    Ok(Signed {
        body: body(members)?,
        enc,
        attribution,
    })
}

/// The encoding of a value, unless it is null or undefined.
fn present<'a>(reader: &mut Reader<'a>) -> Result<Option<&'a [u8]>, WireError> {
    let absent = matches!(reader.clone().token()?, Token::Nil | Token::Undefined);
    let encoded = reader.skip()?;
    Ok((!absent).then_some(encoded))
}

fn truth(reader: &mut Reader<'_>) -> Result<bool, WireError> {
    match reader.token()? {
        Token::Bool(truth) => Ok(truth),
        Token::Nil | Token::Undefined => Ok(false),
        _ => Err(WireError::Envelope("newClock")),
    }
}

fn tree_clock(encoded: Option<&[u8]>) -> Result<TreeClock, WireError> {
    let encoded = encoded.ok_or(WireError::Envelope("clock"))?;
    Ok(TreeClock::decode(encoded)?)
}

fn global_clock(encoded: Option<&[u8]>) -> Result<GlobalClock, WireError> {
    let encoded = encoded.ok_or(WireError::Envelope("gwc"))?;
    Ok(GlobalClock::decode(encoded)?)
}

fn address(address: Option<&str>) -> Result<String, WireError> {
    address
        .map(str::to_owned)
        .ok_or(WireError::Envelope("address"))
}

#[cfg(test)]
mod tests;
