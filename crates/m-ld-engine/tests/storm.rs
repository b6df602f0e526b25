//! Clones in a network that delays, reorders, repeats, loses and parts, and in processes that are
//! killed (conformance ladder, steps 16, 19 and 28, without the JavaScript).
//!
//! Everything is decided by a seed. To see one again: `STORM_SEED=… cargo test storm`, with
//! `STORM_TRACE=1` to be told what happens.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use m_ld_engine::change::{Change, Edit};
use m_ld_engine::clock::{Tid, TreeClock};
use m_ld_engine::clone::{CloneError, Config, Effect, Effects, Input, MeldClone, Plugins};
use m_ld_engine::dataset::Graph;
use m_ld_engine::datatype;
use m_ld_engine::journal::State;
use m_ld_engine::msgpack::Value;
use m_ld_engine::operation::Codec;
use m_ld_engine::rdf::{Iri, Literal, Triple, vocab};
use m_ld_engine::store::{Batch, MemoryStore, Store, StoreError, View};
use m_ld_engine::wire::Limits;

use crate::net::Seeded;

const DOMAIN: &str = "storm.example.org";
const TIMEOUT: Duration = Duration::from_millis(500);

#[test]
fn clones_agree_when_the_storm_is_over() {
    blow(false);
}

#[test]
fn clones_agree_when_the_storm_is_over_in_which_they_made_agreements() {
    blow(true);
}

/// Storms after which clones did not agree, before that was mended.
#[test]
fn clones_agree_after_storms_that_parted_them_once() {
    // Those who had what others lacked had let go of its operations, and others who lacked it too served rev-ups.
    Storm::new(2588, false).blow();
}

fn blow(agreements: bool) {
    let seeds = match std::env::var("STORM_SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => (0..seeds()).collect(),
    };
    for seed in seeds {
        let result = std::panic::catch_unwind(|| Storm::new(seed, agreements).blow());
        assert!(result.is_ok(), "to see it again: STORM_SEED={seed}");
    }
}

/// How many storms there are: as many as take some seconds, or as `STORMS` says.
fn seeds() -> u64 {
    let told = std::env::var("STORMS").ok();
    told.map_or(1000, |told| told.parse().unwrap())
}

/// What is kept on a disk: what was synced, and what was committed.
#[derive(Default)]
struct Disk {
    synced: Vec<Batch>,
    unsynced: Vec<Batch>,
}

/// A store that loses what was not synced when its process is killed.
struct Mortal {
    memory: MemoryStore,
    disk: Arc<Mutex<Disk>>,
}

impl Mortal {
    /// What is left after a crash: all that was synced, and of the rest a prefix.
    fn open(disk: &Arc<Mutex<Disk>>, chance: &mut Seeded) -> Self {
        let mut memory = MemoryStore::new();
        let mut kept = disk.lock().unwrap();
        let lucky = chance.below(kept.unsynced.len() + 1);
        let unsynced = std::mem::take(&mut kept.unsynced);
        kept.synced.extend(unsynced.into_iter().take(lucky));
        for batch in &kept.synced {
            memory.commit(batch.clone()).unwrap();
        }
        drop(kept);
        Self {
            memory,
            disk: Arc::clone(disk),
        }
    }
}

impl Store for Mortal {
    fn view(&self) -> Arc<dyn View> {
        self.memory.view()
    }

    fn commit(&mut self, batch: Batch) -> Result<(), StoreError> {
        self.disk.lock().unwrap().unsynced.push(batch.clone());
        self.memory.commit(batch)
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        let mut disk = self.disk.lock().unwrap();
        let unsynced = std::mem::take(&mut disk.unsynced);
        disk.synced.extend(unsynced);
        Ok(())
    }
}

/// Something on its way.
#[derive(Clone, Debug)]
enum Parcel {
    Operation(Vec<u8>),
    Request(String, Vec<u8>),
    Reply(String, String, Vec<u8>),
    Notify(String, Vec<u8>),
    Presence(Vec<String>),
}

/// The process of a clone, running or not.
struct Process {
    disk: Arc<Mutex<Disk>>,
    clone: Option<MeldClone>,
    /// Effects that have not been released.
    unreleased: Effects,
    connected: bool,
    present: bool,
    /// Counts connections: what was sent to an earlier one is lost.
    connection: u32,
    /// When what each other clone sends last arrives, so that it stays in order.
    last: BTreeMap<String, Duration>,
}

