//! Two times where the HTTP/1.1 library knows one: how long a connection may be idle, and how long a
//! request's head may take from its first byte.
//!
//! The library arms one timer when it begins to wait for a head. [`HeadTimer`] makes that timer look at a
//! [`HeadClock`], which the stream below sets when bytes arrive.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::rt::{Sleep, Timer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// When the head that is being waited for began to arrive.
#[derive(Clone, Debug)]
pub(super) struct HeadClock(Arc<Mutex<Head>>);

#[derive(Debug)]
struct Head {
    /// The first one is due from the connection's start.
    first: bool,
    began: Option<Instant>,
}

impl Default for HeadClock {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Head {
            first: true,
            began: Some(Instant::now()),
        })))
    }
}

impl HeadClock {
    fn wait_for_next(&self) {
        let mut head = self.lock();
        if !std::mem::replace(&mut head.first, false) {
            head.began = None;
        }
    }

    fn bytes_arrived(&self) {
        let mut head = self.lock();
        if head.began.is_none() {
            head.began = Some(Instant::now());
        }
    }

    fn began(&self) -> Option<Instant> {
        self.lock().began
    }

    fn lock(&self) -> MutexGuard<'_, Head> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The timer of one connection.
#[derive(Clone, Debug)]
pub(super) struct HeadTimer {
    clock: HeadClock,
    head: Duration,
    idle: Duration,
}

impl HeadTimer {
    /// A head may take `head`, and may be `idle` in coming.
    pub(super) fn new(clock: HeadClock, head: Duration, idle: Duration) -> Self {
        Self { clock, head, idle }
    }

    fn sleep(&self) -> HeadSleep {
        self.clock.wait_for_next();
        let asked = Instant::now();
        let sleep = Box::pin(tokio::time::sleep_until(asked + self.idle));
        HeadSleep {
            terms: self.clone(),
            asked,
            sleep,
        }
    }
}

impl Timer for HeadTimer {
    fn sleep(&self, _: Duration) -> Pin<Box<dyn Sleep>> {
        Box::pin(self.sleep())
    }

    fn sleep_until(&self, _: std::time::Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(self.sleep())
    }

    fn now(&self) -> std::time::Instant {
        Instant::now().into_std()
    }
}

/// Ends when the head is late.
#[derive(Debug)]
struct HeadSleep {
    terms: HeadTimer,
    asked: Instant,
    sleep: Pin<Box<tokio::time::Sleep>>,
}

impl Future for HeadSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = match self.terms.clock.began() {
            Some(began) => began + self.terms.head,
            None => self.asked + self.terms.idle,
        };
        if self.sleep.deadline() != deadline {
            self.sleep.as_mut().reset(deadline);
        }
        self.sleep.as_mut().poll(cx)
    }
}

impl Sleep for HeadSleep {}

/// A stream that sets a [`HeadClock`].
#[derive(Debug)]
pub(super) struct Watched<S> {
    stream: S,
    clock: HeadClock,
}

impl<S> Watched<S> {
    /// Watches a stream.
    pub(super) fn new(stream: S, clock: HeadClock) -> Self {
        Self { stream, clock }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.clock.bytes_arrived();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
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
}
