//! What a clone says to others, and when (m-ld protocol, section 8).

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use m_ld_engine::change::Change;
use m_ld_engine::clock::{GlobalClock, TreeClock};
use m_ld_engine::clone::{
    CloneError, Config, Effect, Input, JournalConfig, MeldClone, Plugins, WriteError,
};
use m_ld_engine::constraint::Configured;
use m_ld_engine::dataset::Graph;
use m_ld_engine::datatype;
use m_ld_engine::journal::{Position, State, entries_after};
use m_ld_engine::rdf::{Iri, Literal, Triple, vocab};
use m_ld_engine::security::{Attribution, Direction, Kind, SecurityError, TransportSecurity};
use m_ld_engine::store::{Batch, MemoryStore, Store, StoreError, Table, View};
use m_ld_engine::wire::control::{ACK, Notification, Request, Response, wrap};
use m_ld_engine::wire::{self, Limits};
use serde_json::json;

use crate::net::{Hall, Seeded};

const DOMAIN: &str = "clones.example.org";

/// A clone with what drives it.
struct Driven {
    clone: MeldClone,
    now: Duration,
}

impl Driven {
    fn open(id: &str, genesis: bool) -> (Self, Vec<Effect>) {
        Self::on(Box::new(MemoryStore::new()), id, genesis)
    }

    fn on(store: Box<dyn Store>, id: &str, genesis: bool) -> (Self, Vec<Effect>) {
        let mut config = Config::new(DOMAIN, id);
        config.genesis = genesis;
        config.steadfast = id == "steadfast";
        config.journal = JournalConfig {
            keep: 2,
            sole: id == "sole",
            // What is fused is one entry, and there is nothing to let go.
            max_entry_footprint: if id == "sole" { 0 } else { 10_000 },
            ..JournalConfig::default()
        };
        let chance = Box::new(Seeded(1));
        let now = Duration::ZERO;
        let (mut clone, effects) =
            MeldClone::open(store, config, Plugins::default(), chance, now).unwrap();
        let effects = clone.release(effects).unwrap();
        (Self { clone, now }, effects)
    }

    /// A clone that begins the domain, connected and alone.
    fn silo() -> Self {
        let (mut driven, _) = Self::open("a", true);
        driven.input(Input::Connected);
        driven.input(Input::Presence(Vec::new()));
        driven
    }

    fn input(&mut self, input: Input<'_>) -> Vec<Effect> {
        let effects = self.clone.handle(input, self.now).unwrap();
        self.clone.release(effects).unwrap()
    }

    fn wait(&mut self, time: Duration) -> Vec<Effect> {
        self.now += time;
        self.input(Input::Time)
    }

    fn write(&mut self, change: Change) -> Vec<Effect> {
        let (_, effects) = self.clone.change(change, None, self.now).unwrap();
        self.clone.release(effects).unwrap()
    }

    /// Asks this clone for something. Gives the reply's id and what it says.
    fn ask(&mut self, request: &Request) -> (String, Response) {
        self.ask_raw(&wrap(&request.encode(), None))
    }

    fn ask_raw(&mut self, payload: &[u8]) -> (String, Response) {
        let effects = self.input(Input::Request {
            from: "z",
            message_id: "m1",
            payload,
        });
        let reply = effects.into_iter().find_map(|effect| match effect {
            Effect::Reply {
                to,
                message_id,
                sent_message_id,
                payload,
            } if to == "z" && sent_message_id == "m1" => Some((message_id, payload)),
            _ => None,
        });
        let (message_id, payload) = reply.expect("a reply");
        let response = Response::decode(&payload, &Limits::default()).unwrap();
        (message_id, response.body)
    }
}

fn insert(object: &str) -> Change {
    let mut change = Change::default();
    change.insert(
        Triple::new(
            Iri::new("http://clones.example.org/x"),
            Iri::new("http://clones.example.org/#p"),
            Literal::string(object),
        ),
        None,
    );
    change
}

fn requests(effects: &[Effect]) -> Vec<(&str, &str)> {
    let requests = effects.iter().filter_map(|effect| match effect {
        Effect::Request { to, message_id, .. } => Some((to.as_str(), message_id.as_str())),
        _ => None,
    });
    requests.collect()
}

fn why_closed(effects: &[Effect]) -> Option<&CloneError> {
    effects.iter().find_map(|effect| match effect {
        Effect::Closed(why) => why.as_ref(),
        _ => None,
    })
}

