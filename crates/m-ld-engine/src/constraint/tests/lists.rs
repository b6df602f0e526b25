//! Default lists.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::replica::World;
use super::*;
use crate::datatype::lseq;

const LIST: &str = "list";

/// An insertion of slots at an index, each with itself for an item.
fn at(index: usize, slots: &[&str]) -> Vec<Triple> {
    let slots = slots.iter().enumerate();
    slots
        .flat_map(|(sub, slot)| {
            let key = format!("{}{index},{sub}", vocab::LIST_INDEX);
            [
                triple(LIST, &key, iri(slot)),
                triple(slot, vocab::JRQL_ITEM, string(slot)),
            ]
        })
        .collect()
}

fn inserted(triples: Vec<Triple>) -> Change {
    let mut change = Change::default();
    for triple in triples {
        change.insert(triple, None);
    }
    change
}

/// The slots with their positions, in order.
fn places(replica: &Replica) -> Vec<(lseq::Position, String)> {
    let list = replica
        .graph()
        .into_iter()
        .filter(|triple| triple.subject == iri(LIST));
    let places = list.filter_map(|triple| {
        let position = lseq::position_of(&triple.predicate)?;
        let slot = triple.object.as_iri()?.as_str();
        Some((position, slot.rsplit('/').next()?.to_owned()))
    });
    let mut places: Vec<_> = places.collect();
    places.sort();
    places
}

/// The slots in the order of their indexes, which are to be 0, 1 and so on.
fn slots(replica: &Replica) -> Vec<String> {
    let places: Vec<_> = places(replica).into_iter().map(|(_, slot)| slot).collect();
    let index = iri(vocab::JRQL_INDEX);
    let indexes = replica
        .graph()
        .into_iter()
        .filter(|triple| triple.predicate == index);
    let indexes: BTreeMap<_, _> = indexes.map(|t| (t.object, t.subject)).collect();
    let expected = places.iter().enumerate().map(|(index, slot)| {
        (
            Literal::integer(i64::try_from(index).unwrap()).into(),
            iri(slot),
        )
    });
    assert_eq!(indexes, expected.collect());
    places
}

fn reference(replica: &Replica, slot: &str) -> Triple {
    let (position, slot) = places(replica)
        .into_iter()
        .find(|(_, s)| s == slot)
        .unwrap();
    triple(LIST, lseq::predicate(&position).as_str(), iri(&slot))
}

fn three() -> Replica {
    let mut replica = Replica::new("A");
    replica.write(inserted(at(0, &["a", "b", "c"]))).unwrap();
    replica
}

fn aliases(replica: &Replica) -> Vec<&str> {
    let prefix = vocab::LIST_INDEX.len();
    replica
        .last
        .aliases
        .iter()
        .map(|(.., name)| &name[prefix..])
        .collect()
}

#[test]
fn slots_get_positions_of_the_clone_and_the_list_its_type() {
    let replica = three();
    assert_eq!(slots(&replica), ["a", "b", "c"]);
    let found: Vec<_> = places(&replica)
        .into_iter()
        .map(|(p, _)| p.to_string())
        .collect();
    assert_eq!(
        found,
        [
            "3A_______________",
            "5A_______________",
            "7A_______________"
        ]
    );
    assert!(replica.has(&triple(LIST, vocab::RDF_TYPE, iri(vocab::RDF_LSEQ))));
    assert_eq!(aliases(&replica), ["0,0", "0,1", "0,2"]);
    let by_index = |t: &Triple| t.predicate.as_str().starts_with(vocab::LIST_INDEX);
    assert!(!replica.graph().iter().any(by_index));
}

