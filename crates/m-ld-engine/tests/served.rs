//! What another engine serves can be larger than what it sends live: all that a process wrote in a row
//! is one operation of a snapshot (m-ld protocol, section 8.5).

use std::time::Duration;

use m_ld_engine::clock::{GlobalClock, TreeClock};
use m_ld_engine::clone::{Config, Effect, Input, MeldClone, Plugins};
use m_ld_engine::dataset::Graph;
use m_ld_engine::operation::{Codec, Operation, Tagged, encode_past_operation, message};
use m_ld_engine::rdf::{Iri, Literal, Triple};
use m_ld_engine::store::MemoryStore;
use m_ld_engine::wire::Limits;
use m_ld_engine::wire::control::{Notification, Response, wrap};

use crate::net::Seeded;

const DOMAIN: &str = "served.example.org";
/// Ticks of the clone that serves, in a row.
const TICKS: u64 = 2000;

fn codec() -> Codec {
    Codec::new(&Iri::new(format!("http://{DOMAIN}/"))).unwrap()
}

/// What a process wrote at a tick, which does not compress.
fn triple(tick: u64) -> Triple {
    let mut seeded = Seeded(tick);
    let words: Vec<_> = (0..60).map(|_| format!("{:016x}", seeded.next())).collect();
    Triple::new(
        Iri::new(format!("http://{DOMAIN}/subject{tick}")),
        Iri::new(format!("http://{DOMAIN}/#p")),
        Literal::string(words.concat()),
    )
}

/// The clone that serves, and the one that joins: it was forked before anything was written.
fn processes() -> (TreeClock, TreeClock) {
    TreeClock::genesis().forked().unwrap()
}

fn time(tick: u64) -> TreeClock {
    processes().0.ticked_to(tick).unwrap()
}

/// The fusion of what was written from one tick to another.
fn fusion(from: u64, to: u64) -> Operation {
    let insert = |tick| Tagged {
        triple: triple(tick),
        tids: vec![time(tick).tid()],
        data: None,
    };
    Operation {
        from,
        time: time(to),
        deletes: Vec::new(),
        inserts: (from..=to).map(insert).collect(),
        updates: Vec::new(),
        principal: None,
        agreed: None,
    }
}

/// A clone that joins the domain, and how it is told things.
struct Joining {
    clone: MeldClone,
}

impl Joining {
    fn new(served_limits: Limits) -> Self {
        let mut config = Config::new(DOMAIN, "b");
        config.served_limits = served_limits;
        let store = Box::new(MemoryStore::new());
        let chance = Box::new(Seeded(1));
        let opened = MeldClone::open(store, config, Plugins::default(), chance, Duration::ZERO);
        Self {
            clone: opened.unwrap().0,
        }
    }

    fn input(&mut self, input: Input<'_>) -> Vec<Effect> {
        let effects = self.clone.handle(input, Duration::ZERO).unwrap();
        self.clone.release(effects).unwrap()
    }

    fn notify(&mut self, channel: &str, notification: &Notification<'_>) -> Vec<Effect> {
        self.input(Input::Notification {
            from: "a",
            channel,
            payload: &notification.encode(),
        })
    }

    /// Is served a snapshot of all but the last ticks. Gives what came of its operation.
    fn join(&mut self) -> Vec<Effect> {
        self.input(Input::Connected);
        let asked = self.input(Input::Presence(vec!["a".to_owned()]));
        let request = asked.iter().find_map(|effect| match effect {
            Effect::Request { message_id, .. } => Some(message_id.clone()),
            _ => None,
        });
        let response = Response::Snapshot {
            clock: Some(processes().1),
            gwc: GlobalClock::genesis().set(&time(TICKS)).unwrap(),
            agreed: TreeClock::genesis(),
            data_address: "data".to_owned(),
            updates_address: "updates".to_owned(),
        };
        self.input(Input::Reply {
            from: "a",
            message_id: "r1",
            sent_message_id: &request.unwrap(),
            payload: &wrap(&response.encode(), None),
        });
        let operation = fusion(1, TICKS);
        for batch in operation.inserts.chunks(50) {
            self.notify("data", &Notification::Next(&codec().encode_triples(batch)));
        }
        let datum = encode_past_operation(&codec().encode(&operation));
        assert!(datum.len() > Limits::default().max_message);
        self.notify("data", &Notification::Next(&datum))
    }

