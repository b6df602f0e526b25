//! What must hold of any bytes whatever. Fuzz targets call these, and a test replays what they
//! found.

#[cfg(feature = "acl")]
mod acl;
mod machine;
mod pattern;
mod script;

#[cfg(feature = "acl")]
pub use acl::acl;
pub use machine::machine;
pub use pattern::pattern;

use std::collections::BTreeSet;

use crate::clock::{GlobalClock, Tid, TreeClock};
use crate::context::{Context, domain_base};
use crate::datatype;
use crate::msgpack::{Limits as PackLimits, Reader, Value};
use crate::operation::{self, Codec, Datum, Fusion, Reversion, Tagged, cut};
use crate::rdf::{Term, Triple};
use crate::wire::control::{Notification, Request, Response, wrap};
use crate::wire::{Limits, Operation, judge};

/// Less than a clone accepts, so that a fuzzer gets to the limits.
const SMALL: Limits = Limits {
    max_message: 1 << 16,
    max_inflated: 1 << 18,
    max_depth: 200,
    max_elements: 20_000,
};

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
    match (judge(bytes, &SMALL), Operation::decode(bytes, &SMALL)) {
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

/// A message that is judged fit is decoded to triples. What is inserted survives being encoded, and
/// what is encoded is judged fit.
///
/// # Panics
/// If it does not hold.
pub fn triples(bytes: &[u8]) {
    let Some(codec) = codec() else { return };
    let (judged, received) = (judge(bytes, &SMALL), codec.receive(bytes, &SMALL));
    assert_eq!(judged.is_ok(), received.is_ok(), "{judged:?} {received:?}");
    let Some(operation) = received.ok().and_then(|received| received.operation) else {
        return;
    };
    let message = operation::message(
        operation.from.saturating_sub(1),
        &codec.encode(&operation),
        None,
    );
    let again = codec.receive(&message, &Limits::default());
    let again = again.map(|received| received.operation);
    let Ok(Some(again)) = again else {
        unreachable!("what is encoded is decoded: {again:?}");
    };
    assert_eq!(pairs(&again.inserts), pairs(&operation.inserts));
    assert_eq!(again.updates, operation.updates);
    assert_eq!((&again.time, again.from), (&operation.time, operation.from));
    assert_eq!(again.principal, operation.principal);
}

/// A datum of a snapshot is decoded or refused; what is decoded survives being encoded.
///
/// # Panics
/// If it does not hold.
pub fn snapshot(bytes: &[u8]) {
    let Some(codec) = codec() else { return };
    match codec.decode_datum(bytes, &SMALL) {
        Ok(Datum::Triples(triples)) => {
            let datum = codec.encode_triples(&triples);
            match codec.decode_datum(&datum, &Limits::default()) {
                Ok(Datum::Triples(again)) => assert_eq!(pairs(&again), pairs(&triples)),
                other => unreachable!("what is encoded is decoded: {other:?}"),
            }
        }
        Ok(Datum::Operation { operation, encoded }) => {
            let datum = operation::encode_past_operation(encoded);
            let again = codec.decode_datum(&datum, &Limits::default());
            assert_eq!(again, Ok(Datum::Operation { operation, encoded }));
        }
        Err(_) => {}
    }
}

/// A request, response or notification is decoded or refused; what is decoded survives being
/// encoded.
///
/// # Panics
/// If it does not hold.
pub fn control(bytes: &[u8]) {
    if let Ok(request) = Request::decode(bytes, &SMALL) {
        let payload = wrap(&request.body.encode(), request.attribution);
        let again = Request::decode(&payload, &Limits::default());
        assert_eq!(again.map(|again| again.body), Ok(request.body));
    }
    if let Ok(response) = Response::decode(bytes, &SMALL) {
        let payload = wrap(&response.body.encode(), response.attribution);
        let again = Response::decode(&payload, &Limits::default());
        // What has no clock is given one.
        let again = again.map(|again| again.body.encode());
        assert_eq!(again, Ok(response.body.encode()));
    }
    if let Ok(notification) = Notification::decode(bytes, &SMALL) {
        let payload = notification.encode();
        let again = Notification::decode(&payload, &Limits::default());
        assert_eq!(again.as_ref(), Ok(&notification));
    }
}

/// A context, and after a line end a name, are used or refused. What a name means in the context
/// of operations survives being sent.
///
/// # Panics
/// If it does not hold.
pub fn context(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let (json, name) = text.split_once('\n').unwrap_or(("null", text));
    let base = domain_base("d.example.org");
    if let Ok(json) = serde_json::from_str(json)
        && let Ok(context) = Context::new(&base, &json)
    {
        let whole = [context.expand_id(name), context.expand_vocab(name)];
        for iri in whole.iter().flatten() {
            let _short = (context.compact_id(iri), context.compact_vocab(iri));
            let value = Term::Iri(iri.clone());
            let _short = context.compact_property(iri, &value);
        }
    }
    let Ok(context) = Context::operation(&base) else {
        unreachable!("the base is an IRI");
    };
    let whole = [context.expand_id(name), context.expand_vocab(name)];
    for iri in whole.into_iter().flatten() {
        assert_eq!(
            context.expand_id(&context.wire_id(&iri)).as_ref(),
            Some(&iri)
        );
        assert_eq!(
            context.expand_vocab(&context.wire_name(&iri)).as_ref(),
            Some(&iri)
        );
    }
}

/// Operations one after another, each in MessagePack's binary, are fused if they can be. What is
/// cut from a fusion is not in the rest.
///
/// # Panics
/// If it does not hold.
pub fn fusion(bytes: &[u8]) {
    let Some(codec) = codec() else { return };
    let mut reader = Reader::new(bytes, SMALL.into());
    let mut next = || codec.decode(reader.bytes().ok()?, &SMALL).ok();
    let (Some(first), none) = (next(), Reversion::default()) else {
        return;
    };
    let mut fusion = Fusion::new(&first, &none);
    while let Some(operation) = next() {
        drop(cut(&first, &operation));
        drop(cut(&operation, &first));
        let _fused = fusion.push(&operation, &none).is_ok();
    }
    let (fused, _) = fusion.finish();
    assert_eq!(fused.from, first.from);
    if let Ok(Some(left)) = cut(&first, &fused) {
        assert_eq!(left.from, first.ticks() + 1);
        assert!(left.from <= left.ticks());
    }
}

fn codec() -> Option<Codec> {
    Codec::new(&domain_base("d.example.org")).ok()
}

/// Triples with each transaction; but those with a language, which may be lost.
fn pairs(triples: &[Tagged]) -> BTreeSet<(&Triple, Option<&Tid>)> {
    let has_language = |triple: &Triple| {
        let literal = triple.object.as_literal();
        literal.is_some_and(|literal| literal.language.is_some())
    };
    let kept = triples
        .iter()
        .filter(|tagged| !has_language(&tagged.triple));
    kept.flat_map(|tagged| {
        let entailed = tagged.tids.is_empty().then_some((&tagged.triple, None));
        let tids = tagged.tids.iter().map(|tid| (&tagged.triple, Some(tid)));
        tids.chain(entailed)
    })
    .collect()
}

/// A state of a text and operations on it are read or refused; those that can be applied can be
/// taken back, one by one or as one; and a state that is stored is the same when it is loaded.
///
/// # Panics
/// If it does not hold.
pub fn text(bytes: &[u8]) {
    let limits = PackLimits {
        max_depth: 200,
        max_elements: 5_000,
    };
    let Ok(Value::Array(parts)) = Value::decode(bytes, limits) else {
        return;
    };
    let Some((start, operations)) = parts.split_first() else {
        return;
    };
    // What is empty in it is not written again.
    let Ok(start) = datatype::apply(start, &[], None).map(|start| start.state) else {
        return;
    };
    let before = datatype::text(&start);
    let (mut state, mut done) = (start, Vec::new());
    for operation in operations {
        if let Ok(applied) = datatype::apply(&state, &[], Some(operation)) {
            state = applied.state;
            done.insert(0, (operation.clone(), applied.reversion));
        }
    }
    let after = datatype::text(&state);
    let loaded = datatype::apply(&state, &[], None);
    assert_eq!(loaded.as_ref().map(|loaded| &loaded.state), Ok(&state));
    assert_eq!(
        loaded.and_then(|loaded| datatype::text(&loaded.state)),
        after
    );
    let reverted = datatype::apply(&state, &done, None);
    let reverted = reverted.and_then(|reverted| datatype::text(&reverted.state));
    assert_eq!(reverted, before);
    let mut fused = done.last().cloned();
    for later in done.iter().rev().skip(1) {
        fused = fused.and_then(|earlier| datatype::fuse(&earlier, later).ok());
    }
    if let Some(fused) = fused {
        assert_eq!(datatype::cut(&fused.0, &fused.0).map(drop), Ok(()));
    }
}
