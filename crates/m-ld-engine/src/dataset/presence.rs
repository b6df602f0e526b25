//! How a triple is there: the value of its key in [`Table::Spo`](crate::store::Table::Spo).
//!
//! A byte says whether the graph shows it; then come the ids of its transactions, packed: Base64
//! as the up to twenty bytes that it means, anything else as text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::clock::Tid;
use crate::store::StoreError;

const VISIBLE: u8 = 1;
/// Marks a length as that of text.
const TEXT: u8 = 0x80;
/// Bytes of the longest id that is Base64.
const MAX: usize = 21;

const DAMAGED: StoreError = StoreError::Damaged("how a triple is there");

/// How a triple is there.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Presence {
    /// Whether the graph shows it.
    pub(super) visible: bool,
    /// Its transactions, in ascending order and each once.
    pub(super) tids: Vec<Tid>,
}

impl Presence {
    /// Whether it is there at all.
    pub(super) fn is_absent(&self) -> bool {
        !self.visible && self.tids.is_empty()
    }

    /// Whether constraints have taken it out of the graph while it has transactions.
    pub(super) fn is_hidden(&self) -> bool {
        !self.visible && !self.tids.is_empty()
    }

    /// Whether constraints alone have put it into the graph.
    pub(super) fn is_entailed(&self) -> bool {
        self.visible && self.tids.is_empty()
    }

    /// Whether the transactions are in order and each there once.
    pub(super) fn is_ordered(&self) -> bool {
        self.tids.is_sorted_by(|one, two| one < two)
    }

    /// Adds a transaction.
    pub(super) fn add(&mut self, tid: Tid) {
        if let Err(place) = self.tids.binary_search(&tid) {
            self.tids.insert(place, tid);
        }
    }

    /// Removes a transaction. Says whether it was there.
    pub(super) fn remove(&mut self, tid: &Tid) -> bool {
        match self.tids.binary_search(tid) {
            Ok(place) => {
                self.tids.remove(place);
                true
            }
            Err(_) => false,
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.tids.len().saturating_mul(MAX).saturating_add(1));
        out.push(if self.visible { VISIBLE } else { 0 });
        for tid in &self.tids {
            pack(tid.as_str(), &mut out);
        }
        out
    }

    pub(super) fn decode(encoded: &[u8]) -> Result<Self, StoreError> {
        let (flags, mut rest) = encoded.split_first().ok_or(DAMAGED)?;
        let visible = match *flags {
            0 => false,
            VISIBLE => true,
            _ => return Err(DAMAGED),
        };
        let mut tids = Vec::new();
        while !rest.is_empty() {
            let tid;
            (tid, rest) = unpack(rest)?;
            tids.push(tid);
        }
        Ok(Self { visible, tids })
    }

    /// Whether the graph shows a triple, without decoding how it is there.
    pub(super) fn shows(encoded: &[u8]) -> bool {
        encoded.first() == Some(&VISIBLE)
    }
}

fn pack(tid: &str, out: &mut Vec<u8>) {
    let mut bytes = [0; MAX];
    let len = STANDARD.decode_slice(tid, &mut bytes).ok();
    // The empty text would decode to nothing too, but no id is empty.
    let packed = len.and_then(|len| bytes.get(..len));
    let (mark, content) = match packed {
        Some(packed) => (0, packed),
        None => (TEXT, tid.as_bytes()),
    };
    // An id has at most 28 characters.
    out.push(mark | u8::try_from(content.len()).unwrap_or(0));
    out.extend_from_slice(content);
}

fn unpack(packed: &[u8]) -> Result<(Tid, &[u8]), StoreError> {
    let (mark, rest) = packed.split_first().ok_or(DAMAGED)?;
    let len = usize::from(*mark & !TEXT);
    let (content, rest) = rest.split_at_checked(len).ok_or(DAMAGED)?;
    let tid = if mark & TEXT == 0 {
        let mut text = [0; 32];
        let len = STANDARD
            .encode_slice(content, &mut text)
            .map_err(|_| DAMAGED)?;
        parse(text.get(..len).unwrap_or_default())?
    } else {
        parse(content)?
    };
    Ok((tid, rest))
}

fn parse(text: &[u8]) -> Result<Tid, StoreError> {
    let text = std::str::from_utf8(text).map_err(|_| DAMAGED)?;
    Tid::parse(text).map_err(|_| DAMAGED)
}
