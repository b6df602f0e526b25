//! Shapes.

use proptest::collection::vec;
use proptest::prelude::*;

use super::replica::World;
use super::*;
use crate::constraint::order::compare;

fn shaped(name: &'static str, min: Option<usize>, max: Option<usize>) -> Replica {
    let mut replica = Replica::new(name);
    replica.configured.shapes.push(PropertyShape {
        path: iri("name"),
        min_count: min,
        max_count: max,
    });
    replica
}

fn named(name: &str) -> Triple {
    triple("fred", "name", string(name))
}

fn aged() -> Triple {
    triple("fred", "age", Literal::integer(40))
}

fn names(replica: &Replica) -> Vec<String> {
    let values = replica.values("fred", "name");
    values
        .iter()
        .map(|value| value.as_literal().unwrap().lexical.to_string())
        .collect()
}

#[test]
fn too_many_values_are_refused() {
    let mut replica = shaped("A", Some(1), Some(1));
    assert_eq!(
        status(
            replica
                .write(insert([named("Fred"), named("Flint")]))
                .unwrap_err()
        ),
        4001
    );
    replica.write(insert([named("Fred")])).unwrap();
    assert_eq!(
        status(replica.write(insert([named("Flint")])).unwrap_err()),
        4001
    );
    replica
        .write(change([named("Fred")], [named("Flint")]))
        .unwrap();
    // One that is there already is no more.
    replica.write(insert([named("Flint")])).unwrap();
    assert_eq!(names(&replica), ["Flint"]);
}

#[test]
fn too_few_values_are_refused_unless_nothing_is_left_of_the_subject() {
    let mut replica = shaped("A", Some(1), None);
    replica.write(insert([named("Fred"), aged()])).unwrap();
    assert_eq!(
        status(replica.write(delete([named("Fred")])).unwrap_err()),
        4001
    );
    replica.write(delete([named("Fred"), aged()])).unwrap();
    assert!(replica.graph().is_empty());
    // A subject without the property is not looked at.
    replica.write(insert([aged()])).unwrap();
}

fn two(min: Option<usize>, max: Option<usize>) -> [Replica; 2] {
    let mut one = shaped("A", min, max);
    one.write(insert([named("Fred"), aged()])).unwrap();
    let mut two = shaped("B", min, max);
    two.join(&one);
    [one, two]
}

#[test]
fn of_concurrent_values_the_greatest_is_seen_until_another_is_written() {
    let [mut one, mut two] = two(Some(1), Some(1));
    let alpha = one
        .write(change([named("Fred")], [named("Alpha")]))
        .unwrap();
    let beta = two.write(change([named("Fred")], [named("Beta")])).unwrap();
    assert!(one.deliver(&beta).unwrap().is_none());
    assert!(two.deliver(&alpha).unwrap().is_none());
    for replica in [&one, &two] {
        assert_eq!(names(replica), ["Beta"]);
        assert_eq!(replica.tids().len(), 3);
        let notified: Vec<_> = replica.last.deletes().collect();
        assert!(notified.contains(&&named("Alpha")));
        assert!(
            replica
                .last
                .inserts()
                .any(|triple| *triple == named("Beta"))
        );
        assert!(
            !replica
                .last
                .inserts()
                .any(|triple| *triple == named("Alpha"))
        );
    }
    let gamma = one
        .write(change([named("Beta")], [named("Gamma")]))
        .unwrap();
    assert_eq!(gamma.deletes.len(), 2);
    two.deliver(&gamma).unwrap();
    assert_eq!(one.tids(), two.tids());
    assert_eq!(names(&two), ["Gamma"]);
}

#[test]
fn what_was_hidden_is_seen_when_what_hid_it_goes() {
    let [mut one, mut two] = two(None, Some(1));
    let mut three = shaped("C", None, Some(1));
    three.join(&one);
    let alpha = one
        .write(change([named("Fred")], [named("Alpha")]))
        .unwrap();
    let beta = two.write(change([named("Fred")], [named("Beta")])).unwrap();
    three.deliver(&beta).unwrap();
    let gone = three.write(delete([named("Beta")])).unwrap();
    one.deliver(&beta).unwrap();
    assert_eq!(names(&one), ["Beta"]);
    one.deliver(&gone).unwrap();
    two.deliver(&alpha).unwrap();
    two.deliver(&gone).unwrap();
    for replica in [&one, &two] {
        assert_eq!(names(replica), ["Alpha"]);
    }
}

