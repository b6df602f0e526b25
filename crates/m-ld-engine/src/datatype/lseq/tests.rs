//! Positions, case by case and in random lists.

use proptest::prelude::*;

use super::*;

fn position(text: &str) -> Position {
    Position::parse(text).unwrap()
}

#[test]
fn a_site_is_sixteen_units_of_the_clone_id() {
    assert_eq!(site("clone1"), "clone1__________");
    assert_eq!(site("a_very_long_site_identifier"), "a_very_long_site");
    // The two units of a character are not torn apart.
    assert_eq!(site("fifteen_units__😀"), "fifteen_units___");
    assert_eq!(site("fourteen_units😀x"), "fourteen_units😀");
}

#[test]
fn a_position_is_read_level_by_level() {
    let deep = position("3siteA___________0zsiteB___________");
    let levels: Vec<_> = deep.levels().map(|level| level.unwrap().number).collect();
    assert_eq!(levels, ["3", "0z"]);
    for bad in [
        "",
        "3",
        "3siteA",
        "0siteA___________",
        "Asite____________",
        "3siteA___________0z",
        "😀siteA__________",
    ] {
        assert_eq!(Position::parse(bad), None, "{bad}");
    }
}

#[test]
fn a_predicate_stands_for_a_position() {
    let first = position("3siteA___________");
    assert_eq!(position_of(&predicate(&first)), Some(first));
    assert_eq!(position_of(&Iri::new("http://m-ld.org/RdfLseq/?=x")), None);
    assert_eq!(position_of(&Iri::new("http://m-ld.org/RdfLseq")), None);
}

#[test]
fn a_site_that_comes_later_still_finds_room_before_an_earlier_one() {
    // Here the JavaScript engine makes positions that are after the upper.
    let lower = position("3siteA___________");
    let upper = position("3siteA___________00siteB___________290siteB___________");
    let made = between(Some(&lower), Some(&upper), &site("siteC"), 1);
    assert!(lower < made[0] && made[0] < upper, "{made:?}");
    let upper = position("0siteB___________29siteB___________");
    let made = between(None, Some(&upper), &site("siteC"), 3);
    assert!(made.is_sorted() && made[2] < upper, "{made:?}");
}

#[test]
fn two_thousand_are_put_before_one_another_with_room_to_spare() {
    let mut first = None;
    for _ in 0..2000 {
        let made = between(None, first.as_ref(), &site("siteA"), 1).remove(0);
        assert!(first.is_none_or(|first| made < first));
        first = Some(made);
    }
    assert!(first.unwrap().as_str().len() < 400);
}

#[test]
fn many_are_put_at_one_place() {
    let made = between(None, None, &site("siteA"), 20_000);
    assert_eq!(made.len(), 20_000);
    assert!(made.is_sorted_by(|one, two| one < two));
}

#[test]
fn a_very_deep_neighbour_is_no_obstacle() {
    let deep = |last: &str| {
        let zeros = (1..60).map(|level| format!("{:0>level$}siteB___________", ""));
        let text = format!("{}{last:0>60}siteB___________", zeros.collect::<String>());
        position(&text)
    };
    for (lower, upper) in [("1", "2"), ("1", "1000"), ("z", "zz"), ("1", "1z")] {
        let (lower, upper) = (deep(lower), deep(upper));
        let made = between(Some(&lower), Some(&upper), &site("siteA"), 5);
        assert_eq!(made.len(), 5);
        assert!(lower < made[0] && made.is_sorted_by(|one, two| one < two) && made[4] < upper);
        let made = between(None, Some(&lower), &site("siteC"), 5);
        assert!(made.is_sorted_by(|one, two| one < two) && made[4] < lower);
    }
}

proptest! {
    #[test]
    fn positions_are_between_their_neighbours(
        steps in proptest::collection::vec((0.0..1.0_f64, 0..4_usize, 1..20_usize), 1..25)
    ) {
        let mut list: Vec<Position> = Vec::new();
        for (place, author, count) in steps {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "test code")]
            let at = (place * (list.len() + 1) as f64) as usize;
            let site = site(["siteB", "siteA", "siteC", "😀"][author]);
            let (lower, upper) = (at.checked_sub(1).map(|at| &list[at]), list.get(at));
            let made = between(lower, upper, &site, count);
            prop_assert_eq!(made.len(), count);
            for position in &made {
                prop_assert!(position.as_str().ends_with(&site));
                let read = Position::parse(position.as_str());
                prop_assert_eq!(read.as_ref(), Some(position));
            }
            list.splice(at..at, made);
            prop_assert!(list.is_sorted_by(|one, two| one < two));
        }
    }
}
