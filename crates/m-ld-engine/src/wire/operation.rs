//! An operation message in full.

use super::content;
use super::envelope::open;
use super::{Envelope, Limits, WireError, update};
use crate::clock::{Tid, TreeClock};
use crate::msgpack::Value;

/// A decoded operation, with its update still in JSON form.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Operation {
    /// The version of its format.
    pub version: u64,
    /// Its first tick.
    pub from: u64,
    /// The clock of its process, having ticked for it.
    pub time: TreeClock,
    /// The id of its (last) transaction.
    pub tid: Tid,
    /// The responsible principal, as on the wire.
    pub principal: Option<String>,
    /// The last agreement in it.
    pub agreed: Option<Agreement>,
    /// What it changes. None if transport security has made it unreadable.
    pub update: Option<Update>,
}

/// That an operation includes an agreement (m-ld protocol, section 12).
#[derive(Clone, Debug, PartialEq)]
pub struct Agreement {
    /// The tick of the agreement.
    pub tick: u64,
    /// What proves it to the application.
    pub proof: Value,
}

/// What an operation changes, in the JSON form of section 4.4 of the m-ld protocol.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Update {
    /// Reified triples with the ids that are removed from them.
    pub deletes: Value,
    /// Plain triples, or of a fusion, reified triples with the ids that are added to them.
    pub inserts: Value,
    /// Reified triples with operations on their shared data.
    pub updates: Option<Value>,
}

impl Operation {
    /// Decodes an operation message, refusing whatever [`super::judge`] refuses.
    pub fn decode<'a>(
        message: &'a [u8],
        limits: &Limits,
    ) -> Result<(Self, Envelope<'a>), WireError> {
        let (mut envelope, _) = open(message, limits)?;
        let update = if envelope.secure {
            None
        } else {
            let data = content::plain(envelope.update, envelope.encoding, limits)?;
            envelope.inflated = data.len();
            update::check(&data, envelope.is_fusion(), limits)?;
            Some(Update::decode(&data, limits)?)
        };
        let time = envelope.time()?;
        let agreed = envelope
            .agreed
            .zip(envelope.proof)
            .map(|(tick, proof)| {
                Value::decode(proof, (*limits).into()).map(|proof| Agreement { tick, proof })
            })
            .transpose()?;
        let operation = Self {
            version: envelope.version,
            from: envelope.from,
            tid: time.tid(),
            time,
            principal: envelope.principal.map(str::to_owned),
            agreed,
            update,
        };
        Ok((operation, envelope))
    }
}

impl Update {
    fn decode(data: &[u8], limits: &Limits) -> Result<Self, WireError> {
        const SHAPE: WireError = WireError::Update("not deletes, inserts and updates");
        let Value::Array(members) = Value::decode(data, (*limits).into())? else {
            return Err(SHAPE);
        };
        let mut members = members.into_iter();
        Ok(Self {
            deletes: members.next().ok_or(SHAPE)?,
            inserts: members.next().ok_or(SHAPE)?,
            updates: members.next(),
        })
    }
}