#[test]
fn indexes_are_of_the_list_before_and_in_no_operation() {
    let mut replica = three();
    let mut change = at(0, &["first"]);
    change.extend(at(2, &["x", "y"]));
    change.extend(at(10, &["last"]));
    let sent = replica.write(inserted(change)).unwrap();
    assert_eq!(slots(&replica), ["first", "a", "b", "x", "y", "c", "last"]);
    assert_eq!(aliases(&replica), ["0,0", "2,0", "2,1", "3,0"]);
    assert!(
        sent.inserts
            .iter()
            .all(|(t, _)| t.predicate.as_str() != vocab::JRQL_INDEX)
    );
    // Only indexes that change are entailed.
    let entailed = replica.last.entailed.inserts.len();
    assert_eq!(entailed, 7);
    replica.write(inserted(at(6, &["nearly"]))).unwrap();
    assert_eq!(replica.last.entailed.inserts.len(), 2);
}

#[test]
fn an_index_that_is_received_is_that_of_another_kind_of_list() {
    let class = triple(LIST, vocab::RDF_TYPE, iri("MyList"));
    let mut change = at(0, &["a"]);
    change.push(class);
    let sent = Replica::new("A").write(inserted(change)).unwrap();
    let mut other = Replica::new("B");
    other.deliver(&sent).unwrap();
    assert!(other.has(&triple(
        LIST,
        &format!("{}0,0", vocab::LIST_INDEX),
        iri("a")
    )));
    assert!(other.values("a", vocab::JRQL_INDEX).is_empty());
}

#[test]
fn deleting_a_slot_deletes_what_it_has() {
    let mut replica = three();
    let sent = replica.write(delete([reference(&replica, "b")])).unwrap();
    assert_eq!(slots(&replica), ["a", "c"]);
    assert_eq!(sent.deletes.len(), 2);
    assert!(replica.values("b", vocab::JRQL_ITEM).is_empty());
    assert_eq!(aliases(&replica), ["1"]);
}

#[test]
fn a_slot_that_moves_keeps_what_it_has() {
    let mut replica = three();
    let key = format!("{}0", vocab::LIST_INDEX);
    let moved = change([reference(&replica, "c")], [triple(LIST, &key, iri("c"))]);
    let sent = replica.write(moved).unwrap();
    assert_eq!(slots(&replica), ["c", "a", "b"]);
    assert_eq!((sent.deletes.len(), sent.inserts.len()), (1, 1));
    assert_eq!(aliases(&replica), ["0,0", "2"]);
}

#[test]
fn a_slot_that_moves_to_another_list_keeps_what_it_has() {
    let mut replica = three();
    let key = format!("{}0", vocab::LIST_INDEX);
    let moved = change(
        [reference(&replica, "a")],
        [triple("other", &key, iri("a"))],
    );
    replica.write(moved).unwrap();
    assert_eq!(replica.values("a", vocab::JRQL_ITEM), [string("a").into()]);
    assert_eq!(
        replica.values("a", vocab::JRQL_INDEX),
        [Literal::integer(0).into()]
    );
    assert_eq!(
        replica.values("b", vocab::JRQL_INDEX),
        [Literal::integer(0).into()]
    );
}

#[test]
fn what_is_inserted_in_place_of_what_is_deleted_is_there() {
    let mut replica = three();
    let mut change = inserted(at(1, &["soya"]));
    change.delete(reference(&replica, "b"));
    replica.write(change).unwrap();
    assert_eq!(slots(&replica), ["a", "soya", "c"]);
    assert_eq!(aliases(&replica), ["1", "1,0"]);
}

#[test]
fn an_item_that_is_set_as_its_slot_goes_stays() {
    let mut replica = three();
    let item = |text: &str| triple("b", vocab::JRQL_ITEM, string(text));
    let replaced = change([reference(&replica, "b"), item("b")], [item("soya")]);
    let sent = replica.write(replaced).unwrap();
    assert_eq!(slots(&replica), ["a", "c"]);
    assert_eq!(
        replica.values("b", vocab::JRQL_ITEM),
        [string("soya").into()]
    );
    assert_eq!(sent.inserts.len(), 1);
}

