//! Operations with their updates transformed, and as they were before (m-ld protocol, section
//! 11.2).

use std::borrow::Cow;

use super::{Direction, Kind, SecurityError, TransportSecurity};
use crate::chance::Chance;
use crate::dataset::Graph;
use crate::msgpack::{Limits as PackLimits, Value};
use crate::wire::{Envelope, Limits, WireError, envelope};

/// The encoding of what transport security has transformed.
const SECURE: i64 = 3;

/// Where the update and its encodings are in the array of seven.
const UPDATE: usize = 3;
const ENCODINGS: usize = 4;

/// The encoded operation as it is to be sent, with its update transformed.
///
/// `encoded` is what was signed: the array of seven elements with its update as it is.
pub fn seal<'o>(
    security: &dyn TransportSecurity,
    encoded: &'o [u8],
    state: &Graph<'_>,
    chance: &mut dyn Chance,
) -> Result<Cow<'o, [u8]>, SecurityError> {
    // It is this clone's own, so it is as large as it may be.
    let limits = Limits {
        max_message: usize::MAX,
        max_inflated: usize::MAX,
        max_elements: usize::MAX,
        ..Limits::default()
    };
    let (envelope, _) = envelope::open_operation(encoded, &limits)?;
    let direction = Direction::Out(chance);
    let wired = security.wire(envelope.update, Kind::Operation, direction, Some(state))?;
    if wired == envelope.update {
        return Ok(Cow::Borrowed(encoded));
    }
    let sealed = replaced(encoded, wired.into_owned(), &limits, |encodings| {
        encodings.push(Value::Int(SECURE));
    })?;
    Ok(Cow::Owned(sealed))
}

/// What was signed of an operation that was received, once the signature has been verified.
///
/// An update that is marked as transformed but is not, is taken as it is (section 20, Q2).
pub fn unseal<'o>(
    security: &dyn TransportSecurity,
    envelope: &Envelope<'o>,
    limits: &Limits,
    state: &Graph<'_>,
) -> Result<Cow<'o, [u8]>, SecurityError> {
    let encoded = if envelope.secure {
        let update = envelope.update;
        let plain = security.wire(update, Kind::Operation, Direction::In, Some(state))?;
        let plain = replaced(
            envelope.operation,
            plain.into_owned(),
            limits,
            |encodings| {
                encodings.pop();
            },
        )?;
        Cow::Owned(plain)
    } else {
        Cow::Borrowed(envelope.operation)
    };
    security.verify(&encoded, envelope.attribution, Some(state))?;
    Ok(encoded)
}

/// An encoded operation with another update. Everything is encoded again by the profile of
/// MessagePack, as other engines do before they verify.
fn replaced(
    encoded: &[u8],
    update: Vec<u8>,
    limits: &Limits,
    change: impl FnOnce(&mut Vec<Value>),
) -> Result<Vec<u8>, SecurityError> {
    const BAD: SecurityError = SecurityError::Wire(WireError::Envelope("operation"));
    let limits = PackLimits::from(*limits);
    let Value::Array(mut elements) = Value::decode(encoded, limits).map_err(WireError::from)?
    else {
        return Err(BAD);
    };
    *elements.get_mut(UPDATE).ok_or(BAD)? = Value::Bin(update);
    match elements.get_mut(ENCODINGS) {
        Some(Value::Array(encodings)) => change(encodings),
        _ => return Err(BAD),
    }
    Ok(Value::Array(elements).encode())
}
