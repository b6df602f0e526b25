//! Literals as they are written: in forms that survive the way to every clone.
//!
//! On the wire an `xs:integer`, `xs:double` or `xs:boolean` is the JavaScript number or truth
//! value that it stands for (m-ld protocol, section 4.6). A lexical form that would come back as
//! another one would make clones differ, so it is replaced, or refused (sections 20, Q4 and Q22).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};

use super::PatternError;
use crate::msgpack::Value;
use crate::number;
use crate::rdf::{Iri, Literal, vocab};

/// The literal that a number is for every clone: an integer, if JavaScript writes it without a
/// decimal point. None if it is none.
pub(super) fn number(value: f64) -> Option<Literal> {
    let literal = value.is_finite().then(|| number::literal(value))?;
    // What rounds to zero has a sign in JavaScript's text, but not when that has been sent.
    if literal.lexical.as_ref() == "-0" {
        return Some(Literal::integer(0));
    }
    Some(literal)
}

/// The literal of a lexical form and a datatype.
pub(super) fn typed(lexical: &str, datatype: &Iri) -> Result<Literal, PatternError> {
    let none = || PatternError::malformed(format!("{lexical:?} is not of the datatype {datatype}"));
    match datatype.as_str() {
        vocab::XS_BOOLEAN => match lexical {
            "true" | "1" => Ok(Literal::typed("true", vocab::XS_BOOLEAN)),
            "false" | "0" => Ok(Literal::typed("false", vocab::XS_BOOLEAN)),
            _ => Err(none()),
        },
        vocab::XS_INTEGER => {
            let digits = lexical.strip_prefix(['+', '-']).unwrap_or(lexical);
            let digital = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            let value = lexical.parse().ok().filter(|_| digital);
            value.and_then(number).ok_or_else(none)
        }
        vocab::XS_DOUBLE => {
            let value = lexical.parse().ok();
            value.and_then(number).ok_or_else(none)
        }
        vocab::RDF_JSON => Err(PatternError::malformed(
            "JSON literals are not supported, as they harm other clones",
        )),
        _ => Ok(Literal::typed(lexical, datatype.as_str())),
    }
}

/// The literal for binary data in Base64, and the data.
pub(super) fn binary(base64: &str) -> Result<(Literal, Value), PatternError> {
    let bytes = STANDARD
        .decode(base64)
        .map_err(|_| PatternError::malformed("binary data is not in Base64"))?;
    let identity = STANDARD.encode(Sha1::digest(&bytes));
    let literal = Literal::typed(identity, vocab::XS_BASE64_BINARY);
    Ok((literal, Value::Bin(bytes)))
}