struct Storm {
    chance: Seeded,
    now: Duration,
    processes: BTreeMap<String, Process>,
    /// Presence in the order of arrival.
    present: Vec<String>,
    /// By time and a number: to whom, over which connection, from whom.
    under_way: BTreeMap<(Duration, u64), (String, u32, String, Parcel)>,
    count: u64,
    /// The transactions that were let out, with the process and tick of each.
    public: BTreeMap<Tid, (String, u64)>,
    /// What local writes told their application of, after it was safe.
    acknowledged: BTreeSet<Triple>,
    /// Triples that are inserted once and never deleted.
    lasting: u64,
    agreements: bool,
    codec: Codec,
    calm: bool,
    trace: bool,
}

impl Storm {
    fn new(seed: u64, agreements: bool) -> Self {
        Self {
            chance: Seeded(seed),
            now: Duration::ZERO,
            processes: BTreeMap::new(),
            present: Vec::new(),
            under_way: BTreeMap::new(),
            count: 0,
            public: BTreeMap::new(),
            acknowledged: BTreeSet::new(),
            lasting: 0,
            agreements,
            codec: Codec::new(&Iri::new(format!("http://{DOMAIN}/"))).unwrap(),
            calm: false,
            trace: std::env::var("STORM_TRACE").is_ok(),
        }
    }

    fn blow(mut self) {
        self.add("a", true);
        self.begin_text();
        let clones = 2 + self.chance.below(4);
        let steps = 60 + self.chance.below(200);
        let mut added = 1;
        for _ in 0..steps {
            match self.chance.below(100) {
                0..50 => self.advance(20),
                50..75 => {
                    let id = self.any();
                    self.write(&id);
                }
                75..80 => {
                    let id = self.any();
                    self.pump(&id);
                }
                80..86 if added < clones => {
                    self.add(["b", "c", "d", "e", "f"][added - 1], false);
                    added += 1;
                }
                86..90 => {
                    let id = self.any();
                    self.disconnect(&id);
                }
                90..94 => {
                    let id = self.any();
                    self.connect(&id);
                }
                94..97 => {
                    let id = self.any();
                    self.kill(&id);
                }
                _ => {
                    let id = self.any();
                    self.start(&id, false);
                }
            }
        }
        self.clear_up();
    }

    /// Writes the text that all will edit.
    fn begin_text(&mut self) {
        let mut change = Change::default();
        let state = datatype::create("storm", "a").unwrap();
        change.insert(text(), Some(state));
        let clone = self.processes.get_mut("a").unwrap().clone.as_mut();
        let (_, effects) = clone.unwrap().change(change, None, self.now).unwrap();
        self.take("a", effects);
        self.release("a");
    }

    /// An edit of the text, as a clone has it.
    fn splice(&mut self, id: &str, change: &mut Change) {
        let length = self.text(id).encode_utf16().count();
        let at = self.chance.below(length + 1);
        let deletes = self.chance.below(3);
        let letters = ["", "x", "yy", "zzz"][self.chance.below(4)];
        // Not before a clone has the text, nor once it is empty.
        if length > 0 {
            change.edits.push(Edit {
                triple: text(),
                expression: serde_json::json!({ "@splice": [at, deletes, letters] }),
            });
        }
    }

    fn text(&self, id: &str) -> String {
        let clone = self.processes[id].clone.as_ref();
        let view = clone.and_then(MeldClone::view).unwrap();
        let graph = Graph::new(&*view).unwrap();
        let state = graph.data(text().object.as_literal().unwrap()).unwrap();
        state.map_or_else(String::new, |state| datatype::text(&state).unwrap())
    }

    /// Starts all clones, connects them, and lets all happen that is left to happen.
    fn clear_up(&mut self) {
        self.calm = true;
        let all: Vec<_> = self.processes.keys().cloned().collect();
        for _ in 0..40 {
            for id in &all {
                self.start(id, false);
                self.connect(id);
            }
            for _ in 0..200 {
                self.advance(50);
                all.iter().for_each(|id| self.pump(id));
                if self.under_way.is_empty() && self.is_quiet() {
                    break;
                }
            }
            if self.agree() {
                break;
            }
            // What nobody has noticed to be missing shows with the next operation. It must not touch what may differ.
            let writer = self.any();
            self.write_lasting(&writer);
        }
        self.check();
    }