fn operations(effects: &[Effect]) -> usize {
    let operations = effects.iter();
    operations
        .filter(|effect| matches!(effect, Effect::Operation(_)))
        .count()
}

#[test]
fn a_clone_that_began_a_domain_closes_if_another_has_begun_it() {
    let (mut a, _) = Driven::open("a", true);
    a.input(Input::Connected);
    let effects = a.input(Input::Presence(vec!["b".to_owned()]));
    assert_eq!(why_closed(&effects), Some(&CloneError::GenesisConflict));
    assert!(a.clone.handle(Input::Time, a.now).is_err());
}

#[test]
fn a_steadfast_clone_stays_where_another_has_begun_the_domain_and_can_be_joined() {
    let (mut here, _) = Driven::open("steadfast", true);
    here.input(Input::Connected);
    let effects = here.input(Input::Presence(vec!["stranger".to_owned()]));
    assert_eq!(why_closed(&effects), None);
    assert!(
        effects.iter().any(|e| matches!(e, Effect::Present(true))),
        "{effects:?}"
    );
    assert_eq!(requests(&effects), [], "a stranger has nothing for it");
    let (mut stranger, _) = Driven::open("stranger", true);
    stranger.input(Input::Connected);
    stranger.input(Input::Presence(Vec::new()));
    let sent = stranger.write(insert("of the stranger"));
    let Some(Effect::Operation(strange)) = sent
        .into_iter()
        .find(|effect| matches!(effect, Effect::Operation(_)))
    else {
        panic!("nothing was sent")
    };
    let before = here.clone.status();
    let effects = here.input(Input::Operation(&strange));
    assert!(effects.is_empty(), "{effects:?}");
    assert_eq!(here.clone.status(), before);
    here.write(insert("here"));
    let (_, response) = here.ask(&Request::Snapshot { new_clock: true });
    assert!(
        matches!(response, Response::Snapshot { .. }),
        "{response:?}"
    );
}

#[test]
fn who_alone_writes_lets_go_of_what_nobody_has_seen_and_others_take_a_snapshot() {
    let (mut sole, _) = Driven::open("sole", true);
    sole.input(Input::Connected);
    sole.input(Input::Presence(Vec::new()));
    for object in ["1", "2", "3", "4", "5"] {
        sole.write(insert(object));
    }
    sole.wait(JournalConfig::default().admin_debounce);
    let view = sole.clone.view().unwrap();
    assert_eq!(view.scan(Table::Entries, &[]).count(), 2);
    let graph = Graph::new(&*view).unwrap();
    assert_eq!(graph.find(None, None, None).count(), 5, "the data stays");
    let (_, response) = sole.ask(&Request::Snapshot { new_clock: true });
    assert!(
        matches!(response, Response::Snapshot { .. }),
        "{response:?}"
    );
}

#[test]
fn a_new_clone_without_others_closes() {
    let (mut b, _) = Driven::open("b", false);
    b.input(Input::Connected);
    let effects = b.input(Input::Presence(Vec::new()));
    assert_eq!(why_closed(&effects), Some(&CloneError::Alone));
}

#[test]
fn a_new_clone_that_all_others_refuse_closes_and_one_that_they_cannot_serve_now_does_not() {
    let refused = Some(CloneError::Refused);
    for (statuses, closed) in [
        ([5003, 5003], refused),
        ([5003, 5004], None),
        ([5004, 5003], None),
    ] {
        let (mut b, _) = Driven::open("b", false);
        b.input(Input::Connected);
        let mut effects = b.input(Input::Presence(vec!["a".to_owned(), "c".to_owned()]));
        for status in statuses {
            let [(from, request)] = requests(&effects)[..] else {
                panic!("{effects:?}");
            };
            let (from, request) = (from.to_owned(), request.to_owned());
            let payload = wrap(&Response::Rejected { status }.encode(), None);
            effects = b.input(Input::Reply {
                from: &from,
                message_id: "no",
                sent_message_id: &request,
                payload: &payload,
            });
        }
        assert_eq!(why_closed(&effects), closed.as_ref(), "{statuses:?}");
    }
}

#[test]
fn a_clone_cannot_be_called_present() {
    for id in ["present", ""] {
        let opened = MeldClone::open(
            Box::new(MemoryStore::new()),
            Config::new(DOMAIN, id),
            Plugins::default(),
            Box::new(Seeded(1)),
            Duration::ZERO,
        );
        assert!(matches!(opened, Err(CloneError::CloneId)));
    }
}

