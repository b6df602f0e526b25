//! Operation messages, both ways.

use crate::clock::TreeClock;
use crate::journal::{Record, Span};
use crate::operation::{self, Operation};
use crate::security::Attribution;
use crate::wire::{Envelope, WireError};

/// How a message has come, which decides how large it may be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Source {
    /// By itself.
    Live,
    /// Because it was asked for.
    Served,
}

/// What has to be known of a message to decide if its time has come.
#[derive(Clone, Debug)]
pub(super) struct Heading {
    /// The previous public tick of its process.
    pub(super) prev: u64,
    /// The time of its operation.
    pub(super) time: TreeClock,
    /// Whether it is an agreement.
    pub(super) agrees: bool,
    pub(super) source: Source,
}

impl Heading {
    pub(super) fn of(envelope: &Envelope<'_>, source: Source) -> Result<Self, WireError> {
        Ok(Self {
            prev: envelope.prev,
            time: envelope.time()?,
            agrees: envelope.agreed.is_some(),
            source,
        })
    }
}

/// An operation that has arrived, and is from whom it says.
#[derive(Clone, Debug)]
pub(super) struct Arrived {
    pub(super) heading: Heading,
    pub(super) operation: Operation,
    pub(super) record: Record,
}

/// The record of an operation in its encoded form.
pub(super) fn record_of(
    operation: &Operation,
    encoded: Vec<u8>,
    attribution: Option<Attribution>,
) -> Record {
    Record {
        span: Span {
            from: operation.from,
            time: operation.time.clone(),
            principal: operation.principal.clone(),
        },
        agreed: operation.agreed.as_ref().map(|agreed| agreed.tick),
        encoded,
        secured: None,
        attribution,
        position: None,
    }
}

/// The operation message of a record.
pub(super) fn compose(prev: u64, record: &Record) -> Vec<u8> {
    let encoded = record.secured.as_ref().unwrap_or(&record.encoded);
    let attribution = record.attribution.as_ref().map(Attribution::as_wire);
    operation::message(prev, encoded, attribution)
}

/// The size of an operation that is limited (m-ld protocol, section 4.9).
pub(super) fn size(envelope: &Envelope<'_>) -> usize {
    let attributed = envelope.attribution.map_or(0, |attribution| {
        let signature = attribution.signature.len();
        attribution.principal.len().saturating_add(signature)
    });
    let encoded = envelope.operation.len();
    encoded.saturating_add(attributed).saturating_add(8)
}