    fn is_quiet(&self) -> bool {
        self.processes.values().all(|process| {
            let clone = process.clone.as_ref();
            clone.is_some_and(|clone| {
                !clone.status().outdated && !clone.is_streaming() && !clone.is_closed()
            })
        })
    }

    fn agree(&self) -> bool {
        let mut all = self.processes.keys().map(|id| self.triples(id));
        let first = all.next();
        self.is_quiet()
            && all.all(|triples| Some(triples) == first)
            && self
                .processes
                .keys()
                .all(|id| self.text(id) == self.text("a"))
    }

    fn check(&self) {
        let first = self.triples("a");
        for id in self.processes.keys() {
            assert_eq!(self.text(id), self.text("a"), "the text of {id}");
        }
        for (id, process) in &self.processes {
            let status = process.clone.as_ref().unwrap().status();
            assert!(!status.outdated, "{id} is outdated: {status:?}");
            let triples = self.triples(id);
            let more: Vec<_> = triples
                .iter()
                .filter(|(triple, tids)| first.get(triple) != Some(tids))
                .collect();
            let less: Vec<_> = first
                .iter()
                .filter(|(triple, tids)| triples.get(triple) != Some(tids))
                .collect();
            assert!(
                more.is_empty() && less.is_empty(),
                "{id} has {more:?}, a has {less:?}"
            );
            let view = process.clone.as_ref().unwrap().view().unwrap();
            Graph::new(&*view).unwrap().check().unwrap();
        }
        if !self.agreements {
            for triple in &self.acknowledged {
                assert!(first.contains_key(triple), "lost: {triple:?}");
            }
        }
        for (id, process) in &self.processes {
            let view = process.clone.as_ref().unwrap().view().unwrap();
            let state = State::read(&*view).unwrap().unwrap();
            let theirs = self.processes.iter().filter(|(other, _)| *other != id);
            for (other, process) in theirs {
                let view = process.clone.as_ref().unwrap().view().unwrap();
                let other_state = State::read(&*view).unwrap().unwrap();
                // One may know of a fork that has not ticked, the other not.
                let behind = state.gwc.any_lt_global(&other_state.gwc);
                assert!(!behind, "{id} has heard less than {other}");
            }
        }
    }

    fn triples(&self, id: &str) -> BTreeMap<Triple, Vec<Tid>> {
        let clone = self.processes[id].clone.as_ref();
        let Some(view) = clone.and_then(MeldClone::view) else {
            return BTreeMap::new();
        };
        let graph = Graph::new(&*view).unwrap();
        let all = graph.all().map(Result::unwrap);
        all.map(|stored| (stored.triple, stored.tids)).collect()
    }

    fn any(&mut self) -> String {
        let at = self.chance.below(self.processes.len());
        self.processes.keys().nth(at).unwrap().clone()
    }

    fn add(&mut self, id: &str, genesis: bool) {
        self.processes.insert(
            id.to_owned(),
            Process {
                disk: Arc::default(),
                clone: None,
                unreleased: Effects::default(),
                connected: false,
                present: false,
                connection: 0,
                last: BTreeMap::new(),
            },
        );
        self.start(id, genesis);
        self.connect(id);
    }

    fn start(&mut self, id: &str, genesis: bool) {
        let process = self.processes.get_mut(id).unwrap();
        if process
            .clone
            .as_ref()
            .is_some_and(|clone| !clone.is_closed())
        {
            return;
        }
        // One that has closed and was not heard of yet goes first.
        process.unreleased = Effects::default();
        self.disconnect(id);
        let process = self.processes.get_mut(id).unwrap();
        let store = Mortal::open(&process.disk, &mut self.chance);
        let mut config = Config::new(DOMAIN, id);
        config.genesis = genesis || id == "a";
        config.network_timeout = TIMEOUT;
        config.journal.admin_debounce = Duration::from_millis(100);
        if self.chance.percent(50) {
            config.journal.keep = self.chance.below(12);
        }
        if self.chance.percent(20) {
            config.max_waiting = (4, 1 << 20);
        }
        let chance = Box::new(Seeded(self.chance.next()));
        let opened = MeldClone::open(
            Box::new(store),
            config,
            Plugins::default(),
            chance,
            self.now,
        );
        let (clone, effects) = opened.unwrap();
        self.say(id, "starts");
        self.processes.get_mut(id).unwrap().clone = Some(clone);
        self.take(id, effects);
    }