#[test]
fn the_greatest_of_what_went_comes_back_if_too_little_is_left() {
    let [mut one, mut two] = ["A", "B"].map(|name| shaped(name, Some(2), None));
    let mut all = insert(["Alpha", "Beta", "Fred", "Gamma"].map(named));
    all.insert(aged(), None);
    let all = one.write(all).unwrap();
    two.deliver(&all).unwrap();
    let some = one.write(delete([named("Fred"), named("Alpha")])).unwrap();
    let others = two.write(delete([named("Beta"), named("Gamma")])).unwrap();
    let answer = one.deliver(&others).unwrap().unwrap();
    let came: Vec<_> = answer
        .inserts
        .iter()
        .map(|(triple, _)| triple.clone())
        .collect();
    assert_eq!(came, [named("Beta"), named("Gamma")]);
    let other = two.deliver(&some).unwrap().unwrap();
    one.deliver(&other).unwrap();
    two.deliver(&answer).unwrap();
    assert_eq!(one.tids(), two.tids());
    assert!(names(&one).len() >= 2);
}

#[test]
fn nothing_comes_back_to_a_subject_that_went() {
    let [mut one, mut two] = two(Some(1), Some(1));
    let gone = one.write(delete([named("Fred"), aged()])).unwrap();
    assert!(two.deliver(&gone).unwrap().is_none());
    assert!(two.graph().is_empty());
}

#[test]
fn of_concurrent_single_values_all_but_the_greatest_are_deleted() {
    let [mut one, mut two] = ["A", "B"].map(|name| {
        let mut replica = Replica::new(name);
        replica.configured.single_valued.insert(iri("name"));
        replica
    });
    let fred = one.write(insert([named("Fred")])).unwrap();
    assert_eq!(
        status(one.write(insert([named("Flint")])).unwrap_err()),
        4001
    );
    let flint = two.write(insert([named("Flint")])).unwrap();
    let at_one = one.deliver(&flint).unwrap().unwrap();
    let at_two = two.deliver(&fred).unwrap().unwrap();
    one.deliver(&at_two).unwrap();
    two.deliver(&at_one).unwrap();
    assert_eq!(one.tids(), two.tids());
    assert_eq!(names(&one), ["Fred"]);
    assert_eq!(one.tids().len(), 1);
}

#[test]
fn values_are_in_an_order_that_all_clones_have() {
    let in_order: Vec<Term> = vec![
        Literal::typed("false", vocab::XS_BOOLEAN).into(),
        Literal::typed("true", vocab::XS_BOOLEAN).into(),
        Literal::typed("1.5E0", vocab::XS_DOUBLE).into(),
        Literal::integer(2).into(),
        Literal::integer(10).into(),
        string("10").into(),
        string("2").into(),
        string("b").into(),
        // By UTF-16, a surrogate is before what is above it.
        string("😀").into(),
        string("\u{ff5e}").into(),
        iri("a").into(),
        iri("b").into(),
    ];
    let mut sorted = in_order.clone();
    sorted.reverse();
    sorted.sort_by(compare);
    assert_eq!(sorted, in_order);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn clones_see_the_greatest_values_that_there_are(
        steps in vec((0..3_usize, 0..3_u8, "[a-e]"), 1..40),
        min in 0..2_usize,
    ) {
        let mut world = World::default();
        for name in ["A", "B", "C"] {
            world.replicas.push(shaped(name, Some(min), Some(2)));
        }
        for (at, action, name) in steps {
            let old: Vec<_> = world.replicas[at].values("fred", "name");
            let mut change = insert([named(&name)]);
            match action {
                0 => drop(world.deliver(at)),
                1 => drop(world.write(at, change)),
                _ => {
                    old.into_iter().take(1).for_each(|old| change.deletes.extend([triple("fred", "name", old)]));
                    change.deletes.remove(&named(&name));
                    world.write(at, change);
                }
            }
        }
        world.deliver_all();
        for replica in &world.replicas {
            let all = replica.tids();
            prop_assert_eq!(&all, &world.replicas[0].tids());
            let mut greatest: Vec<_> = all.into_iter().map(|(triple, _)| triple.object).collect();
            greatest.sort_by(|one, two| compare(two, one));
            greatest.truncate(2);
            greatest.sort();
            prop_assert_eq!(replica.values("fred", "name"), greatest);
        }
    }
}
