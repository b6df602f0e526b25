//! Literals, by their datatypes (m-ld protocol, section 4.6).

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "whatever is not looked for is refused, new kinds too"
)]

use super::Role;
use crate::msgpack::{Reader, Token};
use crate::wire::{WireError, lexical, term, text};

const RDF: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";
const XS: &str = "http://www.w3.org/2001/XMLSchema#";

/// The datatypes by whose numeric value JavaScript orders its index: those without one close it.
const NUMERIC: [&str; 15] = [
    "integer",
    "double",
    "decimal",
    "nonPositiveInteger",
    "negativeInteger",
    "long",
    "int",
    "short",
    "byte",
    "nonNegativeInteger",
    "unsignedLong",
    "unsignedInt",
    "unsignedShort",
    "unsignedByte",
    "positiveInteger",
];

/// A literal written out: its value, its datatype as it is on the wire or nothing, and if the
/// value is data with an identity of its own, that.
pub(super) struct Literal<'a> {
    pub(super) value: Reader<'a>,
    pub(super) datatype: &'a str,
    pub(super) data_id: Option<&'a str>,
}

/// The datatypes that need a closer look.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    /// `xs:string`, or whatever the value is.
    Plain,
    Json,
    Binary,
    Text,
    Number,
    Time,
    Other,
    /// A keyword, which is no datatype; or a network path, which could be any of the others.
    Forbidden,
}

impl Literal<'_> {
    /// Checks this literal. What is deleted was checked when it was inserted, or was never there;
    /// but a text is read before that is known.
    pub(super) fn check(&self, role: Role) -> Result<(), WireError> {
        const BAD: WireError = WireError::Update("a literal that its datatype does not allow");
        term::check_datatype(self.datatype)?;
        if let Some(id) = self.data_id {
            term::check_length(id)?;
        }
        let mut value = self.value.clone();
        let token = value.token()?;
        if self.datatype.is_empty() {
            // JavaScript finds no type for it, whether it is inserted or deleted.
            check_atom(token)?;
        }
        let kind = Kind::of(self.datatype);
        let fine = match (kind, self.data_id.is_some()) {
            (Kind::Forbidden, _) => false,
            (Kind::Text, true) => return text::check_state(&mut self.value.clone()),
            _ if !role.inserts() => true,
            (Kind::Binary, true) => matches!(token, Token::Bin(_)),
            (Kind::Binary, false) if matches!(token, Token::Bin(_)) => return check_atom(token),
            (Kind::Json, data) => is_presentable(&mut self.value.clone(), data)?,
            // Another datatype's data is its own affair.
            (Kind::Other, true) => true,
            (Kind::Plain | Kind::Number | Kind::Time, true) => false,
            (Kind::Number, false) => is_number(token),
            (Kind::Time, false) => matches!(token, Token::Str(time) if lexical::is_time(time)),
            (Kind::Plain | Kind::Other | Kind::Text | Kind::Binary, false) => {
                return check_scalar(token);
            }
        };
        fine.then_some(()).ok_or(BAD)
    }
}

impl Kind {
    fn of(datatype: &str) -> Self {
        let xs = datatype
            .strip_prefix("xs:")
            .or_else(|| datatype.strip_prefix(XS));
        let rdf = datatype
            .strip_prefix("rdf:")
            .or_else(|| datatype.strip_prefix(RDF));
        match (datatype, xs, rdf) {
            ("", ..) | (_, Some("string"), _) => Self::Plain,
            ("@json", ..) | (.., Some("JSON")) => Self::Json,
            (text::DATATYPE, ..) => Self::Text,
            (_, Some("base64Binary"), _) => Self::Binary,
            (_, Some("dateTime"), _) => Self::Time,
            (_, Some(name), _) if NUMERIC.contains(&name) => Self::Number,
            _ if datatype.starts_with('@') || datatype.starts_with("//") => Self::Forbidden,
            _ => Self::Other,
        }
    }
}

/// Checks a value in short form: what JSON has for it, or bytes.
pub(super) fn check_atom(token: Token<'_>) -> Result<(), WireError> {
    match token {
        // The lexical form is Base64, four characters for three bytes.
        Token::Bin(bytes) if bytes.len() <= term::MAX_UNITS / 4 * 3 => Ok(()),
        _ => check_scalar(token),
    }
}

fn check_scalar(token: Token<'_>) -> Result<(), WireError> {
    match token {
        Token::Bool(_) | Token::UInt(_) | Token::NegInt(_) | Token::Float(_) => Ok(()),
        Token::Str(text) => term::check_length(text),
        _ => Err(WireError::Update("a value of no kind")),
    }
}

fn is_number(token: Token<'_>) -> bool {
    match token {
        Token::UInt(_) | Token::NegInt(_) => true,
        Token::Float(number) => !number.is_nan(),
        Token::Str(text) => lexical::is_number(text) && term::check_length(text).is_ok(),
        _ => false,
    }
}

/// Whether JavaScript can present a JSON literal: it makes a string of the value, and reads that
/// as JSON again (section 20, Q3). That works for numbers, truth values, strings that are JSON
/// themselves, and arrays of one such, if they are data.
fn is_presentable(value: &mut Reader<'_>, data: bool) -> Result<bool, WireError> {
    loop {
        return Ok(match value.token()? {
            Token::Array(1) if data => continue,
            Token::Bool(_) | Token::UInt(_) | Token::NegInt(_) => true,
            Token::Float(number) => number.is_finite(),
            Token::Str(text) => {
                let json = serde_json::from_str::<serde::de::IgnoredAny>(text);
                json.is_ok() && text.trim() != "null" && term::check_length(text).is_ok()
            }
            _ => false,
        });
    }
}
