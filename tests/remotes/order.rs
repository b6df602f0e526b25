//! All operations of a sender arrive, in its order, once: whatever carries them, to and fro.

use std::collections::BTreeMap;

use testkit::{Event, Poller, Socket, Writer};

use super::world::World;

const OPERATIONS: u64 = 5000;
/// Numbers of one sender's operations begin here, so that a receiver can tell senders apart.
const APART: u64 = 1_000_000;
/// One in so many is large: what is large takes longer on its way, and must not be overtaken.
const LARGE_EVERY: u64 = 200;
/// Operations in one payload of a sender that polls.
const TOGETHER: usize = 25;
/// Nobody is too slow here: what is too slow has tests of its own.
const PATIENT: &str = "[sockets]\nqueue-packets = 100000\nqueue-bytes = \"1 GiB\"\n";

/// What a receiver has heard, by sender.
#[derive(Debug, Default)]
struct Heard(BTreeMap<u64, Vec<u64>>);

impl Heard {
    fn note(&mut self, event: Event) -> u64 {
        match event {
            Event::Event(arguments, Some(bytes)) if arguments[0] == "operation" => {
                let number = Writer::number(&bytes);
                self.0
                    .entry(number / APART)
                    .or_default()
                    .push(number % APART);
                1
            }
            Event::Closed => panic!("closed after {:?}", self.0.values().map(Vec::len)),
            _ => 0,
        }
    }

    #[track_caller]
    fn assert_whole(&self, senders: u64) {
        assert_eq!(self.0.len() as u64, senders);
        for (sender, numbers) in &self.0 {
            let whole: Vec<_> = (1..=OPERATIONS).collect();
            assert_eq!(*numbers, whole, "of sender {sender}");
        }
    }
}

async fn listen(socket: &mut Socket, heard: &mut Heard, mut missing: u64) {
    while missing > 0 {
        missing -= heard.note(socket.next().await);
    }
}

async fn poll(poller: &mut Poller, heard: &mut Heard, mut missing: u64) {
    while missing > 0 {
        missing -= heard.note(poller.next().await);
    }
}

/// Listens by polling at first, then, in the middle of it all, by WebSocket.
async fn poll_then_listen(world: &World, mut poller: Poller, heard: &mut Heard, all: u64) {
    let mut missing = all;
    let mut upgrade_at = all * 3 / 4;
    loop {
        missing -= heard.note(poller.next().await);
        if missing > upgrade_at {
            continue;
        }
        // It may not while the gateway has more for it than one answer can hold: it goes on polling.
        match poller.upgrade(&world.gateway).await {
            Ok(mut socket) => return listen(&mut socket, heard, missing).await,
            Err(same) => (poller, upgrade_at) = (same, missing.saturating_sub(100)),
        }
    }
}

/// A sender's next operation, by how many it has sent.
fn next(writer: &mut Writer, sent: u64) -> Vec<u8> {
    let large = sent % LARGE_EVERY == LARGE_EVERY / 2;
    writer.next(if large { 40_000 } else { 100 })
}

async fn send(mut socket: Socket, mut writer: Writer, operations: u64) {
    for sent in 0..operations {
        socket.operation(&next(&mut writer, sent)).await;
    }
    // Its transport stays until all is sent: leaving would be a way to lose what is on its way.
    socket.present(true).await;
    while !matches!(socket.next().await, Event::Event(arguments, None) if said(&arguments, &socket.id))
    {
    }
}

fn said(presence: &serde_json::Value, id: &str) -> bool {
    let ids = presence[1].as_array().unwrap();
    presence[0] == "presence" && ids.iter().any(|present| present == id)
}

async fn send_by_polling(poller: &mut Poller, writer: &mut Writer, operations: u64) {
    let numbers: Vec<_> = (0..operations).collect();
    for sent in numbers.chunks(TOGETHER) {
        let batch: Vec<_> = sent.iter().map(|sent| next(writer, *sent)).collect();
        assert_eq!(poller.operations(&batch).await, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_operations_of_each_sender_arrive_once_and_in_order_on_every_transport() {
    let world = World::with(PATIENT).await;
    let all = 3 * OPERATIONS;
    let (mut heard, mut wide, mut late) = (Heard::default(), Heard::default(), Heard::default());
    let mut listener = world.socket("listener").await;
    let mut poller = world.poller("poller").await;
    let changer = world.poller("changer").await;
    let by_socket = world.socket("sender-0").await;
    let mut by_polling = world.poller("sender-1").await;
    let mut by_both = world.poller("sender-2").await;
    tokio::join!(
        listen(&mut listener, &mut heard, all),
        poll(&mut poller, &mut wide, all),
        poll_then_listen(&world, changer, &mut late, all),
        send(by_socket, Writer::default(), OPERATIONS),
        async {
            send_by_polling(&mut by_polling, &mut Writer::after(APART), OPERATIONS).await;
        },
        async {
            let mut writer = Writer::after(2 * APART);
            send_by_polling(&mut by_both, &mut writer, OPERATIONS / 2).await;
            let socket = upgraded(&world, by_both).await;
            send(socket, writer, OPERATIONS / 2).await;
        },
    );
    for heard in [heard, wide, late] {
        heard.assert_whole(3);
    }
}

/// Upgrades a clone that has to read first what waits for it.
async fn upgraded(world: &World, mut poller: Poller) -> Socket {
    loop {
        match poller.upgrade(&world.gateway).await {
            Ok(mut socket) => {
                "sender-2".clone_into(&mut socket.id);
                return socket;
            }
            Err(same) => poller = same,
        }
        assert_ne!(poller.next().await, Event::Closed);
    }
}
