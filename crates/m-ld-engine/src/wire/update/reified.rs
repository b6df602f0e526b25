//! Reified triples (m-ld protocol, section 4.7).

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "whatever is not looked for is refused, new kinds too"
)]

use super::object::only;
use super::{Object, Role, deeper, once, property, subjects, term};
use crate::msgpack::{Reader, Token};
use crate::wire::{WireError, text};

/// What is said of a triple. Each is given once.
#[derive(Default)]
struct Parts<'a> {
    id: Option<&'a str>,
    subject: Option<()>,
    predicate: Option<()>,
    object: Option<Object<'a>>,
    tids: Option<()>,
    operation: Option<Reader<'a>>,
}

/// Checks a reified triple, of which `count` keys follow.
pub(super) fn check(
    reader: &mut Reader<'_>,
    count: usize,
    role: Role,
    level: usize,
) -> Result<(), WireError> {
    let mut parts = Parts::default();
    for _ in 0..count {
        match reader.key()? {
            "@set" if count == 1 => return subjects(reader, role, deeper(level)?),
            "@id" => once(&mut parts.id, reader.str()?)?,
            "s" => once(&mut parts.subject, check_subject(reader, true)?)?,
            "p" => once(&mut parts.predicate, check_predicate(reader, true, role)?)?,
            "o" => once(&mut parts.object, only(reader, role)?)?,
            "tid" => once(&mut parts.tids, check_tids(reader)?)?,
            "op" => {
                once(&mut parts.operation, reader.clone())?;
                reader.skip()?;
            }
            key => parts.read_in_full(reader, key, role, level)?,
        }
    }
    parts.check(role)
}

impl<'a> Parts<'a> {
    /// The same keys as absolute or compact IRIs, with which a plain string is not a reference.
    fn read_in_full(
        &mut self,
        reader: &mut Reader<'a>,
        key: &str,
        role: Role,
        level: usize,
    ) -> Result<(), WireError> {
        let rdf = key
            .strip_prefix("rdf:")
            .or_else(|| key.strip_prefix("http://www.w3.org/1999/02/22-rdf-syntax-ns#"));
        match (rdf, key.strip_prefix("http://m-ld.org/#")) {
            (Some("subject"), _) => once(&mut self.subject, check_subject(reader, false)?),
            (Some("predicate"), _) => {
                once(&mut self.predicate, check_predicate(reader, false, role)?)
            }
            (Some("object"), _) => once(&mut self.object, only(reader, role)?),
            (_, Some("tid")) => once(&mut self.tids, check_tids(reader)?),
            (_, Some("op")) => {
                once(&mut self.operation, reader.clone())?;
                reader.skip()?;
                Ok(())
            }
            _ => property(reader, key, role, level),
        }
    }

    fn check(self, role: Role) -> Result<(), WireError> {
        const PARTIAL: WireError = WireError::Update("a reified triple without all its parts");
        term::check_blank(self.id.ok_or(PARTIAL)?)?;
        self.subject.ok_or(PARTIAL)?;
        self.predicate.ok_or(PARTIAL)?;
        let object = self.object.ok_or(PARTIAL)?;
        match role {
            Role::Deletes | Role::Inserts | Role::FusedInserts => self.tids.ok_or(PARTIAL),
            Role::Snapshot => Ok(()),
            Role::Updates => check_operation(&mut self.operation.ok_or(PARTIAL)?, object),
        }
    }
}

/// Checks the subject of a triple: an identity, or if it is not `coerced` to one, a reference.
fn check_subject(reader: &mut Reader<'_>, coerced: bool) -> Result<(), WireError> {
    term::check(reference(reader, coerced)?)
}

fn check_predicate(reader: &mut Reader<'_>, coerced: bool, role: Role) -> Result<(), WireError> {
    let name = reference(reader, coerced)?;
    term::check(name)?;
    if role.inserts() {
        term::check_property(name)?;
    }
    Ok(())
}

fn reference<'a>(reader: &mut Reader<'a>, coerced: bool) -> Result<&'a str, WireError> {
    match reader.token()? {
        Token::Str(id) if coerced => Ok(id),
        Token::Map(1) if reader.key()? == "@id" => Ok(reader.str()?),
        Token::Array(1) => reference_in_array(reader, coerced),
        _ => Err(WireError::Update("no reference where one should be")),
    }
}

fn reference_in_array<'a>(reader: &mut Reader<'a>, coerced: bool) -> Result<&'a str, WireError> {
    match reader.token()? {
        Token::Str(id) if coerced => Ok(id),
        Token::Map(1) if reader.key()? == "@id" => Ok(reader.str()?),
        _ => Err(WireError::Update("no reference where one should be")),
    }
}

/// Checks transaction ids: one, or an array of at least one.
fn check_tids(reader: &mut Reader<'_>) -> Result<(), WireError> {
    match reader.token()? {
        Token::Str(tid) => check_tid(tid),
        Token::Array(count) if count > 0 => (0..count).try_for_each(|_| check_tid(reader.str()?)),
        _ => Err(WireError::Update("no transaction ids")),
    }
}

/// A transaction id is Base64 of at most twenty bytes.
fn check_tid(tid: &str) -> Result<(), WireError> {
    let base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    if (1..=28).contains(&tid.len()) && tid.bytes().all(base64) {
        Ok(())
    } else {
        Err(WireError::Update("no transaction id"))
    }
}

/// Checks an operation on shared data: a literal with an identity that is not one, to mark it as
/// raw JSON. What it says depends on the datatype of the object; that of text is known.
fn check_operation(reader: &mut Reader<'_>, object: Object<'_>) -> Result<(), WireError> {
    const BAD: WireError = WireError::Update("no operation on shared data");
    let Object::Literal {
        datatype,
        data: false,
    } = object
    else {
        return Err(BAD);
    };
    let (mut value, mut json, mut marked) = (None, None, None);
    for _ in 0..reader.map_len()? {
        match reader.key()? {
            "@value" => {
                once(&mut value, reader.clone())?;
                reader.skip()?;
            }
            "@type" => once(&mut json, reader.str()? == "@json")?,
            "@id" => once(&mut marked, !reader.str()?.is_empty())?,
            _ => return Err(BAD),
        }
    }
    let (Some(mut value), Some(true), Some(true)) = (value, json, marked) else {
        return Err(BAD);
    };
    if datatype == text::DATATYPE {
        text::check_operation(&mut value)?;
    }
    Ok(())
}