#[test]
fn a_new_clone_is_neither_read_nor_written_before_it_has_data() {
    let (mut b, _) = Driven::open("b", false);
    assert!(b.clone.view().is_none());
    let refused = b.clone.change(insert("1"), None, b.now);
    assert!(matches!(refused, Err(WriteError::NotReady)));
    let refused = b.clone.write(&json!({ "@id": "x", "p": 1 }), b.now);
    assert!(matches!(refused, Err(WriteError::NotReady)));
}

#[test]
fn a_write_without_content_is_no_operation() {
    let mut a = Driven::silo();
    let effects = a.write(Change::default());
    assert!(effects.is_empty());
    let (_, effects) = a
        .clone
        .write(&json!({ "@id": "x", "p": 1 }), a.now)
        .unwrap();
    assert_eq!(operations(&a.clone.release(effects).unwrap()), 1);
}

/// A store that counts how often it is synced.
struct Counting(MemoryStore, Arc<AtomicUsize>);

impl Store for Counting {
    fn view(&self) -> Arc<dyn View> {
        self.0.view()
    }

    fn commit(&mut self, batch: Batch) -> Result<(), StoreError> {
        self.0.commit(batch)
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.sync()
    }
}

#[test]
fn nothing_gets_out_before_it_is_safe() {
    let syncs = Arc::new(AtomicUsize::new(0));
    let store = Box::new(Counting(MemoryStore::new(), Arc::clone(&syncs)));
    let (mut a, _) = Driven::on(store, "a", true);
    let begun = syncs.load(Ordering::SeqCst);
    assert_eq!(begun, 1, "the beginning of the domain");
    let (_, mut both) = a.clone.change(insert("1"), None, a.now).unwrap();
    let (_, second) = a.clone.change(insert("2"), None, a.now).unwrap();
    both.join(second);
    assert!(both.needs_sync());
    assert_eq!(syncs.load(Ordering::SeqCst), begun);
    a.clone.release(both).unwrap();
    assert_eq!(syncs.load(Ordering::SeqCst), begun + 1, "one for both");
    let nothing = a.clone.handle(Input::Time, a.now).unwrap();
    assert!(!nothing.needs_sync());
}

#[test]
fn a_fork_is_safe_before_it_is_given_away() {
    let mut a = Driven::silo();
    let request = wrap(&Request::Snapshot { new_clock: true }.encode(), None);
    let effects = a.clone.handle(
        Input::Request {
            from: "z",
            message_id: "m1",
            payload: &request,
        },
        a.now,
    );
    assert!(effects.unwrap().needs_sync());
}

#[test]
fn a_snapshot_without_a_new_clock_has_one_that_javascript_can_read() {
    let mut a = Driven::silo();
    let (_, response) = a.ask(&Request::Snapshot { new_clock: false });
    let Response::Snapshot { clock, .. } = response else {
        panic!("{response:?}");
    };
    assert!(clock.is_some_and(|clock| !clock.has_id()));
}

#[test]
fn a_clone_that_is_not_live_says_so() {
    let (mut a, _) = Driven::open("a", true);
    let (_, response) = a.ask(&Request::Snapshot { new_clock: true });
    assert_eq!(response, Response::Rejected { status: 5004 });
}

#[test]
fn what_is_no_request_is_rejected() {
    let mut a = Driven::silo();
    let (_, response) = a.ask_raw(b"nonsense");
    assert_eq!(response, Response::Rejected { status: 5003 });
}

#[test]
fn a_requester_that_does_not_acknowledge_is_forgotten() {
    let mut a = Driven::silo();
    let (reply, _) = a.ask(&Request::Snapshot { new_clock: true });
    a.wait(Duration::from_secs(5));
    a.input(Input::Reply {
        from: "z",
        message_id: "m2",
        sent_message_id: &reply,
        payload: &ACK,
    });
    assert!(!a.clone.is_streaming());
    let (reply, _) = a.ask(&Request::Snapshot { new_clock: true });
    a.input(Input::Reply {
        from: "z",
        message_id: "m2",
        sent_message_id: &reply,
        payload: &ACK,
    });
    assert!(a.clone.is_streaming());
}

