//! A hosted clone and another one.

use m_ld_engine::clone::{Config, Effect, Effects, Input, MeldClone, Plugins};
use m_ld_engine::store::MemoryStore;

use super::*;
use crate::domains::relay::UnicastKind;

/// Another clone, which does what the test lets it.
pub(super) struct Peer {
    clone: MeldClone,
    /// Names that it heard of.
    heard: Vec<String>,
    notified: usize,
}

struct Dice(Chance);

impl m_ld_engine::chance::Chance for Dice {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }
}

impl Peer {
    /// Joins the domain from the hosted clone. What it asks is on its way then.
    pub(super) fn join(world: &World, hosted: &str) -> Self {
        let domain = domain("todo").to_mld(&config().gateway.domain);
        let (store, chance) = (
            Box::new(MemoryStore::new()),
            Box::new(Dice(Chance::seeded(9))),
        );
        let config = Config::new(domain, "peer");
        let opened = MeldClone::open(store, config, Plugins::default(), chance, Duration::ZERO);
        let mut peer = Self {
            clone: opened.unwrap().0,
            heard: Vec::new(),
            notified: 0,
        };
        world.air.others.store(1, Ordering::SeqCst);
        peer.input(world, Input::Connected);
        peer.input(world, Input::Presence(vec![hosted.to_owned()]));
        peer
    }

    fn input(&mut self, world: &World, input: Input<'_>) {
        let effects = self.clone.handle(input, world.clock.running()).unwrap();
        self.take(world, effects);
    }

    pub(super) fn write(&mut self, world: &World, name: &str) {
        let (_, effects) = self.clone.write(&subject(name), Duration::ZERO).unwrap();
        self.take(world, effects);
    }

    fn take(&mut self, world: &World, effects: Effects) {
        let send = |kind, payload: Vec<u8>| {
            let from = "peer".to_owned();
            let payload = Bytes::from(payload);
            let message = Unicast { kind, payload };
            world
                .air
                .deliver(Arriving::Unicast { from, message })
                .unwrap();
        };
        for effect in self.clone.release(effects).unwrap() {
            match effect {
                Effect::Present(true) => world.air.presence(&["peer"]),
                // Whoever is overrun hears nothing; it will ask.
                Effect::Operation(message) => {
                    let _heard = world.air.deliver(Arriving::Operation(message.into()));
                }
                Effect::Request {
                    message_id: message,
                    payload,
                    ..
                } => {
                    send(UnicastKind::Send { message }, payload);
                }
                Effect::Reply {
                    message_id: message,
                    sent_message_id: to,
                    payload,
                    ..
                } => {
                    send(UnicastKind::Reply { message, to }, payload);
                }
                Effect::Notify {
                    channel, payload, ..
                } => {
                    send(UnicastKind::Notify { channel }, payload);
                }
                Effect::Update(update) => {
                    let inserted = update.inserts.iter();
                    self.heard
                        .extend(inserted.map(|triple| format!("{triple:?}")));
                }
                Effect::Discarded(error) => panic!("{error}"),
                Effect::Closed(why) => panic!("{why:?}"),
                Effect::Present(false) | Effect::Reloaded | Effect::Status(_) => {}
            }
        }
        while self.clone.is_streaming() {
            let effects = self.clone.pump(world.clock.running()).unwrap();
            self.take(world, effects);
        }
    }

    /// Hears what the hosted clone said. Says whether it was meant for it.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "whatever else is said is for others"
    )]
    fn hears(&mut self, world: &World, hosted: &str, said: &Said) -> bool {
        match said {
            Said::Operation(message) => self.input(world, Input::Operation(message)),
            Said::Unicast(to, message) if to == "peer" => {
                let payload = &*message.payload;
                let from = hosted;
                match &message.kind {
                    UnicastKind::Send { message } => self.input(
                        world,
                        Input::Request {
                            from,
                            message_id: message,
                            payload,
                        },
                    ),
                    UnicastKind::Reply { message, to } => self.input(
                        world,
                        Input::Reply {
                            from,
                            message_id: message,
                            sent_message_id: to,
                            payload,
                        },
                    ),
                    UnicastKind::Notify { channel } => {
                        self.notified += 1;
                        self.input(
                            world,
                            Input::Notification {
                                from,
                                channel,
                                payload,
                            },
                        );
                    }
                }
            }
            _ => return false,
        }
        true
    }

    /// Answers the hosted clone until something else has happened.
    pub(super) async fn serves<T>(
        &mut self,
        world: &mut World,
        hosted: &str,
        awaited: impl Future<Output = T>,
    ) -> T {
        let mut awaited = std::pin::pin!(awaited);
        loop {
            let said = soon(async {
                tokio::select! {
                    done = &mut awaited => Err(done),
                    said = world.said.recv() => Ok(said.unwrap()),
                }
            });
            match said.await {
                Err(done) => return done,
                Ok(said) => drop(self.hears(world, hosted, &said)),
            }
        }
    }

    /// Writes something, and answers the hosted clone until that has it.
    pub(super) async fn is_heard(&mut self, world: &mut World, (host, id): (&Host, &str)) {
        let mut updates = host.follow().unwrap();
        self.write(world, "heard");
        self.serves(world, id, updates.recv()).await.unwrap();
    }

    fn is_up_to_date(&self) -> bool {
        let status = self.clone.status();
        self.clone.view().is_some() && status.online && !status.outdated
    }

    /// Goes on until it has everything.
    pub(super) async fn joins(&mut self, world: &mut World, hosted: &str) {
        while !self.is_up_to_date() {
            let said = world.hears().await;
            self.hears(world, hosted, &said);
        }
    }
}