    fn kill(&mut self, id: &str) {
        self.say(id, "is killed");
        self.disconnect(id);
        let process = self.processes.get_mut(id).unwrap();
        process.clone = None;
        process.unreleased = Effects::default();
    }

    fn connect(&mut self, id: &str) {
        let process = self.processes.get_mut(id).unwrap();
        if process.connected || process.clone.is_none() {
            return;
        }
        self.say(id, "connects");
        let process = self.processes.get_mut(id).unwrap();
        process.connected = true;
        process.connection += 1;
        self.input(id, Input::Connected);
        let present = self.present.clone();
        self.send("", id, Parcel::Presence(present));
    }

    fn disconnect(&mut self, id: &str) {
        let process = self.processes.get_mut(id).unwrap();
        if !process.connected {
            return;
        }
        self.say(id, "disconnects");
        let process = self.processes.get_mut(id).unwrap();
        process.connected = false;
        self.input(id, Input::Disconnected);
        self.appear(id, false);
    }

    fn appear(&mut self, id: &str, present: bool) {
        let process = self.processes.get_mut(id).unwrap();
        if process.present == present {
            return;
        }
        process.present = present;
        self.present.retain(|other| other != id);
        if present {
            self.present.push(id.to_owned());
        }
        let connected: Vec<_> = self
            .processes
            .iter()
            .filter(|(_, process)| process.connected)
            .map(|(id, _)| id.clone())
            .collect();
        for to in connected {
            let present = self.present.clone();
            self.send("", &to, Parcel::Presence(present));
        }
    }

    fn write(&mut self, id: &str) {
        let object = Literal::integer(i64::try_from(self.chance.below(3)).unwrap());
        let subject = format!("http://{DOMAIN}/s{}", self.chance.below(3));
        let predicate = Iri::new(format!("http://{DOMAIN}/#p"));
        let triple = Triple::new(Iri::new(subject), predicate.clone(), object);
        let mut change = Change::default();
        let mut lasting = None;
        match self.chance.below(4) {
            0 => change.delete(triple),
            1 => change.insert(triple, None),
            2 => {
                let clone = self.processes[id].clone.as_ref();
                if clone.is_some_and(|clone| clone.view().is_some() && !clone.is_closed()) {
                    self.splice(id, &mut change);
                }
            }
            _ => {
                self.lasting += 1;
                let subject = Iri::new(format!("http://{DOMAIN}/lasting/{}", self.lasting));
                let triple = Triple::new(subject, predicate, Literal::string(id));
                change.insert(triple.clone(), None);
                lasting = Some(triple);
            }
        }
        // Agreements that do not know of one another are for the application to prevent.
        let is_agreement = self.agreements && id == "a" && self.chance.percent(20);
        let agreed = is_agreement.then_some(Value::Bool(true));
        let now = self.now;
        let Some(clone) = &mut self.processes.get_mut(id).unwrap().clone else {
            return;
        };
        if let Ok((_, effects)) = clone.change(change, agreed, now) {
            self.say(id, "writes");
            self.take(id, effects);
            if let Some(lasting) = lasting
                && self.release(id)
            {
                self.acknowledged.insert(lasting);
            }
        }
    }

    /// Writes something that nobody has written or deletes.
    fn write_lasting(&mut self, id: &str) {
        self.lasting += 1;
        let subject = Iri::new(format!("http://{DOMAIN}/lasting/{}", self.lasting));
        let predicate = Iri::new(format!("http://{DOMAIN}/#p"));
        let mut change = Change::default();
        change.insert(Triple::new(subject, predicate, Literal::string(id)), None);
        let now = self.now;
        let clone = self.processes.get_mut(id).unwrap().clone.as_mut();
        if let Some(Ok((_, effects))) = clone.map(|clone| clone.change(change, None, now)) {
            self.say(id, "writes on");
            self.take(id, effects);
            self.release(id);
        }
    }