#[test]
fn a_request_goes_to_the_next_clone_under_the_same_id_until_all_were_asked() {
    let (mut c, _) = Driven::open("c", false);
    c.input(Input::Connected);
    let effects = c.input(Input::Presence(vec!["a".to_owned(), "b".to_owned()]));
    let [("a", first)] = requests(&effects)[..] else {
        panic!("{effects:?}");
    };
    assert_eq!(c.clone.next_wake(), Some(Duration::from_secs(5)));
    let effects = c.wait(Duration::from_secs(5));
    let [("b", second)] = requests(&effects)[..] else {
        panic!("{effects:?}");
    };
    assert_eq!(first, second);
    let effects = c.wait(Duration::from_secs(5));
    assert!(requests(&effects).is_empty());
    let retry = c.clone.next_wake().unwrap();
    c.now = retry;
    let effects = c.input(Input::Time);
    assert_eq!(requests(&effects).len(), 1);
}

#[test]
fn own_operations_wait_for_the_answer_to_a_request() {
    let mut hall = Hall::default();
    hall.join(DOMAIN, "a", None, Configured::default(), Plugins::default());
    hall.join(
        DOMAIN,
        "b",
        Some("a"),
        Configured::default(),
        Plugins::default(),
    );
    hall.input("b", Input::Disconnected);
    write(&mut hall, "b", "offline");
    assert!(hall.take_sent().is_empty(), "nobody can hear it");
    hall.input("b", Input::Connected);
    hall.input("b", Input::Presence(vec!["a".to_owned()]));
    write(&mut hall, "b", "asking");
    assert!(hall.take_sent().is_empty(), "it would overtake the first");
    hall.settle();
    assert_eq!(hall.take_sent().len(), 2);
}

fn write(hall: &mut Hall, id: &str, object: &str) {
    let clone = hall.clones.get_mut(id).unwrap();
    let (_, effects) = clone.change(insert(object), None, Duration::ZERO).unwrap();
    hall.take(id, effects);
}

#[test]
fn nonsense_is_discarded_and_ends_nothing() {
    let mut hall = Hall::default();
    hall.join(DOMAIN, "a", None, Configured::default(), Plugins::default());
    hall.join(
        DOMAIN,
        "b",
        Some("a"),
        Configured::default(),
        Plugins::default(),
    );
    let clone = hall.clones.get_mut("b").unwrap();
    let effects = clone
        .handle(Input::Operation(b"nonsense"), Duration::ZERO)
        .unwrap();
    let effects = clone.release(effects).unwrap();
    assert!(matches!(effects[..], [Effect::Discarded(_)]));
    for payload in [&b"nonsense"[..], &ACK, &[]] {
        hall.input(
            "b",
            Input::Reply {
                from: "a",
                message_id: "1",
                sent_message_id: "2",
                payload,
            },
        );
        hall.input(
            "b",
            Input::Notification {
                from: "a",
                channel: "3",
                payload,
            },
        );
    }
    write(&mut hall, "b", "still here");
    assert_eq!(hall.take_sent().len(), 1);
}

#[test]
fn writes_in_a_row_become_one_entry_when_it_is_quiet() {
    let mut a = Driven::silo();
    for object in ["1", "2", "3"] {
        a.write(insert(object));
    }
    let entries =
        |a: &Driven| entries_after(&*a.clone.view().unwrap(), Position::default()).count();
    assert_eq!(entries(&a), 3);
    let tend = a.clone.next_wake().unwrap();
    a.now = tend;
    a.input(Input::Time);
    assert_eq!(entries(&a), 1);
}

/// A JavaScript clone that has an operation on a text closes when it is sent a fusion that comes after it and does not
/// change that text.
#[test]
fn writes_in_a_row_stay_apart_where_text_is_shared() {
    let mut a = Driven::silo();
    let text = Literal::typed("c0text", vocab::TSEQ);
    let state = datatype::create("The fox jumps.", "a").unwrap();
    let mut change = Change::default();
    change.insert(
        Triple::new(
            Iri::new("http://clones.example.org/doc"),
            Iri::new("http://clones.example.org/#story"),
            text,
        ),
        Some(state),
    );
    a.write(change);
    for object in ["1", "2", "3"] {
        a.write(insert(object));
    }
    a.wait(Duration::from_mins(1));
    let view = a.clone.view().unwrap();
    assert_eq!(entries_after(&*view, Position::default()).count(), 4);
}

