//! Triples to subjects (m-ld protocol, section 16.4).

use std::borrow::Cow;
use std::cmp::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json, json};

use crate::context::{Context, TermType};
use crate::datatype;
use crate::msgpack::Value;
use crate::rdf::{Iri, Literal, Term, vocab};

/// Whether the data of a datatype is kept apart from the literal.
pub(super) fn is_indirect(datatype: &str) -> bool {
    matches!(
        datatype,
        vocab::XS_BASE64_BINARY | vocab::TSEQ | vocab::RDF_JSON
    )
}

/// What a property is called that has this value.
pub(super) fn property<'a>(context: &'a Context, property: &'a Iri, value: &Term) -> Cow<'a, str> {
    match property.as_str() {
        vocab::RDF_TYPE => Cow::Borrowed("@type"),
        vocab::JRQL_ITEM => Cow::Borrowed("@item"),
        vocab::JRQL_INDEX => Cow::Borrowed("@index"),
        _ => context.compact_property(property, value),
    }
}

/// A term as the value of a property, with the data of its literal if that is kept apart.
pub(super) fn value(context: &Context, property: &str, term: &Term, data: Option<&Value>) -> Json {
    match term {
        Term::Iri(iri) => reference(context, property, iri),
        Term::Literal(literal) => literal_value(context, property, literal, data),
    }
}

fn reference(context: &Context, property: &str, iri: &Iri) -> Json {
    if property == "@type" {
        return context.compact_vocab(iri).into();
    }
    match context.term_type(property) {
        Some(TermType::Id) => context.compact_id(iri).into(),
        Some(TermType::Vocab) => context.compact_vocab(iri).into(),
        Some(TermType::Json | TermType::None | TermType::Datatype(_)) | None => {
            json!({ "@id": context.compact_id(iri) })
        }
    }
}

fn literal_value(
    context: &Context,
    property: &str,
    literal: &Literal,
    data: Option<&Value>,
) -> Json {
    let lexical = literal.lexical.as_ref();
    if let Some(language) = &literal.language {
        return json!({ "@value": lexical, "@language": language.as_ref() });
    }
    match literal.datatype.as_str() {
        vocab::XS_STRING => lexical.into(),
        vocab::XS_BOOLEAN => (lexical == "true").into(),
        vocab::XS_INTEGER | vocab::XS_DOUBLE => {
            number(lexical).unwrap_or_else(|| described(context, property, literal, lexical.into()))
        }
        vocab::TSEQ => data
            .and_then(|state| datatype::text(state).ok())
            .unwrap_or_else(|| lexical.to_owned())
            .into(),
        vocab::RDF_JSON => {
            let value = data.map_or_else(|| lexical.into(), plain);
            json!({ "@value": value, "@type": "@json" })
        }
        _ => {
            let value = data.map_or_else(|| lexical.into(), plain);
            described(context, property, literal, value)
        }
    }
}

/// A value object, unless the context has the datatype for the property.
fn described(context: &Context, property: &str, literal: &Literal, value: Json) -> Json {
    match context.term_type(property) {
        Some(TermType::Datatype(datatype)) if *datatype == literal.datatype => value,
        _ => json!({ "@value": value, "@type": context.compact_vocab(&literal.datatype) }),
    }
}

/// The number of a lexical form, as an integer if it is one. None if JSON cannot have it.
fn number(lexical: &str) -> Option<Json> {
    if let Ok(integer) = lexical.parse::<i64>() {
        return Some(integer.into());
    }
    let number: f64 = lexical.parse().ok()?;
    serde_json::Number::from_f64(number).map(Json::Number)
}

/// Data as JSON, in which bytes are in Base64.
fn plain(data: &Value) -> Json {
    match data {
        Value::Undefined | Value::Null => Json::Null,
        Value::Bool(truth) => (*truth).into(),
        Value::Int(number) => (*number).into(),
        Value::UInt(number) => (*number).into(),
        Value::Float(number) => (*number).into(),
        Value::Str(text) => text.as_str().into(),
        Value::Bin(bytes) => STANDARD.encode(bytes).into(),
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::Map(map) => {
            let members = map
                .iter()
                .map(|(key, value)| (key.to_owned(), plain(value)));
            Json::Object(members.collect())
        }
    }
}

/// Adds a value to a property, which has an array only if it has several.
pub(super) fn add(subject: &mut Map<String, Json>, property: &str, value: Json) {
    match subject.get_mut(property) {
        None => {
            subject.insert(property.to_owned(), value);
        }
        Some(Json::Array(values)) => values.push(value),
        Some(one) => {
            let first = one.take();
            *one = Json::Array(vec![first, value]);
        }
    }
}

/// Puts the values of each property in an order that depends on them alone: numbers, then what has
/// a text by that. So clones with the same data give the same answers; and where all values are of
/// one kind, it is the JavaScript engine's order. Lists keep their own.
pub(super) fn sort(subject: &mut Map<String, Json>) {
    for (property, values) in subject {
        if let (Json::Array(values), true) = (values, property != "@list") {
            values.sort_by(by_value);
        }
    }
}

fn by_value(a: &Json, b: &Json) -> Ordering {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => text(a).cmp(&text(b)).then_with(|| kind(a).cmp(&kind(b))),
    }
}

/// What a value is ordered by, first.
fn text(value: &Json) -> Cow<'_, str> {
    let text = match value {
        Json::Object(members) => members.get("@id").or(members.get("@value")),
        _ => Some(value),
    };
    match text {
        Some(Json::String(text)) => Cow::Borrowed(text),
        _ => Cow::Owned(value.to_string()),
    }
}

/// What tells values with the same text apart.
fn kind(value: &Json) -> Cow<'_, str> {
    if value.is_string() {
        Cow::Borrowed("")
    } else {
        Cow::Owned(value.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_in_the_same_order_however_they_are_stored() {
        let mut subject = json!({
            "p": ["b", 10, {"@id": "a"}, 9.5, "a", {"@value": "a", "@type": "t"}, true],
            "@list": ["b", "a"],
        });
        let expected = json!({
            "p": [9.5, 10, "a", {"@id": "a"}, {"@type": "t", "@value": "a"}, "b", true],
            "@list": ["b", "a"],
        });
        let members = subject.as_object_mut().unwrap();
        sort(members);
        assert_eq!(subject, expected);
    }
}