    fn pump(&mut self, id: &str) {
        let now = self.now;
        if let Some(clone) = &mut self.processes.get_mut(id).unwrap().clone
            && clone.is_streaming()
            && !clone.is_closed()
        {
            let effects = clone.pump(now).unwrap();
            self.take(id, effects);
        }
    }

    fn input(&mut self, id: &str, input: Input<'_>) {
        let now = self.now;
        let Some(clone) = &mut self.processes.get_mut(id).unwrap().clone else {
            return;
        };
        if clone.is_closed() {
            return;
        }
        let effects = clone.handle(input, now).unwrap();
        self.take(id, effects);
    }

    /// Keeps effects for a while, or does them.
    fn take(&mut self, id: &str, effects: Effects) {
        let process = self.processes.get_mut(id).unwrap();
        process.unreleased.join(effects);
        if self.calm || self.chance.percent(70) {
            self.release(id);
        }
    }

    /// Does what a clone wants. Says if there was one.
    fn release(&mut self, id: &str) -> bool {
        let process = self.processes.get_mut(id).unwrap();
        let Some(clone) = &mut process.clone else {
            return false;
        };
        let effects = clone
            .release(std::mem::take(&mut process.unreleased))
            .unwrap();
        for effect in effects {
            self.act(id, effect);
        }
        true
    }

    fn act(&mut self, id: &str, effect: Effect) {
        match effect {
            Effect::Present(present) => self.appear(id, present),
            Effect::Operation(message) => self.publish(id, &message),
            Effect::Request {
                to,
                message_id,
                payload,
            } => self.send(id, &to, Parcel::Request(message_id, payload)),
            Effect::Reply {
                to,
                message_id,
                sent_message_id,
                payload,
            } => self.send(id, &to, Parcel::Reply(message_id, sent_message_id, payload)),
            Effect::Notify {
                to,
                channel,
                payload,
            } => self.send(id, &to, Parcel::Notify(channel, payload)),
            Effect::Closed(why) => {
                self.say(id, &format!("closes: {why:?}"));
                assert!(
                    matches!(why, Some(CloneError::Alone)),
                    "{id} closed: {why:?}"
                );
                self.disconnect(id);
            }
            Effect::Discarded(error) => panic!("{id} discarded something: {error}"),
            Effect::Status(status) => self.say(id, &format!("{status:?}")),
            Effect::Update(_) | Effect::Reloaded => {}
        }
    }

    /// Sends an operation to all who are connected. Sees that none is sent twice with another
    /// content, nor two for one tick of one process.
    fn publish(&mut self, id: &str, message: &[u8]) {
        let received = self.codec.receive(message, &Limits::default()).unwrap();
        let operation = received.operation.unwrap();
        if self.trace {
            self.say(
                id,
                &format!("sends {}", told(received.envelope.prev, &operation)),
            );
        }
        self.note_tick(&operation.time);
        let others: Vec<_> = self
            .processes
            .iter()
            .filter(|(other, process)| *other != id && process.connected)
            .map(|(other, _)| other.clone())
            .collect();
        if !self.processes[id].connected {
            return;
        }
        for other in others {
            self.send(id, &other, Parcel::Operation(message.to_vec()));
            if !self.calm && self.chance.percent(5) {
                self.send(id, &other, Parcel::Operation(message.to_vec()));
            }
        }
    }

    fn note_tick(&mut self, time: &TreeClock) {
        // A process is where its ID is in the tree, whatever the ticks of others are.
        let process = place(time);
        let tick = time.ticks();
        let before = self.public.insert(time.tid(), (process.clone(), tick));
        assert!(before.is_none_or(|before| before == (process.clone(), tick)));
        if !self.agreements {
            let mut same = self.public.iter();
            let twin =
                same.find(|(tid, at)| **tid != time.tid() && **at == (process.clone(), tick));
            assert!(twin.is_none(), "{time:?} has the tick of {twin:?}");
        }
    }