#[test]
fn an_entry_that_nobody_has_shown_to_have_is_kept() {
    let mut a = Driven::silo();
    for object in ["1", "2", "3", "4"] {
        a.write(insert(object));
        // Something of others in between, or they would be fused.
        a.ask(&Request::Snapshot { new_clock: true });
    }
    a.wait(Duration::from_mins(1));
    let view = a.clone.view().unwrap();
    assert_eq!(entries_after(&*view, Position::default()).count(), 4);
    assert_eq!(State::read(&*view).unwrap().unwrap().start, 0);
}

#[test]
fn a_clone_goes_on_where_it_was() {
    let store = MemoryStore::new();
    let shared = Arc::new(std::sync::Mutex::new(store));
    let (mut a, _) = Driven::on(Box::new(Shared(Arc::clone(&shared))), "a", true);
    a.write(insert("1"));
    drop(a);
    let (a, _) = Driven::on(Box::new(Shared(shared)), "other", true);
    let view = a.clone.view().unwrap();
    let state = State::read(&*view).unwrap().unwrap();
    assert_eq!(state.time, TreeClock::genesis().ticked().unwrap());
    assert_eq!(
        Graph::new(&*view).unwrap().find(None, None, None).count(),
        1
    );
}

/// A store that outlives its clone.
struct Shared(Arc<std::sync::Mutex<MemoryStore>>);

impl Store for Shared {
    fn view(&self) -> Arc<dyn View> {
        self.0.lock().unwrap().view()
    }

    fn commit(&mut self, batch: Batch) -> Result<(), StoreError> {
        self.0.lock().unwrap().commit(batch)
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        self.0.lock().unwrap().sync()
    }
}

/// Transport security that turns every byte over, and signs with the sum.
struct Turned;

impl TransportSecurity for Turned {
    fn wire<'d>(
        &self,
        data: &'d [u8],
        _: Kind,
        _: Direction<'_>,
        _: Option<&Graph<'_>>,
    ) -> Result<Cow<'d, [u8]>, SecurityError> {
        Ok(data.iter().map(|byte| !byte).collect::<Vec<_>>().into())
    }

    fn sign(
        &self,
        data: &[u8],
        _: Option<&Graph<'_>>,
    ) -> Result<Option<Attribution>, SecurityError> {
        Ok(Some(Attribution {
            principal: "http://clones.example.org/#me".to_owned(),
            signature: sum(data),
        }))
    }

    fn verify(
        &self,
        data: &[u8],
        attribution: Option<wire::Attribution<'_>>,
        _: Option<&Graph<'_>>,
    ) -> Result<(), SecurityError> {
        match attribution {
            Some(attribution) if attribution.signature == sum(data) => Ok(()),
            _ => Err(SecurityError::Rejected("a wrong sum")),
        }
    }
}

fn sum(data: &[u8]) -> Vec<u8> {
    let sum: u32 = data.iter().map(|byte| u32::from(*byte)).sum();
    sum.to_be_bytes().to_vec()
}

fn turned() -> Plugins {
    Plugins {
        security: Box::new(Turned),
        ..Plugins::default()
    }
}

#[test]
fn what_is_secured_is_secured_again_for_those_who_come_later() {
    let mut hall = Hall::default();
    hall.join(DOMAIN, "a", None, Configured::default(), turned());
    write(&mut hall, "a", "before");
    hall.take_sent();
    hall.join(DOMAIN, "b", Some("a"), Configured::default(), turned());
    write(&mut hall, "a", "live");
    let live = hall.take_sent();
    let (_, envelope) = wire::Operation::decode(&live[0], &Limits::default()).unwrap();
    assert!(envelope.secure && envelope.attribution.is_some());
    hall.input("b", Input::Operation(&live[0]));
    hall.input("b", Input::Disconnected);
    write(&mut hall, "a", "missed");
    hall.take_sent();
    hall.input("b", Input::Connected);
    hall.input("b", Input::Presence(vec!["a".to_owned()]));
    hall.settle();
    // One who joins from `b` gets what `a` wrote, from its journal and its data.
    hall.input("a", Input::Disconnected);
    hall.join(DOMAIN, "c", Some("b"), Configured::default(), turned());
    let view = hall.view("c");
    let triples = Graph::new(&*view).unwrap().find(None, None, None).count();
    assert_eq!(triples, 3);
}