#[test]
fn a_slot_at_two_positions_is_refused() {
    let mut replica = three();
    let mut change = at(0, &["x"]);
    change.extend(at(2, &["x"]));
    assert_eq!(status(replica.write(inserted(change)).unwrap_err()), 4001);
    assert_eq!(
        status(replica.write(inserted(at(0, &["b"]))).unwrap_err()),
        4001
    );
    let position = triple(
        LIST,
        "http://m-ld.org/RdfLseq/?=1A_______________",
        iri("b"),
    );
    assert_eq!(status(replica.write(insert([position])).unwrap_err()), 4001);
    assert_eq!(slots(&replica), ["a", "b", "c"]);
    // At the one that it has, it may be inserted again.
    replica.write(insert([reference(&replica, "b")])).unwrap();
    assert_eq!(slots(&replica), ["a", "b", "c"]);
}

#[test]
fn two_items_and_bad_positions_are_refused() {
    let mut replica = three();
    let second = insert([triple("b", vocab::JRQL_ITEM, string("second"))]);
    assert_eq!(status(replica.write(second).unwrap_err()), 4001);
    let bad = insert([triple(LIST, "http://m-ld.org/RdfLseq/?=first", iri("x"))]);
    assert_eq!(status(replica.write(bad).unwrap_err()), 4001);
}

#[test]
fn a_list_of_another_type_is_left_alone() {
    let mut replica = Replica::new("A");
    let mut change = at(0, &["a"]);
    change.push(triple(LIST, vocab::RDF_TYPE, iri("MyList")));
    replica.write(inserted(change)).unwrap();
    replica.write(inserted(at(1, &["b"]))).unwrap();
    assert!(replica.has(&triple(LIST, "data:application/mld-li,0,0", iri("a"))));
    assert!(replica.has(&triple(LIST, "data:application/mld-li,1,0", iri("b"))));
    assert!(places(&replica).is_empty());
}

#[test]
fn an_index_cannot_be_deleted() {
    let mut replica = three();
    let index = triple("b", vocab::JRQL_INDEX, Literal::integer(1));
    replica.write(delete([index])).unwrap();
    assert_eq!(slots(&replica), ["a", "b", "c"]);
}

/// Two replicas of the same list.
fn two() -> [Replica; 2] {
    let one = three();
    let mut two = Replica::new("B");
    two.join(&one);
    [one, two]
}

fn move_to(replica: &mut Replica, slot: &str, index: usize) -> Sent {
    let key = format!("{}{index}", vocab::LIST_INDEX);
    let moved = change([reference(replica, slot)], [triple(LIST, &key, iri(slot))]);
    replica.write(moved).unwrap()
}

#[test]
fn concurrent_moves_leave_the_slot_at_the_least_position() {
    let [mut one, mut two] = two();
    let to_0 = move_to(&mut one, "c", 0);
    let to_1 = move_to(&mut two, "c", 1);
    let at_one = one.deliver(&to_1).unwrap().unwrap();
    let at_two = two.deliver(&to_0).unwrap().unwrap();
    for replica in [&one, &two] {
        assert_eq!(slots(replica), ["c", "a", "b"]);
    }
    // Each has said so. To the other it is no news.
    assert_eq!((at_one.deletes.len(), at_two.deletes.len()), (1, 1));
    assert!(one.deliver(&at_two).unwrap().is_none());
    assert!(two.deliver(&at_one).unwrap().is_none());
    assert_eq!(one.tids(), two.tids());
    assert_eq!(one.graph(), two.graph());
}

#[test]
fn the_greatest_of_concurrent_items_stays() {
    let [mut one, mut two] = two();
    let set = |replica: &mut Replica, text: &str| {
        let item = |text: &str| triple("b", vocab::JRQL_ITEM, string(text));
        replica.write(change([item("b")], [item(text)])).unwrap()
    };
    let (uno, un) = (set(&mut one, "uno"), set(&mut two, "un"));
    let at_one = one.deliver(&un).unwrap().unwrap();
    let at_two = two.deliver(&uno).unwrap().unwrap();
    one.deliver(&at_two).unwrap();
    two.deliver(&at_one).unwrap();
    for replica in [&one, &two] {
        assert_eq!(
            replica.values("b", vocab::JRQL_ITEM),
            [string("uno").into()]
        );
    }
    assert_eq!(one.tids(), two.tids());
}

