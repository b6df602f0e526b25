//! Reading the state.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use http::request::Parts;
use http::{HeaderMap, StatusCode, header};
use http_body::Frame;
use m_ld_engine::dataset::Graph;
use m_ld_engine::pattern::{self, Limits, PatternError, Results};
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::answers::{Pieces, Unfinished, answer, streamed};
use super::target::{Target, condition, members};
use crate::domains;
use crate::http::json;
use crate::http::problem::Problem;
use crate::http::state::App;

/// Bytes that are put together before they are sent.
const PIECE: usize = 16 * 1024;
/// Steps of a query that is answered where it came in: about half a millisecond at most.
const BRIEF: u64 = 300;

/// `GET /api/v1/domain/{account}/{name}/state`: answers a query (`q` or `query`, json-rql), one subject a line, or with
/// `?lock` whether the state is locked.
pub(in crate::http) async fn read(
    State(app): State<App>,
    target: Target,
    parts: Parts,
) -> Result<Response, Problem> {
    let members = members(parts.uri.query())?;
    let [(name, value)] = members.as_slice() else {
        return Err(Problem::bad_request(ASKED));
    };
    match (name.as_str(), value.as_str()) {
        ("lock", _) => locked(&target).await,
        ("q" | "query", query) => {
            let query = json::parse(query.as_bytes()).map_err(|error| {
                let (line, column) = (error.line(), error.column());
                Problem::bad_request(format!(
                    "the query is not JSON, line {line} column {column}"
                ))
            })?;
            let state = target.host.state().await?;
            if !condition(&parts.headers)?.holds(state.tick) {
                return Err(Problem::precondition_failed());
            }
            let form = Form::wanted(&parts.headers);
            let limits = app.domains.read_limits();
            let briefly = briefly(&state, &query, (form, &limits));
            if let Some(body) = briefly.map_err(|error| problem(&error))? {
                let body = Body::from(body);
                return Ok(answer(StatusCode::OK, form.media_type(), state.tick, body));
            }
            let permit = app.readers().await?;
            answers(state, query, form, limits, permit).await
        }
        _ => Err(Problem::bad_request(ASKED)),
    }
}

/// Answers a query on the spot, if that takes next to nothing: handing it to another thread, and its answer back, would
/// take longer. None where it takes more; then nothing has been done.
fn briefly(
    state: &domains::State,
    query: &Value,
    (form, limits): (Form, &Limits),
) -> Result<Option<Bytes>, PatternError> {
    let few = Limits {
        work: limits.work.min(BRIEF),
        ..limits.clone()
    };
    match pieced(state, query, (form, &few)) {
        Err(PatternError::TooMuchWork(_)) if few.work < limits.work => Ok(None),
        outcome => outcome,
    }
}

/// The whole answer, unless it is more than a piece.
fn pieced(
    state: &domains::State,
    query: &Value,
    (form, limits): (Form, &Limits),
) -> Result<Option<Bytes>, PatternError> {
    let graph = Graph::new(&*state.view)?;
    let mut whole = Pieced::new(form);
    for result in pattern::read(&graph, &state.context, query, limits)? {
        whole.add(&result?);
        if whole.is_full() {
            return Ok(None);
        }
    }
    Ok(Some(whole.end()))
}

const ASKED: &str = "the query string has to be q=…, with json-rql, or lock";

async fn locked(target: &Target) -> Result<Response, Problem> {
    let tick = target.host.state().await?.tick;
    let locked = target.host.is_locked().await?;
    let body = Body::from(locked.to_string());
    Ok(answer(StatusCode::OK, JSON, tick, body))
}

const JSON: &str = "application/json";
const LINES: &str = "application/x-ndjson";

/// How subjects are put one after the other.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Form {
    Lines,
    Array,
}

impl Form {
    /// Lines, unless JSON is accepted and they are not.
    fn wanted(headers: &HeaderMap) -> Self {
        let accepts = headers.get_all(header::ACCEPT).iter();
        let accepts: Vec<_> = accepts.filter_map(|value| value.to_str().ok()).collect();
        let named = |name: &str| accepts.iter().any(|value| value.contains(name));
        if named(JSON) && !named("ndjson") {
            Self::Array
        } else {
            Self::Lines
        }
    }