    /// How many of the subjects are there.
    fn subjects(&self) -> usize {
        let view = self.clone.view().unwrap();
        Graph::new(&*view).unwrap().all().count()
    }
}

#[test]
fn all_that_a_process_wrote_in_a_row_is_taken_from_a_snapshot_and_cut_from_what_comes_later() {
    let mut b = Joining::new(Config::new(DOMAIN, "b").served_limits);
    let effects = b.join();
    assert!(effects.is_empty(), "{effects:?}");
    b.notify("data", &Notification::Complete);
    b.notify("updates", &Notification::Complete);
    assert!(!b.clone.status().outdated);
    assert_eq!(b.subjects(), usize::try_from(TICKS).unwrap());
    // What was written last was deleted, in a fusion of which part has been seen.
    let mut later = fusion(TICKS - 2, TICKS + 2);
    later
        .inserts
        .retain(|insert| insert.triple != triple(TICKS));
    later.deletes.clear();
    let effects = b.input(Input::Operation(&message(
        TICKS - 3,
        &codec().encode(&later),
        None,
    )));
    let update = effects.iter().find_map(|effect| match effect {
        Effect::Update(update) => Some(update),
        _ => None,
    });
    let update = update.unwrap();
    let named = |shown: &[m_ld_engine::pattern::Shown]| {
        let triples = shown.iter().map(|shown| shown.triple.clone());
        triples.collect::<Vec<_>>()
    };
    assert_eq!(named(&update.deletes), [triple(TICKS)]);
    assert_eq!(
        named(&update.inserts),
        [triple(TICKS + 1), triple(TICKS + 2)]
    );
    assert_eq!(b.subjects(), usize::try_from(TICKS + 1).unwrap());
}

#[test]
fn what_is_served_is_not_larger_than_the_limit() {
    let mut b = Joining::new(Limits::default());
    let effects = b.join();
    let discarded = |effect: &&Effect| matches!(effect, Effect::Discarded(_));
    assert_eq!(effects.iter().filter(discarded).count(), 1, "{effects:?}");
    // It asks again.
    let asks = |effect: &&Effect| matches!(effect, Effect::Request { .. });
    assert_eq!(effects.iter().filter(asks).count(), 1, "{effects:?}");
    assert!(b.clone.view().is_none());
}

#[test]
fn what_comes_unasked_is_not_larger_than_the_limit() {
    let mut b = Joining::new(Limits::served());
    b.join();
    b.notify("data", &Notification::Complete);
    b.notify("updates", &Notification::Complete);
    let mut large = fusion(TICKS + 1, TICKS + 1);
    large.inserts = (0..2000)
        .map(|at| Tagged {
            triple: triple(10_000 + at),
            ..large.inserts[0].clone()
        })
        .collect();
    let message = message(TICKS, &codec().encode(&large), None);
    assert!(message.len() > Limits::default().max_message);
    let effects = b.input(Input::Operation(&message));
    assert!(matches!(effects[..], [Effect::Discarded(_)]), "{effects:?}");
    // The same is taken from whoever is asked for it.
    b.input(Input::Disconnected);
    b.input(Input::Connected);
    let asked = b.input(Input::Presence(vec!["a".to_owned()]));
    let request = asked.iter().find_map(|effect| match effect {
        Effect::Request { message_id, .. } => Some(message_id.clone()),
        _ => None,
    });
    let response = Response::Revup {
        gwc: Some(GlobalClock::genesis().set(&time(TICKS + 1)).unwrap()),
        updates_address: "more".to_owned(),
    };
    b.input(Input::Reply {
        from: "a",
        message_id: "r2",
        sent_message_id: &request.unwrap(),
        payload: &wrap(&response.encode(), None),
    });
    let effects = b.notify("more", &Notification::Next(&message));
    assert!(
        matches!(effects[..], [Effect::Update(_)]),
        "{}",
        effects.len()
    );
}
