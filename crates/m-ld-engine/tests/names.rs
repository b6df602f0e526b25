//! Names as the JavaScript engine shortens them and makes them whole.

use m_ld_engine::context::{Context, domain_base};
use m_ld_engine::rdf::Iri;
use serde_json::Value as Json;

use crate::common::vectors;

fn expanded(file: &Json) -> Context {
    let domain = file["domain"].as_str().unwrap();
    Context::operation(&domain_base(domain)).unwrap()
}

/// What JavaScript expands a text to; a keyword is no IRI.
fn whole(json: &Json) -> Option<Iri> {
    let text = json.as_str().filter(|text| !text.starts_with('@'))?;
    Some(Iri::new(text))
}

#[test]
fn iris_are_shortened_as_in_javascript_and_come_back_as_there() {
    let file = vectors("iris");
    let context = expanded(&file);
    for case in file["compaction"].as_array().unwrap() {
        let iri = Iri::new(case["iri"].as_str().unwrap());
        let short = context.compact_id(&iri);
        assert_eq!(short, case["compact"].as_str().unwrap(), "{iri}");
        assert_eq!(
            context.expand_id(&short),
            whole(&case["reExpanded"]),
            "{iri}"
        );
        let short = context.compact_vocab(&iri);
        assert_eq!(short, case["compactVocab"].as_str().unwrap(), "{iri}");
        assert_eq!(
            context.expand_vocab(&short),
            whole(&case["reExpandedVocab"]),
            "{iri}"
        );
    }
}

#[test]
fn short_forms_mean_what_they_mean_in_javascript() {
    let file = vectors("iris");
    let context = expanded(&file);
    for case in file["expansion"].as_array().unwrap() {
        let term = case["term"].as_str().unwrap();
        assert_eq!(context.expand_id(term), whole(&case["expand"]), "{term}");
        assert_eq!(
            context.expand_vocab(term),
            whole(&case["expandVocab"]),
            "{term}"
        );
    }
}
