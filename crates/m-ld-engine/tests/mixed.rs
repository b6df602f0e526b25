//! What a clone makes of the ways of JavaScript clones that it recovers from, or that recover from it (m-ld protocol,
//! section 20).

use std::time::Duration;

use m_ld_engine::change::Change;
use m_ld_engine::clone::{Config, Effect, Input, MeldClone, Plugins};
use m_ld_engine::context::domain_base;
use m_ld_engine::dataset::Graph;
use m_ld_engine::journal::State;
use m_ld_engine::operation::{Codec, Tagged};
use m_ld_engine::rdf::{Iri, Literal, Triple, vocab};
use m_ld_engine::store::MemoryStore;
use m_ld_engine::wire::Limits;
use m_ld_engine::wire::control::{ACK, Notification, Request, Response, wrap};

use crate::net::Seeded;

const DOMAIN: &str = "mixed.example.org";
const NOW: Duration = Duration::ZERO;

fn open(id: &str, genesis: bool) -> MeldClone {
    let mut config = Config::new(DOMAIN, id);
    config.genesis = genesis;
    let (store, chance) = (Box::new(MemoryStore::new()), Box::new(Seeded(1)));
    let opened = MeldClone::open(store, config, Plugins::default(), chance, NOW);
    let (mut clone, effects) = opened.unwrap();
    clone.release(effects).unwrap();
    input(&mut clone, Input::Connected);
    clone
}

fn input(clone: &mut MeldClone, input: Input<'_>) -> Vec<Effect> {
    let effects = clone.handle(input, NOW).unwrap();
    clone.release(effects).unwrap()
}

/// Makes a change. Gives the operation message, if it is sent at once.
fn change(clone: &mut MeldClone, change: Change) -> Option<Vec<u8>> {
    let (_, effects) = clone.change(change, None, NOW).unwrap();
    let effects = clone.release(effects).unwrap();
    operations(effects).pop()
}

fn operations(effects: Vec<Effect>) -> Vec<Vec<u8>> {
    let operations = effects.into_iter().filter_map(|effect| match effect {
        Effect::Operation(message) => Some(message),
        _ => None,
    });
    operations.collect()
}

fn triple(object: &str) -> Triple {
    triple_of("http://mixed.example.org/#p", object)
}

fn triple_of(predicate: &str, object: &str) -> Triple {
    let subject = Iri::new("http://mixed.example.org/x");
    Triple::new(subject, Iri::new(predicate), Literal::string(object))
}

fn insert(object: &str) -> Change {
    let mut change = Change::default();
    change.insert(triple(object), None);
    change
}

fn delete(object: &str) -> Change {
    let mut change = Change::default();
    change.delete(triple(object));
    change
}

/// Asks a clone, by the name of `z`, for a snapshot. Gives the reply's id, and what it says.
fn ask_snapshot(clone: &mut MeldClone) -> (String, Response) {
    let payload = wrap(&Request::Snapshot { new_clock: true }.encode(), None);
    let effects = input(
        clone,
        Input::Request {
            from: "z",
            message_id: "ask",
            payload: &payload,
        },
    );
    let reply = effects.into_iter().find_map(|effect| match effect {
        Effect::Reply {
            message_id,
            payload,
            ..
        } => Some((message_id, payload)),
        _ => None,
    });
    let (id, payload) = reply.unwrap();
    let response = Response::decode(&payload, &Limits::default()).unwrap();
    (id, response.body)
}

/// The triples of a clone's snapshot.
fn snapshot(clone: &mut MeldClone) -> Vec<Triple> {
    let codec = Codec::new(&domain_base(DOMAIN)).unwrap();
    let (id, _) = ask_snapshot(clone);
    input(
        clone,
        Input::Reply {
            from: "z",
            message_id: "ack",
            sent_message_id: &id,
            payload: &ACK,
        },
    );
    let mut triples = Vec::new();
    while clone.is_streaming() {
        let effects = clone.pump(NOW).unwrap();
        for effect in clone.release(effects).unwrap() {
            let Effect::Notify { payload, .. } = effect else {
                continue;
            };
            let told = Notification::decode(&payload, &Limits::default()).unwrap();
            if let Notification::Next(datum) = told
                && let Ok(m_ld_engine::operation::Datum::Triples(some)) =
                    codec.decode_datum(datum, &Limits::default())
            {
                triples.extend(some.into_iter().map(|tagged| tagged.triple));
            }
        }
    }
    triples
}

fn has(clone: &MeldClone, triple: &Triple) -> bool {
    let view = clone.view().unwrap();
    Graph::new(&*view).unwrap().contains(triple).unwrap()
}

/// A clone that has asked another, by the name of `js`, for a snapshot, with the request's id.
fn asking() -> (MeldClone, String) {
    let mut clone = open("b", false);
    let effects = input(&mut clone, Input::Presence(vec!["js".to_owned()]));
    let request = effects.into_iter().find_map(|effect| match effect {
        Effect::Request { message_id, .. } => Some(message_id),
        _ => None,
    });
    (clone, request.unwrap())
}

fn reply(clone: &mut MeldClone, request: &str, response: &Response) {
    let payload = wrap(&response.encode(), None);
    input(
        clone,
        Input::Reply {
            from: "js",
            message_id: "response",
            sent_message_id: request,
            payload: &payload,
        },
    );
}

fn notify(clone: &mut MeldClone, channel: &str, notification: &Notification<'_>) {
    let payload = notification.encode();
    input(
        clone,
        Input::Notification {
            from: "js",
            channel,
            payload: &payload,
        },
    );
}

