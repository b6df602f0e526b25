//! Reified triples (m-ld protocol, section 4.7).

use super::value::{Keys, Object, Strings};
use super::{Decoder, PARTIAL, deeper};
use crate::clock::{ClockError, Tid};
use crate::msgpack::{Reader, Token, Value};
use crate::operation::{SharedUpdate, Tagged};
use crate::rdf::{Iri, Triple, vocab};
use crate::wire::WireError;

/// A triple and what is said of it.
pub(super) struct Reified {
    triple: Triple,
    data: Option<Value>,
    tids: Vec<Tid>,
    operation: Option<Value>,
}

impl Reified {
    pub(super) fn tagged(self) -> Tagged {
        Tagged {
            triple: self.triple,
            tids: self.tids,
            data: self.data,
        }
    }

    pub(super) fn update(self) -> Result<SharedUpdate, WireError> {
        Ok(SharedUpdate {
            triple: self.triple,
            operation: self.operation.ok_or(PARTIAL)?,
        })
    }
}

/// What a key of a reified triple is for.
enum Part {
    Subject,
    Predicate,
    Object,
    Tids,
    Operation,
    Other,
}

impl Part {
    fn of(key: &str) -> Self {
        match key {
            "s" | "rdf:subject" | vocab::RDF_SUBJECT => Self::Subject,
            "p" | "rdf:predicate" | vocab::RDF_PREDICATE => Self::Predicate,
            "o" | "rdf:object" | vocab::RDF_OBJECT => Self::Object,
            "tid" | vocab::M_LD_TID => Self::Tids,
            "op" | vocab::M_LD_OP => Self::Operation,
            _ => Self::Other,
        }
    }
}

impl Decoder<'_> {
    /// Reads a set of reified triples, and hands each on. With `data`, data that is indirected is
    /// kept.
    pub(super) fn reified(
        &self,
        reader: &mut Reader<'_>,
        data: bool,
        level: usize,
        sink: &mut dyn FnMut(Reified) -> Result<(), WireError>,
    ) -> Result<(), WireError> {
        match reader.token()? {
            Token::Nil | Token::Undefined | Token::Map(0) => Ok(()),
            Token::Array(count) => {
                let level = deeper(level)?;
                (0..count).try_for_each(|_| self.reified(reader, data, level, sink))
            }
            Token::Map(1) => match reader.key()? {
                "@set" => self.reified(reader, data, deeper(level)?, sink),
                _ => Err(PARTIAL),
            },
            Token::Map(count) => sink(self.one_reified(reader, count, data)?),
            _ => Err(PARTIAL),
        }
    }

    fn one_reified(
        &self,
        reader: &mut Reader<'_>,
        count: usize,
        data: bool,
    ) -> Result<Reified, WireError> {
        let (mut subject, mut predicate, mut object) = (None, None, None);
        let (mut tids, mut operation) = (Vec::new(), None);
        for _ in 0..count {
            match Part::of(reader.key()?) {
                Part::Subject => subject = Some(self.reference(reader)?),
                Part::Predicate => predicate = Some(self.reference(reader)?),
                Part::Object => object = self.only_object(reader, data, 0)?,
                Part::Tids => tids = read_tids(reader)?,
                Part::Operation => operation = Some(self.read_operation(reader)?),
                Part::Other => drop(reader.skip()?),
            }
        }
        let (object, data) = object.ok_or(PARTIAL)?;
        Ok(Reified {
            triple: Triple::new(subject.ok_or(PARTIAL)?, predicate.ok_or(PARTIAL)?, object),
            data,
            tids,
            operation,
        })
    }

    /// An identity, alone or as a reference.
    fn reference(&self, reader: &mut Reader<'_>) -> Result<Iri, WireError> {
        match only(reader)? {
            Token::Str(id) => self.id(id),
            Token::Map(count) => {
                let keys = Keys::read(reader, count)?;
                self.id(keys.id.ok_or(PARTIAL)?)
            }
            _ => Err(PARTIAL),
        }
    }

    /// The object; of a set of several, the last.
    fn only_object(
        &self,
        reader: &mut Reader<'_>,
        data: bool,
        level: usize,
    ) -> Result<Option<Object>, WireError> {
        match reader.token()? {
            Token::Nil | Token::Undefined => Ok(None),
            Token::Array(count) => {
                let (level, mut last) = (deeper(level)?, None);
                for _ in 0..count {
                    last = self.only_object(reader, data, level)?.or(last);
                }
                Ok(last)
            }
            Token::Map(count) => {
                let mut keys = Keys::read(reader, count)?;
                match keys.set.take() {
                    Some(mut set) => self.only_object(&mut set, data, deeper(level)?),
                    None => self.object(&keys, Strings::Values, data).map(Some),
                }
            }
            atom => Ok(Some((self.short(atom, Strings::Values)?, None))),
        }
    }

    /// An operation on shared data: the value of a literal.
    fn read_operation(&self, reader: &mut Reader<'_>) -> Result<Value, WireError> {
        let mut operation = None;
        for _ in 0..reader.map_len()? {
            match reader.key()? {
                "@value" => operation = Some(Value::read(reader, self.max_depth)?),
                _ => drop(reader.skip()?),
            }
        }
        operation.ok_or(PARTIAL)
    }
}

/// The next token, or that within an array of one.
fn only<'a>(reader: &mut Reader<'a>) -> Result<Token<'a>, WireError> {
    match reader.token()? {
        Token::Array(1) => Ok(reader.token()?),
        token => Ok(token),
    }
}

/// Transaction ids, each once.
fn read_tids(reader: &mut Reader<'_>) -> Result<Vec<Tid>, WireError> {
    let parse = |text: &str| Tid::parse(text).map_err(ClockError::from);
    match reader.token()? {
        Token::Str(tid) => Ok(vec![parse(tid)?]),
        Token::Array(count) => {
            let mut tids = Vec::new();
            for _ in 0..count {
                tids.push(parse(reader.str()?)?);
            }
            tids.sort_unstable();
            tids.dedup();
            Ok(tids)
        }
        _ => Err(PARTIAL),
    }
}
