//! Operations to bytes and back.

use super::{Agreement, Operation, Tagged, decode, encode};
use crate::context::{Context, ContextError};
use crate::msgpack::Value;
use crate::rdf::Iri;
use crate::wire::{Envelope, Limits, WireError, content, envelope, update};

/// Reads and writes operations of one domain. Cheap to clone.
///
/// # Reading
/// Whatever [`crate::wire::judge`] refuses is refused. What is decoded is what the JavaScript
/// engine understands, which need not be what was meant: languages of strings are lost, numbers
/// without a fraction are integers, datatypes are relative to the base (m-ld protocol, section 20,
/// Q4 to Q6).
///
/// # Writing
/// What is encoded is decoded to the same by every engine, as far as it can be said at all:
/// integral `xs:double`s and datatypes in the vocabulary are sent in a form that survives. What
/// cannot be said is a language tag, and an `xs:double` in a form that is not canonical.
#[derive(Clone, Debug)]
pub struct Codec {
    context: Context,
}

/// An operation message as it arrived.
#[derive(Clone, Debug)]
pub struct Received<'a> {
    /// What surrounds the operation.
    pub envelope: Envelope<'a>,
    /// The operation. None if transport security has made it unreadable; see [`crate::security::unseal`].
    pub operation: Option<Operation>,
}

impl Codec {
    /// A codec for the domain with this base IRI.
    pub fn new(base: &Iri) -> Result<Self, ContextError> {
        Context::operation(base).map(|context| Self { context })
    }

    /// The context in which operations are written.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Reads an operation message.
    pub fn receive<'a>(
        &self,
        message: &'a [u8],
        limits: &Limits,
    ) -> Result<Received<'a>, WireError> {
        let (mut envelope, elements) = envelope::open(message, limits)?;
        let operation = if envelope.secure {
            None
        } else {
            Some(self.open(&mut envelope, elements, limits)?)
        };
        Ok(Received {
            envelope,
            operation,
        })
    }

    /// Decodes an encoded operation: the array of seven elements.
    ///
    /// # Errors
    /// As a message that carried it; and [`WireError::Secure`] if transport security has made it
    /// unreadable.
    pub fn decode(&self, encoded: &[u8], limits: &Limits) -> Result<Operation, WireError> {
        let (mut envelope, elements) = envelope::open_operation(encoded, limits)?;
        if envelope.secure {
            return Err(WireError::Secure);
        }
        self.open(&mut envelope, elements, limits)
    }

    /// Decodes the update of what is known to be an operation.
    fn open(
        &self,
        envelope: &mut Envelope<'_>,
        elements: usize,
        limits: &Limits,
    ) -> Result<Operation, WireError> {
        let data = content::plain(envelope.update, envelope.encoding, limits)?;
        envelope.inflated = data.len();
        let left = Limits {
            max_elements: elements,
            ..*limits
        };
        update::check(&data, envelope.is_fusion(), &left)?;
        let time = envelope.time()?;
        let tid = (!envelope.is_fusion()).then(|| time.tid());
        let update = decode::update(&self.context, &data, tid, limits)?;
        let principal = envelope.principal;
        Ok(Operation {
            from: envelope.from,
            time,
            deletes: update.deletes,
            inserts: update.inserts,
            updates: update.updates,
            principal: principal.and_then(|id| self.context.expand_id(id)),
            agreed: agreement(envelope, limits)?,
        })
    }

    /// Encodes an operation as the array of seven elements.
    pub fn encode(&self, operation: &Operation) -> Vec<u8> {
        encode::operation(&self.context, operation)
    }

    /// Encodes triples of a snapshot as one datum of its data (m-ld protocol, section 8.5). Those
    /// without transactions are entailed.
    pub fn encode_triples(&self, triples: &[Tagged]) -> Vec<u8> {
        encode::snapshot_triples(&self.context, triples)
    }

    /// Reads a datum of the data of a snapshot.
    pub fn decode_datum<'a>(
        &self,
        datum: &'a [u8],
        limits: &Limits,
    ) -> Result<Datum<'a>, WireError> {
        decode::datum(self, datum, limits)
    }

    /// Decodes the triples of a snapshot from what they were packed into.
    pub(super) fn open_triples(
        &self,
        data: &[u8],
        limits: &Limits,
    ) -> Result<Vec<Tagged>, WireError> {
        update::check_snapshot(data, limits)?;
        decode::triples(&self.context, data, limits)
    }
}

/// A datum of the data of a snapshot (m-ld protocol, section 8.5).
#[derive(Clone, Debug, PartialEq)]
pub enum Datum<'a> {
    /// Triples. Those without transactions are entailed.
    Triples(Vec<Tagged>),
    /// The last operation of a process, fused with those before it.
    Operation {
        /// It.
        operation: Operation,
        /// The same, as the array of seven elements.
        encoded: &'a [u8],
    },
}

fn agreement(envelope: &Envelope<'_>, limits: &Limits) -> Result<Option<Agreement>, WireError> {
    let Some((tick, proof)) = envelope.agreed.zip(envelope.proof) else {
        return Ok(None);
    };
    let proof = Value::decode(proof, (*limits).into())?;
    Ok(Some(Agreement { tick, proof }))
}
