//! Requests in, answers and events out.

use std::sync::Arc;

use m_ld_engine::clone::{Effects, Status};
use m_ld_engine::pattern::Limits;
use m_ld_remotes::driver::{Handle, Notice, RunError, State, Updates};
use serde_json::{Map, Value, json};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, mpsc, watch};

use super::CloneFailure;
use super::lines;

/// Requests that are answered at a time. Lines that follow wait.
const AT_A_TIME: u32 = 64;

/// Answers and tells until stdin ends, the command is told to stop, or the clone closes by itself.
pub(super) async fn until_told_to_stop(handle: &Handle) -> Result<(), CloneFailure> {
    let (out, written) = lines::write();
    // Whoever hears that the clone has started may tell it to stop.
    let stopped = stopped();
    let updates = handle.follow();
    let context = handle.context().clone();
    let tell = tokio::spawn(tell(updates, handle.state(), context, out.clone()));
    let requests = Requests {
        handle: handle.clone(),
        out,
        turns: Arc::new(Semaphore::new(AT_A_TIME as usize)),
    };
    let why = tokio::select! {
        why = closed_by_itself(handle) => Some(why),
        () = requests.answer_all() => { handle.close().await; None }
        () = stopped => { handle.close().await; None }
    };
    drop(requests);
    // Both end now that the clone has: what they know is told.
    tell.await.ok();
    written.await.ok();
    why.map_or(Ok(()), |why| Err(CloneFailure::Closed(why)))
}

/// Waits until the clone has closed without being told to, and says why.
async fn closed_by_itself(handle: &Handle) -> Arc<RunError> {
    match handle.until_closed().await {
        Some(why) => why,
        None => std::future::pending().await,
    }
}

/// Waits for a signal to stop, from this call on and not only once it is polled.
fn stopped() -> impl Future<Output = ()> {
    let signals = [SignalKind::terminate(), SignalKind::interrupt()].map(signal);
    async move {
        let [Ok(mut terminate), Ok(mut interrupt)] = signals else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    }
}

/// Tells what happens, until the clone has closed.
async fn tell(
    mut updates: Updates,
    mut state: watch::Receiver<State>,
    context: m_ld_engine::context::Context,
    out: mpsc::Sender<Value>,
) {
    if let Some(ready) = readiness(&mut state).await {
        for line in [json!({"started": ready}), json!({"status": ready})] {
            out.send(line).await.ok();
        }
    }
    let mut closed = false;
    while !closed {
        let line = tokio::select! {
            biased;
            notice = updates.next() => match notice {
                Some(Notice::Update(update)) => json!({"update": update.to_json(&context)}),
                Some(Notice::Reloaded) => json!({"reloaded": true}),
                Some(Notice::Missed(count)) => json!({"missed": count}),
                Some(Notice::Closed(why)) => { closed = true; ended(why.as_ref()) }
                None => return,
            },
            Ok(()) = state.changed() => json!({"status": status(state.borrow_and_update().status)}),
        };
        if out.send(line).await.is_err() {
            return;
        }
    }
}

/// The first status of a clone that has data; `None` if it closes before it has any.
async fn readiness(state: &mut watch::Receiver<State>) -> Option<Value> {
    let ready = state.wait_for(|state| state.is_ready || state.closed.is_some());
    let ready = ready.await.ok()?;
    (ready.is_ready && ready.closed.is_none()).then(|| status(ready.status))
}

fn ended(why: Option<&Arc<RunError>>) -> Value {
    json!({"closed": why.map(|why| super::super::failure::chain(&**why))})
}

fn status(status: Status) -> Value {
    let Status {
        online,
        outdated,
        silo,
        ticks,
    } = status;
    json!({"online": online, "outdated": outdated, "silo": silo, "ticks": ticks})
}

/// Requests on their way to the clone.
struct Requests {
    handle: Handle,
    out: mpsc::Sender<Value>,
    turns: Arc<Semaphore>,
}

/// What a request got wrong, or the clone could not do; with an m-ld status, if there is one.
struct Complaint(String, Option<u16>);

impl Complaint {
    fn new(why: &dyn std::error::Error, status: impl Into<Option<u16>>) -> Self {
        Self(super::super::failure::chain(why), status.into())
    }

    fn request(why: &str) -> Self {
        Self(why.to_owned(), None)
    }
}

