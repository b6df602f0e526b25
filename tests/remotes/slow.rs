//! Whoever cannot keep up loses its transport, never an operation: what it has heard is whole up to there.

use testkit::{Auth, Https, Poller, Socket, Writer, handshake, soon};

use super::world::{World, assert_prefix, hears, live};

/// Small queues; a stall alone would be put up with for longer than any of these tests takes.
const NARROW: &str = r#"
[sockets]
max-payload = "64 KiB"
queue-packets = 200
queue-bytes = "256 KiB"
presence-delay = "5ms"
[http]
stall-timeout = "1h"
[log]
level = "debug"
"#;
/// What the system may hold for a peer that does not read, and more.
const ENOUGH: u64 = 20_000;
const RECEIVE_BUFFER: u32 = 4096;

/// A clone that is present and whose connection holds little.
async fn narrow(world: &World, id: &str) -> Socket {
    let gateway = &world.gateway;
    let https = Https::connect_narrow(gateway.port(), &gateway.tls, RECEIVE_BUFFER).await;
    let query = handshake("websocket", id, &World::domain(0));
    let mut socket = Socket::open_on(https, &query).await;
    id.clone_into(&mut socket.id);
    socket.connect(&Auth::None).await;
    socket
}

/// A gateway with two clones that are present, of whom one reads and the other does not.
async fn a_witness_and_a_sleeper(config: &str) -> (World, Socket, Socket) {
    let world = World::with(config).await;
    let mut witness = world.socket("witness").await;
    witness.present(true).await;
    let mut sleeper = narrow(&world, "sleeper").await;
    sleeper.joined().await.unwrap();
    sleeper.present(true).await;
    witness.presence_becomes(&["witness", "sleeper"]).await;
    (world, witness, sleeper)
}

/// Sends operations of a size, which the witness hears, until only the witness is present. Gives their number.
async fn send_until_alone(
    world: &World,
    sender: &mut Socket,
    witness: &mut Socket,
    size: usize,
) -> u64 {
    let mut writer = Writer::default();
    for number in 1..=ENOUGH {
        sender.operation(&writer.next(size)).await;
        hears(witness, number, number).await;
        if number % 20 == 0 && world.present().await == ["witness"] {
            return number;
        }
    }
    panic!("nobody was cut after {ENOUGH} operations");
}