#[test]
fn a_request_that_is_not_signed_is_rejected() {
    let mut config = Config::new(DOMAIN, "a");
    config.genesis = true;
    let (clone, _) = MeldClone::open(
        Box::new(MemoryStore::new()),
        config,
        turned(),
        Box::new(Seeded(1)),
        Duration::ZERO,
    )
    .unwrap();
    let now = Duration::ZERO;
    let mut a = Driven { clone, now };
    a.input(Input::Connected);
    a.input(Input::Presence(Vec::new()));
    let request = wrap(&Request::Snapshot { new_clock: true }.encode(), None);
    let payload: Vec<_> = request.iter().map(|byte| !byte).collect();
    let effects = a.input(Input::Request {
        from: "z",
        message_id: "m1",
        payload: &payload,
    });
    let [Effect::Reply { payload, .. }] = &effects[..] else {
        panic!("{effects:?}");
    };
    let payload: Vec<_> = payload.iter().map(|byte| !byte).collect();
    let response = Response::decode(&payload, &Limits::default()).unwrap();
    assert_eq!(response.body, Response::Rejected { status: 5003 });
}

#[test]
fn a_clone_can_join_one_that_has_written_more_than_fits_into_a_message() {
    let mut hall = Hall::default();
    hall.join(DOMAIN, "a", None, Configured::default(), Plugins::default());
    let mut seeded = Seeded(3);
    // Digits compress to half of this.
    let mut long = || -> String {
        let words = (0..100).map(|_| format!("{:016x}", seeded.next()));
        words.collect()
    };
    for _ in 0..15 {
        let mut change = Change::default();
        for _ in 0..100 {
            change.inserts.extend(insert(&long()).inserts);
        }
        let clone = hall.clones.get_mut("a").unwrap();
        let (_, effects) = clone.change(change, None, Duration::ZERO).unwrap();
        hall.take("a", effects);
    }
    let sent: usize = hall.take_sent().iter().map(Vec::len).sum();
    assert!(sent > Limits::default().max_message);
    hall.join(
        DOMAIN,
        "b",
        Some("a"),
        Configured::default(),
        Plugins::default(),
    );
    let view = hall.view("b");
    let triples = Graph::new(&*view).unwrap().find(None, None, None).count();
    assert_eq!(triples, 1500);
}

/// An operation of another clone of the domain, made up.
fn made_up(time: &serde_json::Value) -> Vec<u8> {
    let time = crate::common::value(time);
    let time = TreeClock::from_value(&time).unwrap();
    let base = Iri::new(format!("http://{DOMAIN}/"));
    let operation = m_ld_engine::operation::Operation {
        from: time.ticks(),
        inserts: vec![m_ld_engine::operation::Tagged {
            triple: insert("made up").inserts.into_keys().next().unwrap(),
            tids: vec![time.tid()],
            data: None,
        }],
        deletes: Vec::new(),
        updates: Vec::new(),
        principal: None,
        agreed: None,
        time,
    };
    let codec = m_ld_engine::operation::Codec::new(&base).unwrap();
    m_ld_engine::operation::message(operation.from - 1, &codec.encode(&operation), None)
}

#[test]
fn no_operation_of_others_keeps_a_clone_from_writing() {
    let times = [
        // The clone has forked at another tick than it has;
        json!([[5, 0, 0], [1]]),
        // it has ticked after that, without having forked;
        json!([5, [1]]),
        // it has almost no ticks left, or somebody has.
        json!([[9_007_199_254_740_980_u64, 0], [1]]),
        json!([[0, 0], [9_007_199_254_740_980_u64]]),
    ];
    for time in times {
        let mut a = Driven::silo();
        // Two join, the one after the other: the clone is `[[[], 0], 0]`.
        for _ in 0..2 {
            a.ask(&Request::Snapshot { new_clock: true });
        }
        let asked = a.input(Input::Presence(vec!["z".to_owned()]));
        let (_, message_id) = requests(&asked)[0];
        let response = Response::Revup {
            gwc: Some(GlobalClock::genesis()),
            updates_address: "updates".to_owned(),
        };
        a.input(Input::Reply {
            from: "z",
            message_id: "m2",
            sent_message_id: message_id,
            payload: &wrap(&response.encode(), None),
        });
        a.input(Input::Notification {
            from: "z",
            channel: "updates",
            payload: &Notification::Complete.encode(),
        });
        a.input(Input::Operation(&made_up(&time)));
        for object in ["1", "2", "3"] {
            a.write(insert(object));
        }
        let view = a.clone.view().unwrap();
        let entries = entries_after(&*view, Position::default());
        assert_eq!(entries.count(), 3, "{time}");
    }
}
