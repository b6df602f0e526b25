//! Who is present: in the order of becoming so, told soon and not too often, whatever way clones go.

use std::time::Duration;

use testkit::{Auth, Event, Poller, Socket};
use tokio::time::Instant;

use super::world::World;

const QUICK: &str = "[sockets]\npresence-delay = \"10ms\"\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn presence_is_told_in_the_order_of_becoming_present_on_both_transports() {
    let world = World::with(QUICK).await;
    let mut watcher = world.socket("watcher").await;
    let mut polling = world.poller("a polling one").await;
    let mut second = world.socket("b").await;
    second.present(true).await;
    watcher.presence_becomes(&["b"]).await;
    assert_eq!(polling.post(br#"42["present",true]"#).await, 200);
    watcher.presence_becomes(&["b", "a polling one"]).await;
    watcher.present(true).await;
    watcher
        .presence_becomes(&["b", "a polling one", "watcher"])
        .await;
    second.present(false).await;
    watcher
        .presence_becomes(&["a polling one", "watcher"])
        .await;
    second.present(true).await;
    watcher
        .presence_becomes(&["a polling one", "watcher", "b"])
        .await;
    polling_hears(&mut polling, &["a polling one", "watcher", "b"]).await;

    let mut late = Socket::open(&world.gateway, "late", &World::domain(0)).await;
    late.connect(&Auth::None).await;
    assert_eq!(
        late.joined().await.unwrap(),
        ["a polling one", "watcher", "b"]
    );
    let mut elsewhere = Socket::open(&world.gateway, "late", &World::domain(1)).await;
    elsewhere.connect(&Auth::None).await;
    assert_eq!(elsewhere.joined().await.unwrap(), [""; 0]);
}

async fn polling_hears(poller: &mut Poller, expected: &[&str]) {
    loop {
        match poller.next().await {
            Event::Event(arguments, None) if arguments[1] == serde_json::json!(expected) => return,
            Event::Closed => panic!("the poller was closed"),
            _ => {}
        }
    }
}

/// How a clone goes.
#[derive(Clone, Copy, Debug)]
enum Going {
    /// As a process that is killed.
    Abruptly,
    /// As a browser's tab.
    Politely,
    /// With a packet of the Socket.IO layer.
    ByDisconnect,
    /// With a packet of the Engine.IO layer.
    ByClose,
}

impl Going {
    async fn go(self, mut socket: Socket) {
        match self {
            Self::Abruptly => drop(socket),
            Self::Politely => socket.close().await,
            Self::ByDisconnect => {
                socket.send_text("41").await;
                socket.ended().await;
            }
            Self::ByClose => {
                socket.send_text("1").await;
                socket.ended().await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whichever_way_a_clone_goes_it_is_no_longer_present() {
    let world = World::with(QUICK).await;
    let mut watcher = world.socket("watcher").await;
    watcher.present(true).await;
    for going in [
        Going::Abruptly,
        Going::Politely,
        Going::ByDisconnect,
        Going::ByClose,
    ] {
        let mut goer = world.socket("goer").await;
        goer.present(true).await;
        watcher.presence_becomes(&["watcher", "goer"]).await;
        let began = Instant::now();
        going.go(goer).await;
        watcher.presence_becomes(&["watcher"]).await;
        assert!(began.elapsed() < Duration::from_secs(2), "{going:?}");
    }
    for last_words in [&b"41"[..], b"1"] {
        let mut goer = world.poller("goer").await;
        assert_eq!(goer.post(br#"42["present",true]"#).await, 200);
        watcher.presence_becomes(&["watcher", "goer"]).await;
        assert_eq!(goer.post(last_words).await, 200);
        watcher.presence_becomes(&["watcher"]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_answers_no_heartbeat_is_no_longer_present() {
    let config =
        "[sockets]\npresence-delay = \"10ms\"\nping-interval = \"200ms\"\nping-timeout = \"2s\"\n";
    let world = World::with(config).await;
    let mut watcher = world.socket("watcher").await;
    let mut silent = world.socket("silent").await;
    silent.present(true).await;
    watcher.presence_becomes(&["silent"]).await;
    let mut absent = world.poller("absent").await;
    assert_eq!(absent.post(br#"42["present",true]"#).await, 200);
    // The order in which they go is that of their last answers, which is not fixed.
    watcher.presence_becomes(&[]).await;
    assert!(!silent.ended().await, "it is to come back");
    assert_eq!(absent.next().await, Event::Closed);
    watcher.present(true).await;
    watcher.presence_becomes(&["watcher"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_within_the_delay_are_told_together() {
    let world = World::with("[sockets]\npresence-delay = \"300ms\"\n").await;
    let mut watcher = world.socket("watcher").await;
    let mut others = Vec::new();
    for number in 0..20 {
        others.push(world.socket(&format!("c{number}")).await);
    }
    for other in &mut others {
        other.present(true).await;
        other.present(false).await;
        other.present(true).await;
    }
    let mut told = 0;
    while watcher.next_presence().await.len() < others.len() {
        told += 1;
    }
    assert!(told <= 5, "sixty changes were told in {told} times");
    drop(others.pop());
    let mut left = watcher.next_presence().await;
    left.sort();
    assert_eq!(left.len(), others.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clone_that_reconnects_is_present_once_it_says_so_again() {
    let world = World::with(QUICK).await;
    let mut watcher = world.socket("watcher").await;
    let mut old = world.socket("a").await;
    old.present(true).await;
    watcher.presence_becomes(&["a"]).await;
    let mut new = world.socket("a").await;
    watcher.presence_becomes(&[]).await;
    assert!(!old.ended().await, "the older one is not told to stay away");
    new.present(true).await;
    watcher.presence_becomes(&["a"]).await;
    let polling = world.poller("a").await;
    watcher.presence_becomes(&[]).await;
    assert!(!new.ended().await);
    drop(polling);
}
