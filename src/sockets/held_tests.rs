//! Sockets by long polling, in this process, and a keeper of their domain that is the test.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize};

use axum::body::{Body, to_bytes};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{Request, StatusCode};
use serde_json::json;

use super::super::judging::tests::operation;
use super::super::service::{Dependencies, Sockets};
use super::*;
use crate::accounts::fixture::{World, name};
use crate::accounts::{Credential, Principal, UseDomains};
use crate::domains::{Arriving, Candidate, Domains, Inbox, InboxFull, Line, Relay, Unicast};
use crate::ids::{CloneId, DomainId};
use crate::limits::Limits;
use crate::notify::Webhooks;

/// A relay of clones that nobody else is connected to: for the hosted one that a handshake waits for.
#[derive(Debug)]
struct Alone;

impl Relay for Alone {
    fn connect(&self, _: &DomainId, _: &CloneId, inbox: Arc<dyn Inbox>) -> Option<Box<dyn Line>> {
        inbox.deliver(Arriving::Presence(Vec::new())).ok()?;
        Some(Box::new(Silent { _inbox: inbox }))
    }
}

#[derive(Debug)]
struct Silent {
    _inbox: Arc<dyn Inbox>,
}

impl Line for Silent {
    fn present(&self, _: bool) {}

    fn operation(&self, _: Bytes) {}

    fn unicast(&self, _: &str, _: Unicast) {}

    fn has_room(&self, _: &str) -> bool {
        true
    }

    fn others(&self) -> usize {
        0
    }
}

/// The inbox of the gateway's own clone, which takes so many operations to decide about.
#[derive(Debug)]
struct Keeper {
    waiting: Mutex<Vec<Candidate>>,
    room: AtomicUsize,
    away: AtomicBool,
}

impl Keeper {
    fn with_room_for(room: usize) -> Arc<Self> {
        Arc::new(Self {
            waiting: Mutex::default(),
            room: AtomicUsize::new(room),
            away: AtomicBool::new(false),
        })
    }

    /// Lets everything pass that waits, as the hosted clone does; says how many.
    fn lets_pass(&self) -> usize {
        let waiting = std::mem::take(&mut *self.waiting.lock().unwrap());
        let mut passed = 0;
        for Candidate { message, sender } in waiting {
            if !sender.is_over() {
                sender.pass(&message);
                passed += 1;
            }
        }
        passed
    }
}

impl Inbox for Keeper {
    fn deliver(&self, arriving: Arriving) -> Result<(), InboxFull> {
        if let Arriving::Candidate(candidate) = arriving {
            let mut waiting = self.waiting.lock().unwrap();
            if waiting.len() >= self.room.load(Ordering::SeqCst) {
                return Err(InboxFull);
            }
            waiting.push(candidate);
        }
        Ok(())
    }

    fn cut(&self) {}

    fn is_away(&self) -> bool {
        self.away.load(Ordering::SeqCst)
    }
}

/// A gateway with the account `acme` and its subdomain `todo`.
struct Gate {
    sockets: Sockets,
    key: String,
    _world: World,
}

impl Gate {
    async fn new(signed: bool) -> Self {
        let world = World::new().await;
        let key = world.key("acme").await.expose();
        let webhooks = Webhooks::new(&world.config.webhooks, &world.clock).unwrap();
        let domains = Domains::open(
            world.store.clone(),
            &world.config,
            (&world.accounts, "https://gw.example.org"),
            &webhooks,
            (&world.clock, &world.chance),
        );
        let domains = domains.unwrap();
        domains.join(Arc::new(Alone));
        let root = Principal::Root;
        let permit = world
            .accounts
            .permit::<UseDomains>(&root, &name("acme"))
            .unwrap();
        let body = json!({"useSignatures": signed});
        let request = crate::domains::Request::parse_put(Some(&body)).unwrap();
        let (todo, caller) = (name("todo"), (&root, &Credential::None));
        domains.put(&permit, &todo, &request, caller).await.unwrap();
        let rooms = Dependencies {
            accounts: world.accounts.clone(),
            domains,
            limits: Arc::new(Limits::new(&world.config.limits, &world.clock)),
            clock: world.clock.clone(),
        };
        Self {
            sockets: Sockets::new(&world.config, rooms),
            key,
            _world: world,
        }
    }

