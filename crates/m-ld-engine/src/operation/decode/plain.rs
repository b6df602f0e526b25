//! Plain subjects: the inserts of an operation that is no fusion.

use std::sync::Arc;

use super::value::{Keys, Property};
use super::{Decoder, PARTIAL, deeper};
use crate::clock::Tid;
use crate::msgpack::{Reader, Token, Value};
use crate::operation::Tagged;
use crate::rdf::{Iri, Term, Triple, vocab};
use crate::wire::WireError;

/// Where triples go.
struct Sink<'a> {
    triples: &'a mut Vec<Tagged>,
    tid: Tid,
}

impl Sink<'_> {
    fn add(&mut self, subject: &Iri, predicate: &Iri, object: Term, data: Option<Value>) {
        self.triples.push(Tagged {
            triple: Triple::new(subject.clone(), predicate.clone(), object),
            tids: vec![self.tid],
            data,
        });
    }
}

impl Decoder<'_> {
    /// Reads a set of subjects, whose triples all have `tid`.
    pub(super) fn plain(
        &self,
        reader: &mut Reader<'_>,
        tid: Tid,
        triples: &mut Vec<Tagged>,
    ) -> Result<(), WireError> {
        self.subjects(reader, 0, &mut Sink { triples, tid })
    }

    fn subjects(
        &self,
        reader: &mut Reader<'_>,
        level: usize,
        sink: &mut Sink<'_>,
    ) -> Result<(), WireError> {
        match reader.token()? {
            Token::Nil | Token::Undefined | Token::Map(0) => Ok(()),
            Token::Array(count) => {
                let level = deeper(level)?;
                (0..count).try_for_each(|_| self.subjects(reader, level, sink))
            }
            Token::Map(count) => self.subject(reader, count, level, sink),
            _ => Err(PARTIAL),
        }
    }

    /// Reads a subject, of which `count` keys follow.
    fn subject(
        &self,
        reader: &mut Reader<'_>,
        count: usize,
        level: usize,
        sink: &mut Sink<'_>,
    ) -> Result<(), WireError> {
        let mut ahead = reader.clone();
        let Some(id) = find_id(&mut ahead, count)? else {
            return match reader.key()? {
                "@set" if count == 1 => self.subjects(reader, deeper(level)?, sink),
                _ => Err(PARTIAL),
            };
        };
        self.properties(reader, count, &self.id(id)?, level, sink)
    }

    fn properties(
        &self,
        reader: &mut Reader<'_>,
        count: usize,
        subject: &Iri,
        level: usize,
        sink: &mut Sink<'_>,
    ) -> Result<(), WireError> {
        for _ in 0..count {
            match reader.key()? {
                "@id" => drop(reader.str()?),
                "@list" => self.list(reader, subject, deeper(level)?, sink)?,
                key => {
                    let property = self.property(key)?;
                    self.values(reader, subject, &property, deeper(level)?, sink)?;
                }
            }
        }
        Ok(())
    }

    fn values(
        &self,
        reader: &mut Reader<'_>,
        subject: &Iri,
        property: &Property,
        level: usize,
        sink: &mut Sink<'_>,
    ) -> Result<(), WireError> {
        match reader.token()? {
            Token::Nil | Token::Undefined => Ok(()),
            Token::Array(count) => {
                let level = deeper(level)?;
                (0..count).try_for_each(|_| self.values(reader, subject, property, level, sink))
            }
            Token::Map(count) => self.map(reader, count, subject, property, level, sink),
            atom => {
                let object = self.short(atom, property.strings())?;
                sink.add(subject, &property.iri, object, None);
                Ok(())
            }
        }
    }

    /// Reads a literal, a reference, a set or a subject within a subject.
    fn map(
        &self,
        reader: &mut Reader<'_>,
        count: usize,
        subject: &Iri,
        property: &Property,
        level: usize,
        sink: &mut Sink<'_>,
    ) -> Result<(), WireError> {
        let mut within = reader.clone();
        let keys = Keys::read(reader, count)?;
        if let Some(mut set) = keys.set {
            return self.values(&mut set, subject, property, deeper(level)?, sink);
        }
        let (object, data) = self.object(&keys, property.strings(), true)?;
        let nested = (count > 1 && keys.is_subject()).then(|| object.clone());
        sink.add(subject, &property.iri, object, data);
        match nested {
            Some(Term::Iri(id)) => self.properties(&mut within, count, &id, deeper(level)?, sink),
            _ => Ok(()),
        }
    }

    /// Reads a list of a kind of its own: a map from indexes to slots, or to arrays of slots. The
    /// indexes become predicates (m-ld protocol, section 14.4).
    fn list(
        &self,
        reader: &mut Reader<'_>,
        subject: &Iri,
        level: usize,
        sink: &mut Sink<'_>,
    ) -> Result<(), WireError> {
        for _ in 0..reader.map_len()? {
            let index: u64 = reader.key()?.parse().map_err(|_| PARTIAL)?;
            match reader.token()? {
                Token::Map(count) => {
                    let position = Property::plain(format!("{}{index}", vocab::LIST_INDEX));
                    self.map(reader, count, subject, &position, level, sink)?;
                }
                Token::Array(slots) => {
                    for sub in 0..slots {
                        let position =
                            Property::plain(format!("{}{index},{sub}", vocab::LIST_INDEX));
                        let count = reader.map_len()?;
                        self.map(reader, count, subject, &position, level, sink)?;
                    }
                }
                _ => return Err(PARTIAL),
            }
        }
        Ok(())
    }
}

impl Property {
    fn plain(iri: impl Into<Arc<str>>) -> Self {
        Self::values(Iri::new(iri))
    }
}

/// The identity of a subject, of which `count` keys follow. Engines put it first.
fn find_id<'a>(reader: &mut Reader<'a>, count: usize) -> Result<Option<&'a str>, WireError> {
    for _ in 0..count {
        if reader.key()? == "@id" {
            return Ok(Some(reader.str()?));
        }
        reader.skip()?;
    }
    Ok(None)
}
