use serde_json::{Value as Json, json};

use super::World;
use crate::change::Change;
use crate::clock::TreeClock;
use crate::datatype;
use crate::operation::{Codec, Operation, Tagged};
use crate::pattern::{Limits, Notice, Shown, notification};
use crate::rdf::{Iri, Literal, Term, Triple, vocab};
use crate::wire;

fn iri(id: &str) -> Iri {
    Iri::new(format!("http://ex.org/{id}"))
}

fn lexical(change: &Change) -> Vec<String> {
    let objects = change.inserts.keys().map(|triple| &triple.object);
    objects
        .filter_map(Term::as_literal)
        .map(|l| format!("{} {}", l.lexical, &l.datatype.as_str()[33..]))
        .collect()
}

/// What a receiver gets of what is inserted.
fn arrived(change: &Change) -> Vec<Triple> {
    let codec = Codec::new(&Iri::new("http://ex.org/")).unwrap();
    let time = TreeClock::genesis().ticked().unwrap();
    let inserts = change.inserts.iter().map(|(triple, data)| Tagged {
        triple: triple.clone(),
        tids: vec![time.tid()],
        data: data.clone(),
    });
    let operation = Operation {
        from: time.ticks(),
        inserts: inserts.collect(),
        deletes: Vec::new(),
        updates: Vec::new(),
        principal: None,
        agreed: None,
        time,
    };
    let received = codec.decode(&codec.encode(&operation), &wire::Limits::default());
    let inserts = received.unwrap().inserts.into_iter();
    inserts.map(|tagged| tagged.triple).collect()
}

#[test]
fn literals_are_in_forms_that_come_back_the_same() {
    let mut world = World::new();
    let typed = |value: Json, name: &str| json!({ "@value": value, "@type": format!("{}{name}", vocab::XS) });
    for (value, expected) in [
        (json!(5.0), "5 integer"),
        (json!(-0.0), "0 integer"),
        (json!(-1e-7), "0 integer"),
        (json!(1e21), "1.0E21 double"),
        (json!(1.5), "1.5E0 double"),
        (json!(9_007_199_254_740_993_i64), "9007199254740992 integer"),
        (typed(json!("007"), "integer"), "7 integer"),
        (typed(json!("+7"), "integer"), "7 integer"),
        (typed(json!("7.0"), "double"), "7 integer"),
        (typed(json!(7), "double"), "7 integer"),
        (typed(json!("1"), "boolean"), "true boolean"),
        (typed(json!("7.0"), "decimal"), "7.0 decimal"),
    ] {
        let write = world.plan(&json!({ "@id": "x", "n": value })).unwrap();
        assert_eq!(lexical(&write.change), [expected], "{value}");
        let arrived: Vec<_> = arrived(&write.change);
        assert_eq!(
            arrived,
            write.change.inserts.into_keys().collect::<Vec<_>>()
        );
    }
    for value in [
        typed(json!("seven"), "integer"),
        typed(json!(""), "integer"),
        typed(json!("NaN"), "double"),
        typed(json!("INF"), "double"),
        typed(json!("yes"), "boolean"),
        typed(json!("%"), "base64Binary"),
        json!({ "@value": { "a": 1 }, "@type": "@json" }),
        json!({ "@value": "x", "@type": vocab::TSEQ }),
    ] {
        assert!(
            world.plan(&json!({ "@id": "x", "n": value })).is_err(),
            "{value}"
        );
    }
}

#[test]
fn the_same_number_twice_is_one_triple() {
    let mut world = World::new();
    let write = world.plan(&json!({ "@id": "x", "n": [5, 5.0, { "@value": "5", "@type": "http://www.w3.org/2001/XMLSchema#double" }] }));
    assert_eq!(write.unwrap().change.inserts.len(), 1);
}

#[test]
fn a_blank_node_is_one_new_subject() {
    let mut world = World::new();
    let write = world.plan(&json!({ "@graph": [
        { "@id": "_:a", "name": "A", "friend": { "@id": "_:b" } },
        { "@id": "_:b", "friend": { "@id": "_:a" } },
        { "name": "C" },
    ] }));
    let change = write.unwrap().change;
    let mut subjects: Vec<_> = change
        .inserts
        .keys()
        .map(|triple| triple.subject.clone())
        .collect();
    subjects.dedup();
    assert_eq!(subjects.len(), 3);
    assert!(subjects.iter().all(|iri| {
        iri.as_str()
            .starts_with("http://ex.org/.well-known/genid/c")
    }));
}

/// A graph with the text `Hello` of a document.
fn with_text() -> (World, Triple) {
    let mut world = World::new();
    world
        .write(&json!({ "@id": "doc", "tag": ["a", "b"] }))
        .unwrap();
    let text = Literal::typed("c1", vocab::TSEQ);
    let triple = Triple::new(iri("doc"), iri("#text"), text.clone());
    let state = datatype::create("Hello", "clone1").unwrap();
    let mut pending = crate::store::Pending::new(world.view());
    let mut writer = crate::dataset::Writer::new(&mut pending, &mut world.chance).unwrap();
    writer
        .insert(&triple, &[crate::clock::TreeClock::genesis().tid()])
        .unwrap();
    writer.put_data(&text, &state).unwrap();
    crate::store::Store::commit(&mut world.store, pending.into_batch()).unwrap();
    (world, triple)
}

