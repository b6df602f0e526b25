//! One connection, from its first request to its last: HTTP/1.1 or HTTP/2, with limits on time and size.

use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::Instant;

use super::timer::{HeadClock, HeadTimer, Watched};
use crate::config;

/// Headers that one HTTP/1.1 request may have.
const HEADERS: usize = 64;
/// Streams that a peer may reset before we have looked at them ("rapid reset").
const PENDING_RESETS: usize = 20;
/// Streams that we may have to reset for a peer's errors before the connection ends.
const ERROR_RESETS: usize = 256;
/// What a stream and a connection may have in flight towards us.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// What is buffered of one stream's answer.
const SEND_BUFFER: usize = 64 * 1024;

/// Which protocol a connection speaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// How a connection is served.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    pub(super) config: config::Http,
    /// Turns true when the daemon stops: requests under way are finished, idle connections end.
    pub(super) stopping: watch::Receiver<bool>,
}

/// Serves every request of a connection with `answer`.
pub(super) async fn serve<S, A, F>(stream: S, protocol: Protocol, terms: Terms, answer: A)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    A: Fn(Request<Incoming>) -> F + Send + Sync + 'static,
    F: Future<Output = Response> + Send + 'static,
{
    let activity = Arc::new(Activity::default());
    let answer = Arc::new(answer);
    let service = service_fn({
        let activity = Arc::clone(&activity);
        move |request| {
            let busy = Busy::new(&activity);
            let answer = Arc::clone(&answer);
            async move {
                let response = answer(request).await;
                Ok::<_, Infallible>(response.map(|body| Body::new(Held { body, _busy: busy })))
            }
        }
    });
    let outcome = match protocol {
        Protocol::Http1 => {
            let clock = HeadClock::default();
            let io = TokioIo::new(Watched::new(stream, clock.clone()));
            let timer = HeadTimer::new(
                clock,
                terms.config.header_timeout,
                terms.config.idle_timeout,
            );
            let connection = http1_builder(&terms.config, timer)
                .serve_connection(io, service)
                .with_upgrades();
            until_over(
                connection,
                http1::UpgradeableConnection::graceful_shutdown,
                &activity,
                terms,
            )
            .await
        }
        Protocol::Http2 => {
            let connection =
                http2_builder(&terms.config).serve_connection(TokioIo::new(stream), service);
            until_over(
                connection,
                http2::Connection::graceful_shutdown,
                &activity,
                terms,
            )
            .await
        }
    };
    if let Err(error) = outcome {
        log::debug!(target: "meldgate::http", error:err = error; "a connection ended early");
    }
}

fn http1_builder(config: &config::Http, timer: HeadTimer) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(timer)
        .header_read_timeout(config.header_timeout)
        .max_headers(HEADERS)
        // No `pipeline_flush`: with it, the answer to what cannot be read is never sent.
        .max_buf_size(config.header_limit.max(8192));
    builder
}

fn http2_builder(config: &config::Http) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(hyper_util::rt::TokioTimer::new())
        .max_concurrent_streams(config.streams)
        .max_header_list_size(u32::try_from(config.header_limit).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(PENDING_RESETS)
        .max_local_error_reset_streams(ERROR_RESETS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(config.idle_timeout / 2)
        .keep_alive_timeout(config.header_timeout);
    builder
}

/// Drives a connection to its end; asks it to end once it is idle for too long, or the daemon stops.
async fn until_over<C>(
    connection: C,
    finish: impl Fn(Pin<&mut C>),
    activity: &Activity,
    mut terms: Terms,
) -> hyper::Result<()>
where
    C: Future<Output = hyper::Result<()>>,
{
    let mut connection = pin!(connection);
    let mut idle_check = pin!(tokio::time::sleep(terms.config.idle_timeout));
    let mut finishing = *terms.stopping.borrow_and_update();
    if finishing {
        finish(connection.as_mut());
    }
    loop {
        tokio::select! {
            outcome = &mut connection => return outcome,
            changed = terms.stopping.changed(), if !finishing => {
                finishing = changed.is_err() || *terms.stopping.borrow();
            }
            () = &mut idle_check, if !finishing => {
                let quiet = activity.quiet_for();
                finishing = quiet.is_some_and(|quiet| quiet >= terms.config.idle_timeout);
                let wait = terms.config.idle_timeout.saturating_sub(quiet.unwrap_or_default());
                idle_check.as_mut().reset(Instant::now() + wait.max(Duration::from_millis(10)));
            }
        }
        if finishing {
            finish(connection.as_mut());
        }
    }
}

/// How many requests of a connection are under way, and when the last one ended.
#[derive(Debug)]
struct Activity {
    started: Instant,
    under_way: AtomicUsize,
    /// Milliseconds from `started`.
    last_end: AtomicU64,
}

impl Default for Activity {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            under_way: AtomicUsize::new(0),
            last_end: AtomicU64::new(0),
        }
    }
}

impl Activity {
    /// How long nothing has been under way; `None` while something is.
    fn quiet_for(&self) -> Option<Duration> {
        let idle = self.under_way.load(Ordering::Acquire) == 0;
        let last_end = Duration::from_millis(self.last_end.load(Ordering::Acquire));
        idle.then(|| self.started.elapsed().saturating_sub(last_end))
    }
}

/// A request that is under way, until its answer is written.
#[derive(Debug)]
struct Busy(Arc<Activity>);

impl Busy {
    fn new(activity: &Arc<Activity>) -> Self {
        activity.under_way.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(activity))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let now = u64::try_from(self.0.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.last_end.store(now, Ordering::Release);
        self.0.under_way.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A body that keeps its request under way.
#[derive(Debug)]
struct Held {
    body: Body,
    _busy: Busy,
}

impl http_body::Body for Held {
    type Data = bytes::Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}
