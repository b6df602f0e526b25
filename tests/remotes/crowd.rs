//! A thousand clones that come and go at once: nobody is forgotten, nobody is left over.

use testkit::{Auth, Event, Gateway, Poller, Socket, soon};

use super::world::World;

const WORKERS: usize = 50;
const LIVES: usize = 20;
/// Those who come, and four who stay: one life that does not end would be one too many in the end.
const CONFIG: &str = r#"
[sockets]
presence-delay = "5ms"
clones-per-domain = 104
queue-packets = 100000
[limits]
connections-per-source = 400
"#;

/// Lives one life: comes, is present, sees it, goes.
async fn live(gateway: &Gateway, id: &str, domain: &str, number: usize) {
    if number % 10 == 9 {
        return live_polling(gateway, id, domain).await;
    }
    let mut socket = match Socket::join(gateway, id, domain, &Auth::None).await {
        Ok(socket) => socket,
        Err(refused) => panic!("{id} was not let in: {refused:?}"),
    };
    socket.present(true).await;
    soon("its own presence", async {
        while !socket
            .next_presence()
            .await
            .iter()
            .any(|present| present == id)
        {}
    })
    .await;
    match number % 4 {
        0 => drop(socket),
        1 => socket.close().await,
        2 => {
            socket.send_text("41").await;
            socket.ended().await;
        }
        _ => {
            socket.present(false).await;
            socket.send_text("1").await;
        }
    }
}

async fn live_polling(gateway: &Gateway, id: &str, domain: &str) {
    let mut poller = Poller::join(gateway, id, domain, &Auth::None)
        .await
        .unwrap();
    assert_eq!(poller.post(br#"42["present",true]"#).await, 200);
    loop {
        match poller.next().await {
            Event::Event(arguments, None) if sees(&arguments, id) => break,
            Event::Closed => panic!("{id} was closed"),
            _ => {}
        }
    }
    assert_eq!(poller.post(b"41").await, 200);
}

fn sees(arguments: &serde_json::Value, id: &str) -> bool {
    let ids = arguments[1].as_array();
    arguments[0] == "presence" && ids.is_some_and(|ids| ids.iter().any(|present| present == id))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn presence_is_right_after_a_thousand_clones_came_and_went_at_once() {
    let world = World::with(CONFIG).await;
    let domain = World::domain(0);
    let stayers = ["first", "second", "third", "fourth"];
    let mut staying = Vec::new();
    for id in stayers {
        let mut socket = world.socket(id).await;
        socket.present(true).await;
        while socket
            .next_presence()
            .await
            .last()
            .is_none_or(|last| last != id)
        {}
        staying.push(socket);
    }
    let waiting: Vec<_> = staying
        .into_iter()
        .map(|mut socket| {
            tokio::spawn(async move {
                // Until the last one of the crowd has gone, which is the only time that "done" is present.
                while !socket.next_presence().await.iter().any(|id| id == "done") {}
                socket.presence_becomes(&stayers).await;
                socket
            })
        })
        .collect();
    let lives = (0..WORKERS).map(|worker| {
        let (gateway, domain) = (&world.gateway, &domain);
        async move {
            for life in 0..LIVES {
                live(gateway, &format!("clone-{worker}"), domain, worker + life).await;
            }
        }
    });
    futures_util::future::join_all(lives).await;
    let mut done = world.socket("done").await;
    done.present(true).await;
    done.presence_becomes(&["first", "second", "third", "fourth", "done"])
        .await;
    done.close().await;
    let mut there = Vec::new();
    for staying in waiting {
        there.push(soon("the end of the crowd", staying).await.unwrap());
    }
    // Its places are free again: as many as there are can be taken at once.
    for number in 0..100 {
        there.push(world.socket(&format!("next-{number}")).await);
    }
    let one_more = Socket::join(&world.gateway, "one more", &domain, &Auth::None).await;
    assert_eq!(one_more.map(drop).unwrap_err().0, "TooManyRequests");
}
