//! What harmed a clone of the JavaScript engine is refused.

use m_ld_engine::wire::{Limits, judge};
use serde_json::Value as Json;

use crate::common::{base64, vectors};

#[test]
fn what_harms_a_javascript_clone_is_refused_and_nothing_else_that_it_could_send() {
    let mut wrong = Vec::new();
    for case in vectors("harm").as_array().unwrap() {
        let message = base64(case["message"].as_str().unwrap());
        let judged = judge(&message, &Limits::default()).map(drop);
        let fine = case["outcome"] == "fine";
        let accept = case.get("accept").and_then(Json::as_bool).unwrap_or(fine);
        if judged.is_ok() != accept {
            wrong.push(format!("{}: {} {judged:?}", case["name"], case["outcome"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
