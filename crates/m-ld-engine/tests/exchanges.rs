//! `wire-*.json`: a native clone stands in for one of those that were recorded. It is told what that one
//! was told, in the order in which the server saw it; and says what that one said (conformance ladder,
//! steps 8 to 12, without the JavaScript).
//!
//! What is said is equal in meaning: ids that clones make up are others, a snapshot may come in other
//! pieces, and two channels may take turns otherwise.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use m_ld_engine::clock::{GlobalClock, TreeClock};
use m_ld_engine::clone::{CloneError, Config, Effect, Effects, Input, MeldClone, Plugins};
use m_ld_engine::journal::State;
use m_ld_engine::operation::{Codec, Datum, Operation};
use m_ld_engine::rdf::{Iri, Triple};
use m_ld_engine::store::{Batch, MemoryStore, Store, StoreError, View};
use m_ld_engine::wire::Limits;
use m_ld_engine::wire::control::{Notification, Request, Response, is_ack};
use serde_json::Value as Json;

use crate::common::{base64, value, vectors};
use crate::net::Seeded;
use crate::replay::{as_set, assert_same, change_of, check_triples};

#[test]
fn a_clone_that_begins_a_domain_says_what_its_model_said() {
    Part::new("wire-join", &["cloneA"]).play();
}

#[test]
fn a_clone_that_joins_goes_offline_and_comes_back_says_what_its_model_said() {
    Part::new("wire-join", &["cloneB"]).play();
}

#[test]
fn a_clone_that_joins_late_says_what_its_model_said() {
    Part::new("wire-join", &["cloneC"]).play();
}

#[test]
fn a_clone_that_fuses_says_what_its_model_said() {
    Part::new("wire-fused", &["cloneA"]).play();
}

#[test]
fn a_clone_that_is_sent_fusions_and_begins_anew_says_what_its_model_said() {
    let mut part = Part::new("wire-fused", &["cloneB", "cloneB2"]);
    // What it writes at last has the tick that the model has not kept: not the same.
    let is_write = |event: &Json| event["clone"] == "cloneB2" && event["event"] == "operation";
    let events = part.file["events"].as_array().unwrap().iter();
    let write = { events }.position(is_write).unwrap();
    part.play_to(write);
    part.compare_channels();
    let view = part.disk.view();
    let state = State::read(&*view).unwrap().unwrap();
    let gwc = serde_json::json!([1, [[5, "kwGRBQA="], [0, "kQE="]]]);
    assert_eq!(state.gwc, GlobalClock::from_value(&value(&gwc)).unwrap());
    // Nothing but that write is in the end what it is not here.
    let mut final_state = part.file["final"]["cloneB2"].clone();
    for list in ["quads", "tids"] {
        let triples = final_state[list].as_array_mut().unwrap();
        triples.retain(|triple| triple["s"] != "http://fused.example.org/dino");
    }
    check_triples(&*view, "cloneB2", &final_state);
}

/// One recorded clone's part.
struct Part {
    file: Json,
    /// Its ids, one after another.
    ids: Vec<&'static str>,
    /// The place of the event that is next.
    at: usize,
    disk: Disk,
    clone: Option<MeldClone>,
    codec: Codec,
    now: Duration,
    /// What the clone has said, and the model not yet; but not on channels.
    said: Vec<Effect>,
    /// What it has said on channels, by their names.
    notified: Vec<(String, Vec<u8>)>,
    /// What an id that the model made up is here.
    made_up: BTreeMap<String, String>,
    /// What was said on channels by the model, and here; by the model's name for the channel.
    channels: BTreeMap<String, [Vec<Vec<u8>>; 2]>,
}

