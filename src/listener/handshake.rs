//! One TLS handshake, within its time and its turn.
//!
//! A turn bounds how much handshake work can stand in the way of everything else: the costly part (key
//! exchange and signature, a third of a millisecond with elliptic keys) runs in one go on the runtime's
//! threads, and a crowd of clients would otherwise put all of it before the next relayed message. A turn is
//! held only for that part, never while a client is waited for, so that slow clients cannot take the turns
//! of honest ones; those are held back by the time limit and by the count of connections.

use std::future::{Future as _, poll_fn};
use std::io;
use std::sync::Arc;
use std::task::Poll;

use rustls::server::Acceptor;
use tokio_rustls::LazyConfigAcceptor;

use super::tls::Serving;
use super::{Ahead, Alpn, Connection, PlainConnection, Socket, Tls, TlsStream};

/// Bytes of ciphertext that may wait in one connection before writers have to wait too.
const BUFFER: usize = 64 * 1024;

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum Failure {
    /// It took too long, the wait for a turn included.
    TooSlow,
    /// Client and gateway did not agree, or the client went away.
    Tls(io::Error),
}

/// Makes a connection of a stream.
pub(super) async fn shake(tls: &Tls, plain: PlainConnection) -> Result<Connection, Failure> {
    let PlainConnection {
        stream,
        peer,
        source,
        cut,
    } = plain;
    let serving = tls.serving();
    let stream = tokio::time::timeout(serving.timeout, negotiate(&serving, stream))
        .await
        .map_err(|_| Failure::TooSlow)?
        .map_err(Failure::Tls)?;
    let alpn = match stream.get_ref().1.alpn_protocol() {
        Some(b"h2") => Alpn::Http2,
        _ => Alpn::Http1,
    };
    Ok(Connection {
        stream,
        peer,
        source,
        alpn,
        cut,
    })
}

async fn negotiate(serving: &Serving, stream: Socket) -> io::Result<TlsStream> {
    // No turn is needed to wait for the client's first message, nor to read it.
    let start = LazyConfigAcceptor::new(Acceptor::default(), Ahead::new(stream)).await?;
    let turn = serving.turns.acquire().await.map_err(io::Error::other)?;
    // Behind what is ready already: turns pass through the queue one after another.
    tokio::task::yield_now().await;
    let config = Arc::clone(&serving.config);
    let mut rest = Box::pin(start.into_stream_with(config, |session| {
        session.set_buffer_limit(Some(BUFFER));
    }));
    // The first poll computes the answer; what follows waits for the client.
    let first = poll_fn(|cx| Poll::Ready(rest.as_mut().poll(cx))).await;
    drop(turn);
    match first {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => rest.await,
    }
}
