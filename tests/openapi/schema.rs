//! Judges a value by a schema of the description: JSON Schema 2020-12, as far as the description uses it. A keyword
//! that is not known here fails the test, so that nothing is taken for judged that was not.

use regex::Regex;
use serde_json::Value;

/// Keywords that say nothing about whether a value is right.
const REMARKS: [&str; 4] = ["default", "description", "examples", "title"];

/// What is wrong with a value, one sentence each with the place.
pub(super) fn faults(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let judge = Judge { document };
    let mut faults = Vec::new();
    judge.judge(schema, value, "", &mut faults);
    faults
}

/// The thing itself, where a reference stands for it.
pub(super) fn resolved<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    match value.get("$ref") {
        Some(pointer) => {
            let pointer = pointer.as_str().unwrap().strip_prefix('#').unwrap();
            document.pointer(pointer).unwrap()
        }
        None => value,
    }
}

struct Judge<'d> {
    document: &'d Value,
}

impl Judge<'_> {
    fn judge(&self, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
        for (keyword, operand) in schema.as_object().unwrap() {
            if REMARKS.contains(&keyword.as_str()) {
                continue;
            }
            let right = match keyword.as_str() {
                "$ref" => {
                    let schema = resolved(self.document, schema);
                    self.judge(schema, value, at, faults);
                    true
                }
                "properties" | "additionalProperties" => {
                    self.judge_members(schema, value, at, faults);
                    true
                }
                "items" => {
                    for (place, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.judge(operand, item, &format!("{at}/{place}"), faults);
                    }
                    true
                }
                "oneOf" => self.fitting(operand, value) == 1,
                "anyOf" => self.fitting(operand, value) >= 1,
                other => holds(other, operand, value),
            };
            if !right {
                faults.push(format!(
                    "{at}: {keyword} {operand} does not hold of {value}"
                ));
            }
        }
    }

    /// Members that are described, and those that are not.
    fn judge_members(&self, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
        let described = schema["properties"].as_object();
        for (name, member) in value.as_object().into_iter().flatten() {
            let at = format!("{at}/{name}");
            match described.and_then(|described| described.get(name)) {
                Some(schema) => self.judge(schema, member, &at, faults),
                None if schema["additionalProperties"] == false => {
                    faults.push(format!("{at}: is not described"));
                }
                None => {}
            }
        }
    }

    /// How many of some schemas a value fits.
    fn fitting(&self, schemas: &Value, value: &Value) -> usize {
        let schemas = schemas.as_array().unwrap().iter();
        let fits = |schema: &&Value| faults(self.document, schema, value).is_empty();
        schemas.filter(fits).count()
    }
}

/// Keywords that look at the value alone. One that is about another type of value holds.
fn holds(keyword: &str, operand: &Value, value: &Value) -> bool {
    let text = value.as_str();
    let (size, length) = (
        value.as_array().map(Vec::len),
        text.map(|text| text.chars().count()),
    );
    let limit = || usize::try_from(operand.as_u64().unwrap()).unwrap();
    match keyword {
        "type" => types(operand).any(|name| is_of(value, name)),
        "const" => value == operand,
        "enum" => operand.as_array().unwrap().contains(value),
        "required" => value.as_object().is_none_or(|members| {
            let mut names = operand.as_array().unwrap().iter();
            names.all(|name| members.contains_key(name.as_str().unwrap()))
        }),
        "minProperties" => value
            .as_object()
            .is_none_or(|members| members.len() >= limit()),
        "maxItems" => size.is_none_or(|size| size <= limit()),
        "uniqueItems" => value.as_array().is_none_or(|items| {
            let repeated = |(place, item)| items[..place].contains(item);
            !items.iter().enumerate().any(repeated)
        }),
        "minLength" => length.is_none_or(|length| length >= limit()),
        "maxLength" => length.is_none_or(|length| length <= limit()),
        "pattern" => text.is_none_or(|text| pattern(operand).is_match(text)),
        "format" => text.is_none_or(|text| is_formatted(operand.as_str().unwrap(), text)),
        "minimum" => value
            .as_f64()
            .is_none_or(|number| number >= operand.as_f64().unwrap()),
        "maximum" => value
            .as_f64()
            .is_none_or(|number| number <= operand.as_f64().unwrap()),
        other => panic!("{other} is no keyword that is known here"),
    }
}

fn types(operand: &Value) -> impl Iterator<Item = &str> {
    let several = operand
        .as_array()
        .map_or(std::slice::from_ref(operand), Vec::as_slice);
    several.iter().map(|name| name.as_str().unwrap())
}

fn is_of(value: &Value, name: &str) -> bool {
    match name {
        "string" => value.is_string(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        other => panic!("{other} is no type"),
    }
}

/// A pattern of the description. Its dialect is that of JavaScript, whose `$` is the very end; so is it here.
fn pattern(operand: &Value) -> Regex {
    Regex::new(operand.as_str().unwrap()).unwrap()
}

fn is_formatted(format: &str, text: &str) -> bool {
    let pattern = match format {
        "date-time" => r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$",
        "uri" => r"^[a-z][a-z0-9+.-]*:[^\s<>]*$",
        other => panic!("{other} is no format that is known here"),
    };
    Regex::new(pattern).unwrap().is_match(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_does_not_fit_is_found() {
        let document =
            json!({"components": {"schemas": {"Name": {"type": "string", "pattern": "^[a-z]+$"}}}});
        let schema = json!({
            "type": "object", "required": ["name"], "additionalProperties": false, "minProperties": 1,
            "properties": {
                "name": {"$ref": "#/components/schemas/Name"},
                "some": {"type": "array", "maxItems": 2, "uniqueItems": true, "items": {"type": "integer", "minimum": 1}},
                "one": {"oneOf": [{"const": 1}, {"type": "integer", "maximum": 5}]},
                "when": {"type": ["string", "null"], "format": "date-time"},
                "word": {"enum": ["a", "b"], "maxLength": 1, "minLength": 1},
            },
        });
        for right in [
            json!({"name": "ada"}),
            json!({"name": "ada", "some": [1, 2], "one": 2, "when": null, "word": "a"}),
            json!({"name": "ada", "some": [], "one": 3, "when": "2026-01-02T03:04:05Z"}),
        ] {
            assert_eq!(faults(&document, &schema, &right), [""; 0]);
        }
        for wrong in [
            json!("ada"),
            json!({}),
            json!({"name": "Ada"}),
            json!({"name": 1}),
            json!({"name": "ada", "other": 1}),
            json!({"name": "ada", "some": [0]}),
            json!({"name": "ada", "some": [1.5]}),
            json!({"name": "ada", "some": [1, 1]}),
            json!({"name": "ada", "some": [1, 2, 3]}),
            json!({"name": "ada", "one": 1}),
            json!({"name": "ada", "one": 6}),
            json!({"name": "ada", "when": "yesterday"}),
            json!({"name": "ada", "word": "c"}),
        ] {
            assert!(!faults(&document, &schema, &wrong).is_empty(), "{wrong}");
        }
    }
}
