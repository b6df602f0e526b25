//! Results in the form in which they are compared.

use serde_json::{Map, Value as Json, json};

/// Keys of which the values have an order.
const ORDERED: [&str; 3] = ["@list", "@splice", "@agree"];
const BINARY: &str = "http://www.w3.org/2001/XMLSchema#base64Binary";

/// A request without the vectors' tags.
pub(super) fn untagged(json: &Json) -> Json {
    match json {
        Json::Array(items) => items.iter().map(untagged).collect(),
        Json::Object(map) if map.contains_key("$undefined") => Json::Null,
        Json::Object(map) => {
            let members = map
                .iter()
                .map(|(key, value)| (key.clone(), untagged(value)));
            Json::Object(members.collect())
        }
        other => other.clone(),
    }
}

/// Sets sorted, generated names replaced, binary tagged. Variables that are not in the query have
/// any names.
pub(super) fn canonical(json: &Json, query: &Json) -> Json {
    let query = query.to_string();
    let mut anonymous: Vec<String> = Vec::new();
    collect(json, &query, &mut anonymous);
    anonymous.sort_by_key(|name| (name.len(), name.clone()));
    anonymous.dedup();
    Canonical { anonymous }.of(json, "")
}

fn collect(json: &Json, query: &str, names: &mut Vec<String>) {
    match json {
        Json::Array(items) => items.iter().for_each(|item| collect(item, query, names)),
        Json::Object(map) => {
            for (key, value) in map {
                if key.starts_with('?') && !query.contains(key.as_str()) {
                    names.push(key.clone());
                }
                collect(value, query, names);
            }
        }
        _ => {}
    }
}

struct Canonical {
    anonymous: Vec<String>,
}

impl Canonical {
    fn of(&self, json: &Json, key: &str) -> Json {
        match json {
            Json::String(text) if key == "@id" && text.starts_with("_:") => json!("<blank>"),
            Json::String(text) => self.text(text).into(),
            Json::Array(items) if ORDERED.contains(&key) => {
                items.iter().map(|item| self.of(item, key)).collect()
            }
            Json::Array(items) => {
                let mut items: Vec<Json> = items.iter().map(|item| self.of(item, "")).collect();
                items.sort_by_key(ToString::to_string);
                Json::Array(items)
            }
            Json::Object(map) => self.object(map),
            other => other.clone(),
        }
    }

    fn object(&self, map: &Map<String, Json>) -> Json {
        if map.get("@type").and_then(Json::as_str) == Some(BINARY) {
            return json!({ "$binary": map["@value"] });
        }
        let member = |(key, value): (&String, &Json)| {
            let value = match (key.as_str(), value) {
                ("@list", Json::Object(list)) => {
                    let items = list.iter();
                    items
                        .map(|(index, item)| (index.clone(), self.of(item, "@list")))
                        .collect()
                }
                (key, value) => self.of(value, key),
            };
            (self.text(key), value)
        };
        Json::Object(map.iter().map(member).collect())
    }

    fn text(&self, text: &str) -> String {
        if let Some(index) = self.anonymous.iter().position(|name| name == text) {
            return format!("?<{index}>");
        }
        match text.rfind(".well-known/genid/") {
            Some(_) => "<genid>".to_owned(),
            None => text.to_owned(),
        }
    }
}
