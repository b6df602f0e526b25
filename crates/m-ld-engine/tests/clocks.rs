use m_ld_engine::clock::{ClockError, GlobalClock, Tid, TreeClock};
use m_ld_engine::msgpack::{Limits, Value};
use serde_json::{Value as Json, json};

use crate::common::{value, vectors};

fn tree(json: &Json) -> TreeClock {
    TreeClock::from_value(&value(json)).unwrap()
}

fn global(json: &Json) -> GlobalClock {
    GlobalClock::from_value(&value(json)).unwrap()
}

fn decoded(bytes: &[u8]) -> Value {
    Value::decode(bytes, Limits::default()).unwrap()
}

fn cases(name: &str) -> Vec<Json> {
    vectors("clocks")[name].as_array().unwrap().clone()
}

/// A vector's result, or the error that it asks for.
fn assert_result(mine: Result<TreeClock, ClockError>, expected: &Json, case: &Json) {
    if *expected == json!({ "error": true }) {
        mine.expect_err(&case.to_string());
    } else {
        assert_eq!(mine.unwrap(), tree(expected), "{case}");
    }
}

#[test]
fn the_genesis_clocks_are_known() {
    let genesis = &vectors("clocks")["genesis"];
    assert_eq!(TreeClock::genesis(), tree(&genesis["clock"]));
    assert_eq!(TreeClock::genesis().tid().as_str(), genesis["hash"]);
    assert_eq!(GlobalClock::genesis(), global(&genesis["gwc"]));
}

#[test]
fn properties_of_a_clock() {
    for case in cases("properties") {
        let clock = tree(&case["clock"]);
        assert_eq!(clock.is_id(), case["isId"], "{case}");
        assert_eq!(clock.has_id(), case["hasId"], "{case}");
        assert_eq!(clock.ticks(), case["ticks"].as_u64().unwrap_or(0), "{case}");
        assert_eq!(clock.deep_ticks(), case["deepTicks"], "{case}");
        assert_eq!(json!(clock.non_id_ticks()), case["nonIdTicks"], "{case}");
        assert_eq!(clock.is_zero_id(), case["isZeroId"], "{case}");
        assert_eq!(clock.tid().as_str(), case["hash"], "{case}");
        assert_eq!(decoded(&clock.encode()), value(&case["clock"]), "{case}");
        assert_eq!(format!("{clock:?}"), case["clock"].to_string(), "{case}");
    }
}

#[test]
fn ticking() {
    for case in cases("ticked") {
        let clock = tree(&case["clock"]);
        let ticked = match case["ticks"].as_u64() {
            Some(ticks) => clock.ticked_to(ticks),
            None => clock.ticked(),
        };
        assert_result(ticked, &case["result"], &case);
    }
}

#[test]
fn forking() {
    for case in cases("forked") {
        let (left, right) = tree(&case["clock"]).forked().unwrap();
        assert_eq!(left, tree(&case["left"]), "{case}");
        assert_eq!(right, tree(&case["right"]), "{case}");
    }
}

#[test]
fn comparing_and_joining_pairs() {
    for case in cases("pairs") {
        let (a, b) = (tree(&case["a"]), tree(&case["b"]));
        assert_eq!(a.any_lt(&b), case["aAnyLtB"], "{case}");
        assert_eq!(a.any_non_id_lt(&b), case["aAnyNonIdLtB"], "{case}");
        assert_eq!(a.get_ticks(&b), case["aGetTicksB"].as_u64(), "{case}");
        assert_eq!(a == b, case["equals"], "{case}");
        assert_result(a.update(&b), &case["aUpdateB"], &case);
        assert_result(a.ticked_for(&b), &case["aTickedB"], &case);
    }
}

#[test]
fn setting_a_global_clock() {
    for case in cases("globalClock") {
        let (clock, time) = (global(&case["gwc"]), tree(&case["time"]));
        let set = match case["tid"].as_str() {
            Some(tid) => clock.set_to(&time, Tid::parse(tid).unwrap()),
            None => clock.set(&time),
        };
        if case["result"] == json!({ "error": true }) {
            set.expect_err(&case.to_string());
            continue;
        }
        let set = set.unwrap();
        assert_eq!(set, global(&case["result"]), "{case}");
        assert_eq!(decoded(&set.encode()), value(&case["result"]), "{case}");
        let tids: Vec<_> = set.tids().map(|tid| tid.to_string()).collect();
        assert_eq!(json!(tids), case["tids"], "{case}");
        assert_eq!(
            json!(set.get_ticks(&time)),
            case["resultGetTicks"],
            "{case}"
        );
        assert_eq!(
            set.tid(&time).unwrap().as_str(),
            case["resultTid"],
            "{case}"
        );
    }
}

#[test]
fn comparing_with_a_global_clock() {
    for case in cases("globalAnyLt") {
        let (clock, time) = (global(&case["gwc"]), tree(&case["time"]));
        assert_eq!(time.any_lt_global(&clock), case["timeAnyLtGwc"], "{case}");
        assert_eq!(clock.any_lt(&time), case["gwcAnyLtTime"], "{case}");
    }
}

#[test]
fn joining_a_global_clock() {
    for case in cases("joinGwc") {
        let joined = tree(&case["time"]).update_global(&global(&case["gwc"]));
        assert_result(joined, &case["result"], &case);
    }
}
