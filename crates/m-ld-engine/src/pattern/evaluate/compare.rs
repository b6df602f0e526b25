//! Comparison (SPARQL 1.1, section 17.3 and 17.4.1.7).

use std::cmp::Ordering;

use super::number::{Pair, promoted};
use super::value::Value;

/// Whether two values are equal. None if that cannot be known: of literals that are not
/// understood, and differ.
pub(super) fn equal(a: &Value, b: &Value) -> Option<bool> {
    match (a, b) {
        (Value::Iri(a), Value::Iri(b)) => Some(a == b),
        (Value::String(a), Value::String(b)) => Some(a == b),
        (Value::Lang(a, tag), Value::Lang(b, other)) => {
            Some(a == b && tag.eq_ignore_ascii_case(other))
        }
        (Value::Bool(a), Value::Bool(b)) => Some(a == b),
        (Value::Number(a), Value::Number(b)) => Some(match promoted(*a, *b) {
            Pair::Integers(a, b) => a == b,
            Pair::Decimals(a, b) => a == b,
            Pair::Floats(a, b) => a == b,
            Pair::Doubles(a, b) => a == b,
        }),
        (Value::DateTime(a, _), Value::DateTime(b, _)) => Some(a == b),
        (Value::Other(a), Value::Other(b)) => (a == b).then_some(true),
        (Value::Iri(_) | Value::Lang(..), _) | (_, Value::Iri(_) | Value::Lang(..)) => Some(false),
        (Value::Other(_), _) | (_, Value::Other(_)) => None,
        _ => Some(false),
    }
}

/// The order of two values. None if they have none.
pub(super) fn order(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        (Value::Number(a), Value::Number(b)) => match promoted(*a, *b) {
            Pair::Integers(a, b) => a.partial_cmp(&b),
            Pair::Decimals(a, b) => a.partial_cmp(&b),
            Pair::Floats(a, b) => a.partial_cmp(&b),
            Pair::Doubles(a, b) => a.partial_cmp(&b),
        },
        (Value::DateTime(a, _), Value::DateTime(b, _)) => a.partial_cmp(b),
        (Value::Lang(a, tag), Value::Lang(b, other)) => {
            tag.eq_ignore_ascii_case(other).then(|| a.cmp(b))
        }
        _ => None,
    }
}
