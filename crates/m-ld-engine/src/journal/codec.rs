//! Reading and writing the journal's values, which are MessagePack.

use crate::clock::{GlobalClock, Tid, TreeClock};
use crate::msgpack::{Limits, Reader, Token, Value, Writer};
use crate::store::StoreError;

/// What is written here is bounded by what was accepted. So nothing that was written is refused.
pub(super) const LIMITS: Limits = Limits {
    max_depth: usize::MAX,
    max_elements: usize::MAX,
};

/// Reads a stored value. Whatever is wrong with it is damage.
pub(super) struct Stored<'a> {
    reader: Reader<'a>,
    what: &'static str,
}

impl<'a> Stored<'a> {
    pub(super) fn new(bytes: &'a [u8], what: &'static str) -> Self {
        Self {
            reader: Reader::new(bytes, LIMITS),
            what,
        }
    }

    pub(super) fn damaged(&self) -> StoreError {
        StoreError::Damaged(self.what)
    }

    pub(super) fn array(&mut self, len: usize) -> Result<(), StoreError> {
        match self.len()? {
            found if found == len => Ok(()),
            _ => Err(self.damaged()),
        }
    }

    pub(super) fn len(&mut self) -> Result<usize, StoreError> {
        self.reader.array_len().map_err(|_| self.damaged())
    }

    pub(super) fn uint(&mut self) -> Result<u64, StoreError> {
        self.reader.uint().map_err(|_| self.damaged())
    }

    pub(super) fn str(&mut self) -> Result<&'a str, StoreError> {
        self.reader.str().map_err(|_| self.damaged())
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], StoreError> {
        self.reader.bytes().map_err(|_| self.damaged())
    }

    pub(super) fn tid(&mut self) -> Result<Tid, StoreError> {
        Tid::parse(self.str()?).map_err(|_| self.damaged())
    }

    pub(super) fn tids(&mut self) -> Result<Vec<Tid>, StoreError> {
        (0..self.len()?).map(|_| self.tid()).collect()
    }

    pub(super) fn time(&mut self) -> Result<TreeClock, StoreError> {
        TreeClock::read(&mut self.reader).map_err(|_| self.damaged())
    }

    pub(super) fn gwc(&mut self) -> Result<GlobalClock, StoreError> {
        GlobalClock::read(&mut self.reader).map_err(|_| self.damaged())
    }

    pub(super) fn value(&mut self) -> Result<Value, StoreError> {
        Value::read(&mut self.reader, LIMITS.max_depth).map_err(|_| self.damaged())
    }

    /// A value that may be missing: nil, or an array of one.
    pub(super) fn optional<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        match self.reader.token() {
            Ok(Token::Nil) => Ok(None),
            Ok(Token::Array(1)) => read(self).map(Some),
            _ => Err(self.damaged()),
        }
    }

    pub(super) fn end(self) -> Result<(), StoreError> {
        self.reader
            .end()
            .map_err(|_| StoreError::Damaged(self.what))
    }
}

/// Writes a value that may be missing.
pub(super) fn optional<T>(
    out: &mut Writer<'_>,
    value: Option<T>,
    write: impl FnOnce(&mut Writer<'_>, T),
) {
    match value {
        Some(value) => {
            out.array(1);
            write(out, value);
        }
        None => out.nil(),
    }
}

/// Writes transaction ids.
pub(super) fn tids(out: &mut Writer<'_>, tids: &[Tid]) {
    out.array(tids.len());
    for tid in tids {
        out.str(tid.as_str());
    }
}
