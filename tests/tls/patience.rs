//! Whom the listener lets wait, and for how long.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use meldgate::listener::bind::Passed;
use meldgate::listener::{Connection, bind};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::world::{AT_MOST, HOST, Plan, World, echo, echoes};

/// Short enough to wait for, long enough for an honest peer on a busy machine.
const BRIEF: Duration = Duration::from_millis(500);

/// Waits until the other side is gone, whatever it says before.
async fn gone(stream: &mut TcpStream) {
    let mut buffer = [0; 1024];
    let reading = async { while let Ok(1..) = stream.read(&mut buffer).await {} };
    tokio::time::timeout(AT_MOST, reading)
        .await
        .expect("the connection is closed");
}

/// The first message of a handshake.
fn hello(world: &World) -> Vec<u8> {
    let name = ServerName::try_from(HOST).unwrap();
    let mut client = rustls::ClientConnection::new(Arc::new(world.client()), name).unwrap();
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    bytes
}

#[tokio::test]
async fn a_handshake_that_takes_too_long_is_cut_wherever_it_stops() {
    let world = World::echo(&Plan {
        handshake_timeout: BRIEF,
        ..Plan::default()
    });
    let hello = hello(&world);
    for sent in [0, 1, hello.len() / 2, hello.len()] {
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        stream.write_all(&hello[..sent]).await.unwrap();
        gone(&mut stream).await;
    }
    assert_eq!(world.listener.counts().timed_out(), 4);
}

#[tokio::test]
async fn clients_that_stop_half_way_keep_nobody_else_from_a_turn() {
    let world = World::echo(&Plan {
        handshakes: 1,
        ..Plan::default()
    });
    let hello = hello(&world);
    let mut halves = Vec::new();
    for _ in 0..8 {
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        stream.write_all(&hello).await.unwrap();
        // The answer has begun, so that its turn was taken.
        stream.read_exact(&mut [0; 5]).await.unwrap();
        halves.push(stream);
    }
    let mut honest = world.connect(&Arc::new(world.client())).await.unwrap();
    assert!(echoes(&mut honest).await.unwrap());
}

#[tokio::test]
async fn garbage_is_refused_and_the_next_client_is_served() {
    let world = World::echo(&Plan::default());
    for garbage in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        &[0; 600],
        &[22, 3, 1, 0, 2, 1, 255],
    ] {
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        stream.write_all(garbage).await.unwrap();
        stream.shutdown().await.unwrap();
        gone(&mut stream).await;
    }
    assert!(world.connect(&Arc::new(world.client())).await.is_ok());
    assert_eq!(world.listener.counts().failed(), 3);
}

#[tokio::test]
async fn one_source_has_only_so_many_connections_and_may_replace_them() {
    let world = World::echo(&Plan {
        connections_per_source: 2,
        ..Plan::default()
    });
    let client = Arc::new(world.client());
    let first = world.connect(&client).await.unwrap();
    let mut second = world.connect(&client).await.unwrap();
    assert!(world.connect(&client).await.is_err());
    assert_eq!(world.listener.counts().refused(), 1);
    assert!(echoes(&mut second).await.unwrap());
    drop(first);
    let replaced = async { while world.connect(&client).await.is_err() {} };
    tokio::time::timeout(AT_MOST, replaced).await.unwrap();
}

#[tokio::test]
async fn a_reader_that_stalls_is_cut() {
    let (told, mut tellings) = mpsc::unbounded_channel();
    let plan = Plan {
        stall_timeout: BRIEF,
        ..Plan::default()
    };
    let world = World::serve(&plan, move |mut connection: Connection| {
        let told = told.clone();
        async move {
            let error = loop {
                if let Err(error) = connection.stream.write_all(&[0; 4096]).await {
                    break error;
                }
            };
            told.send((error.kind(), connection.cut.is_cut())).unwrap();
        }
    });
    let mut stream = world.connect(&Arc::new(world.client())).await.unwrap();
    let told = tokio::time::timeout(AT_MOST, tellings.recv())
        .await
        .unwrap();
    assert_eq!(told, Some((ErrorKind::TimedOut, true)));
    // And it learns of it: not by an orderly end, which would look like the end of the data.
    let mut rest = Vec::new();
    let end = tokio::time::timeout(AT_MOST, stream.read_to_end(&mut rest))
        .await
        .unwrap();
    assert!(end.is_err(), "{end:?}");
}

#[tokio::test]
async fn whoever_holds_the_handle_cuts_an_idle_connection() {
    let (handles, mut cuts) = mpsc::unbounded_channel();
    let world = World::serve(&Plan::default(), move |connection| {
        handles.send(connection.cut.clone()).unwrap();
        echo(connection)
    });
    let mut stream = world.connect(&Arc::new(world.client())).await.unwrap();
    assert!(echoes(&mut stream).await.unwrap());
    cuts.recv().await.unwrap().cut();
    let end = tokio::time::timeout(AT_MOST, stream.read(&mut [0]))
        .await
        .unwrap();
    assert!(end.is_err(), "{end:?}");
}

#[tokio::test]
async fn a_stopping_listener_takes_nobody_new_and_lets_connections_end() {
    let world = World::echo(&Plan::default());
    let mut live = world.connect(&Arc::new(world.client())).await.unwrap();
    let mut half = TcpStream::connect(world.address).await.unwrap();
    half.write_all(&hello(&world)).await.unwrap();
    half.read_exact(&mut [0; 5]).await.unwrap();
    world.stop.send(true).unwrap();
    gone(&mut half).await;
    let open = tokio::time::timeout(AT_MOST, world.serving)
        .await
        .unwrap()
        .unwrap();
    assert!(TcpStream::connect(world.address).await.is_err());
    assert!(echoes(&mut live).await.unwrap());
    assert_eq!(open.count(), 1);
    drop(live);
    tokio::time::timeout(AT_MOST, open.closed()).await.unwrap();
}

#[tokio::test]
async fn plain_connections_are_counted_as_well() {
    let world = World::echo(&Plan {
        connections_per_source: 1,
        ..Plan::default()
    });
    let listen = meldgate::config::Listen {
        https: Vec::new(),
        redirect: vec!["127.0.0.1:0".parse().unwrap()],
        backlog: 4,
    };
    let sockets = bind(&listen, Passed::default()).unwrap().redirect;
    let address = sockets[0].local_addr().unwrap();
    let (listener, stop) = (world.listener.clone(), world.stop.subscribe());
    tokio::spawn(async move {
        let greet = |mut plain: meldgate::listener::PlainConnection| async move {
            plain.stream.write_all(b"x").await.unwrap();
            let _gone = plain.stream.read(&mut [0]).await;
        };
        listener.serve_plain(sockets, stop, greet).await
    });
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.read_exact(&mut [0]).await.unwrap();
    assert!(
        world.connect(&Arc::new(world.client())).await.is_err(),
        "the plain one has the only place"
    );
}