    const fn media_type(self) -> &'static str {
        match self {
            Self::Lines => LINES,
            Self::Array => JSON,
        }
    }
}

/// Ends the work on an answer that nobody waits for any more.
struct Wanted(Arc<AtomicBool>);

/// A body whose making ends with it.
struct Watched(
    Body,
    #[expect(dead_code, reason = "it matters when it is dropped")] Wanted,
);

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.0).poll_frame(context)
    }
}

impl Drop for Wanted {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

async fn answers(
    state: domains::State,
    query: Value,
    form: Form,
    mut limits: Limits,
    permit: OwnedSemaphorePermit,
) -> Result<Response, Problem> {
    let cancelled = Arc::new(AtomicBool::new(false));
    limits.cancelled = Some(Arc::clone(&cancelled));
    let wanted = Wanted(cancelled);
    let (begun, beginning) = oneshot::channel();
    let (pieces, body) = streamed();
    let body = Body::new(Watched(body, wanted));
    let tick = state.tick;
    tokio::task::spawn_blocking(move || {
        let _permit = permit;
        work(&state, &query, (form, &limits), begun, &pieces);
    });
    match beginning.await {
        Ok(Ok(())) => Ok(answer(StatusCode::OK, form.media_type(), tick, body)),
        Ok(Err(error)) => Err(problem(&error)),
        Err(_) => Err(Problem::internal()),
    }
}

type Begun = oneshot::Sender<Result<(), PatternError>>;

/// Answers a query on a thread that may be blocked. Says first whether it is one.
fn work(
    state: &domains::State,
    query: &Value,
    (form, limits): (Form, &Limits),
    begun: Begun,
    pieces: &Pieces,
) {
    let graph = match Graph::new(&*state.view) {
        Ok(graph) => graph,
        Err(error) => return drop(begun.send(Err(error.into()))),
    };
    match pattern::read(&graph, &state.context, query, limits) {
        Ok(results) => {
            if begun.send(Ok(())).is_ok() {
                send(results, form, pieces);
            }
        }
        Err(error) => drop(begun.send(Err(error))),
    }
}

fn send(results: Results<'_>, form: Form, pieces: &Pieces) {
    let mut cut = Pieced::new(form);
    for result in results {
        match result {
            Ok(subject) => cut.add(&subject),
            Err(error) => {
                log::info!(target: "meldgate::http", error:% = error; "an answer could not be finished");
                return drop(pieces.blocking_send(Err(Unfinished)));
            }
        }
        if cut.is_full() && pieces.blocking_send(Ok(cut.take())).is_err() {
            return;
        }
    }
    let rest = cut.end();
    if !rest.is_empty() {
        drop(pieces.blocking_send(Ok(rest)));
    }
}

/// Subjects, one after the other, in pieces.
struct Pieced {
    form: Form,
    piece: BytesMut,
    first: bool,
}

impl Pieced {
    fn new(form: Form) -> Self {
        let mut piece = BytesMut::new();
        if form == Form::Array {
            piece.extend_from_slice(b"[");
        }
        Self {
            form,
            piece,
            first: true,
        }
    }

    fn add(&mut self, subject: &Value) {
        if self.form == Form::Array && !self.first {
            self.piece.extend_from_slice(b",");
        }
        self.first = false;
        self.piece.extend_from_slice(subject.to_string().as_bytes());
        if self.form == Form::Lines {
            self.piece.extend_from_slice(b"\n");
        }
    }

    fn is_full(&self) -> bool {
        self.piece.len() >= PIECE
    }

    fn take(&mut self) -> Bytes {
        self.piece.split().freeze()
    }

    fn end(mut self) -> Bytes {
        if self.form == Form::Array {
            self.piece.extend_from_slice(b"]");
        }
        self.piece.freeze()
    }
}

fn problem(error: &PatternError) -> Problem {
    if let PatternError::Store(cause) = error {
        log::error!(target: "meldgate::http", error:% = cause; "the state cannot be read");
        return Problem::internal();
    }
    Problem::bad_request(error.to_string())
}