    fn send(&mut self, from: &str, to: &str, parcel: Parcel) {
        let delay = Duration::from_millis(1 + u64::try_from(self.chance.below(60)).unwrap());
        let Some(process) = self
            .processes
            .get_mut(to)
            .filter(|process| process.connected)
        else {
            return;
        };
        // Each sender's messages arrive in order: that is what a socket does.
        let last = process.last.entry(from.to_owned()).or_default();
        let at = (*last).max(self.now + delay);
        *last = at;
        self.count += 1;
        let connection = process.connection;
        let what = (to.to_owned(), connection, from.to_owned(), parcel);
        self.under_way.insert((at, self.count), what);
    }

    /// Lets time pass, and what is due happen.
    fn advance(&mut self, most: usize) {
        self.now += Duration::from_millis(1 + u64::try_from(self.chance.below(most)).unwrap());
        while let Some(entry) = self.under_way.first_entry()
            && entry.key().0 <= self.now
        {
            let (to, connection, from, parcel) = entry.remove();
            let process = &self.processes[&to];
            if process.connected && process.connection == connection {
                self.arrive(&from, &to, parcel);
            }
        }
        let all: Vec<_> = self.processes.keys().cloned().collect();
        for id in all {
            let clone = self.processes[&id].clone.as_ref();
            let wake = clone.filter(|clone| !clone.is_closed());
            if wake
                .and_then(MeldClone::next_wake)
                .is_some_and(|wake| wake <= self.now)
            {
                self.input(&id, Input::Time);
            }
        }
    }

    fn arrive(&mut self, from: &str, to: &str, parcel: Parcel) {
        match parcel {
            Parcel::Operation(message) => self.input(to, Input::Operation(&message)),
            Parcel::Presence(ids) => self.input(to, Input::Presence(ids)),
            Parcel::Request(message_id, payload) => self.input(
                to,
                Input::Request {
                    from,
                    message_id: &message_id,
                    payload: &payload,
                },
            ),
            Parcel::Reply(message_id, sent, payload) => self.input(
                to,
                Input::Reply {
                    from,
                    message_id: &message_id,
                    sent_message_id: &sent,
                    payload: &payload,
                },
            ),
            Parcel::Notify(channel, payload) => self.input(
                to,
                Input::Notification {
                    from,
                    channel: &channel,
                    payload: &payload,
                },
            ),
        }
    }

    fn say(&self, id: &str, what: &str) {
        if self.trace {
            println!("{:?} {id} {what}", self.now);
        }
    }
}

/// The text that all edit.
fn text() -> Triple {
    Triple::new(
        Iri::new(format!("http://{DOMAIN}/doc")),
        Iri::new(format!("http://{DOMAIN}/#text")),
        Literal::typed("c0text", vocab::TSEQ),
    )
}

/// Where in the tree the ID of a clock is: left or right at each fork.
fn place(time: &TreeClock) -> String {
    // A clock is printed in its JSON form.
    let json: serde_json::Value = serde_json::from_str(&format!("{time:?}")).unwrap();
    path(&json).unwrap()
}

fn path(clock: &serde_json::Value) -> Option<String> {
    let node = clock.as_array()?;
    let [.., left, right] = node.as_slice() else {
        return Some(String::new());
    };
    let left = path(left).map(|rest| format!("l{rest}"));
    left.or_else(|| path(right).map(|rest| format!("r{rest}")))
}

/// An operation, shortly.
fn told(prev: u64, operation: &m_ld_engine::operation::Operation) -> String {
    let tagged = |tagged: &[m_ld_engine::operation::Tagged]| {
        let tagged = tagged.iter().map(|tagged| {
            let subject = tagged.triple.subject.as_str();
            let name = subject.rsplit_once("org/").unwrap().1;
            let object = &tagged.triple.object.as_literal().unwrap().lexical;
            format!("{name}={object} {:?}", tagged.tids)
        });
        tagged.collect::<Vec<_>>().join(", ")
    };
    format!(
        "{}<{}..{:?} {} -{{{}}} +{{{}}} ~{:?}{}",
        prev,
        operation.from,
        operation.time,
        operation.tid(),
        tagged(&operation.deletes),
        tagged(&operation.inserts),
        operation
            .updates
            .iter()
            .map(|update| &update.operation)
            .collect::<Vec<_>>(),
        if operation.agreed.is_some() {
            " agreed"
        } else {
            ""
        },
    )
}
