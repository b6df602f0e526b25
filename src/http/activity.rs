//! What is under way on a connection: requests, and answers that its peer has yet to take.
//!
//! HTTP/2 lets a peer decide how much of an answer it takes, and when (RFC 9113, section 5.2). Bytes that it does not
//! take wait in our memory while the connection is alive and well; so a request counts as under way until the last
//! byte of its answer is written, and the time since its head was ready is known.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body::Frame;
use tokio::time::Instant;

use crate::config;

/// What is under way on one connection.
#[derive(Debug)]
pub(super) struct Activity(Mutex<State>);

#[derive(Debug)]
struct State {
    /// Requests of which neither the answer is written nor the stream gone.
    under_way: usize,
    last_end: Instant,
    /// When each answer began that is not wholly written. Numbers grow with time: the first is the oldest.
    answers: BTreeMap<u64, Instant>,
    next_answer: u64,
}

impl Default for Activity {
    fn default() -> Self {
        Self(Mutex::new(State {
            under_way: 0,
            last_end: Instant::now(),
            answers: BTreeMap::new(),
            next_answer: 0,
        }))
    }
}

impl Activity {
    /// Whether nothing has been under way for that long.
    pub(super) fn is_idle_for(&self, time: Duration) -> bool {
        self.quiet_for().is_some_and(|quiet| quiet >= time)
    }

    /// How long the oldest answer has been waiting to be taken; zero if none is.
    pub(super) fn longest_answer(&self) -> Duration {
        let state = self.state();
        let oldest = state.answers.first_key_value();
        oldest.map_or(Duration::ZERO, |(_, began)| began.elapsed())
    }

    /// When to look again, so that neither an idle connection nor an answer is over its time unseen.
    pub(super) fn wait(&self, config: &config::Http) -> Duration {
        let quiet = self.quiet_for().unwrap_or_default();
        let idle = config.idle_timeout.saturating_sub(quiet);
        let answer = config.request_timeout.saturating_sub(self.longest_answer());
        // One that has been idle for so long was asked to end: nothing is to be found out sooner.
        let idle = if idle.is_zero() {
            config.idle_timeout
        } else {
            idle
        };
        idle.min(answer)
    }

    fn quiet_for(&self) -> Option<Duration> {
        let state = self.state();
        (state.under_way == 0).then(|| state.last_end.elapsed())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that is under way.
#[derive(Debug)]
pub(super) struct Busy(Arc<Activity>);

impl Busy {
    /// Counts one more.
    pub(super) fn new(activity: &Arc<Activity>) -> Self {
        activity.state().under_way += 1;
        Self(Arc::clone(activity))
    }

    /// Keeps the request under way until its answer, whose head is ready, is written or given up.
    pub(super) fn hold(self, body: Body) -> Body {
        let answer = Arc::new(Answer::new(self));
        Body::new(Held { body, answer })
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.under_way = state.under_way.saturating_sub(1);
        state.last_end = Instant::now();
    }
}

/// An answer that is not wholly written.
#[derive(Debug)]
struct Answer {
    busy: Busy,
    number: u64,
}

impl Answer {
    fn new(busy: Busy) -> Self {
        let mut state = busy.0.state();
        let number = state.next_answer;
        state.next_answer += 1;
        state.answers.insert(number, Instant::now());
        drop(state);
        Self { busy, number }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.busy.0.state().answers.remove(&self.number);
    }
}

/// The body of an answer.
#[derive(Debug)]
struct Held {
    body: Body,
    answer: Arc<Answer>,
}

/// Bytes of an answer: the protocol's library may be done with the body long before its peer takes them.
struct Part {
    bytes: Bytes,
    _answer: Arc<Answer>,
}

impl AsRef<[u8]> for Part {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl http_body::Body for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(cx));
        let keep = |bytes| {
            let answer = Arc::clone(&self.answer);
            Bytes::from_owner(Part {
                bytes,
                _answer: answer,
            })
        };
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(keep))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}
