//! What would harm others reaches nobody: its sender goes, and the others do not notice.

use std::time::Duration;

use testkit::{Auth, Event, Poller, Socket, Writer, poisons};
use tokio::time::Instant;

use super::world::{World, assert_reconnectable, hears, live, session_ends};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poisonous_operation_reaches_nobody_and_ends_its_sender() {
    let world = World::with("").await;
    let mut witness = world.socket("witness").await;
    let mut polling = world.poller("polling witness").await;
    let mut good = world.socket("good").await;
    let mut writer = Writer::default();
    for (number, (what, poison)) in poisons().into_iter().enumerate() {
        let mut sender = world.socket(&format!("poisoner {number}")).await;
        sender.operation(&poison).await;
        // What it sends behind it reaches nobody either.
        sender.operation(&Writer::after(1000).next(10)).await;
        assert!(sender.ended().await, "the sender of {what} is to stay away");
        let told = world
            .gateway
            .logged(&format!("\"poisoner {number}\""))
            .await;
        for part in ["operation-refused", " audit: ", World::domain(0).as_str()] {
            assert!(told.contains(part), "{part} is not in {told}");
        }
        good.operation(&writer.next(10)).await;
        let expected = u64::try_from(number).unwrap() + 1;
        hears(&mut witness, expected, expected).await;
        assert_eq!(Writer::number(&polling.next_operation().await), expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poisonous_operation_that_comes_by_polling_fares_no_better() {
    let world = World::with("").await;
    let mut witness = world.socket("witness").await;
    let mut good = world.socket("good").await;
    let mut writer = Writer::default();
    for (expected, (_, poison)) in (1..).zip(poisons()) {
        let id = format!("poisoner {expected}");
        let mut sender = world.poller(&id).await;
        sender
            .operations(&[poison, Writer::after(1000).next(10)])
            .await;
        session_ends(&mut sender).await;
        good.operation(&writer.next(10)).await;
        hears(&mut witness, expected, expected).await;
        let told = world.gateway.logged(&format!("\"{id}\"")).await;
        assert!(told.contains("operation-refused"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_transports_take_messages_of_the_same_size() {
    const LIMIT: usize = 16 * 1024;
    let world = World::with("[sockets]\nmax-payload = \"16 KiB\"\n").await;
    let mut witness = world.socket("witness").await;
    let mut sender = world.socket("sender").await;
    let mut polling = world.poller("polling").await;
    let mut writer = Writer::default();
    sender.operation(&writer.next_of(LIMIT)).await;
    hears(&mut witness, 1, 1).await;
    assert_eq!(polling.operation(&writer.next_of(LIMIT)).await, 200);
    hears(&mut witness, 2, 2).await;
    assert_eq!(Writer::number(&polling.next_operation().await), 1);

    let mut largest = world.socket("larger").await;
    largest.send_text(&padded(LIMIT)).await;
    let mut same = world.poller("larger polling").await;
    assert_eq!(same.post(padded(LIMIT).as_bytes()).await, 200);
    assert_eq!(largest.next_ack().await.0, 1);
    assert!(matches!(same.next().await, Event::Ack(1, _)));

    largest.send_text(&padded(LIMIT + 1)).await;
    assert_reconnectable(&mut largest).await;
    same.post(padded(LIMIT + 1).as_bytes()).await;
    session_ends(&mut same).await;
    sender.operation(&writer.next_of(LIMIT + 1)).await;
    assert_reconnectable(&mut sender).await;
    polling.operation(&writer.next_of(LIMIT + 1)).await;
    session_ends(&mut polling).await;
    let mut huge = world.poller("huge").await;
    assert_eq!(huge.post(&vec![b'4'; 10 * LIMIT]).await, 413);
    session_ends(&mut huge).await;

    let mut good = world.socket("good").await;
    good.operation(&Writer::after(2).next(10)).await;
    hears(&mut witness, 3, 3).await;
}

/// A frame of exactly so many bytes that is right and wants an acknowledgement.
fn padded(bytes: usize) -> String {
    let (head, tail) = (r#"421["present","#, "false]");
    let spaces = " ".repeat(bytes - head.len() - tail.len());
    format!("{head}{spaces}{tail}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_that_says_too_much_is_ended_after_what_it_may_say() {
    let world = World::with("[limits]\nmessages-per-socket = \"20 per 1h\"\n").await;
    let mut witness = world.socket("witness").await;
    let mut sender = world.socket("sender").await;
    let mut writer = Writer::default();
    for _ in 0..30 {
        sender.operation(&writer.next(10)).await;
    }
    assert_reconnectable(&mut sender).await;
    hears(&mut witness, 1, 20).await;
    let mut polling = world.poller("polling").await;
    let all: Vec<_> = (0..30).map(|_| writer.next(10)).collect();
    polling.operations(&all).await;
    session_ends(&mut polling).await;
    hears(&mut witness, 31, 50).await;
    let mut next = world.socket("next").await;
    next.operation(&Writer::after(100).next(10)).await;
    hears(&mut witness, 101, 101).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_says_too_much_by_all_its_sockets_is_ended() {
    let world = World::with("[limits]\nmessages-per-account = \"10 per 1h\"\n").await;
    let key = world.gateway.mint("busy").await;
    let auth = Auth::Key("busy".to_owned(), key);
    let domain = World::domain(0).replace(".app.", ".busy.");
    let mut sockets = Vec::new();
    for id in ["a", "b"] {
        sockets.push(
            Socket::join(&world.gateway, id, &domain, &auth)
                .await
                .unwrap(),
        );
    }
    for socket in &mut sockets {
        for _ in 0..5 {
            socket.send_text(r#"421["present",true]"#).await;
            socket.next_ack().await;
        }
    }
    for mut socket in sockets {
        socket.present(true).await;
        assert_reconnectable(&mut socket).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_does_not_say_who_it_is_in_time_is_ended_on_either_transport() {
    let world = World::with("[sockets]\nconnect-timeout = \"300ms\"\n").await;
    let began = Instant::now();
    let joined = live(world.socket("joined").await);
    let mut joined_polling = world.poller("joined polling").await;
    let domain = World::domain(0);
    let mut silent = Socket::open(&world.gateway, "silent", &domain).await;
    let mut silent_polling = Poller::open(&world.gateway, "silent", &domain).await;
    let mut refused = Socket::open(&world.gateway, "refused", "elsewhere.example").await;
    refused.connect(&Auth::None).await;
    assert_eq!(refused.joined().await.unwrap_err().0, "Bad gateway");
    assert_reconnectable(&mut silent).await;
    assert_reconnectable(&mut refused).await;
    session_ends(&mut silent_polling).await;
    assert!(began.elapsed() < Duration::from_secs(5));
    let mut probe = world.socket("probe").await;
    probe.operation(&Writer::default().next(10)).await;
    assert_eq!(Writer::number(&joined_polling.next_operation().await), 1);
    assert!(!joined.is_finished(), "who is in stays");
}
