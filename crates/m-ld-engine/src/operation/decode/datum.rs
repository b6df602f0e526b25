//! The data of a snapshot (m-ld protocol, section 8.5).

use crate::msgpack::Reader;
use crate::operation::{Codec, Datum};
use crate::wire::{Encoding, Limits, WireError, content};

const BAD: WireError = WireError::Envelope("snapshot datum");

/// Reads a datum: triples, or an operation.
pub(in crate::operation) fn datum<'a>(
    codec: &Codec,
    datum: &'a [u8],
    limits: &Limits,
) -> Result<Datum<'a>, WireError> {
    if datum.len() > limits.max_message {
        return Err(WireError::TooLarge {
            size: datum.len(),
            limit: limits.max_message,
        });
    }
    let mut reader = Reader::new(datum, (*limits).into());
    let (mut inserts, mut encoding, mut operation) = (None, None, None);
    for _ in 0..reader.map_len()? {
        match reader.key()? {
            "inserts" => inserts = Some(reader.bytes()?),
            "encoding" => encoding = Some(Encoding::read(&mut reader)?),
            "operation" => operation = Some(reader.skip()?),
            _ => drop(reader.skip()?),
        }
    }
    reader.end()?;
    match (inserts, encoding, operation) {
        (Some(_), Some(encoding), None) if encoding.secure => Err(WireError::Secure),
        (Some(inserts), Some(encoding), None) => {
            let data = content::plain(inserts, encoding, limits)?;
            Ok(Datum::Triples(codec.open_triples(&data, limits)?))
        }
        (None, None, Some(encoded)) => Ok(Datum::Operation {
            operation: codec.decode(encoded, limits)?,
            encoded,
        }),
        _ => Err(BAD),
    }
}
