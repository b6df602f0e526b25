//! What must hold of any bytes whatever. Fuzz targets call these, and a test replays what they
//! found.

use crate::clock::{GlobalClock, TreeClock};
use crate::msgpack::{Limits as PackLimits, Reader, Value};
use crate::wire::{Limits, Operation, judge};

/// MessagePack is decoded or refused; what is decoded survives being encoded; and reading over a
/// value finds the same end as reading it.
///
/// # Panics
/// If it does not hold.
pub fn msgpack(bytes: &[u8]) {
    let limits = PackLimits {
        max_depth: 100,
        max_elements: 10_000,
    };
    let mut reader = Reader::new(bytes, limits);
    let decoded = Value::read(&mut reader, limits.max_depth);
    let mut over = Reader::new(bytes, limits);
    if over.skip().is_ok() {
        assert!(decoded.is_ok(), "what can be read over can be read");
        assert_eq!(reader.position(), over.position());
    }
    if let Ok(value) = decoded {
        let encoded = value.encode();
        let again = Value::decode(&encoded, PackLimits::default());
        let again = again.map(|again| again.encode());
        assert_eq!(again.as_deref(), Ok(encoded.as_slice()));
    }
}

/// A clock is decoded or refused; what is decoded keeps the laws of clocks with any other.
///
/// # Panics
/// If it does not hold.
pub fn clock(bytes: &[u8]) {
    if let Ok(clock) = GlobalClock::decode(bytes) {
        assert_eq!(GlobalClock::decode(&clock.encode()), Ok(clock));
    }
    // Two clocks, one after the other.
    let mut reader = Reader::new(bytes, PackLimits::default());
    let Ok(one) = TreeClock::read(&mut reader) else {
        return;
    };
    let Ok(other) = TreeClock::decode(reader.rest()) else {
        return;
    };
    assert_eq!(TreeClock::decode(&one.encode()).as_ref(), Ok(&one));
    let _tid = one.tid();
    drop(one.ticked_for(&other));
    assert_eq!(one.get_ticks(&other).is_some(), other.has_id());
    let _ready = !one.any_non_id_lt(&other);
    if let Ok(ticked) = one.ticked() {
        assert_eq!(ticked.ticked_to(one.ticks()).as_ref(), Ok(&one));
    }
    if let Ok(joined) = one.update(&other) {
        assert!(!joined.any_lt(&one));
        assert_eq!(joined.update(&other).as_ref(), Ok(&joined));
        assert_eq!(joined.has_id(), one.has_id());
    }
    if let Ok((left, right)) = one.forked() {
        assert_eq!(left.ticks(), one.ticks());
        assert_eq!(right.ticks(), one.ticks());
        assert_eq!(left.tid(), one.tid());
    }
    drop(GlobalClock::genesis().set(&one));
}

/// A message is judged fit exactly if it can be decoded, with the same result.
///
/// # Panics
/// If it does not hold.
pub fn operation(bytes: &[u8]) {
    let limits = Limits {
        max_message: 1 << 16,
        max_inflated: 1 << 18,
        max_depth: 200,
        max_elements: 20_000,
    };
    match (judge(bytes, &limits), Operation::decode(bytes, &limits)) {
        (Ok(envelope), Ok((operation, _))) => {
            assert_eq!(envelope.tid(), Ok(operation.tid));
            assert_eq!(envelope.ticks, operation.time.ticks());
            assert!(envelope.from <= envelope.ticks);
        }
        (Err(judged), Err(decoded)) => assert_eq!(judged, decoded),
        (judged, decoded) => {
            assert_eq!(
                judged.is_ok(),
                decoded.is_ok(),
                "judging and decoding agree"
            );
        }
    }
}
