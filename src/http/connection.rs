//! One connection, from its first request to its last: HTTP/1.1 or HTTP/2, with limits on time and size.

use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::Instant;

use super::activity::{Activity, Busy};
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
/// How long a connection is left alone at least between two looks at its times.
const SHORTEST_WAIT: Duration = Duration::from_millis(10);

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
                Ok::<_, Infallible>(response.map(|body| busy.hold(body)))
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

/// Drives a connection to its end; asks it to end once it is idle for too long, or the daemon stops. Ends it where
/// its peer does not: an answer that is not taken, or a connection that was asked to end, has the time of a request.
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
    let mut check = pin!(tokio::time::sleep(activity.wait(&terms.config)));
    let mut finishing = None;
    if *terms.stopping.borrow_and_update() {
        finishing = Some(Instant::now());
        finish(connection.as_mut());
    }
    loop {
        let end = tokio::select! {
            outcome = &mut connection => return outcome,
            changed = terms.stopping.changed(), if finishing.is_none() => {
                changed.is_err() || *terms.stopping.borrow()
            }
            () = &mut check => activity.is_idle_for(terms.config.idle_timeout),
        };
        if end && finishing.is_none() {
            finishing = Some(Instant::now());
            finish(connection.as_mut());
        }
        let limit = terms.config.request_timeout;
        let since_finish = finishing.map_or(Duration::ZERO, |began| began.elapsed());
        if activity.longest_answer() >= limit || since_finish >= limit {
            log::debug!(target: "meldgate::http", finishing = finishing.is_some(); "a connection whose peer keeps it waiting is cut");
            return Ok(());
        }
        let wait = activity
            .wait(&terms.config)
            .min(limit.saturating_sub(since_finish));
        check
            .as_mut()
            .reset(Instant::now() + wait.max(SHORTEST_WAIT));
    }
}
