//! Reading ahead, below TLS: one call of the system where the TLS library would make several.
//!
//! The library asks for 4 KiB at a time, so that a record of a usual large operation would take two calls, and several
//! that have arrived one for each 4 KiB. Here all that has arrived is read at once, into memory that a thread's
//! connections share; only what was not asked for yet is kept, for as long as that lasts.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How much is read at once: a record of the largest size, and as much again as waits behind usual ones.
const AHEAD: usize = 17 * 1024;

thread_local! {
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A stream of which more is read than is asked for.
pub struct Ahead<S> {
    stream: S,
    /// What was read and not yet asked for. Without memory when there is nothing.
    rest: Vec<u8>,
    /// How much of that has been given out.
    given: usize,
}

impl<S> Ahead<S> {
    /// Reads a stream ahead.
    pub fn new(stream: S) -> Self {
        Self {
            stream,
            rest: Vec::new(),
            given: 0,
        }
    }

    fn give(&mut self, buffer: &mut ReadBuf<'_>) {
        let rest = self.rest.get(self.given..).unwrap_or_default();
        let (now, later) = rest.split_at(rest.len().min(buffer.remaining()));
        buffer.put_slice(now);
        if later.is_empty() {
            (self.rest, self.given) = (Vec::new(), 0);
        } else {
            self.given += now.len();
        }
    }
}

impl<S: AsyncRead + Unpin> Ahead<S> {
    fn read_ahead(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
        scratch: &mut [u8],
    ) -> Poll<io::Result<()>> {
        let mut scratch = ReadBuf::new(scratch);
        std::task::ready!(Pin::new(&mut self.stream).poll_read(cx, &mut scratch))?;
        let read = scratch.filled();
        let (now, later) = read.split_at(read.len().min(buffer.remaining()));
        buffer.put_slice(now);
        if !later.is_empty() {
            self.rest = later.to_vec();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Ahead<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.rest.is_empty() {
            this.give(buffer);
            return Poll::Ready(Ok(()));
        }
        if buffer.remaining() == 0 || buffer.remaining() >= AHEAD {
            return Pin::new(&mut this.stream).poll_read(cx, buffer);
        }
        let mut scratch = SCRATCH.take();
        scratch.resize(AHEAD, 0);
        let outcome = this.read_ahead(cx, buffer, &mut scratch);
        SCRATCH.set(scratch);
        outcome
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Ahead<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl<S: fmt::Debug> fmt::Debug for Ahead<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ahead")
            .field("stream", &self.stream)
            .field("waiting", &(self.rest.len() - self.given))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

    use super::*;

    /// Counts how often it is read.
    struct Counted(DuplexStream, usize);

    impl AsyncRead for Counted {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            self.1 += 1;
            Pin::new(&mut self.0).poll_read(cx, buffer)
        }
    }

    fn pair() -> (Ahead<Counted>, DuplexStream) {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        (Ahead::new(Counted(ours, 0)), theirs)
    }

    #[tokio::test]
    async fn what_has_arrived_is_read_once_and_given_out_in_order() {
        let (mut ahead, mut peer) = pair();
        let sent: Vec<u8> = (0..AHEAD).map(|i| u8::try_from(i % 251).unwrap()).collect();
        peer.write_all(&sent).await.unwrap();
        let mut got = Vec::new();
        let mut part = [0; 4096];
        while got.len() < sent.len() {
            let read = ahead.read(&mut part).await.unwrap();
            got.extend_from_slice(&part[..read]);
        }
        assert_eq!(got, sent);
        assert_eq!(ahead.stream.1, 1);
        assert_eq!(
            ahead.rest.capacity(),
            0,
            "what is given out takes no memory"
        );
    }

    #[tokio::test]
    async fn a_large_buffer_is_read_into_directly() {
        let (mut ahead, mut peer) = pair();
        peer.write_all(&vec![1; 2 * AHEAD]).await.unwrap();
        let mut part = vec![0; 2 * AHEAD];
        assert_eq!(ahead.read(&mut part).await.unwrap(), 2 * AHEAD);
    }

    #[tokio::test]
    async fn the_end_comes_after_what_was_sent_before_it() {
        let (mut ahead, mut peer) = pair();
        peer.write_all(b"last words").await.unwrap();
        drop(peer);
        let mut got = [0; 4];
        ahead.read_exact(&mut got).await.unwrap();
        let mut rest = Vec::new();
        ahead.read_to_end(&mut rest).await.unwrap();
        assert_eq!((&got, rest.as_slice()), (b"last", b" words".as_slice()));
    }

    #[tokio::test]
    async fn connections_of_one_thread_do_not_mix() {
        let ((mut one, mut to_one), (mut two, mut to_two)) = (pair(), pair());
        to_one.write_all(&[1; 100]).await.unwrap();
        to_two.write_all(&[2; 100]).await.unwrap();
        let mut part = [0; 60];
        for _ in 0..2 {
            for (stream, byte) in [(&mut one, 1), (&mut two, 2)] {
                let read = stream.read(&mut part).await.unwrap();
                assert!(part[..read].iter().all(|got| *got == byte));
            }
        }
    }
}