    /// Puts the gateway's own clone in its room.
    fn keeps(&self, keeper: &Arc<Keeper>) -> Box<dyn Line> {
        let domain = DomainId::Subdomain {
            account: name("acme"),
            name: name("todo"),
        };
        let inbox: Arc<dyn Inbox> = Arc::<Keeper>::clone(keeper);
        let id = CloneId::parse("keeper").unwrap();
        self.sockets.connect(&domain, &id, inbox).unwrap()
    }

    async fn ask(&self, method: &str, query: &str, body: String) -> (StatusCode, String) {
        let uri = format!("/socket.io/?EIO=4&transport=polling&{query}");
        let request = Request::builder().method(method).uri(uri);
        let request = request
            .header("content-type", "text/plain;charset=UTF-8")
            .header("content-length", body.len());
        let response = self.sockets.answer(request.body(Body::from(body)).unwrap());
        let (parts, body) = response.await.into_parts();
        let body = to_bytes(body, 1 << 20).await.unwrap();
        (parts.status, String::from_utf8(body.into()).unwrap())
    }

    async fn joins(&self, id: &str) -> Client<'_> {
        let query = format!("%40id={id}&%40domain=todo.acme.gw.example.org");
        let (_, opened) = self.ask("GET", &query, String::new()).await;
        let opened: serde_json::Value = serde_json::from_str(&opened[1..]).unwrap();
        let mut client = Client {
            gate: self,
            query: format!("sid={}", opened["sid"].as_str().unwrap()),
            heard: Vec::new(),
        };
        let auth = json!({"user": "acme", "key": self.key});
        assert!(client.post(format!("40{auth}")).await);
        while !client.heard.iter().any(|packet| packet.starts_with("40")) {
            assert!(client.polls().await, "{id} is not let in");
        }
        client.heard.clear();
        client
    }
}

/// A client that polls.
struct Client<'g> {
    gate: &'g Gate,
    query: String,
    heard: Vec<String>,
}

impl Client<'_> {
    /// Says whether the gateway took it.
    async fn post(&self, payload: String) -> bool {
        let (status, _) = self.gate.ask("POST", &self.query, payload).await;
        status == StatusCode::OK
    }

    /// Hears what there is. False: the session is over.
    async fn polls(&mut self) -> bool {
        let polled = self.gate.ask("GET", &self.query, String::new());
        let (status, packets) = polled.await;
        self.heard.extend(packets.split('\x1e').map(str::to_owned));
        status == StatusCode::OK && packets != "1"
    }

    /// Sends operations, in one payload: those of so many bytes. The first acknowledgement asked for is 7, if any is.
    async fn sends(&self, sizes: &[usize], ack: &str) -> bool {
        let packets = sizes.iter().map(|size| {
            let bytes = BASE64.encode(operation(*size));
            let event = r#"["operation",{"_placeholder":true,"num":0}]"#;
            format!("451-{ack}{event}\x1eb{bytes}")
        });
        let payload: Vec<_> = packets.collect();
        self.post(payload.join("\x1e")).await
    }

    /// Waits for so many operations, and gives the lengths of their messages.
    async fn operations(&mut self, count: usize) -> Vec<usize> {
        loop {
            let heard = self.heard.iter();
            let bytes = heard.filter_map(|packet| packet.strip_prefix('b'));
            let found: Vec<_> = bytes.map(|b| BASE64.decode(b).unwrap().len()).collect();
            if found.len() >= count {
                return found;
            }
            assert!(self.polls().await, "{:?}", self.heard);
        }
    }

    /// Hears on until the session is over.
    async fn ends(&mut self) {
        while self.polls().await {}
    }
}

/// Bytes of the update of the n-th operation, so that they can be told apart.
const fn nth(n: usize) -> usize {
    1000 * n
}