impl Requests {
    /// Answers requests until stdin ends, or one of them asks to close.
    async fn answer_all(&self) {
        let mut lines = lines::read();
        let mut state = self.handle.state();
        // There is nothing to be asked before there is data.
        readiness(&mut state).await;
        while let Some(line) = lines.recv().await {
            let (id, request) = match line {
                Ok(Value::Object(mut request)) => {
                    (request.remove("id").unwrap_or_default(), request)
                }
                Ok(_) => {
                    self.complain(Value::Null, Complaint::request("a line that is no object"))
                        .await;
                    continue;
                }
                Err(unreadable) => {
                    self.complain(Value::Null, Complaint::new(&unreadable, None))
                        .await;
                    continue;
                }
            };
            if request.contains_key("close") {
                self.close(id).await;
                return;
            }
            self.answer(id, request).await;
        }
        // What was asked for before the end is answered.
        self.turns.acquire_many(AT_A_TIME).await.ok();
    }

    /// Closes the clone, once what was asked for before is answered.
    async fn close(&self, id: Value) {
        self.turns.acquire_many(AT_A_TIME).await.ok();
        self.handle.close().await;
        self.out.send(json!({"id": id, "answer": null})).await.ok();
    }

    /// Begins to answer a request. Those that come later see what it does.
    async fn answer(&self, id: Value, request: Map<String, Value>) {
        let Ok(turn) = Arc::clone(&self.turns).acquire_owned().await else {
            return;
        };
        let (handle, out) = (self.handle.clone(), self.out.clone());
        let begun = begin(&handle, request).await;
        tokio::spawn(async move {
            let answer = match begun {
                Ok(answer) => answer.await,
                Err(complaint) => Err(complaint),
            };
            let line = match answer {
                Ok(answer) => json!({"id": id, "answer": answer}),
                Err(complaint) => complaint.line(&id),
            };
            out.send(line).await.ok();
            drop(turn);
        });
    }

    async fn complain(&self, id: Value, complaint: Complaint) {
        self.out.send(complaint.line(&id)).await.ok();
    }
}

impl Complaint {
    fn line(&self, id: &Value) -> Value {
        let mut line = json!({"id": id, "error": self.0});
        if let Some(status) = self.1 {
            line["status"] = json!(status);
        }
        line
    }
}

type Answer = std::pin::Pin<Box<dyn Future<Output = Result<Value, Complaint>> + Send>>;

/// Puts a request in its place among the others; what is given back waits for the answer.
async fn begin(handle: &Handle, request: Map<String, Value>) -> Result<Answer, Complaint> {
    let mut request = request.into_iter();
    let (Some((verb, pattern)), None) = (request.next(), request.next()) else {
        return Err(Complaint::request("a request has an id and one verb"));
    };
    match verb.as_str() {
        "write" => write(handle, pattern).await,
        "read" => read(handle, pattern).await,
        "get" => read(handle, json!({"@describe": [pattern]})).await,
        "status" => {
            let now = handle.state().borrow().status;
            Ok(Box::pin(async move { Ok(status(now)) }))
        }
        _ => Err(Complaint::request(
            "no verb of ours: read, write, get, status, close",
        )),
    }
}

async fn write(handle: &Handle, request: Value) -> Result<Answer, Complaint> {
    let written = handle.submit(move |clone, now| match clone.write(&request, now) {
        Ok((written, effects)) => (effects, Ok(written)),
        Err(error) => (Effects::default(), Err(error)),
    });
    let written = written
        .await
        .map_err(|stopped| Complaint::new(&stopped, 5032))?;
    Ok(Box::pin(async move {
        match written.answer().await {
            Ok(Ok(written)) => Ok(json!({"ticks": written.ticks})),
            Ok(Err(error)) => Err(Complaint::new(&error, error.status())),
            Err(stopped) => Err(Complaint::new(&stopped, 5032)),
        }
    }))
}

async fn read(handle: &Handle, query: Value) -> Result<Answer, Complaint> {
    // In its place among writes: it is to see those before it.
    let turn = handle.submit(|_, _| (Effects::default(), ()));
    let turn = turn
        .await
        .map_err(|stopped| Complaint::new(&stopped, 5032))?;
    let handle = handle.clone();
    Ok(Box::pin(async move {
        turn.answer()
            .await
            .map_err(|stopped| Complaint::new(&stopped, 5032))?;
        let answer = handle.read(query, Limits::default()).await;
        answer
            .map(Value::Array)
            .map_err(|error| Complaint::new(&error, error.status()))
    }))
}
