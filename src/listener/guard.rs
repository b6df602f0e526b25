//! A stream that does not wait for ever for its peer, and that others can cut.
//!
//! The guard sits below TLS, on the socket itself: only there is "the peer takes no bytes" one fact. Above
//! TLS a write counts as done once it is encrypted into a buffer, and alerts, tickets and key updates are
//! written without anybody asking.
//!
//! # Invariants
//! 1. A timer exists exactly while the socket refuses bytes that were offered to it.
//! 2. Once a guard has failed, every later call fails in the same way, and the socket is reset on drop, so
//!    that the kernel forgets at once what the peer would not take.
//! 3. Whoever waits on the stream, in either direction, is woken when the guard fails.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

/// A transport that can be given up without waiting for its peer.
pub trait Abort {
    /// Makes the coming drop discard unsent bytes and reset the connection.
    fn abort(&self);
}

impl Abort for TcpStream {
    fn abort(&self) {
        // A socket that refuses the option is closed in the ordinary way, only later.
        drop(self.set_zero_linger());
    }
}

/// A stream whose peer has to take bytes within a given time, and that a [`CutHandle`] can cut.
///
/// A stalled peer shows as [`io::ErrorKind::TimedOut`], a cut as [`io::ErrorKind::ConnectionAborted`], from
/// reads as well as from writes: a task that only reads learns of a stall of what it wrote before. As with
/// every buffered stream, whoever writes has to flush.
///
/// It keeps a `K`, such as a place in a count, exactly as long as the stream.
pub struct Guarded<S: Abort, K = ()> {
    stream: S,
    _kept: K,
    patience: Duration,
    stall: Option<Pin<Box<Sleep>>>,
    line: Arc<Line>,
}

/// Cuts a connection at once. Cheap to clone; outlives its connection harmlessly.
#[derive(Clone)]
pub struct CutHandle(Arc<Line>);

/// What a guard shares with those who may cut it.
struct Line {
    state: AtomicU8,
    /// Mirrors invariant 1 for those who hold a handle.
    refused: AtomicBool,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    reader: Option<Waker>,
    writer: Option<Waker>,
}

const OPEN: u8 = 0;
const CUT: u8 = 1;
const STALLED: u8 = 2;

impl<S: Abort, K> Guarded<S, K> {
    /// Guards a stream: its peer may refuse bytes for at most `patience` on end.
    pub fn new(stream: S, patience: Duration, kept: K) -> Self {
        let line = Arc::new(Line {
            state: AtomicU8::new(OPEN),
            refused: AtomicBool::new(false),
            waiting: Mutex::default(),
        });
        Self {
            stream,
            _kept: kept,
            patience,
            stall: None,
            line,
        }
    }

    /// A handle that cuts this stream.
    pub fn cut_handle(&self) -> CutHandle {
        CutHandle(Arc::clone(&self.line))
    }

    /// The stream itself.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    /// Fails if the stream was cut or its peer stalled.
    fn check(&mut self) -> io::Result<()> {
        if self.stall.as_ref().is_some_and(|sleep| sleep.is_elapsed()) {
            self.line.fail(STALLED);
        }
        let failure = match self.line.state.load(Ordering::Acquire) {
            OPEN => return Ok(()),
            STALLED => io::Error::new(io::ErrorKind::TimedOut, "the peer takes no bytes"),
            _ => io::Error::new(io::ErrorKind::ConnectionAborted, "cut by the gateway"),
        };
        self.stall = None;
        self.stream.abort();
        Err(failure)
    }

    /// Notes how an attempt to write went: starts the timer, keeps it running, or stops it.
    fn watch<T>(&mut self, cx: &Context<'_>, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            if self.stall.take().is_some() {
                self.line.refused.store(false, Ordering::Relaxed);
            }
            return outcome;
        }
        self.line.refused.store(true, Ordering::Relaxed);
        self.line.wait(|waiting| &mut waiting.writer, cx);
        let sleep = self
            .stall
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(self.patience)));
        // The timer wakes the reader too: a task that wrote, and now only reads, has to learn of it.
        let line = Waker::from(Arc::clone(&self.line));
        if sleep
            .as_mut()
            .poll(&mut Context::from_waker(&line))
            .is_ready()
        {
            self.line.fail(STALLED);
        }
        self.check()
            .map_or_else(|error| Poll::Ready(Err(error)), |()| Poll::Pending)
    }
}

impl<S: Abort + AsyncRead + Unpin, K: Unpin> AsyncRead for Guarded<S, K> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check()?;
        let outcome = Pin::new(&mut self.stream).poll_read(cx, buf);
        if outcome.is_pending() {
            self.line.wait(|waiting| &mut waiting.reader, cx);
            // A cut between the first check and the wait would have woken nobody.
            self.check()?;
        }
        outcome
    }
}

impl<S: Abort + AsyncWrite + Unpin, K: Unpin> AsyncWrite for Guarded<S, K> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        let outcome = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.watch(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.watch(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        let outcome = Pin::new(&mut self.stream).poll_flush(cx);
        self.after_closing(cx, outcome)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        let outcome = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.after_closing(cx, outcome)
    }
}

impl<S: Abort, K> Guarded<S, K> {
    /// As [`Self::watch`], except that success moved no bytes and so ends no stall.
    fn after_closing(
        &mut self,
        cx: &Context<'_>,
        outcome: Poll<io::Result<()>>,
    ) -> Poll<io::Result<()>> {
        match outcome {
            Poll::Pending => self.watch(cx, Poll::Pending),
            Poll::Ready(result) => Poll::Ready(result),
        }
    }
}

impl<S: Abort, K> Drop for Guarded<S, K> {
    fn drop(&mut self) {
        // A handle may live on; the task that a waker holds should not live with it.
        drop(std::mem::take(&mut *self.line.waiting()));
    }
}

impl<S: Abort + fmt::Debug, K> fmt::Debug for Guarded<S, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guarded")
            .field("stream", &self.stream)
            .field("stalled", &self.stall.is_some())
            .finish_non_exhaustive()
    }
}

impl CutHandle {
    /// Cuts the connection: reads and writes fail from now on, and those who wait are woken.
    pub fn cut(&self) {
        self.0.fail(CUT);
    }

    /// Whether the peer refuses bytes that were offered to it, at this moment.
    pub fn is_refused(&self) -> bool {
        self.0.refused.load(Ordering::Relaxed)
    }

    /// Whether the connection was cut or its peer stalled.
    pub fn is_cut(&self) -> bool {
        self.0.state.load(Ordering::Acquire) != OPEN
    }
}

impl fmt::Debug for CutHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CutHandle").field(&self.is_cut()).finish()
    }
}

impl Line {
    /// Fails the stream for a reason, unless it already has one, and wakes whoever waits.
    fn fail(&self, reason: u8) {
        let first = self
            .state
            .compare_exchange(OPEN, reason, Ordering::AcqRel, Ordering::Acquire);
        if first.is_ok() {
            self.wake_both();
        }
    }

    fn wait(&self, side: fn(&mut Waiting) -> &mut Option<Waker>, cx: &Context<'_>) {
        let mut waiting = self.waiting();
        let waker = side(&mut waiting);
        match waker {
            Some(waker) => waker.clone_from(cx.waker()),
            None => *waker = Some(cx.waker().clone()),
        }
    }

    fn wake_both(&self) {
        let Waiting { reader, writer } = std::mem::take(&mut *self.waiting());
        for waker in [reader, writer].into_iter().flatten() {
            waker.wake();
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Line {
    fn wake(self: Arc<Self>) {
        self.wake_both();
    }
}

#[cfg(test)]
mod tests;