fn lengths(of: &[usize]) -> Vec<usize> {
    of.iter().map(|n| operation(nth(*n)).len()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_sends_more_than_can_be_held_is_cut_off_and_sends_it_again() {
    let gate = Gate::new(true).await;
    let keeper = Keeper::with_room_for(2);
    let _line = gate.keeps(&keeper);
    let mut listener = gate.joins("listener").await;
    let mut sender = gate.joins("sender").await;
    let (one, two, three) = (nth(1), nth(2), nth(3));
    sender.sends(&[one, two, three], "").await;
    sender.ends().await;
    assert_eq!(keeper.waiting.lock().unwrap().len(), 2);
    assert_eq!(
        keeper.lets_pass(),
        0,
        "the third would be missing after them"
    );

    keeper.room.store(usize::MAX, Ordering::SeqCst);
    let back = gate.joins("sender").await;
    assert!(back.sends(&[one, two], "").await);
    assert_eq!(keeper.lets_pass(), 2);
    assert!(back.sends(&[three], "").await);
    assert_eq!(keeper.lets_pass(), 1);
    assert_eq!(listener.operations(3).await, lengths(&[1, 2, 3]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_dropped_undecided_cuts_its_sender_off_and_nobody_else() {
    let gate = Gate::new(true).await;
    let keeper = Keeper::with_room_for(usize::MAX);
    let _line = gate.keeps(&keeper);
    let mut listener = gate.joins("listener").await;
    let mut sender = gate.joins("sender").await;
    let other = gate.joins("other").await;
    assert!(sender.sends(&[nth(1), nth(2)], "").await);
    // As a clone that closes with a full inbox.
    drop(std::mem::take(&mut *keeper.waiting.lock().unwrap()));
    sender.ends().await;
    assert!(other.sends(&[nth(3)], "").await);
    assert_eq!(keeper.lets_pass(), 1);
    assert_eq!(listener.operations(1).await, lengths(&[3]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_refused_operation_none_of_its_sender_passes() {
    let gate = Gate::new(true).await;
    let keeper = Keeper::with_room_for(usize::MAX);
    let _line = gate.keeps(&keeper);
    let mut listener = gate.joins("listener").await;
    let mut sender = gate.joins("sender").await;
    let other = gate.joins("other").await;
    assert!(sender.sends(&[nth(1), nth(2)], "").await);
    let first = keeper.waiting.lock().unwrap().remove(0);
    first.sender.refuse("nobody may speak like this");
    assert_eq!(keeper.lets_pass(), 0);
    sender.ends().await;
    assert!(other.sends(&[nth(3)], "").await);
    assert_eq!(keeper.lets_pass(), 1);
    assert_eq!(listener.operations(1).await, lengths(&[3]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operation_is_confirmed_only_while_the_gateways_clone_keeps_it() {
    let gate = Gate::new(false).await;
    let keeper = Keeper::with_room_for(0);
    let line = gate.keeps(&keeper);
    let mut listener = gate.joins("listener").await;
    let mut sender = gate.joins("sender").await;
    let acknowledged = |packet: &String| packet.starts_with("437[");
    for (away, answer) in [(false, "437[null]"), (true, "437[\"Not kept\"]")] {
        keeper.away.store(away, Ordering::SeqCst);
        assert!(sender.sends(&[nth(1)], "7").await);
        while !sender.heard.iter().any(acknowledged) {
            assert!(sender.polls().await);
        }
        let told = sender.heard.iter().find(|packet| acknowledged(packet));
        assert_eq!(told.map(String::as_str), Some(answer));
        sender.heard.clear();
    }
    // Who asks for nothing is told nothing, and stays.
    assert!(sender.sends(&[nth(2)], "").await);
    assert_eq!(listener.operations(3).await, lengths(&[1, 1, 2]));

    drop(line);
    sender.sends(&[nth(3)], "").await;
    sender.ends().await;
    keeper.away.store(false, Ordering::SeqCst);
    let _line = gate.keeps(&keeper);
    let back = gate.joins("sender").await;
    assert!(back.sends(&[nth(4)], "").await);
    assert_eq!(listener.operations(4).await, lengths(&[1, 1, 2, 4]));
}
