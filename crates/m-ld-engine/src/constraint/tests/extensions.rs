//! Extensions that are declared in the data.

use super::*;

const SHAPES: &str = "http://ext.m-ld.org/shacl/ShapeConstrained";
const TEXT: &str = "http://ext.m-ld.org/tseq/TSeqText";

/// A declaration at an index of the list of extensions, with these modules and classes.
fn declaration(index: usize, id: &str, names: &[(&str, &str)]) -> Change {
    let slot = format!("slot-{index}");
    let key = format!("{}{index}", vocab::LIST_INDEX);
    let mut change = insert([
        triple(vocab::EXTENSIONS, &key, iri(&slot)),
        triple(&slot, vocab::JRQL_ITEM, iri(id)),
    ]);
    for (predicate, name) in names {
        change.insert(triple(id, predicate, string(name)), None);
    }
    change
}

fn shapes() -> Change {
    let names = [
        (vocab::JS_REQUIRE, "@m-ld/m-ld/ext/shacl"),
        (vocab::JS_CLASS, "ShapeConstrained"),
    ];
    let mut change = declaration(0, SHAPES, &names);
    for declared in [
        triple(SHAPES, vocab::M_LD_CONTROLLED_SHAPE, iri("nameShape")),
        triple("nameShape", vocab::SH_PATH, iri("name")),
        triple("nameShape", vocab::SH_MIN_COUNT, Literal::integer(1)),
        triple("nameShape", vocab::SH_MAX_COUNT, Literal::integer(1)),
    ] {
        change.insert(declared, None);
    }
    change
}

#[test]
fn a_declared_shape_is_kept_from_the_next_update_on() {
    let mut replica = Replica::new("A");
    let mut both = shapes();
    both.insert(triple("wilma", "name", string("Wilma")), None);
    both.insert(triple("wilma", "name", string("Flint")), None);
    replica.write(both).unwrap();
    let two = insert([
        triple("fred", "name", string("Fred")),
        triple("fred", "name", string("Flint")),
    ]);
    assert_eq!(status(replica.write(two).unwrap_err()), 4001);
}

#[test]
fn text_that_is_declared_is_made() {
    let mut replica = Replica::new("A");
    let names = [
        (vocab::JS_MODULE, "@m-ld/m-ld/ext/tseq.js"),
        (vocab::JS_CLASS, "TSeqText"),
    ];
    let mut change = declaration(0, TEXT, &names);
    change.insert(triple(TEXT, vocab::SH_TARGET_OBJECTS_OF, iri("text")), None);
    replica.write(change).unwrap();
    replica
        .write(insert([triple("doc", "text", string("Hello"))]))
        .unwrap();
    let values = replica.values("doc", "text");
    assert_eq!(
        values[0].as_literal().unwrap().datatype.as_str(),
        vocab::TSEQ
    );
}

#[test]
fn extensions_are_known_by_module_and_class_or_else_by_identity() {
    let mut received = Replica::new("B");
    let mut list = Change::default();
    let all = [
        (
            "mine",
            "@m-ld/m-ld/ext/statutes",
            "Statutory",
            Some(Kind::Statutes),
        ),
        ("other", "@m-ld/m-ld/ext/statutes", "Other", None),
        ("none", "no-such-module", "Statutory", None),
        (TEXT, "no-such-module", "Nope", Some(Kind::Text)),
    ];
    for (index, (id, module, class, _)) in all.iter().enumerate() {
        let slot = format!("slot-{index}");
        let position = format!("{}{}A_______________", vocab::LSEQ_POSITION, index + 1);
        for declared in [
            triple(vocab::EXTENSIONS, &position, iri(&slot)),
            triple(&slot, vocab::JRQL_ITEM, iri(id)),
            triple(id, vocab::JS_REQUIRE, string(module)),
            triple(id, vocab::JS_CLASS, string(class)),
        ] {
            list.insert(declared, None);
        }
    }
    let sent = Sent {
        id: "X1".to_owned(),
        causes: std::collections::BTreeSet::new(),
        principal: None,
        deletes: Vec::new(),
        inserts: list.inserts.into_iter().collect(),
    };
    received.deliver(&sent).unwrap();
    let found = received.with_graph(|state| declared(state).unwrap());
    let kinds: Vec<_> = found.iter().map(|extension| extension.kind).collect();
    assert_eq!(kinds, all.map(|(.., kind)| kind));
    let rules = received.rules();
    let unknown: Vec<_> = rules
        .unknown()
        .iter()
        .map(|extension| &extension.id)
        .collect();
    assert_eq!(unknown, [&iri("other"), &iri("none")]);
}

#[test]
fn what_javascript_cannot_load_is_not_declared() {
    let mut replica = Replica::new("A");
    for names in [
        &[
            (vocab::JS_REQUIRE, "no-such-module"),
            (vocab::JS_CLASS, "Nope"),
        ][..],
        &[(vocab::JS_REQUIRE, "@m-ld/m-ld/ext/shacl")],
        &[
            (vocab::JS_REQUIRE, "@m-ld/m-ld/ext/shacl"),
            (vocab::JS_CLASS, "TSeqText"),
        ],
        &[],
    ] {
        let refused = replica.write(declaration(0, SHAPES, names));
        assert_eq!(status(refused.unwrap_err()), 4001);
    }
    assert!(replica.graph().is_empty());
}

#[test]
fn a_declaration_is_not_spoilt_but_may_be_withdrawn() {
    let mut replica = Replica::new("A");
    replica.write(shapes()).unwrap();
    let class = |name: &str| triple(SHAPES, vocab::JS_CLASS, string(name));
    let spoilt = change([class("ShapeConstrained")], [class("Nope")]);
    assert_eq!(status(replica.write(spoilt).unwrap_err()), 4001);
    let item = |id: &str| triple("slot-0", vocab::JRQL_ITEM, iri(id));
    let swapped = change([item(SHAPES)], [item("mine")]);
    assert_eq!(status(replica.write(swapped).unwrap_err()), 4001);
    let position = replica.graph().into_iter().find(|triple| {
        triple.subject == iri(vocab::EXTENSIONS) && triple.object == iri("slot-0").into()
    });
    replica.write(delete([position.unwrap()])).unwrap();
    // What is no extension any more is anything.
    replica
        .write(change([class("ShapeConstrained")], [class("Nope")]))
        .unwrap();
    let any = insert([triple("fred", vocab::JS_CLASS, string("Anything"))]);
    replica.write(any).unwrap();
}

#[test]
fn a_constraint_of_the_application_is_asked_too() {
    struct Never;
    impl Constraint for Never {
        fn check(&self, _: &Graph<'_>, _: &mut Interim, _: &mut Local<'_>) -> Result<(), Refusal> {
            Err(Refusal::not_writeable("never"))
        }

        fn apply(&self, _: &Graph<'_>, _: &mut Interim, _: &mut Local<'_>) -> Result<(), Refusal> {
            Ok(())
        }
    }
    let replica = Replica::new("A");
    let rules = replica.rules().with(Box::new(Never));
    let mut chance = crate::dataset::tests::Counting(0);
    let mut local = Local {
        clone_id: "A",
        base: &iri(""),
        chance: &mut chance,
    };
    let mut update = Interim::default();
    let refused = replica.with_graph(|state| rules.check(state, &mut update, &mut local));
    assert_eq!(status(refused.unwrap_err()), 4001);
}
