//! Values of properties.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "whatever is not looked for is refused, new kinds too"
)]

use super::literal::{Literal, check_atom};
use super::{Role, deeper, once, property, term};
use crate::msgpack::{Reader, Token};
use crate::wire::WireError;

/// What an object is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Object<'a> {
    /// A subject, or a reference to one.
    Subject,
    /// A value in short form, or several.
    Other,
    /// A literal with a datatype.
    Literal {
        /// The datatype, as it is on the wire.
        datatype: &'a str,
        /// Whether it has its data with it, in the place of an identity of the data.
        data: bool,
    },
}

impl<'a> From<Literal<'a>> for Object<'a> {
    fn from(literal: Literal<'a>) -> Self {
        match literal.datatype {
            "" => Self::Other,
            datatype => Self::Literal {
                datatype,
                data: literal.data_id.is_some(),
            },
        }
    }
}

/// Checks a set of values: one, or arrays of them.
pub(super) fn values(reader: &mut Reader<'_>, role: Role, level: usize) -> Result<(), WireError> {
    match reader.token()? {
        Token::Nil | Token::Undefined => Ok(()),
        Token::Array(count) => {
            let level = deeper(level)?;
            (0..count).try_for_each(|_| values(reader, role, level))
        }
        token => one(reader, token, role, level).map(drop),
    }
}

/// Checks the only value that there may be.
pub(super) fn only<'a>(reader: &mut Reader<'a>, role: Role) -> Result<Object<'a>, WireError> {
    match reader.token()? {
        Token::Array(1) => {
            let token = reader.token()?;
            one(reader, token, role, super::MAX_NESTING)
        }
        token => one(reader, token, role, super::MAX_NESTING),
    }
}

fn one<'a>(
    reader: &mut Reader<'a>,
    token: Token<'a>,
    role: Role,
    level: usize,
) -> Result<Object<'a>, WireError> {
    match token {
        Token::Map(count) => map(reader, count, role, level),
        atom => check_atom(atom).map(|()| Object::Other),
    }
}

/// Checks types: names in the vocabulary, or any other values.
pub(super) fn types(reader: &mut Reader<'_>, role: Role, level: usize) -> Result<(), WireError> {
    match reader.token()? {
        Token::Nil | Token::Undefined => Ok(()),
        Token::Str(name) => term::check_type(name),
        Token::Array(count) => {
            let level = deeper(level)?;
            (0..count).try_for_each(|_| types(reader, role, level))
        }
        token => one(reader, token, role, level).map(drop),
    }
}

/// Checks a subject or a reference to one, of which `count` keys follow.
pub(super) fn subject_at(
    reader: &mut Reader<'_>,
    count: usize,
    role: Role,
    level: usize,
) -> Result<(), WireError> {
    match map(reader, count, role, level)? {
        Object::Subject => Ok(()),
        Object::Other | Object::Literal { .. } => {
            Err(WireError::Update("a value in the place of a subject"))
        }
    }
}

/// The keys of a map that can be a literal, a reference, a set or a nested subject.
#[derive(Default)]
struct Keys<'a> {
    id: Option<&'a str>,
    value: Option<Reader<'a>>,
    datatype: Option<&'a str>,
    language: Option<&'a str>,
    vocab: Option<&'a str>,
    /// Whether there are properties, which only a nested subject has.
    properties: bool,
}

fn map<'a>(
    reader: &mut Reader<'a>,
    count: usize,
    role: Role,
    level: usize,
) -> Result<Object<'a>, WireError> {
    let mut keys = Keys::default();
    for _ in 0..count {
        match reader.key()? {
            "@set" if count == 1 => {
                return values(reader, role, deeper(level)?).map(|()| Object::Other);
            }
            "@id" => once(&mut keys.id, reader.str()?)?,
            "@value" => {
                once(&mut keys.value, reader.clone())?;
                reader.skip()?;
            }
            "@type" => keys.read_type(reader, role, level)?,
            "@language" => once(&mut keys.language, reader.str()?)?,
            "@vocab" => once(&mut keys.vocab, reader.str()?)?,
            key => {
                keys.properties = true;
                property(reader, key, role, level)?;
            }
        }
    }
    keys.check(role)
}

impl<'a> Keys<'a> {
    /// Of a literal the type is one string; a nested subject may have several.
    fn read_type(
        &mut self,
        reader: &mut Reader<'a>,
        role: Role,
        level: usize,
    ) -> Result<(), WireError> {
        let mut ahead = reader.clone();
        let Token::Str(datatype) = ahead.token()? else {
            self.properties = true;
            return property(reader, "@type", role, level);
        };
        *reader = ahead;
        once(&mut self.datatype, datatype)
    }

    fn check(self, role: Role) -> Result<Object<'a>, WireError> {
        const MIXED: WireError = WireError::Update("a literal that is something else besides");
        let id = self.id;
        if let Some(value) = self.value {
            // With nothing beside its value, it would be taken for a constraint.
            let alone = id.is_none() && self.datatype.is_none() && self.language.is_none();
            if alone || self.properties || self.vocab.is_some() {
                return Err(MIXED);
            }
            let literal = Literal {
                value,
                datatype: self.datatype.unwrap_or_default(),
                data_id: id.filter(|id| !id.is_empty()),
            };
            literal.check(role)?;
            return Ok(literal.into());
        }
        let subject = self.properties || self.datatype.is_some();
        match (id, self.vocab) {
            _ if self.language.is_some() => Err(MIXED),
            // What a reified triple is about has to be one triple.
            _ if subject && role != Role::Inserts => Err(WireError::Update("a nested subject")),
            (Some(id), None) => term::check(id).map(|()| Object::Subject),
            (None, Some(name)) if !subject => term::check_type(name).map(|()| Object::Other),
            _ => Err(WireError::Update("an object without identity")),
        }
    }
}
