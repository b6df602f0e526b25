//! Positions in lists, as the JavaScript engine makes and reads them.

use m_ld_engine::datatype::lseq::{Position, between, site};
use serde_json::Value as Json;

use crate::common::vectors;

#[test]
fn positions_are_those_that_javascript_makes_if_it_makes_them_in_between() {
    let mut wrong = 0;
    for case in vectors("lseq")["between"].as_array().unwrap() {
        let bound = |key: &str| match case[key].as_str().unwrap() {
            "min" | "max" => None,
            position => Some(Position::parse(position).unwrap()),
        };
        let (lower, upper) = (bound("lower"), bound("upper"));
        let count = usize::try_from(case["count"].as_u64().unwrap()).unwrap();
        let site = site(case["site"].as_str().unwrap());
        let made = between(lower.as_ref(), upper.as_ref(), &site, count);
        let Some(expected) = case["result"].as_array() else {
            assert!(made.is_empty(), "{case}");
            continue;
        };
        let expected: Vec<_> = expected.iter().filter_map(Json::as_str).collect();
        let theirs: Vec<_> = expected
            .iter()
            .filter_map(|text| Position::parse(text))
            .collect();
        if is_between(&theirs, [&lower, &upper]) {
            let made: Vec<_> = made.iter().map(Position::as_str).collect();
            assert_eq!(made, expected, "{case}");
        } else {
            assert!(is_between(&made, [&lower, &upper]), "{case}");
            wrong += 1;
        }
    }
    assert_eq!(
        wrong, 1,
        "JavaScript makes one position beyond its upper neighbour"
    );
}

fn is_between(positions: &[Position], bounds: [&Option<Position>; 2]) -> bool {
    let [lower, upper] = match bounds {
        [Some(lower), Some(upper)] if lower > upper => [Some(upper), Some(lower)],
        [lower, upper] => [lower.as_ref(), upper.as_ref()],
    };
    let all: Vec<_> = lower.into_iter().chain(positions).chain(upper).collect();
    all.is_sorted_by(|one, two| one < two)
}

#[test]
fn positions_are_read_as_javascript_does() {
    for case in vectors("lseq")["parse"].as_array().unwrap() {
        let read = Position::parse(case["id"].as_str().unwrap());
        assert_eq!(
            read.is_none(),
            case["result"].get("error").is_some(),
            "{case}"
        );
    }
}
