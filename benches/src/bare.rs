//! The limit: a relay of WebSocket frames over TLS that does nothing else.
//!
//! No Socket.io, no accounts, no judging: each frame goes as it is to the other members of the room that the
//! path names. Frames are shared between receivers; each receiver has one writer, which writes all that waits
//! before it flushes. Whoever falls behind is cut off.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::stream::SplitSink;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};

use crate::failure::Result;
use crate::tls;

/// Frames that may wait for one receiver.
const QUEUE: usize = 8192;
const BATCH: usize = 64;

/// Where it listens and with what certificate.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[arg(long)]
    chain: PathBuf,
    #[arg(long)]
    key: PathBuf,
}

type Socket = WebSocketStream<TlsStream<TcpStream>>;
type Members = Arc<Mutex<Vec<(SocketAddr, Sender<Message>)>>>;
type Rooms = Arc<Mutex<HashMap<String, Members>>>;

/// Serves until it is killed; prints its address as JSON once it can be reached.
pub(crate) fn run(options: &Options) -> Result<()> {
    let acceptor = TlsAcceptor::from(tls::server(&options.chain, &options.key)?);
    let workers = std::thread::available_parallelism()?.get();
    crate::runtime(workers)?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!(
            "{}",
            serde_json::json!({ "port": listener.local_addr()?.port(), "pid": std::process::id() })
        );
        let rooms = Rooms::default();
        loop {
            let (stream, peer) = listener.accept().await?;
            tokio::spawn(serve(stream, peer, acceptor.clone(), Arc::clone(&rooms)));
        }
    })
}

async fn serve(stream: TcpStream, peer: SocketAddr, acceptor: TlsAcceptor, rooms: Rooms) {
    // A peer that goes away is no news to a relay
    drop(relay(stream, peer, acceptor, rooms).await);
}

async fn relay(
    stream: TcpStream,
    peer: SocketAddr,
    acceptor: TlsAcceptor,
    rooms: Rooms,
) -> Result<()> {
    stream.set_nodelay(true)?;
    let stream = acceptor.accept(stream).await?;
    let mut path = String::new();
    #[expect(
        clippy::result_large_err,
        reason = "the callback's type is the library's"
    )]
    let take_path =
        |request: &Request, response: Response| -> std::result::Result<Response, ErrorResponse> {
            request.uri().path().clone_into(&mut path);
            Ok(response)
        };
    let socket: Socket = tokio_tungstenite::accept_hdr_async(stream, take_path).await?;
    let (sink, mut frames) = socket.split();
    let (queue, waiting) = mpsc::channel(QUEUE);
    let writer = tokio::spawn(write(sink, waiting));
    let members = Arc::clone(
        rooms
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(path)
            .or_default(),
    );
    members
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push((peer, queue));
    while let Some(Ok(frame)) = frames.next().await {
        if matches!(frame, Message::Text(_) | Message::Binary(_)) {
            pass_on(&members, peer, &frame);
        }
    }
    members
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .retain(|(address, _)| *address != peer);
    writer.abort();
    Ok(())
}

fn pass_on(members: &Members, from: SocketAddr, frame: &Message) {
    let mut members = members.lock().unwrap_or_else(PoisonError::into_inner);
    // A queue that is full is dropped, which ends its writer and with it the connection
    members.retain(|(address, queue)| *address == from || queue.try_send(frame.clone()).is_ok());
}

async fn write(mut sink: SplitSink<Socket, Message>, mut waiting: Receiver<Message>) -> Result<()> {
    let mut batch = Vec::with_capacity(BATCH);
    while waiting.recv_many(&mut batch, BATCH).await > 0 {
        for frame in batch.drain(..) {
            sink.feed(frame).await?;
        }
        if waiting.is_empty() {
            sink.flush().await?;
        }
    }
    Ok(sink.close().await?)
}
