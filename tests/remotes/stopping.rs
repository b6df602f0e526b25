//! The gateway stops and another one takes over: clones are told to come back, and can.

use std::time::Duration;

use testkit::{Auth, Poller, Socket, Writer};
use tokio::time::Instant;

use super::world::{World, hears};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clones_of_a_gateway_that_stops_come_back_to_the_next_one() {
    const CONFIG: &str = "[http]\ndrain-timeout = \"15s\"\n";
    let world = World::with(CONFIG).await;
    let key = world.gateway.mint("owner").await;
    let auth = Auth::Key("owner".to_owned(), key);
    let domain = World::domain(0).replace(".app.", ".owner.");
    let mut socket = Socket::join(&world.gateway, "a", &domain, &auth)
        .await
        .unwrap();
    let mut polling = Poller::join(&world.gateway, "b", &domain, &auth)
        .await
        .unwrap();
    let mut upgraded = Poller::join(&world.gateway, "c", &domain, &auth)
        .await
        .unwrap()
        .upgrade(&world.gateway)
        .await
        .unwrap();
    let mut undecided = Socket::open(&world.gateway, "d", &domain).await;
    let mut idle = Poller::open(&world.gateway, "e", &domain).await;

    let clients = tokio::spawn(async move {
        let disconnected = [
            socket.ended().await,
            upgraded.ended().await,
            undecided.ended().await,
        ];
        assert_eq!(disconnected, [false; 3], "they are to come back");
        assert_eq!(polling.until_closed().await, [0; 0]);
        idle.until_closed().await
    });
    let began = Instant::now();
    let (world, code) = world.restarted(CONFIG).await;
    assert_eq!(code, Some(0));
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "nobody held it up"
    );
    drop(clients.await);

    let mut socket = Socket::join(&world.gateway, "a", &domain, &auth)
        .await
        .unwrap();
    let mut polling = Poller::join(&world.gateway, "b", &domain, &auth)
        .await
        .unwrap();
    socket.operation(&Writer::default().next(10)).await;
    assert_eq!(Writer::number(&polling.next_operation().await), 1);
    assert_eq!(polling.operation(&Writer::after(1).next(10)).await, 200);
    hears(&mut socket, 2, 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_is_killed_leaves_nothing_that_keeps_clones_out() {
    let world = World::with("").await;
    let mut socket = world.socket("a").await;
    socket.present(true).await;
    socket.presence_becomes(&["a"]).await;
    let world = world.again("");
    assert!(!socket.ended().await);
    let mut again = Socket::open(&world.gateway, "a", &World::domain(0)).await;
    again.connect(&Auth::None).await;
    assert_eq!(again.joined().await.unwrap(), [""; 0]);
}
