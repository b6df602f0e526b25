//! Text, and that there is one value where it is.

use super::*;
use crate::datatype;
use crate::msgpack::Value as Packed;

fn with_text(name: &'static str) -> Replica {
    let mut replica = Replica::new(name);
    replica.configured.text.insert(iri("text"));
    replica
}

fn says(text: &str) -> Triple {
    triple("doc", "text", string(text))
}

/// The value as it is, and what it says.
fn text(replica: &Replica) -> (Term, String) {
    let [value] = &replica.values("doc", "text")[..] else {
        panic!("{:?}", replica.values("doc", "text"));
    };
    let state = replica.data(value).unwrap();
    (value.clone(), datatype::text(&state).unwrap())
}

fn triple_of(value: Term) -> Triple {
    triple("doc", "text", value)
}

#[test]
fn a_string_becomes_text_with_an_identity_of_its_own() {
    let mut replica = with_text("A");
    let sent = replica.write(insert([says("Hello")])).unwrap();
    let (value, content) = text(&replica);
    assert_eq!(content, "Hello");
    let literal = value.as_literal().unwrap();
    assert_eq!(literal.datatype.as_str(), vocab::TSEQ);
    assert!(literal.lexical.len() == 25 && literal.lexical.starts_with('c'));
    let [(_, Some(Packed::Map(state)))] = &sent.inserts[..] else {
        panic!("{sent:?}");
    };
    assert_eq!(state.get("tick"), Some(&Packed::Int(1)));
}

#[test]
fn other_values_and_properties_stay_as_they_are() {
    let mut replica = with_text("A");
    let number = triple("doc", "text", Literal::integer(5));
    let name = triple("doc", "name", string("Hello"));
    replica
        .write(insert([number.clone(), name.clone()]))
        .unwrap();
    assert!(replica.has(&number) && replica.has(&name));
}

#[test]
fn a_second_value_is_refused_whatever_it_is() {
    let mut replica = with_text("A");
    replica.write(insert([says("Hello")])).unwrap();
    for second in [says("Bye"), triple("doc", "text", Literal::integer(5))] {
        assert_eq!(status(replica.write(insert([second])).unwrap_err()), 4001);
    }
    assert_eq!(
        status(
            replica
                .write(insert([
                    triple("d", "text", string("a")),
                    triple("d", "text", string("b"))
                ]))
                .unwrap_err()
        ),
        4001
    );
    assert_eq!(text(&replica).1, "Hello");
}

#[test]
fn text_is_not_matched_by_what_it_says() {
    let mut replica = with_text("A");
    replica.write(insert([says("Hello")])).unwrap();
    let sent = replica.write(delete([says("Hello")])).unwrap();
    assert!(sent.deletes.is_empty());
    assert_eq!(text(&replica).1, "Hello");
}

#[test]
fn text_is_replaced_by_other_text() {
    let mut replica = with_text("A");
    replica.write(insert([says("Hello")])).unwrap();
    let (old, _) = text(&replica);
    replica
        .write(change([triple_of(old.clone())], [says("Bye")]))
        .unwrap();
    let (new, content) = text(&replica);
    assert_eq!(content, "Bye");
    assert_ne!(old, new);
}

/// Two clones that have each made a text of the same property; the first has the lesser.
fn concurrent() -> ([Replica; 2], [Sent; 2]) {
    let [mut one, mut two] = ["A", "B"].map(with_text);
    let from_one = one.write(insert([says("from A")])).unwrap();
    let from_two = two.write(insert([says("from B")])).unwrap();
    one.deliver(&from_two).unwrap();
    two.deliver(&from_one).unwrap();
    ([one, two], [from_one, from_two])
}

#[test]
fn of_concurrent_texts_the_one_with_the_greatest_identity_is_seen() {
    let (replicas, [from_one, from_two]) = concurrent();
    let greatest = [from_one, from_two].map(|sent| sent.inserts[0].0.object.clone());
    let greatest = greatest.into_iter().max().unwrap();
    for replica in &replicas {
        assert_eq!(text(replica).0, greatest);
        assert_eq!(replica.tids().len(), 2);
    }
    assert_eq!(replicas[0].graph(), replicas[1].graph());
}

#[test]
fn deleting_text_does_not_show_what_it_hid() {
    let ([mut one, mut two], _) = concurrent();
    let gone = triple_of(text(&two).0);
    let sent = two.write(delete([gone])).unwrap();
    one.deliver(&sent).unwrap();
    for replica in [&one, &two] {
        assert!(replica.values("doc", "text").is_empty());
        assert_eq!(replica.tids().len(), 1);
    }
}

#[test]
fn writing_text_deletes_what_is_hidden() {
    let ([mut one, mut two], _) = concurrent();
    let old = triple_of(text(&one).0);
    let sent = one.write(change([old], [says("new")])).unwrap();
    assert_eq!(sent.deletes.len(), 2);
    two.deliver(&sent).unwrap();
    for replica in [&one, &two] {
        assert_eq!(text(replica).1, "new");
        assert_eq!(replica.tids().len(), 1);
    }
}

#[test]
fn the_property_need_not_be_declared_where_text_is_received() {
    let mut one = with_text("A");
    let mut two = Replica::new("B");
    let sent = one.write(insert([says("Hello")])).unwrap();
    two.deliver(&sent).unwrap();
    assert_eq!(text(&two).1, "Hello");
    let second = triple("doc", "text", string("plain"));
    assert_eq!(status(two.write(insert([second])).unwrap_err()), 4001);
}
