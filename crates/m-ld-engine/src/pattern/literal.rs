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
use crate::rdf::{Iri, Literal, vocab};

/// The magnitude from which JavaScript writes numbers with an exponent.
const EXPONENT: f64 = 1e21;
/// The magnitude below which it does so too.
const SMALL: f64 = 1e-6;

/// The literal that a number is for every clone: an integer, if JavaScript writes it without a
/// decimal point. None if it is none.
pub(super) fn number(number: f64) -> Option<Literal> {
    if !number.is_finite() {
        return None;
    }
    if is_double(number) {
        return Some(Literal::typed(canonical_double(number), vocab::XS_DOUBLE));
    }
    // Half an integer is no case of this: such numbers have a point, or are near zero.
    let integer = format!("{:.0}", number.trunc());
    let integer = if integer == "-0" { "0" } else { &integer };
    Some(Literal::typed(integer, vocab::XS_INTEGER))
}

fn is_double(number: f64) -> bool {
    let magnitude = number.abs();
    if magnitude >= EXPONENT {
        return true;
    }
    let one_digit = || !format!("{number:e}").contains('.');
    number.fract() != 0.0 && !(magnitude < SMALL && one_digit())
}

fn canonical_double(number: f64) -> String {
    let text = format!("{number:.15e}");
    let Some((mantissa, exponent)) = text.split_once('e') else {
        return text;
    };
    let mantissa = mantissa.trim_end_matches('0');
    let zero = if mantissa.ends_with('.') { "0" } else { "" };
    format!("{mantissa}{zero}E{exponent}")
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