/// A JavaScript clone sends what is deleted while it sends a snapshot as if it had never had a transaction, and the
/// operation that deletes it later.
#[test]
fn what_was_deleted_while_a_snapshot_was_sent_goes_with_the_operation_that_deleted_it() {
    let mut a = open("a", true);
    input(&mut a, Input::Presence(Vec::new()));
    change(&mut a, insert("goes")).unwrap();
    let (_, response) = ask_snapshot(&mut a);
    let deletes = change(&mut a, delete("goes")).unwrap();
    let Response::Snapshot {
        data_address: data,
        updates_address: updates,
        ..
    } = &response
    else {
        panic!("{response:?}")
    };
    let bare = |triple: Triple| Tagged {
        triple,
        tids: Vec::new(),
        data: None,
    };
    // Which constraints give is there without transactions as well: that of lists stays.
    let index = triple_of(vocab::JRQL_INDEX, "0");
    let codec = Codec::new(&domain_base(DOMAIN)).unwrap();
    let triples = codec.encode_triples(&[bare(triple("goes")), bare(index.clone())]);

    let (mut b, request) = asking();
    reply(&mut b, &request, &response);
    notify(&mut b, data, &Notification::Next(&triples));
    notify(&mut b, data, &Notification::Complete);
    assert!(has(&b, &triple("goes")), "its time has not come");
    let passed_on = snapshot(&mut b);
    assert_eq!(
        passed_on,
        std::slice::from_ref(&index),
        "what is doubted is not passed on"
    );
    notify(&mut b, updates, &Notification::Next(&deletes));
    assert!(!has(&b, &triple("goes")));
    assert!(has(&b, &index));
    notify(&mut b, updates, &Notification::Complete);

    // Written again it is a triple as any other.
    change(&mut b, insert("goes"));
    assert!(snapshot(&mut b).contains(&triple("goes")));
}

/// Who was served meanwhile has it. The others have not.
#[test]
fn what_was_held_back_is_sent_to_everybody_though_the_one_who_was_asked_has_it() {
    let mut a = open("a", true);
    input(&mut a, Input::Presence(Vec::new()));
    ask_snapshot(&mut a);
    let effects = input(&mut a, Input::Presence(vec!["js".to_owned()]));
    let request = effects.into_iter().find_map(|effect| match effect {
        Effect::Request { message_id, .. } => Some(message_id),
        _ => None,
    });
    assert_eq!(change(&mut a, insert("held")), None, "it has to wait");
    let view = a.view().unwrap();
    let gwc = State::read(&*view).unwrap().unwrap().gwc;
    let response = Response::Revup {
        gwc: Some(gwc),
        updates_address: "updates".to_owned(),
    };
    reply(&mut a, &request.unwrap(), &response);
    let effects = a.pump(NOW).unwrap();
    assert_eq!(operations(a.release(effects).unwrap()).len(), 1);
}

/// A JavaScript clone forgets, in a rev-up, what it has received and not begun to apply.
#[test]
fn a_clone_that_has_recovered_asks_once_more() {
    let mut a = open("a", true);
    input(&mut a, Input::Presence(Vec::new()));
    let (_, response) = ask_snapshot(&mut a);
    let begun = change(&mut a, insert("begun")).unwrap();
    let forgotten = change(&mut a, insert("forgotten")).unwrap();
    let Response::Snapshot {
        data_address: data,
        updates_address: updates,
        gwc,
        ..
    } = &response
    else {
        panic!("{response:?}")
    };
    let (mut b, request) = asking();
    reply(&mut b, &request, &response);
    notify(&mut b, data, &Notification::Complete);
    notify(&mut b, updates, &Notification::Next(&begun));
    notify(&mut b, updates, &Notification::Complete);
    assert!(!b.status().outdated);
    while b.is_streaming() {
        let effects = b.pump(NOW).unwrap();
        b.release(effects).unwrap();
    }

    let again = Config::new(DOMAIN, "b").network_timeout;
    let effects = b.handle(Input::Time, again).unwrap();
    let effects = b.release(effects).unwrap();
    let request = effects.into_iter().find_map(|effect| match effect {
        Effect::Request { message_id, .. } => Some(message_id),
        _ => None,
    });
    assert!(!b.status().outdated, "it knows of nothing that it lacks");
    assert!(
        change(&mut b, insert("meanwhile")).is_some(),
        "nothing waits for that"
    );
    let response = Response::Revup {
        gwc: Some(gwc.clone()),
        updates_address: "again".to_owned(),
    };
    reply(&mut b, &request.unwrap(), &response);
    notify(&mut b, "again", &Notification::Next(&forgotten));
    notify(&mut b, "again", &Notification::Complete);
    assert!(has(&b, &triple("forgotten")));
    let effects = b.handle(Input::Time, again * 10).unwrap();
    let asks = b.release(effects).unwrap();
    assert!(
        !asks
            .iter()
            .any(|effect| matches!(effect, Effect::Request { .. })),
        "twice is enough: {asks:?}"
    );
}

#[test]
fn who_has_recovered_from_an_idle_clone_does_not_ask_again() {
    let mut a = open("a", true);
    input(&mut a, Input::Presence(Vec::new()));
    let (_, response) = ask_snapshot(&mut a);
    let Response::Snapshot {
        data_address: data,
        updates_address: updates,
        ..
    } = &response
    else {
        panic!("{response:?}")
    };
    let (mut b, request) = asking();
    reply(&mut b, &request, &response);
    notify(&mut b, data, &Notification::Complete);
    notify(&mut b, updates, &Notification::Complete);
    assert!(!b.status().outdated);
    assert_eq!(b.next_wake(), None);
}