#[test]
fn insertions_of_others_are_named_by_where_they_came() {
    let [mut one, mut two] = two();
    let ours = one.write(inserted(at(3, &["a1", "a2"]))).unwrap();
    let theirs = two.write(inserted(at(3, &["b1", "b2"]))).unwrap();
    one.deliver(&theirs).unwrap();
    two.deliver(&ours).unwrap();
    assert_eq!(slots(&one), ["a", "b", "c", "a1", "b1", "a2", "b2"]);
    assert_eq!(slots(&two), slots(&one));
    assert_eq!(aliases(&one), ["4,0", "5,0"]);
    assert_eq!(aliases(&two), ["3,0", "4,0"]);
}

#[derive(Clone, Debug)]
enum Step {
    Insert {
        at: usize,
        index: usize,
        count: usize,
    },
    Delete {
        at: usize,
        slot: usize,
    },
    Move {
        at: usize,
        slot: usize,
        to: usize,
    },
    Item {
        at: usize,
        slot: usize,
        text: String,
    },
    Deliver {
        to: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let at = || 0..3_usize;
    prop_oneof![
        3 => (at(), 0..6_usize, 1..3_usize)
            .prop_map(|(at, index, count)| Step::Insert { at, index, count }),
        1 => (at(), 0..6_usize).prop_map(|(at, slot)| Step::Delete { at, slot }),
        2 => (at(), 0..6_usize, 0..6_usize)
            .prop_map(|(at, slot, to)| Step::Move { at, slot, to }),
        1 => (at(), 0..6_usize, "[a-c]").prop_map(|(at, slot, text)| Step::Item { at, slot, text }),
        6 => at().prop_map(|to| Step::Deliver { to }),
    ]
}

fn run(world: &mut World, step: Step, number: usize) {
    let slot_of = |world: &World, at: usize, slot: usize| {
        let slots = slots(&world.replicas[at]);
        (!slots.is_empty()).then(|| slots[slot % slots.len()].clone())
    };
    match step {
        Step::Insert {
            at: place,
            index,
            count,
        } => {
            let new: Vec<_> = (0..count).map(|sub| format!("s{number}x{sub}")).collect();
            let new: Vec<_> = new.iter().map(String::as_str).collect();
            assert!(world.write(place, inserted(at(index, &new))));
        }
        Step::Delete { at, slot } => {
            if let Some(slot) = slot_of(world, at, slot) {
                let gone = reference(&world.replicas[at], &slot);
                assert!(world.write(at, delete([gone])));
            }
        }
        Step::Move { at, slot, to } => {
            if let Some(slot) = slot_of(world, at, slot) {
                let sent = move_to(&mut world.replicas[at], &slot, to);
                world.sent.push(sent);
            }
        }
        Step::Item { at, slot, text } => {
            if let Some(slot) = slot_of(world, at, slot) {
                let mut items = Change::default();
                for item in world.replicas[at].values(&slot, vocab::JRQL_ITEM) {
                    items.delete(triple(&slot, vocab::JRQL_ITEM, item));
                }
                items.insert(triple(&slot, vocab::JRQL_ITEM, string(&text)), None);
                assert!(world.write(at, items));
            }
        }
        Step::Deliver { to } => drop(world.deliver(to)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn clones_have_the_same_list_with_the_same_indexes(steps in vec(step(), 1..40)) {
        let mut world = World::default();
        let mut first = three();
        first.write(inserted(at(1, &["d"]))).unwrap();
        for name in ["B", "C"] {
            let mut replica = Replica::new(name);
            replica.join(&first);
            world.replicas.push(replica);
        }
        world.replicas.push(first);
        for (number, step) in steps.into_iter().enumerate() {
            run(&mut world, step, number);
            for replica in &world.replicas {
                slots(replica);
            }
        }
        world.deliver_all();
        let [one, others @ ..] = &world.replicas[..] else { unreachable!() };
        for other in others {
            prop_assert_eq!(slots(one), slots(other));
            prop_assert_eq!(one.tids(), other.tids());
            prop_assert_eq!(one.graph(), other.graph());
        }
    }
}