/// Sends large operations.
async fn send(sender: &mut Socket, operations: u64) {
    let mut writer = Writer::default();
    for _ in 0..operations {
        sender.operation(&writer.next(60_000)).await;
        // It waits for an answer now and then, so that it hears heartbeats while it sends.
        sender.send_text(r#"421["present",false]"#).await;
        sender.next_ack().await;
    }
}

/// Plays the case of a clone that joined by `narrow` and reads from the beginning, or not even that.
async fn cut_off(size: usize, from_the_beginning: bool) {
    let world = World::with(NARROW).await;
    let mut witness = world.socket("witness").await;
    witness.present(true).await;
    let mut sleeper = narrow(&world, "sleeper").await;
    if from_the_beginning {
        world.gateway.logged("clone=sleeper").await;
    } else {
        sleeper.joined().await.unwrap();
    }
    sleeper.present(true).await;
    witness.presence_becomes(&["witness", "sleeper"]).await;
    let mut sender = world.socket("sender").await;
    let sent = send_until_alone(&world, &mut sender, &mut witness, size).await;

    if from_the_beginning {
        sleeper.is_cut().await;
    }
    let (heard, disconnected) = sleeper.until_closed().await;
    assert_prefix(&heard);
    assert!((heard.len() as u64) < sent && !disconnected);
    // It comes back, as its library does by itself.
    let mut again = world.socket("sleeper").await;
    let last = sender_goes_on(&mut sender, &mut again, sent).await;
    hears(&mut witness, sent + 1, last).await;
}

async fn sender_goes_on(sender: &mut Socket, again: &mut Socket, sent: u64) -> u64 {
    sender.operation(&Writer::after(sent).next(100)).await;
    hears(again, sent + 1, sent + 1).await;
    sent + 1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_is_full_of_small_packets_ends_the_transport() {
    cut_off(900, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_is_full_of_bytes_ends_the_transport() {
    cut_off(50_000, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_never_reads_is_cut_off_all_the_same() {
    cut_off(20_000, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_is_full_of_presence_ends_the_transport() {
    // So many packets that their bytes alone can fill it.
    let config = NARROW.replace("queue-packets = 200", "queue-packets = 100000");
    let world = World::with(&config).await;
    let mut restless = world.socket("restless").await;
    let mut sleeper = narrow(&world, "sleeper").await;
    sleeper.joined().await.unwrap();
    sleeper.present(true).await;
    restless.presence_becomes(&["sleeper"]).await;
    let mut crowd = Vec::new();
    for number in 0..60 {
        let mut member = world.socket(&format!("{number:x>250}")).await;
        member.present(true).await;
        crowd.push(live(member));
    }
    soon("the end of the sleeper's presence", async {
        for turn in 0_u64.. {
            restless.present(turn % 2 == 0).await;
            let present = restless.next_presence().await;
            if present.iter().all(|id| id != "sleeper") {
                break;
            }
        }
    })
    .await;
    assert!(!sleeper.ended().await, "it is to come back");
    let reading = crowd.iter().filter(|member| !member.is_finished());
    assert_eq!(reading.count(), crowd.len(), "whoever reads stays");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_takes_no_bytes_for_too_long_is_cut_off_though_its_queue_has_room() {
    let config = "[sockets]\npresence-delay = \"5ms\"\n[http]\nstall-timeout = \"300ms\"\n";
    let (world, mut witness, mut sleeper) = a_witness_and_a_sleeper(config).await;
    let mut sender = world.socket("sender").await;
    // More than the system holds, and less than the queue does.
    tokio::join!(send(&mut sender, 100), hears(&mut witness, 1, 100));
    world.presence_becomes(&["witness"]).await;
    let (heard, disconnected) = sleeper.until_closed().await;
    assert_prefix(&heard);
    assert!(heard.len() < 100 && !disconnected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_peer_that_its_heartbeat_gave_up_does_not_stay_present() {
    // It takes bytes so rarely that the writer never ends, and often enough not to count as stalled.
    let config = r#"
[sockets]
presence-delay = "5ms"
ping-interval = "1s"
ping-timeout = "1s"
[http]
stall-timeout = "1h"
"#;
    let (world, mut witness, mut sleeper) = a_witness_and_a_sleeper(config).await;
    let mut sender = world.socket("sender").await;
    tokio::join!(send(&mut sender, 100), hears(&mut witness, 1, 100));
    let sender = live(sender);
    witness.presence_becomes(&["witness"]).await;
    assert!(!sender.is_finished(), "who answers heartbeats stays");
    let (heard, disconnected) = sleeper.until_closed().await;
    assert_prefix(&heard);
    assert!(heard.len() < 100 && !disconnected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_stops_polling_ends_when_its_queue_is_full() {
    let world = World::with(NARROW).await;
    let mut witness = world.socket("witness").await;
    witness.present(true).await;
    let mut sleeper = world.poller("sleeper").await;
    assert_eq!(sleeper.post(br#"42["present",true]"#).await, 200);
    witness.presence_becomes(&["witness", "sleeper"]).await;
    let mut sender = world.socket("sender").await;
    sender.operation(&Writer::default().next(100)).await;
    hears(&mut witness, 1, 1).await;
    assert_eq!(Writer::number(&sleeper.next_operation().await), 1);

    let mut writer = Writer::after(1);
    for number in 2..=300 {
        sender.operation(&writer.next(100)).await;
        hears(&mut witness, number, number).await;
    }
    world.presence_becomes(&["witness"]).await;
    assert_eq!(
        sleeper.until_closed().await,
        [0; 0],
        "nothing comes after what it missed"
    );
    assert_eq!(sleeper.post(br#"42["present",true]"#).await, 400);
    soon(
        "its return",
        Poller::join(&world.gateway, "sleeper", &World::domain(0), &Auth::None),
    )
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_slow_readers_do_not_slow_the_others() {
    let world = World::with(NARROW).await;
    let mut witness = world.socket("witness").await;
    witness.present(true).await;
    let mut sleepers = Vec::new();
    for number in 0..8 {
        let mut sleeper = narrow(&world, &format!("sleeper-{number}")).await;
        sleeper.joined().await.unwrap();
        sleepers.push(sleeper);
    }
    let mut sender = world.socket("sender").await;
    let mut writer = Writer::default();
    for number in 1..=300 {
        sender.operation(&writer.next(10_000)).await;
        hears(&mut witness, number, number).await;
    }
    for mut sleeper in sleepers {
        assert_prefix(&sleeper.until_closed().await.0);
    }
}
