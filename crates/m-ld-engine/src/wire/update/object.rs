//! Values of properties.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "whatever is not looked for is refused, new kinds too"
)]

use super::{Role, deeper, identity, once, property};
use crate::msgpack::{Reader, Token};
use crate::wire::{WireError, text};

/// What an object is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Object<'a> {
    /// A reference to a subject, or a string, number or truth value in short form.
    Other,
    /// A literal with a datatype.
    Literal {
        /// The datatype, as it is on the wire.
        datatype: &'a str,
        /// Whether it has its data with it, in the place of an identity of the data.
        data: bool,
    },
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
        Token::Bool(_) | Token::UInt(_) | Token::NegInt(_) | Token::Float(_) | Token::Str(_) => {
            Ok(Object::Other)
        }
        Token::Map(count) => map(reader, count, role, level),
        _ => Err(WireError::Update("a value of no kind")),
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
        if self.value.is_some() {
            if self.properties || self.vocab.is_some() {
                return Err(MIXED);
            }
            return self.literal(id, role);
        }
        let subject = self.properties || self.datatype.is_some();
        match (id, self.vocab) {
            _ if self.language.is_some() => Err(MIXED),
            // What a reified triple is about has to be one triple.
            _ if subject && role != Role::Inserts => Err(WireError::Update("a nested subject")),
            (Some(id), None) => identity::check(id).map(|()| Object::Other),
            (None, Some(_)) if !subject => Ok(Object::Other),
            _ => Err(WireError::Update("an object without identity")),
        }
    }

    /// Checks a literal. With an identity, its value is data of its own; see section 4.6.
    fn literal(self, id: Option<&'a str>, role: Role) -> Result<Object<'a>, WireError> {
        const JSON: [&str; 3] = [
            "@json",
            "rdf:JSON",
            "http://www.w3.org/1999/02/22-rdf-syntax-ns#JSON",
        ];
        const BINARY: [&str; 2] = [
            "xs:base64Binary",
            "http://www.w3.org/2001/XMLSchema#base64Binary",
        ];
        let mut value = self
            .value
            .ok_or(WireError::Update("a literal without value"))?;
        let start = value.clone();
        let token = value.token()?;
        let scalar = matches!(
            token,
            Token::Bool(_) | Token::UInt(_) | Token::NegInt(_) | Token::Float(_) | Token::Str(_)
        );
        let datatype = self.datatype.unwrap_or_default();
        let data = id.is_some_and(|id| !id.is_empty());
        let fine = match datatype {
            "" => scalar && !data,
            _ if JSON.contains(&datatype) => {
                !role.inserts() || (scalar && !matches!(token, Token::Str(_)))
            }
            _ if BINARY.contains(&datatype) && data => matches!(token, Token::Bin(_)),
            text::DATATYPE if data => {
                text::check_state(&mut start.clone())?;
                true
            }
            // A keyword is no datatype. A network path could stand for any of the above.
            _ if datatype.starts_with('@') || datatype.starts_with("//") => false,
            _ => data || scalar,
        };
        match fine {
            false => Err(WireError::Update("a literal that its type does not allow")),
            true if datatype.is_empty() => Ok(Object::Other),
            true => Ok(Object::Literal { datatype, data }),
        }
    }
}