#[test]
fn an_expression_edits_text_once() {
    let (mut world, triple) = with_text();
    // Each tag is a solution with the same text.
    let write = world.plan(
        &json!({ "@update": { "@id": "doc", "tag": "c", "text": { "@splice": [0, 1, "J"] } } }),
    );
    let change = write.unwrap().change;
    assert_eq!(change.edits.len(), 1);
    assert_eq!(change.edits[0].triple, triple);
    assert_eq!(
        change.edits[0].expression,
        json!({ "@splice": [0, 1, "J"] })
    );
    assert_eq!((change.deletes.len(), change.inserts.len()), (2, 1));
}

#[test]
fn text_is_copied_as_a_string() {
    let (mut world, triple) = with_text();
    let copy = json!({ "@insert": { "@id": "copy", "text": "?t" }, "@where": { "@id": "doc", "text": "?t" } });
    let change = world.plan(&copy).unwrap().change;
    let copied = Triple::new(iri("copy"), iri("#text"), Literal::string("Hello"));
    assert_eq!(change.inserts.keys().collect::<Vec<_>>(), [&copied]);
    let same = json!({ "@delete": { "@id": "doc", "text": "?t" }, "@insert": { "@id": "doc", "text": "?t" } });
    assert!(world.plan(&same).unwrap().change.is_empty());
    assert_eq!(
        world
            .plan(&json!({ "@delete": { "@id": "doc", "text": "?" } }))
            .unwrap()
            .change
            .deletes
            .into_iter()
            .collect::<Vec<_>>(),
        [triple]
    );
}

#[test]
fn an_index_that_is_a_variable_makes_a_place_in_the_list() {
    let mut world = World::of(&json!({ "@id": "x", "at": 3 }));
    let change = world
        .plan(&json!({ "@insert": { "@id": "l", "@list": { "?i": "item" } }, "@where": { "@id": "x", "at": "?i" } }))
        .unwrap()
        .change;
    let keys: Vec<_> = change
        .inserts
        .keys()
        .map(|triple| triple.predicate.as_str())
        .collect();
    assert!(keys.contains(&"data:application/mld-li,3"), "{keys:?}");
    assert!(keys.contains(&vocab::JRQL_ITEM));
}

#[test]
fn an_update_has_one_operator_for_a_value() {
    let mut world = World::of(&json!({ "@id": "x", "n": 3 }));
    let twice = json!({ "@update": { "@id": "x", "n": { "@plus": 1, "@times": 2 } } });
    assert!(world.plan(&twice).is_err());
}

#[test]
fn only_a_proof_makes_an_agreement() {
    let mut world = World::new();
    for (proof, agrees) in [
        (json!(false), false),
        (json!(0), false),
        (json!(""), false),
        (Json::Null, false),
        (json!({}), true),
        (json!("key"), true),
    ] {
        let write = world
            .plan(&json!({ "@insert": { "@id": "x", "p": 1 }, "@agree": proof }))
            .unwrap();
        assert_eq!(write.agree.is_some(), agrees, "{proof}");
    }
}

#[test]
fn a_deleted_subject_takes_references_with_it() {
    let world = World::of(
        &json!({ "@graph": [{ "@id": "a", "p": { "@id": "a" } }, { "@id": "b", "p": { "@id": "a" } }, { "@id": "b", "q": 1 }] }),
    );
    let view = world.view();
    let graph = crate::dataset::Graph::new(&*view).unwrap();
    let change = crate::pattern::delete(&graph, &world.context, "a", &Limits::default()).unwrap();
    assert_eq!(change.deletes.len(), 2);
}

#[test]
fn a_notification_shows_places_in_lists() {
    let world = World::new();
    let (list, slot) = (iri("l"), iri("slot"));
    let position = |text: &str| Iri::new(format!("{}{text}", vocab::LSEQ_POSITION));
    let shown = |property: &Iri, slot: &str| Shown {
        triple: Triple::new(list.clone(), property.clone(), iri(slot)),
        data: None,
    };
    let (first, second) = (position("1a"), position("2a"));
    let aliases = [
        (
            Some(list.clone()),
            first.clone(),
            "data:application/mld-li,4,0".to_owned(),
        ),
        (
            Some(list.clone()),
            second.clone(),
            "data:application/mld-li,4,1".to_owned(),
        ),
    ];
    let principal = iri("#me");
    let notice = Notice {
        deletes: &[shown(&position("3a"), "other")],
        inserts: &[shown(&second, "slot2"), shown(&first, "slot")],
        updates: &[(
            Triple::new(slot, iri("#text"), Literal::string("")),
            json!([{ "@splice": [0, 1] }, { "@splice": [2, 1] }]),
        )],
        aliases: &aliases,
        ticks: 7,
        principal: Some(&principal),
        agree: Some(&json!("proof")),
    };
    let expected = json!({
        "@delete": [{ "@id": "l", "http://m-ld.org/RdfLseq/?=3a": { "@id": "other" } }],
        "@insert": [{ "@id": "l", "@list": { "4": [{ "@id": "slot" }, { "@id": "slot2" }] } }],
        "@update": [{ "@id": "slot", "text": [{ "@splice": [0, 1] }, { "@splice": [2, 1] }] }],
        "@ticks": 7,
        "@principal": { "@id": "#me" },
        "@agree": "proof",
    });
    assert_eq!(notification(&world.context, &notice), expected);
}
