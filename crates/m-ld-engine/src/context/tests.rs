use serde_json::{Value as Json, json};

use super::{Context, ContextError, TermType, domain_base};
use crate::rdf::{Iri, Literal, Term, vocab};

fn of(json: &Json) -> Context {
    Context::new(&domain_base("d.example.org"), json).unwrap()
}

fn name(context: &Context, name: &str) -> String {
    context.expand_vocab(name).unwrap().to_string()
}

fn id(context: &Context, id: &str) -> String {
    context.expand_id(id).unwrap().to_string()
}

fn literal(datatype: &str) -> Term {
    Literal::typed("", datatype).into()
}

#[test]
fn without_a_context_names_are_fragments_of_the_domain() {
    let context = of(&Json::Null);
    assert_eq!(name(&context, "p"), "http://d.example.org/#p");
    assert_eq!(id(&context, "x"), "http://d.example.org/x");
}

#[test]
fn the_vocabulary_follows_a_base_that_is_given() {
    let context = of(&json!({ "@base": "http://base.example.org/folder/" }));
    assert_eq!(name(&context, "p"), "http://base.example.org/#p");
    assert_eq!(id(&context, "x"), "http://base.example.org/folder/x");
    let context = of(&json!({ "@base": "sub/", "@vocab": "http://v.example.org/" }));
    assert_eq!(name(&context, "p"), "http://v.example.org/p");
    assert_eq!(id(&context, "x"), "http://d.example.org/sub/x");
}

#[test]
fn a_name_of_the_vocabulary_may_have_another_fragment_in_it() {
    // What applications write as "#l" is not the property "l".
    let context = of(&json!({ "l": { "@id": "#l", "@language": "fr" } }));
    assert_eq!(name(&context, "l"), "http://d.example.org/##l");
    assert_eq!(context.term_language("l"), Some("fr"));
    let context = of(&json!({ "@language": "de", "l": { "@language": null }, "m": "x:m" }));
    assert_eq!(context.term_language("l"), None);
    assert_eq!(context.term_language("m"), Some("de"));
}

#[test]
fn a_term_may_be_defined_by_others_in_any_order() {
    let context = of(&json!({
        "a": { "@id": "z:name", "@type": "z:Kind" },
        "z": "y:z#",
        "y": "http://y.example.org/",
    }));
    assert_eq!(name(&context, "a"), "http://y.example.org/z#name");
    let kind = TermType::Datatype(Iri::new("http://y.example.org/z#Kind"));
    assert_eq!(context.term_type("a"), Some(&kind));
    assert_eq!(name(&context, "y:x"), "http://y.example.org/x");
}

#[test]
fn a_term_that_is_defined_by_itself_is_refused() {
    let base = domain_base("d.example.org");
    let circle = json!({ "a": "b:x", "b": { "@id": "c" }, "c": "a:y" });
    let error = Context::new(&base, &circle).unwrap_err();
    assert!(matches!(error, ContextError::Cycle(_)), "{error}");
}

#[test]
fn a_chain_of_terms_however_long_does_not_exhaust_the_stack() {
    let mut terms = serde_json::Map::new();
    for n in 0..20_000 {
        terms.insert(format!("t{n:05}"), json!(format!("t{:05}:x", n + 1)));
    }
    terms.insert("t20000".to_owned(), json!("http://t.example.org/"));
    let context = of(&Json::Object(terms));
    assert!(name(&context, "t19999").ends_with("org/x"));
}

#[test]
fn contexts_elsewhere_are_not_fetched() {
    let base = domain_base("d.example.org");
    for json in [
        json!("http://c.example.org/"),
        json!(["http://c.example.org/"]),
        json!({ "@import": "http://c.example.org/" }),
    ] {
        let error = Context::new(&base, &json).unwrap_err();
        assert!(matches!(error, ContextError::Remote(_)), "{error}");
    }
}

#[test]
fn what_is_no_context_is_refused() {
    let base = domain_base("d.example.org");
    for json in [
        json!(1),
        json!([[]]),
        json!({ "@base": 1 }),
        json!({ "@vocab": [] }),
        json!({ "@language": {} }),
        json!({ "t": 1 }),
        json!({ "t": { "@id": [] } }),
        json!({ "t": { "@type": "relative", "@id": "x:y" }, "@vocab": null }),
        json!({ "t": { "@reverse": "x:y" } }),
        json!({ "t": "relative", "@vocab": null }),
        json!({ "": "http://x.example.org/" }),
    ] {
        assert!(Context::new(&base, &json).is_err(), "{json}");
    }
}

#[test]
fn a_request_extends_the_context_for_itself() {
    let context = of(&json!({ "p": "http://o.example.org/p", "q": "http://o.example.org/q" }));
    let extended = context
        .extended(&json!([{ "p": "http://o.example.org/r" }, { "q": null }]))
        .unwrap();
    assert_eq!(name(&extended, "p"), "http://o.example.org/r");
    assert_eq!(extended.expand_vocab("q"), None);
    assert_eq!(name(&context, "p"), "http://o.example.org/p");
}

