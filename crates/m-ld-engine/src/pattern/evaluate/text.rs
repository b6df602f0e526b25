//! Functions of strings (SPARQL 1.1, sections 17.4.3.12 and 17.4.3.13).

use super::value::Value;

/// How many bytes strings have together.
pub(super) fn length(values: &[Value]) -> usize {
    values.iter().filter_map(Value::text).map(str::len).sum()
}

/// Strings, one after another; in their language, if all are in the same.
pub(super) fn concat(values: &[Value]) -> Option<Value> {
    let texts: Option<Vec<&str>> = values.iter().map(Value::text).collect();
    let text = texts?.concat().into();
    let language = |value: &Value| match value {
        Value::Lang(_, language) => Some(language.clone()),
        Value::Iri(_)
        | Value::String(_)
        | Value::Number(_)
        | Value::Bool(_)
        | Value::DateTime(..)
        | Value::Other(_) => None,
    };
    let mut languages = values.iter().map(language);
    let first = languages.next().flatten();
    match first {
        Some(first) if languages.all(|other| other.as_ref() == Some(&first)) => {
            Some(Value::Lang(text, first))
        }
        _ => Some(Value::String(text)),
    }
}

/// Whether a language tag is in a range (RFC 4647, section 3.3.1).
pub(super) fn language_matches(tag: &Value, range: &Value) -> Option<bool> {
    let (tag, range) = (tag.string()?, range.string()?);
    if range == "*" {
        return Some(!tag.is_empty());
    }
    let head = tag.get(..range.len());
    let fits = head.is_some_and(|head| head.eq_ignore_ascii_case(range));
    let ends = tag
        .get(range.len()..)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
    Some(fits && ends)
}
