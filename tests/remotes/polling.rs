//! Long polling beyond the ordinary: answers that get lost, requests at the wrong time, upgrades.

use testkit::{Event, Poller, Socket, Writer, handshake};

use super::world::{World, assert_prefix, hears, session_ends};

const SMALL: &str = "[sockets]\nmax-payload = \"1 KiB\"\npresence-delay = \"5ms\"\n";

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

/// A clone that polls, is present, and has been told so; with somebody who sees it.
async fn present_poller(world: &World) -> (Socket, Poller) {
    let mut watcher = world.socket("watcher").await;
    let mut poller = world.poller("poller").await;
    assert_eq!(poller.post(br#"42["present",true]"#).await, 200);
    watcher.presence_becomes(&["poller"]).await;
    polls_until_quiet(&mut poller, "poller").await;
    (watcher, poller)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_dies_while_it_polls_is_no_longer_present() {
    let world = World::with("[sockets]\npresence-delay = \"5ms\"\n").await;
    let (mut watcher, mut poller) = present_poller(&world).await;
    dies_polling(&world, &poller).await;
    watcher.presence_becomes(&[]).await;
    assert_eq!(poller.next().await, Event::Closed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_polls_on_after_a_poll_that_failed_hears_no_operation_after_a_missing_one() {
    let world = World::with("").await;
    let (mut watcher, mut poller) = present_poller(&world).await;
    dies_polling(&world, &poller).await;
    world.presence_becomes(&[]).await;
    let mut sender = world.socket("sender").await;
    let mut writer = Writer::default();
    for _ in 0..3 {
        sender.operation(&writer.next(10)).await;
    }
    hears(&mut watcher, 1, 3).await;
    assert_prefix(&heard_in_time(&mut poller, 3).await);
}

/// Lets a session poll on a connection that goes away while the poll waits.
async fn dies_polling(world: &World, poller: &Poller) {
    let mut waiting = world.gateway.https().await;
    write(&mut waiting, &get(&poller.path())).await;
    others_come_and_go(world).await;
    drop(waiting);
}

/// Leaves a request that shows in nothing the time to be looked at: others are served meanwhile.
async fn others_come_and_go(world: &World) {
    let mut other = world.gateway.https().await;
    for _ in 0..20 {
        assert_eq!(other.request("GET", "/healthz", &[], &[]).await.status, 200);
    }
}

/// What a session hears: all there is, or less and its end.
async fn heard_in_time(poller: &mut Poller, all: usize) -> Vec<u64> {
    let mut numbers = Vec::new();
    while numbers.len() < all {
        match poller.next().await {
            Event::Event(arguments, Some(bytes)) if arguments[0] == "operation" => {
                numbers.push(Writer::number(&bytes));
            }
            Event::Closed => break,
            _ => {}
        }
    }
    numbers
}

async fn polls_until_quiet(poller: &mut Poller, id: &str) {
    loop {
        match poller.next().await {
            Event::Event(arguments, None) if arguments[1] == serde_json::json!([id]) => return,
            Event::Closed => panic!("{id} was closed"),
            _ => {}
        }
    }
}

async fn write(https: &mut testkit::Https, text: &str) {
    use tokio::io::AsyncWriteExt as _;
    https.stream.write_all(text.as_bytes()).await.unwrap();
    https.stream.flush().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_polls_at_once_end_the_session() {
    let world = World::with("").await;
    let mut poller = world.poller("poller").await;
    poller.post(br#"421["present",true]"#).await;
    while !matches!(poller.next().await, Event::Ack(1, _)) {}
    let mut others = (world.gateway.https().await, world.gateway.https().await);
    let path = poller.path();
    let (one, other) = tokio::join!(
        others.0.request("GET", &path, &[], &[]),
        others.1.request("GET", &path, &[], &[]),
    );
    assert!(
        one.status == 400 || other.status == 400,
        "{one:?} {other:?}"
    );
    session_ends(&mut poller).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_payloads_at_once_end_the_session_and_do_not_mix() {
    let world = World::with("").await;
    let mut witness = world.socket("witness").await;
    let mut poller = world.poller("poller").await;
    // The first payload is not whole yet: its attachment is missing.
    let mut first = world.gateway.https().await;
    let begun = "451-[\"operation\",{\"_placeholder\":true,\"num\":0}]\u{1e}b";
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\n{begun}",
        poller.path()
    );
    write(&mut first, &head).await;
    others_come_and_go(&world).await;
    assert_eq!(poller.operation(&Writer::default().next(10)).await, 400);
    session_ends(&mut poller).await;
    let mut good = world.socket("good").await;
    good.operation(&Writer::after(7).next(10)).await;
    hears(&mut witness, 8, 8).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payload_that_breaks_off_ends_the_session() {
    let world = World::with("[sockets]\npresence-delay = \"5ms\"\n").await;
    let (mut watcher, mut poller) = present_poller(&world).await;
    let mut broken = world.gateway.https().await;
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n42[\"present\"",
        poller.path()
    );
    write(&mut broken, &head).await;
    drop(broken);
    watcher.presence_becomes(&[]).await;
    session_ends(&mut poller).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upgrade_loses_nothing_that_an_answer_had_no_room_for() {
    let world = World::with(SMALL).await;
    let mut witness = world.socket("witness").await;
    let mut poller = world.poller("poller").await;
    let mut sender = world.socket("sender").await;
    let mut writer = Writer::default();
    // One answer holds three or so.
    for _ in 0..10 {
        sender.operation(&writer.next(400)).await;
    }
    hears(&mut witness, 1, 10).await;
    let mut heard = 0;
    let mut refused = 0;
    let mut socket = loop {
        heard += 1;
        assert_eq!(Writer::number(&poller.next_operation().await), heard);
        match poller.upgrade(&world.gateway).await {
            Ok(socket) => break socket,
            Err(same) => (poller, refused) = (same, refused + 1),
        }
    };
    assert!(
        refused > 0,
        "the gateway held back a packet, and would have forgotten it"
    );
    sender.operation(&writer.next(400)).await;
    hears(&mut socket, heard + 1, 11).await;
    socket.operation(&Writer::after(99).next(10)).await;
    hears(&mut witness, 11, 11).await;
    hears(&mut witness, 100, 100).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upgrade_with_a_full_queue_loses_nothing() {
    let world = World::with("").await;
    let mut witness = world.socket("witness").await;
    let poller = world.poller("poller").await;
    let mut sender = world.socket("sender").await;
    let mut writer = Writer::default();
    for _ in 0..500 {
        sender.operation(&writer.next(100)).await;
    }
    hears(&mut witness, 1, 500).await;
    let mut socket = poller.upgrade(&world.gateway).await.unwrap();
    for _ in 0..100 {
        sender.operation(&writer.next(100)).await;
    }
    hears(&mut socket, 1, 600).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upgraded_socket_that_takes_no_bytes_is_cut_off() {
    let config = "[sockets]\nmax-payload = \"64 KiB\"\nqueue-bytes = \"256 KiB\"\npresence-delay = \"5ms\"\n[http]\nstall-timeout = \"1h\"\n";
    let world = World::with(config).await;
    let mut witness = world.socket("witness").await;
    let mut poller = world.poller("poller").await;
    poller.post(br#"42["present",true]"#).await;
    witness.presence_becomes(&["poller"]).await;
    let path = poller.path();
    let mut socket = poller.upgrade(&world.gateway).await.unwrap();
    // Another upgrade of the same socket comes too late, and changes nothing.
    let query = path.rsplit('?').next().unwrap();
    let query = query.replace("transport=polling", "transport=websocket");
    let mut late = world.gateway.https().await;
    let request = format!(
        "GET /socket.io/?{query} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    late.raw(request.as_bytes()).await;
    let mut sender = world.socket("sender").await;
    let mut writer = Writer::default();
    let mut sent = 0;
    while world.present().await.contains(&"poller".to_owned()) {
        for _ in 0..10 {
            sent += 1;
            sender.operation(&writer.next(60_000)).await;
            hears(&mut witness, sent, sent).await;
        }
        assert!(sent < 1000, "it is never cut off");
    }
    socket.is_cut().await;
    let (heard, disconnected) = socket.until_closed().await;
    assert_prefix(&heard);
    assert!(!disconnected && (heard.len() as u64) < sent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upgrade_that_goes_wrong_ends_the_session() {
    let world = World::with("").await;
    let mut poller = world.poller("poller").await;
    let query = handshake("websocket", "poller", &World::domain(0));
    let query = format!("{query}&sid={}", poller.session());
    let mut https = world.gateway.https().await;
    let head = format!(
        "GET /socket.io/?{query} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    assert_eq!(https.raw(head.as_bytes()).await.unwrap().status, 101);
    drop(https);
    session_ends(&mut poller).await;
}
