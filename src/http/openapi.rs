//! What the API says about itself: `openapi.json`, which is written by hand and held true by tests. One compares its
//! operations with the router's; others call each at a running gateway and judge the answers by its schemas.
//!
//! Source: `OpenAPI` 3.1.0.

use axum::extract::State;
use axum::response::IntoResponse;
use http::header;

use super::state::App;

const DESCRIPTION: &str = include_str!("openapi.json");
/// What stands there for the gateway's own origin.
const ORIGIN: &str = "https://gateway.example";

/// `GET /api/v1/openapi.json`: the description, with this gateway as its server.
pub(super) async fn read(State(app): State<App>) -> impl IntoResponse {
    // An origin has nothing that JSON would escape.
    let description = DESCRIPTION.replacen(ORIGIN, &app.origin, 1);
    ([(header::CONTENT_TYPE, "application/json")], description)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::http::router;

    fn description() -> Value {
        serde_json::from_str(DESCRIPTION).unwrap()
    }

    /// Members of a path that are no operations.
    const BESIDES: [&str; 1] = ["parameters"];

    fn described(description: &Value) -> BTreeSet<(String, String)> {
        let paths = description["paths"].as_object().unwrap();
        let operations = paths.iter().flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().keys();
            methods.map(move |method| (method.clone(), path.clone()))
        });
        operations
            .filter(|(method, _)| !BESIDES.contains(&method.as_str()))
            .collect()
    }

    #[test]
    fn what_is_described_is_what_there_is() {
        let routed = router::operations().into_iter();
        let routed: BTreeSet<_> = routed
            .map(|(method, path)| (method.to_owned(), path.to_owned()))
            .collect();
        assert_eq!(described(&description()), routed);
    }

    #[test]
    fn each_operation_has_a_name_of_its_own_and_parameters_as_its_path_says() {
        let description = description();
        let mut names = BTreeSet::new();
        for (method, path) in described(&description) {
            let item = &description["paths"][&path];
            let name = item[&method]["operationId"].as_str().unwrap();
            assert!(names.insert(name.to_owned()), "{name} is given twice");
            let declared = item["parameters"].as_array().into_iter().flatten();
            let declared: Vec<_> = declared
                .map(|parameter| {
                    let pointer = parameter["$ref"].as_str().unwrap();
                    let parameter = description.pointer(&pointer[1..]).unwrap();
                    assert_eq!(parameter["in"], "path", "{path}");
                    parameter["name"].as_str().unwrap().to_owned()
                })
                .collect();
            let segments = path.split('/').map(|segment| segment.strip_prefix('{'));
            let in_path: Vec<_> = segments
                .flatten()
                .map(|segment| segment.trim_end_matches('}').to_owned())
                .collect();
            assert_eq!(declared, in_path, "{path}");
        }
    }

    #[test]
    fn every_reference_leads_somewhere_and_nothing_is_there_that_none_leads_to() {
        let description = description();
        let mut led_to = BTreeSet::new();
        let mut unread = vec![&description];
        while let Some(value) = unread.pop() {
            if let Some(pointer) = value.get("$ref") {
                let pointer = pointer.as_str().unwrap();
                assert!(description.pointer(&pointer[1..]).is_some(), "{pointer}");
                led_to.insert(pointer.to_owned());
            }
            unread.extend(
                value
                    .as_object()
                    .into_iter()
                    .flat_map(serde_json::Map::values),
            );
            unread.extend(value.as_array().into_iter().flatten());
        }
        let components = description["components"].as_object().unwrap();
        for (kind, all) in components
            .iter()
            .filter(|(kind, _)| *kind != "securitySchemes")
        {
            for name in all.as_object().unwrap().keys() {
                let pointer = format!("#/components/{kind}/{name}");
                assert!(led_to.contains(&pointer), "nothing refers to {pointer}");
            }
        }
    }

    #[test]
    fn it_is_of_this_version_and_names_the_origin_once() {
        assert_eq!(description()["info"]["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(DESCRIPTION.matches(ORIGIN).count(), 1);
        assert_eq!(description()["servers"][0]["url"], ORIGIN);
    }
}
