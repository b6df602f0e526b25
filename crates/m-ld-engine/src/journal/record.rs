//! Operations by their transaction ids.

use super::codec::{self, Stored};
use super::{Position, Span};
use crate::clock::{Tid, TreeClock};
use crate::msgpack::Writer;
use crate::rdf::Iri;
use crate::security::Attribution;
use crate::store::{Pending, StoreError, Table, View};

/// An operation that is kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Record {
    /// Its ticks and its principal.
    pub span: Span,
    /// The tick of the last agreement in it.
    pub agreed: Option<u64>,
    /// The encoded operation, as it is signed: legible.
    pub encoded: Vec<u8>,
    /// If transport security made it illegible on the wire: the encoded operation in that form.
    pub secured: Option<Vec<u8>>,
    /// Who answers for it. None for a past operation, or without transport security.
    pub attribution: Option<Attribution>,
    /// The position of its entry. None for a past operation.
    pub position: Option<Position>,
}

impl Record {
    /// The transaction id.
    pub fn tid(&self) -> Tid {
        self.span.time.tid()
    }

    /// What the journal keeps of it, in bytes, nearly.
    pub fn footprint(&self) -> usize {
        self.encoded
            .len()
            .saturating_add(self.secured.as_ref().map_or(0, Vec::len))
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.encoded.len() + 64);
        let mut out = Writer::new(&mut bytes);
        out.array(8);
        out.uint(self.span.from);
        self.span.time.write(&mut out);
        codec::optional(&mut out, self.span.principal.as_ref(), |out, principal| {
            out.str(principal.as_str());
        });
        codec::optional(&mut out, self.agreed.as_ref(), |out, tick| out.uint(*tick));
        out.bin(&self.encoded);
        codec::optional(&mut out, self.secured.as_deref(), |out, update| {
            out.bin(update);
        });
        codec::optional(&mut out, self.attribution.as_ref(), |out, attribution| {
            out.array(2);
            out.str(&attribution.principal);
            out.bin(&attribution.signature);
        });
        codec::optional(&mut out, self.position, |out, position| position.write(out));
        bytes
    }

    fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let mut stored = Stored::new(bytes, "an operation in the journal");
        stored.array(8)?;
        let record = Self {
            span: Span {
                from: stored.uint()?,
                time: stored.time()?,
                principal: stored.optional(|stored| stored.str().map(Iri::new))?,
            },
            agreed: stored.optional(Stored::uint)?,
            encoded: stored.bytes()?.to_vec(),
            secured: stored.optional(|stored| stored.bytes().map(<[u8]>::to_vec))?,
            attribution: stored.optional(|stored| {
                stored.array(2)?;
                Ok(Attribution {
                    principal: stored.str()?.to_owned(),
                    signature: stored.bytes()?.to_vec(),
                })
            })?,
            position: stored.optional(Position::read)?,
        };
        stored.end()?;
        Ok(record)
    }

    pub(super) fn write(&self, pending: &mut Pending) {
        pending.put(Table::Operations, self.tid().as_str(), self.encode());
    }

    /// The time of the agreement in it.
    pub fn agreed_time(&self) -> Option<TreeClock> {
        self.span.time.ticked_to(self.agreed?).ok()
    }
}

/// The operation with a transaction id.
pub fn record(view: &dyn View, tid: Tid) -> Result<Option<Record>, StoreError> {
    let stored = view.get(Table::Operations, tid.as_str().as_bytes())?;
    stored.map(|bytes| Record::decode(&bytes)).transpose()
}

/// All operations that are kept.
pub fn records(view: &dyn View) -> impl Iterator<Item = Result<Record, StoreError>> + '_ {
    view.scan(Table::Operations, &[])
        .map(|stored| Record::decode(&stored?.1))
}
