//! Updates as they come: server-sent events (WHATWG HTML, section 9.2).

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::answers::{Pieces, answer, streamed};
use super::target::Target;
use crate::domains::{Followed, Following, HostError};
use crate::http::problem::Problem;
use crate::http::state::App;

/// How many kept updates are read at a time.
const PAGE: usize = 256;
/// How often something is sent, so that neither end takes the other for gone.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How often it is looked whether the gateway is stopping, and whether the client still may.
const LOOK: Duration = Duration::from_secs(1);

/// `GET /api/v1/domain/{account}/{name}/updates`: every update as an event whose id is its tick. `Last-Event-ID` names
/// the last one that was seen: those after it come first, or else an event says that the state is to be read again.
pub(in crate::http) async fn updates(
    State(app): State<App>,
    target: Target,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let seen = last_seen(&headers)?;
    // Followed before anything is read, so that nothing is between them.
    let live = target.host.follow()?;
    let state = target.host.state().await?;
    let (pieces, body) = streamed();
    let after = seen.unwrap_or(state.tick);
    tokio::spawn(async move {
        let mut follower = Follower {
            app,
            target,
            after,
            pieces,
        };
        // An error means that the client has gone, or the clone has closed: the client comes again.
        drop(follower.run(live, seen.is_some()).await);
    });
    Ok(answer(
        StatusCode::OK,
        "text/event-stream",
        state.tick,
        body,
    ))
}

fn last_seen(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let bad = || Problem::bad_request("Last-Event-ID has to be the id of an event");
    let Some(value) = headers.get("last-event-id") else {
        return Ok(None);
    };
    let text = value.to_str().map_err(|_| bad())?;
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(bad());
    }
    // None of ours is as large as one that is no such number.
    Ok(Some(text.parse().unwrap_or(u64::MAX)))
}

struct Follower {
    app: App,
    target: Target,
    /// The last tick that was sent.
    after: u64,
    pieces: Pieces,
}

impl Follower {
    async fn run(&mut self, mut live: Receiver<Following>, resumes: bool) -> Result<(), HostError> {
        self.put(": updates\n\n".to_owned()).await?;
        if resumes {
            self.catch_up().await?;
        }
        let mut looks = tokio::time::interval(LOOK);
        let mut quiet = Duration::ZERO;
        loop {
            tokio::select! {
                next = live.recv() => {
                    quiet = Duration::ZERO;
                    match next {
                        Ok(Following::Update(update)) => self.send(&update).await?,
                        Ok(Following::Anew(tick)) => self.reset(tick).await?,
                        Err(RecvError::Lagged(_)) => self.catch_up().await?,
                        Err(RecvError::Closed) => return Err(HostError::Closed),
                    }
                }
                _ = looks.tick() => {
                    // A key that is revoked ends what was opened with it.
                    let may = self.target.still_may(&self.app).is_ok();
                    if !may || !self.app.ready.load(Ordering::SeqCst) {
                        return Err(HostError::Closed);
                    }
                    quiet += LOOK;
                    if quiet >= HEARTBEAT {
                        quiet = Duration::ZERO;
                        self.put(":\n\n".to_owned()).await?;
                    }
                }
                () = self.pieces.closed() => return Err(HostError::Closed),
            }
        }
    }

    async fn catch_up(&mut self) -> Result<(), HostError> {
        loop {
            let page = self.target.host.past(self.after, PAGE).await?;
            let Some(page) = page else {
                let tick = self.target.host.state().await?.tick;
                return self.reset(tick).await;
            };
            for update in &page {
                self.send(update).await?;
            }
            if page.len() < PAGE {
                return Ok(());
            }
        }
    }

    /// Sends an update, unless it was sent.
    async fn send(&mut self, update: &Followed) -> Result<(), HostError> {
        if update.tick <= self.after {
            return Ok(());
        }
        self.after = update.tick;
        // JSON as this gateway writes it has no line breaks.
        let event = format!("id: {}\ndata: {}\n\n", update.tick, update.text);
        self.put(event).await
    }

    /// Says that updates are missing, or that there are none: the state has to be read again.
    async fn reset(&mut self, tick: u64) -> Result<(), HostError> {
        self.after = tick;
        let event = format!("event: reset\nid: {tick}\ndata: {{\"@ticks\":{tick}}}\n\n");
        self.put(event).await
    }

    async fn put(&self, text: String) -> Result<(), HostError> {
        let sent = self.pieces.send(Ok(Bytes::from(text))).await;
        sent.map_err(|_| HostError::Closed)
    }
}