impl Part {
    fn new(file: &str, ids: &[&'static str]) -> Self {
        let file = vectors(file);
        let base = Iri::new(format!("http://{}/", file["domain"].as_str().unwrap()));
        Self {
            file,
            ids: ids.to_vec(),
            at: 0,
            disk: Disk::default(),
            clone: None,
            codec: Codec::new(&base).unwrap(),
            now: Duration::ZERO,
            said: Vec::new(),
            notified: Vec::new(),
            made_up: BTreeMap::new(),
            channels: BTreeMap::new(),
        }
    }

    /// Plays all of it, and compares what is left.
    fn play(mut self) {
        self.play_to(usize::MAX);
        self.compare_channels();
        let id = *self.ids.last().unwrap();
        let last = &self.file["final"][id];
        let view = self.disk.view();
        check_triples(&*view, id, last);
        let state = State::read(&*view).unwrap().unwrap();
        let gwc = GlobalClock::from_value(&value(&last["journalState"]["gwc"])).unwrap();
        assert_eq!(state.gwc, gwc, "global clock of {id}");
    }

    /// Plays up to an event.
    fn play_to(&mut self, end: usize) {
        let events = self.file["events"].as_array().unwrap().clone();
        for (at, event) in events.iter().enumerate().take(end).skip(self.at) {
            self.at = at + 1;
            let Some(id) = event["clone"].as_str().filter(|id| self.ids.contains(id)) else {
                continue;
            };
            let name = event["event"].as_str().unwrap();
            match event["dir"].as_str().unwrap() {
                "connection" => self.connection(id, name, &events[at..]),
                "from-server" => {
                    // What is to come may change its time.
                    if name == "operation" || !event["decoded"]["next"]["prev"].is_null() {
                        self.write_before(id, &events[at..]);
                    }
                    self.tell(name, event);
                }
                "to-server" => self.compare(at, name, event),
                other => panic!("an unknown direction: {other}"),
            }
        }
    }

    fn connection(&mut self, id: &str, name: &str, rest: &[Json]) {
        match name {
            "connect" => {
                if self.clone.is_none() {
                    self.open(id);
                }
                self.input(Input::Connected);
            }
            "disconnect" if self.clone.is_some() => {
                self.input(Input::Disconnected);
                self.write_before(id, rest);
            }
            _ => {}
        }
    }

    fn open(&mut self, id: &str) {
        let mut config = Config::new(self.file["domain"].as_str().unwrap(), id);
        config.genesis = matches!(id, "cloneA" | "cloneG");
        let store = Box::new(self.disk.clone());
        let chance = Box::new(Seeded(1));
        let (clone, effects) =
            MeldClone::open(store, config, Plugins::default(), chance, self.now).unwrap();
        self.clone = Some(clone);
        self.take(effects);
    }

    fn clone(&mut self) -> &mut MeldClone {
        self.clone.as_mut().unwrap()
    }

    /// Tells the clone what the server told its model.
    fn tell(&mut self, name: &str, event: &Json) {
        if self.clone.is_none() {
            return;
        }
        let (head, payload) = (&event["args"][0], &event["args"][1]["$binary"]);
        let text = |key: &str| head[key].as_str().unwrap();
        let payload = payload.as_str().map(base64).unwrap_or_default();
        match name {
            "presence" => {
                let ids = head.as_array().unwrap().iter();
                let ids = ids.map(|id| id.as_str().unwrap().to_owned());
                self.input(Input::Presence(ids.collect()));
            }
            "operation" => {
                let message = base64(head["$binary"].as_str().unwrap());
                self.input(Input::Operation(&message));
            }
            "send" => {
                // It has been quiet for a while.
                self.pass_time();
                self.input(Input::Request {
                    from: text("fromId"),
                    message_id: text("messageId"),
                    payload: &payload,
                });
            }
            "reply" => {
                let replied_to = self.made_up[text("sentMessageId")].clone();
                self.input(Input::Reply {
                    from: text("fromId"),
                    message_id: text("messageId"),
                    sent_message_id: &replied_to,
                    payload: &payload,
                });
            }
            "notify" => self.input(Input::Notification {
                from: text("fromId"),
                channel: text("channelId"),
                payload: &payload,
            }),
            other => panic!("an unknown event: {other}"),
        }
    }

    fn pass_time(&mut self) {
        self.now += Duration::from_secs(2);
        self.input(Input::Time);
    }

    fn input(&mut self, input: Input<'_>) {
        let now = self.now;
        let effects = self.clone().handle(input, now).unwrap();
        self.take(effects);
        while self.clone().is_streaming() {
            let effects = self.clone().pump(now).unwrap();
            self.take(effects);
        }
    }

    fn take(&mut self, effects: Effects) {
        let said = self.clone().release(effects).unwrap();
        for effect in said {
            match effect {
                Effect::Discarded(error) => panic!("discarded: {error}"),
                Effect::Update(_) | Effect::Status(_) | Effect::Reloaded => {}
                Effect::Notify {
                    channel, payload, ..
                } => self.notified.push((channel, payload)),
                said => self.said.push(said),
            }
        }
    }

    /// Compares what the model said with what the clone has said.
    fn compare(&mut self, at: usize, name: &str, event: &Json) {
        match name {
            "present" => self.compare_presence(at, event["args"][0].as_bool().unwrap()),
            "operation" => {
                let message = base64(event["args"][0]["$binary"].as_str().unwrap());
                self.compare_operation(at, &message);
            }
            "send" | "reply" => self.compare_control(at, name, event),
            "notify" => {
                let (head, payload) = (&event["args"][0], &event["args"][1]["$binary"]);
                let channel = head["channelId"].as_str().unwrap();
                let [model, _] = self.channels.entry(channel.to_owned()).or_default();
                model.push(base64(payload.as_str().unwrap()));
            }
            other => panic!("an unknown event: {other}"),
        }
    }

    /// Takes the first thing that was said and is looked for.
    fn said<T>(&mut self, at: usize, look: impl Fn(&Effect) -> Option<T>) -> T {
        let found = self.said.iter().position(|effect| look(effect).is_some());
        let Some(found) = found else {
            panic!("event {at}: the clone has said {:#?}", self.said);
        };
        look(&self.said.remove(found)).unwrap()
    }

    fn compare_presence(&mut self, at: usize, present: bool) {
        let has_said =
            |effect: &Effect| matches!(effect, Effect::Present(said) if *said == present);
        if !present && !self.said.iter().any(has_said) {
            // The model was closed by its application.
            let now = self.now;
            let effects = self.clone().close(now);
            self.take(effects);
        }
        self.said(at, |effect| has_said(effect).then_some(()));
        if !present {
            self.said(at, |effect| {
                matches!(effect, Effect::Closed(_)).then_some(())
            });
            self.clone = None;
        }
    }

    /// Compares an operation, having written it if that has not been done.
    fn compare_operation(&mut self, at: usize, message: &[u8]) {
        let (prev, operation) = self.decode(message);
        if operation.ticks() > self.clone().status().ticks {
            self.write(&operation);
        }
        let said = self.said(at, |effect| match effect {
            Effect::Operation(message) => Some(message.clone()),
            _ => None,
        });
        let (said_prev, said) = self.decode(&said);
        assert_eq!(said_prev, prev, "event {at}");
        assert_same(&said, &operation);
    }

    fn write(&mut self, operation: &Operation) {
        let (change, agreed) = change_of(operation, &Json::Null);
        let now = self.now;
        let (_, effects) = self.clone().change(change, agreed, now).unwrap();
        self.take(effects);
    }

    /// Writes what the model wrote before it was told something, and was heard of later: that of which
    /// the time knows of nothing later.
    fn write_before(&mut self, id: &str, rest: &[Json]) {
        for event in rest {
            if event["clone"] != id || event["dir"] != "to-server" || event["event"] != "operation"
            {
                continue;
            }
            let message = base64(event["args"][0]["$binary"].as_str().unwrap());
            let (_, operation) = self.decode(&message);
            let view = self.disk.view();
            let Some(State { time, loading, .. }) = State::read(&*view).unwrap() else {
                return;
            };
            if loading || self.clone.is_none() || time.ticked().unwrap() != operation.time {
                return;
            }
            self.write(&operation);
        }
    }

    fn decode(&self, message: &[u8]) -> (u64, Operation) {
        let received = self.codec.receive(message, &Limits::default()).unwrap();
        (received.envelope.prev, received.operation.unwrap())
    }

    /// Compares a request or reply, and learns the ids in it.
    fn compare_control(&mut self, at: usize, name: &str, event: &Json) {
        let (head, payload) = (&event["args"][0], &event["args"][1]["$binary"]);
        let text = |key: &str| head[key].as_str().unwrap().to_owned();
        let payload = base64(payload.as_str().unwrap());
        let (receiver, replies_to) = (text("toId"), head["sentMessageId"].as_str());
        let (to, id, answered, said) = self.said(at, |effect| match (name, effect) {
            (
                "send",
                Effect::Request {
                    to,
                    message_id,
                    payload,
                },
            ) => Some((to.clone(), message_id.clone(), None, payload.clone())),
            (
                "reply",
                Effect::Reply {
                    to,
                    message_id,
                    sent_message_id,
                    payload,
                },
            ) if Some(sent_message_id.as_str()) == replies_to => Some((
                to.clone(),
                message_id.clone(),
                Some(sent_message_id.clone()),
                payload.clone(),
            )),
            _ => None,
        });
        assert_eq!(to, receiver, "event {at}");
        assert_eq!(answered.as_deref(), replies_to, "event {at}");
        self.made_up.insert(text("messageId"), id);
        match name {
            "send" => compare_requests(at, request(&said), &request(&payload)),
            _ => self.compare_response(at, &said, &payload),
        }
    }

    fn compare_response(&mut self, at: usize, said: &[u8], wanted: &[u8]) {
        assert_eq!(is_ack(said), is_ack(wanted), "event {at}");
        if is_ack(said) {
            return;
        }
        let (mut said, mut wanted) = (response(said), response(wanted));
        match (&mut said, &mut wanted) {
            (
                Response::Snapshot {
                    clock,
                    data_address,
                    updates_address,
                    ..
                },
                Response::Snapshot {
                    clock: wanted_clock,
                    data_address: wanted_data,
                    updates_address: wanted_updates,
                    ..
                },
            ) => {
                self.same_channel(data_address, wanted_data);
                self.same_channel(updates_address, wanted_updates);
                // A clock that nobody asked for has no ID, or is not there.
                for clock in [clock, wanted_clock] {
                    clock.take_if(|clock| !clock.has_id());
                }
            }
            (
                Response::Revup {
                    gwc: Some(_),
                    updates_address,
                },
                Response::Revup {
                    updates_address: wanted_updates,
                    ..
                },
            ) => self.same_channel(updates_address, wanted_updates),
            _ => {}
        }
        assert_eq!(said, wanted, "event {at}");
    }

    /// Two names are of the same channel.
    fn same_channel(&mut self, name: &mut String, model: &str) {
        self.made_up
            .insert(model.to_owned(), std::mem::replace(name, model.to_owned()));
    }

    /// Compares what was said on channels.
    fn compare_channels(&mut self) {
        let names: BTreeMap<_, _> = self
            .made_up
            .iter()
            .map(|(model, name)| (name, model))
            .collect();
        for (channel, payload) in std::mem::take(&mut self.notified) {
            let model = names[&channel].clone();
            let [_, said] = self.channels.entry(model).or_default();
            said.push(payload);
        }
        assert!(self.said.is_empty(), "more was said: {:#?}", self.said);
        for (name, [model, said]) in &self.channels {
            let (model, said) = (self.content(model), self.content(said));
            assert_eq!(said.ends, model.ends, "channel {name}");
            assert_eq!(said.triples, model.triples, "channel {name}");
            assert_eq!(said.operations.len(), model.operations.len(), "{name}");
            for (said, model) in said.operations.iter().zip(&model.operations) {
                assert_eq!(said.0, model.0, "channel {name}");
                assert_same(&said.1, &model.1);
            }
        }
    }

    /// What was said on a channel.
    fn content(&self, notifications: &[Vec<u8>]) -> Content {
        let limits = Limits::default();
        let mut content = Content::default();
        let mut past = Vec::new();
        for payload in notifications {
            let datum = match Notification::decode(payload, &limits).unwrap() {
                Notification::Complete => {
                    content.ends += 1;
                    continue;
                }
                Notification::Error { .. } => panic!("an error on a channel"),
                Notification::Next(datum) => datum,
            };
            match self.codec.decode_datum(datum, &limits) {
                Ok(Datum::Triples(triples)) => {
                    let tagged = triples.into_iter();
                    content
                        .triples
                        .extend(tagged.map(|tagged| (tagged.triple, as_set(&tagged.tids))));
                }
                Ok(Datum::Operation { operation, .. }) => past.push((0, operation)),
                Err(_) => content.operations.push(self.decode(datum)),
            }
        }
        // Of these the order says nothing.
        past.sort_by_key(|(_, operation)| operation.tid());
        content.operations.extend(past);
        content
    }
}

/// What was said on a channel.
#[derive(Debug, Default)]
struct Content {
    ends: usize,
    triples: BTreeMap<Triple, BTreeSet<String>>,
    /// Operations, each with the tick that comes before.
    operations: Vec<(u64, Operation)>,
}

/// The model keeps the second tick for an operation (section 5.4) in memory alone.
fn compare_requests(at: usize, mut said: Request, wanted: &Request) {
    if let (Request::Revup { time: said }, Request::Revup { time: wanted }) = (&mut said, wanted) {
        let internal = said.ticks() - wanted.ticks();
        assert!(internal <= 1, "event {at}: {internal} more ticks");
        *said = said.ticked_to(wanted.ticks()).unwrap();
    }
    assert_eq!(&said, wanted, "event {at}");
}

fn request(payload: &[u8]) -> Request {
    Request::decode(payload, &Limits::default()).unwrap().body
}

fn response(payload: &[u8]) -> Response {
    Response::decode(payload, &Limits::default()).unwrap().body
}

/// A store that outlives the clone on it.
#[derive(Clone, Default)]
struct Disk(Arc<Mutex<MemoryStore>>);

impl Store for Disk {
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

#[test]
fn a_clone_that_is_too_far_behind_asks_as_its_model_did_and_then_recovers_which_that_never_did() {
    let mut part = Part::new("wire-outdated", &["cloneB"]);
    let events = part.file["events"].as_array().unwrap().clone();
    let is_snapshot = |event: &Json| {
        let control = &event["decoded"]["control"]["@type"];
        event["clone"] == "cloneB"
            && event["dir"] == "from-server"
            && *control == "http://control.m-ld.org/response/snapshot"
    };
    // The second: by the first it joined.
    let mut snapshots = events
        .iter()
        .enumerate()
        .filter(|(_, event)| is_snapshot(event));
    let (at, answer) = snapshots.nth(1).unwrap();
    part.play_to(at + 1);
    // The model gives up, because the response has no clock (Q1).
    let answered = answer["args"][0]["messageId"].as_str().unwrap();
    let acknowledged = part.said.iter().any(|effect| {
        matches!(effect, Effect::Reply { sent_message_id, payload, .. }
            if sent_message_id == answered && is_ack(payload))
    });
    assert!(acknowledged, "{:?}", part.said);
}

#[test]
fn a_clone_serves_one_that_is_too_far_behind_as_its_model_did() {
    let mut part = Part::new("wire-outdated", &["cloneC"]);
    let events = part.file["events"].as_array().unwrap().clone();
    let returned = events.iter().position(|event| {
        event["note"]
            .as_str()
            .is_some_and(|note| note.contains("reconnects"))
    });
    // Up to when the one that cannot recover announces itself all the same, and is asked for what it has.
    let announced = events
        .iter()
        .enumerate()
        .skip(returned.unwrap())
        .find(|(_, event)| event["clone"] == "cloneB" && event["event"] == "present");
    part.play_to(announced.unwrap().0);
    // No acknowledgement came, so nothing is sent.
    assert!(part.said.is_empty(), "{:?}", part.said);
    part.compare_channels();
}

#[test]
fn a_new_clone_closes_where_nobody_is_as_its_model_did() {
    let mut part = Part::new("wire-errors", &["cloneX"]);
    part.play_to(3);
    let alone = |effect: &Effect| matches!(effect, Effect::Closed(Some(CloneError::Alone)));
    assert!(part.said.iter().any(alone), "{:?}", part.said);
    part.play_to(usize::MAX);
}

#[test]
fn a_clone_that_began_the_domain_too_closes_as_its_model_did() {
    let mut part = Part::new("wire-errors", &["cloneG"]);
    part.play_to(12);
    let conflict =
        |effect: &Effect| matches!(effect, Effect::Closed(Some(CloneError::GenesisConflict)));
    assert!(part.said.iter().any(conflict), "{:?}", part.said);
    part.play_to(usize::MAX);
}

#[test]
fn a_clone_answers_requests_that_are_none_and_those_that_nobody_acknowledges_as_its_model_did() {
    let mut part = Part::new("wire-errors", &["cloneA"]);
    part.play_to(usize::MAX);
    part.compare_channels();
    assert!(part.clone.is_none());
}

#[test]
fn a_clone_joins_where_one_of_two_is_silent_as_its_model_did() {
    let mut part = Part::new("wire-errors", &["cloneB"]);
    part.play_to(usize::MAX);
    part.compare_channels();
    let time = State::read(&*part.disk.view()).unwrap().unwrap().time;
    let wanted = TreeClock::from_value(&value(&serde_json::json!([[0, []], 0]))).unwrap();
    assert_eq!(time, wanted);
}
