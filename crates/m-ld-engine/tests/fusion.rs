//! Operations fused and cut, as the JavaScript engine does it.

use m_ld_engine::clock::TreeClock;
use m_ld_engine::journal::Span;
use m_ld_engine::operation::{Fusion, Operation, Reversion, cut};
use m_ld_engine::wire::Limits;
use serde_json::Value as Json;

use crate::common::{base64, value, vectors};
use crate::operations::{assert_operation, codec};

fn operations(file: &Json, case: &Json) -> Vec<Operation> {
    let codec = codec(file);
    let decode = |json: &Json| {
        let encoded = base64(json["encoded"].as_str().unwrap());
        let operation = codec.decode(&encoded, &Limits::default()).unwrap();
        assert_operation(&operation, json);
        operation
    };
    case["operations"]
        .as_array()
        .unwrap()
        .iter()
        .map(decode)
        .collect()
}

#[test]
fn operations_are_fused_and_cut_as_in_javascript() {
    let file = vectors("fusion");
    let codec = codec(&file);
    let none = Reversion::default();
    let mut kinds = [0, 0];
    for case in file["cases"].as_array().unwrap() {
        println!("{}", case["name"]);
        let operations = operations(&file, case);
        let result = if case["kind"] == "fuse" {
            let mut fusion = Fusion::new(&operations[0], &none);
            for (pair, contiguous) in operations
                .windows(2)
                .zip(case["contiguous"].as_array().unwrap())
            {
                assert_eq!(*contiguous, pair[1].follows(&pair[0]));
                fusion.push(&pair[1], &none).unwrap();
            }
            kinds[0] += 1;
            fusion.finish().0
        } else {
            let [fusion, seen @ ..] = operations.as_slice() else {
                panic!("nothing to cut");
            };
            kinds[1] += 1;
            let cut = |fusion: Operation, seen: &Operation| cut(seen, &fusion).unwrap().unwrap();
            seen.iter().fold(fusion.clone(), cut)
        };
        assert_operation(&result, &case["result"]);
        let again = codec.decode(&codec.encode(&result), &Limits::default());
        assert_operation(&again.unwrap(), &case["result"]);
    }
    assert_eq!(kinds, [9, 8]);
}

#[test]
fn times_follow_one_another_as_in_javascript() {
    for case in vectors("fusion")["contiguity"].as_array().unwrap() {
        let span = |json: &Json| Span {
            from: json["from"].as_u64().unwrap(),
            time: TreeClock::from_value(&value(&json["time"])).unwrap(),
            principal: None,
        };
        let (one, two) = (span(&case["one"]), span(&case["two"]));
        assert_eq!(case["contiguous"], two.follows(&one), "{case}");
    }
}
