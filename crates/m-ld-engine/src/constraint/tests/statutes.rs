//! Statutes, and permissions to write.

use super::*;

const ALICE: &str = "http://alice.example/#me";

fn extension(module: &str, class: &str) -> Vec<Triple> {
    let id = format!("http://ext.m-ld.org/{module}/{class}");
    let slot = format!("slot-{class}");
    let key = format!("{}0", vocab::LIST_INDEX);
    vec![
        triple(vocab::EXTENSIONS, &key, iri(&slot)),
        triple(&slot, vocab::JRQL_ITEM, iri(&id)),
        triple(
            &id,
            vocab::JS_REQUIRE,
            string(&format!("@m-ld/m-ld/ext/{module}")),
        ),
        triple(&id, vocab::JS_CLASS, string(class)),
    ]
}

fn write(replica: &mut Replica, triples: Vec<Triple>) -> Sent {
    let mut change = Change::default();
    for triple in triples {
        change.insert(triple, None);
    }
    replica.write(change).unwrap()
}

fn named(name: &str) -> Change {
    insert([triple("fred", "name", string(name))])
}

/// A domain in which names are statutory, and Alice has authority over them.
fn with_statute() -> Replica {
    let mut replica = Replica::new("A");
    let mut triples = extension("statutes", "Statutory");
    triples.extend([
        triple("statute", vocab::RDF_TYPE, iri(vocab::M_LD_STATUTE)),
        triple("statute", vocab::M_LD_STATUTORY_SHAPE, iri("names")),
        triple(
            "statute",
            vocab::M_LD_SUFFICIENT_CONDITION,
            iri(vocab::M_LD_HAS_AUTHORITY),
        ),
        triple("names", vocab::SH_PATH, iri("name")),
        triple(ALICE, vocab::M_LD_HAS_AUTHORITY, iri("names")),
    ]);
    write(&mut replica, triples);
    replica
}

#[test]
fn a_statutory_change_by_authority_is_an_agreement() {
    let mut replica = with_statute();
    replica.principal = Some(iri(ALICE));
    replica.write(named("Fred")).unwrap();
    assert_eq!(replica.last.agreed, Some(Value::Bool(true)));
    replica
        .write(insert([triple("fred", "age", Literal::integer(40))]))
        .unwrap();
    assert_eq!(replica.last.agreed, None);
}

#[test]
fn a_statutory_change_by_others_is_refused() {
    let mut replica = with_statute();
    assert_eq!(status(replica.write(named("Fred")).unwrap_err()), 4030);
    replica.principal = Some(iri("http://bob.example/#me"));
    assert_eq!(status(replica.write(named("Fred")).unwrap_err()), 4030);
}

#[test]
fn authority_must_be_over_all_that_a_statute_protects() {
    let mut replica = with_statute();
    write(
        &mut replica,
        vec![
            triple("statute", vocab::M_LD_STATUTORY_SHAPE, iri("people")),
            triple("people", vocab::SH_TARGET_CLASS, iri("Person")),
            triple("flint", vocab::RDF_TYPE, iri("Person")),
        ],
    );
    replica.principal = Some(iri(ALICE));
    let age = triple("flint", "age", Literal::integer(40));
    assert_eq!(status(replica.write(insert([age])).unwrap_err()), 4030);
    let mut both = named("Fred");
    both.insert(triple("wilma", vocab::RDF_TYPE, iri("Person")), None);
    assert_eq!(status(replica.write(both).unwrap_err()), 4030);
    replica.write(named("Fred")).unwrap();
}

#[test]
fn agreements_of_others_are_tested_and_other_operations_are_not() {
    let mut replica = with_statute();
    let mut other = Replica::new("B");
    let sent = other.write(named("Fred")).unwrap();
    replica.deliver(&sent).unwrap();
    let rules = replica.rules();
    let tested = |principal: Option<&str>| {
        let update = Interim {
            asserted: named("Flint"),
            principal: principal.map(iri),
            ..Interim::default()
        };
        replica.with_graph(|state| rules.test_agreement(state, &update))
    };
    assert!(tested(Some(ALICE)).is_ok());
    assert_eq!(status(tested(None).unwrap_err()), 4030);
    assert_eq!(
        status(tested(Some("http://bob.example/#me")).unwrap_err()),
        4030
    );
}

/// A domain in which names may be written by Alice only.
fn with_permission(name: &'static str) -> Replica {
    let mut replica = Replica::new(name);
    let mut triples = extension("security", "WritePermitted");
    triples.extend([
        triple(
            "permission",
            vocab::RDF_TYPE,
            iri(vocab::M_LD_WRITE_PERMISSION),
        ),
        triple("permission", vocab::M_LD_CONTROLLED_SHAPE, iri("names")),
        triple("names", vocab::SH_PATH, iri("name")),
        triple(ALICE, vocab::M_LD_HAS_PERMISSION, iri("permission")),
    ]);
    write(&mut replica, triples);
    replica
}

#[test]
fn what_needs_a_permission_is_refused_of_those_without() {
    let mut replica = with_permission("A");
    assert_eq!(status(replica.write(named("Fred")).unwrap_err()), 4030);
    replica
        .write(insert([triple("fred", "age", Literal::integer(40))]))
        .unwrap();
    replica.principal = Some(iri(ALICE));
    replica.write(named("Fred")).unwrap();
    assert_eq!(replica.last.agreed, None);
}

#[test]
fn an_operation_of_somebody_without_permission_is_refused_too() {
    let mut replica = with_permission("A");
    let mut other = Replica::new("B");
    let before = replica.graph();
    let sent = other.write(named("Fred")).unwrap();
    assert_eq!(status(replica.deliver(&sent).unwrap_err()), 4030);
    assert_eq!(replica.graph(), before);
    let mut alice = Replica::new("C");
    alice.principal = Some(iri(ALICE));
    let sent = alice.write(named("Fred")).unwrap();
    replica.deliver(&sent).unwrap();
}
