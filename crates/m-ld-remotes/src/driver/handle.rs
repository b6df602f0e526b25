//! What an application holds of a clone.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use m_ld_engine::clone::{Effects, MeldClone, WriteError, Written};
use m_ld_engine::context::Context;
use m_ld_engine::dataset::Graph;
use m_ld_engine::pattern::{self, Limits, PatternError};
use m_ld_engine::store::{StoreError, View};
use serde_json::Value;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use super::thread::{self, Open};
use super::{Notice, RunError, State};
use crate::remotes::Remotes;

/// Writes that may wait for the clone before those who write must wait to ask.
const JOBS: usize = 1024;
/// Notices that a follower may be behind.
const NOTICES: usize = 4096;

/// Something to be done with a clone, which then wants something done. What it gives is run once that is safe.
pub(super) type Job = Box<dyn FnOnce(&mut MeldClone, Duration) -> (Effects, Answer) + Send>;
pub(super) type Answer = Box<dyn FnOnce() + Send>;

/// Reads, writes and follows a running clone. Handles are cheap to clone; the clone closes when the last is dropped.
#[derive(Clone)]
pub struct Handle {
    jobs: mpsc::Sender<Job>,
    shared: Arc<Shared>,
}

/// What the clone's thread tells its handles.
pub(super) struct Shared {
    pub(super) view: Mutex<Option<Arc<dyn View>>>,
    pub(super) notices: broadcast::Sender<Notice>,
    pub(super) state: watch::Sender<State>,
    context: Context,
}

/// The clone has closed. Whether what was asked of it was done is not known.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the clone has closed")]
pub struct Stopped;

/// Why there is no answer to a read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The clone has no data yet.
    #[error("the clone has no data yet")]
    NotReady,
    /// The request cannot be answered.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The clone has closed.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl ReadError {
    /// The m-ld status (m-ld protocol, section 22.2), if there is one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::NotReady => Some(5004),
            Self::Pattern(error) => error.status(),
            Self::Store(_) => Some(5000),
            Self::Stopped(_) => Some(5032),
        }
    }
}

impl Handle {
    /// Runs a clone in a thread of its own, among those that `remotes` connect with. `open` opens it, on that thread, as it
    /// may take a while; `context` is that of reads which bring none.
    ///
    /// Returns once the clone is open; what follows needs no waiting for.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn start(
        open: Open,
        remotes: Remotes,
        context: Context,
    ) -> Result<Self, Arc<RunError>> {
        let (jobs, queue) = mpsc::channel(JOBS);
        let shared = Arc::new(Shared {
            view: Mutex::new(None),
            notices: broadcast::channel(NOTICES).0,
            state: watch::channel(State::default()).0,
            context,
        });
        let (opened, is_open) = oneshot::channel();
        thread::spawn(open, remotes, queue, Arc::clone(&shared), opened)?;
        let handle = Self { jobs, shared };
        if is_open.await.is_err() {
            let mut state = handle.shared.state.subscribe();
            let ended = state.wait_for(|state| state.closed.is_some()).await;
            if let Some(why) = ended.ok().and_then(|state| state.closed.clone()).flatten() {
                return Err(why);
            }
        }
        Ok(handle)
    }

    /// Makes a change by a json-rql write. Returns once it is safe on the store.
    pub async fn write(&self, request: Value) -> Result<Result<Written, WriteError>, Stopped> {
        self.run(move |clone, now| match clone.write(&request, now) {
            Ok((written, effects)) => (effects, Ok(written)),
            Err(error) => (Effects::default(), Err(error)),
        })
        .await
    }

    /// Does something with the clone itself; what that gives comes back once the effects are safe on the store.
    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut MeldClone, Duration) -> (Effects, T) + Send + 'static,
    ) -> Result<T, Stopped> {
        self.submit(job).await?.answer().await
    }

    /// As [`run`](Self::run), in two steps: the first puts it in its place among what is done with the clone, the second
    /// waits for what it gives.
    pub async fn submit<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut MeldClone, Duration) -> (Effects, T) + Send + 'static,
    ) -> Result<Submitted<T>, Stopped> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |clone, now| {
            let (effects, result) = job(clone, now);
            // Whoever asked may have gone.
            (effects, Box::new(move || drop(answer.send(result))))
        });
        self.jobs.send(job).await.map_err(|_| Stopped)?;
        Ok(Submitted(answered))
    }

    /// Answers a json-rql read, on a thread where that may take its time. It sees all that was written before through any
    /// handle.
    pub async fn read(&self, query: Value, limits: Limits) -> Result<Vec<Value>, ReadError> {
        let view = self.view().ok_or(ReadError::NotReady)?;
        let context = self.shared.context.clone();
        let read = tokio::task::spawn_blocking(move || {
            let graph = Graph::new(&*view)?;
            let results = pattern::read(&graph, &context, &query, &limits)?;
            results.map(|subject| Ok(subject?)).collect()
        });
        read.await.unwrap_or(Err(ReadError::Stopped(Stopped)))
    }

    /// The data as it is now, or none before the clone has any. It never changes, and holds up nobody.
    pub fn view(&self) -> Option<Arc<dyn View>> {
        let view = self.shared.view.lock();
        view.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The context of reads that bring none.
    pub fn context(&self) -> &Context {
        &self.shared.context
    }

    /// Follows what the clone tells from now on.
    pub fn follow(&self) -> Updates {
        Updates(self.shared.notices.subscribe())
    }

    /// How the clone is doing, and will be.
    pub fn state(&self) -> watch::Receiver<State> {
        self.shared.state.subscribe()
    }

    /// Closes the clone, and waits until its store and its connection are let go.
    pub async fn close(&self) {
        // If it has closed already, it is only waited for.
        self.run(|clone, now| (clone.close(now), ())).await.ok();
        self.until_closed().await;
    }

    /// Waits until the clone has closed, and says why if it did that by itself.
    pub async fn until_closed(&self) -> Option<Arc<RunError>> {
        let mut state = self.state();
        let closed = state.wait_for(|state| state.closed.is_some()).await;
        closed.ok().and_then(|state| state.closed.clone()).flatten()
    }
}

/// Something that was [submitted](Handle::submit), and has its place.
#[derive(Debug)]
pub struct Submitted<T>(oneshot::Receiver<T>);

impl<T> Submitted<T> {
    /// What it gives, once its effects are safe on the store.
    pub async fn answer(self) -> Result<T, Stopped> {
        self.0.await.map_err(|_| Stopped)
    }
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

/// The notices of a clone, for one follower.
#[derive(Debug)]
pub struct Updates(broadcast::Receiver<Notice>);

impl Updates {
    /// The next notice; `None` after the last. Safe to cancel.
    pub async fn next(&mut self) -> Option<Notice> {
        match self.0.recv().await {
            Ok(notice) => Some(notice),
            Err(broadcast::error::RecvError::Lagged(missed)) => Some(Notice::Missed(missed)),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}