#[test]
fn keywords_and_their_aliases_stand_for_no_iri() {
    let context = of(&json!({ "id": "@id", "odd": "@odd" }));
    for keyword in ["@id", "@foo", "id", "odd"] {
        assert_eq!(context.expand_vocab(keyword), None, "{keyword}");
    }
    assert_eq!(context.expand_id("@type"), None);
}

#[test]
fn a_term_is_chosen_by_the_type_and_language_of_its_value() {
    let context = of(&json!({
        "friend": { "@id": "http://o.example.org/p", "@type": "@id" },
        "state": { "@id": "http://o.example.org/p", "@type": "@vocab" },
        "when": { "@id": "http://o.example.org/p", "@type": "http://o.example.org/Time" },
        "mot": { "@id": "http://o.example.org/p", "@language": "fr" },
        "any": "http://o.example.org/p",
        "o": "http://o.example.org/",
        "Open": "http://o.example.org/Open",
    }));
    let property = Iri::new("http://o.example.org/p");
    let short = |value: &Term| context.compact_property(&property, value).into_owned();
    assert_eq!(short(&Iri::new("urn:x").into()), "friend");
    assert_eq!(
        short(&Iri::new("http://o.example.org/Open").into()),
        "state"
    );
    assert_eq!(short(&literal("http://o.example.org/Time")), "when");
    assert_eq!(short(&literal(vocab::XS_STRING)), "any");
    let mut french = Literal::typed("", vocab::RDF_LANG_STRING);
    french.language = Some("FR".into());
    assert_eq!(short(&french.clone().into()), "mot");
    french.language = Some("de".into());
    assert_eq!(short(&french.into()), "any");
}

#[test]
fn a_term_for_values_of_another_type_is_not_used() {
    let context = of(&json!({
        "j": { "@id": "#j", "@type": "@json" },
        "o:when": { "@type": "http://o.example.org/Time" },
        "o": "http://o.example.org/",
    }));
    let property = Iri::new("http://d.example.org/##j");
    let short = context.compact_property(&property, &literal(vocab::RDF_JSON));
    assert_eq!(short, "#j");
    // The compact IRI would be taken for the term.
    let property = Iri::new("http://o.example.org/when");
    let string = literal(vocab::XS_STRING);
    assert_eq!(
        context.compact_property(&property, &string),
        property.as_str()
    );
    assert_eq!(context.compact_vocab(&property), "o:when");
}

#[test]
fn the_shortest_prefix_wins() {
    let context = of(&json!({
        "long": "http://o.example.org/path/",
        "o": "http://o.example.org/",
        "path": "http://o.example.org/path/",
        "not": "http://o.example.org/path/n",
        "forced": { "@id": "http://o.example.org/path/forced", "@prefix": true },
    }));
    let short = |iri: &str| context.compact_id(&Iri::new(iri)).into_owned();
    assert_eq!(short("http://o.example.org/path/name"), "long:name");
    assert_eq!(short("http://o.example.org/path/forced-x"), "forced:-x");
    assert_eq!(short("http://o.example.org/"), "http://o.example.org/");
}

#[test]
fn what_is_sent_means_the_same_to_the_receiver() {
    let base = domain_base("d.example.org");
    let context = Context::operation(&base).unwrap();
    let names = [
        "",
        "x",
        "a/b",
        "a:b",
        "#x",
        "#a:b",
        "#s",
        "#",
        "?q",
        "..",
        "a/../b",
        "./",
        "//x",
        "@type",
        "#@type",
        "@foo",
        "a b",
        "é",
        "rdf:type",
        "#rdf:type",
        "x#y?z",
        "x?y/../z",
        "s",
        "#tid",
        "#://x",
        "://x",
        "#a://b",
    ];
    let domain = names.map(|name| format!("http://d.example.org/{name}"));
    let others = [
        "http://d.example.org",
        "http://d.example.org.evil/x",
        "http://d.example.organ/x",
        "https://d.example.org/x",
        "urn:x",
        vocab::RDF_TYPE,
        vocab::RDF_SUBJECT,
        vocab::XS_STRING,
        vocab::M_LD_TID,
        vocab::JRQL_ITEM,
        vocab::RDF,
    ];
    for iri in domain.iter().map(String::as_str).chain(others) {
        let iri = Iri::new(iri);
        let short = context.wire_id(&iri);
        assert_eq!(context.expand_id(&short).as_ref(), Some(&iri), "{short}");
        let short = context.wire_name(&iri);
        assert_eq!(context.expand_vocab(&short).as_ref(), Some(&iri), "{short}");
    }
    assert_eq!(context.wire_id(&Iri::new("http://d.example.org/#x")), "#x");
    assert_eq!(context.wire_name(&Iri::new("http://d.example.org/#x")), "x");
}