/// A world in which the hosted clone has so many subjects, and its id.
pub(super) async fn filled(subjects: usize) -> (World, Host, String) {
    let mut world = World::running().await;
    let host = world.host().await;
    let Said::Connected(id) = world.hears().await else {
        panic!("it connects first")
    };
    let all: Vec<_> = (0..subjects).map(|n| subject(&format!("n{n}"))).collect();
    host.write(ann(), writing(Some(Value::Array(all))))
        .await
        .unwrap();
    (world, host, id)
}

#[tokio::test]
async fn a_clone_joins_from_the_hosted_one_and_what_it_writes_waits_to_be_polled() {
    let (mut world, host, id) = filled(10).await;
    let mut peer = Peer::join(&world, &id);
    peer.joins(&mut world, &id).await;
    let mut updates = host.follow().unwrap();
    peer.write(&world, "theirs");
    let followed = update(peer.serves(&mut world, &id, updates.recv()).await.unwrap());
    assert!(followed.text.contains("theirs"), "{followed:?}");
    assert_eq!(host.polled().await, counted(&[("theirs", 1)]));
    assert!(host.state().await.unwrap().tick >= followed.tick);
    host.released().await;
    host.adds("ours").await;
    while !peer.heard.iter().any(|triple| triple.contains("ours")) {
        let said = world.hears().await;
        peer.hears(&world, &id, &said);
    }
}

#[tokio::test]
async fn a_snapshot_waits_for_a_receiver_that_is_behind_and_keeps_nobody_from_writing() {
    let (mut world, host, id) = filled(5000).await;
    world.air.room.store(false, Ordering::SeqCst);
    let mut peer = Peer::join(&world, &id);
    // Up to the first notification, and those of the same step.
    let first = world
        .hears_until(|said| matches!(said, Said::Unicast(_, message) if matches!(message.kind, UnicastKind::Reply { .. })))
        .await;
    peer.hears(&world, &id, &first);
    for number in 0..20 {
        host.adds(&format!("meanwhile{number}")).await;
        while let Ok(said) = world.said.try_recv() {
            peer.hears(&world, &id, &said);
        }
    }
    let before = peer.notified;
    assert!(
        !peer.is_up_to_date(),
        "it got everything without room for it"
    );
    world.air.room.store(true, Ordering::SeqCst);
    peer.joins(&mut world, &id).await;
    assert!(peer.notified > 2 * before, "{before} of {}", peer.notified);
    let tick = host.state().await.unwrap().tick;
    while peer.clone.view().is_none_or(|view| {
        let graph = m_ld_engine::dataset::Graph::new(&*view).unwrap();
        let query = json!({"@describe": "?s", "@where": {"@id": "?s", "name": "meanwhile19"}});
        let context = peer.clone.context();
        let limits = m_ld_engine::pattern::Limits::default();
        let found = m_ld_engine::pattern::read(&graph, context, &query, &limits);
        found.unwrap().next().is_none()
    }) {
        let said = world.hears().await;
        peer.hears(&world, &id, &said);
    }
    assert!(tick > 20);
}

#[tokio::test]
async fn a_clone_whose_inbox_overflows_connects_again_and_asks_for_what_it_missed() {
    let (mut world, host, id) = filled(10).await;
    let mut peer = Peer::join(&world, &id);
    peer.joins(&mut world, &id).await;
    peer.write(&world, "before");
    // The clone has no chance to take any of these before there are too many.
    let noise = || Arriving::Presence(vec!["peer".to_owned()]);
    while world.air.deliver(noise()).is_ok() {}
    peer.write(&world, "missed");
    world.air.cut();
    while !matches!(world.hears().await, Said::Connected(again) if again == id) {}
    let mut updates = host.follow().unwrap();
    let mut asked = false;
    let missed = loop {
        tokio::select! {
            followed = updates.recv() => {
                let followed = update(followed.unwrap());
                if followed.text.contains("missed") {
                    break followed;
                }
            }
            said = world.said.recv() => {
                let said = said.unwrap();
                asked |= matches!(&said, Said::Unicast(_, m) if matches!(m.kind, UnicastKind::Send { .. }));
                peer.hears(&world, &id, &said);
            }
        }
    };
    assert!(asked, "by a rev-up");
    assert_eq!(
        host.polled().await,
        counted(&[("before", 1), ("missed", 1)])
    );
    assert!(host.state().await.unwrap().tick >= missed.tick);
}

#[tokio::test]
async fn strangers_who_say_that_they_are_present_do_not_end_the_hosted_clone() {
    let (mut world, host, _) = filled(1).await;
    world.air.presence(&["stranger"]);
    let tick = host.adds("fred").await.tick;
    world
        .air
        .deliver(Arriving::Operation(Bytes::from_static(b"nothing")))
        .unwrap();
    assert!(host.adds("wilma").await.tick > tick);
    // Nor does it matter that they are there first.
    world.air.cut();
    world
        .hears_until(|said| matches!(said, Said::Connected(_)))
        .await;
    assert!(host.adds("pebbles").await.tick > tick);
}
