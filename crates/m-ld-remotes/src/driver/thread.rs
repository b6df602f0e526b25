//! The thread that has a clone.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use m_ld_engine::clone::{CloneError, Effect, Effects, Input, MeldClone};
use tokio::runtime;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::batch::Batch;
use super::handle::{Job, Shared};
use super::{Notice, RunError};
use crate::remotes::{Ended, Message, Remotes};

/// Opens a clone at a time, which is counted from when its thread began.
pub type Open = Box<dyn FnOnce(Duration) -> Result<(MeldClone, Effects), CloneError> + Send>;

/// While more than so many bytes wait to be sent, what can wait is not added.
const ROOM: usize = 512 << 10;

/// Starts the thread. `opened` is told once the clone is open, and dropped if it cannot be.
pub(super) fn spawn(
    open: Open,
    remotes: Remotes,
    jobs: mpsc::Receiver<Job>,
    shared: Arc<Shared>,
    opened: oneshot::Sender<()>,
) -> Result<(), Arc<RunError>> {
    let runtime = runtime::Handle::current();
    let run = move || {
        let mut connection = Connection {
            started: Instant::now(),
            remotes,
            jobs: Some(jobs),
        };
        let ended = connection.run(&runtime, open, &shared, opened);
        runtime.block_on(connection.remotes.close());
        let why = ended.err().map(Arc::new);
        *shared.view.lock().unwrap_or_else(PoisonError::into_inner) = None;
        // Nobody may follow.
        drop(shared.notices.send(Notice::Closed(why.clone())));
        shared.state.send_modify(|state| state.closed = Some(why));
    };
    let thread = std::thread::Builder::new().name("m-ld clone".to_owned());
    thread
        .spawn(run)
        .map(drop)
        .map_err(|error| Arc::new(RunError::Thread(error)))
}

/// Where what happens comes from.
struct Connection {
    started: Instant,
    remotes: Remotes,
    /// None once all handles are gone.
    jobs: Option<mpsc::Receiver<Job>>,
}

/// What happened.
enum Happened {
    Message(Message),
    Ended(Ended),
    Job(Job),
    NoHandles,
    Time,
    Room,
}

impl Connection {
    /// Runs a clone to its end. The clone, and its store with it, are dropped then.
    fn run(
        &mut self,
        runtime: &runtime::Handle,
        open: Open,
        shared: &Shared,
        opened: oneshot::Sender<()>,
    ) -> Result<(), RunError> {
        let (mut clone, effects) = open(self.now())?;
        let mut batch = Batch::default();
        batch.effects(effects);
        self.finish(&mut clone, batch, shared)?;
        // Whoever started it may have gone.
        opened.send(()).ok();
        while !clone.is_closed() {
            let first = runtime.block_on(self.next(&clone));
            let mut batch = Batch::default();
            let mut ended = self.take(&mut clone, first, &mut batch)?;
            while !batch.is_full() && ended.is_none() && !clone.is_closed() {
                let Some(next) = self.try_next() else { break };
                ended = self.take(&mut clone, next, &mut batch)?;
            }
            if clone.is_streaming() && !clone.is_closed() && self.remotes.unsent() < ROOM {
                batch.effects(clone.pump(self.now())?);
            }
            if let Some(ended) = ended {
                batch.effects(clone.close(self.now()));
                self.finish(&mut clone, batch, shared)?;
                return Err(ended.into());
            }
            self.finish(&mut clone, batch, shared)?;
        }
        Ok(())
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Waits for what happens next.
    async fn next(&mut self, clone: &MeldClone) -> Happened {
        let wake = clone.next_wake().map(|wake| self.started + wake);
        let timer = async {
            match wake {
                Some(wake) => sleep_until(wake).await,
                None => std::future::pending().await,
            }
        };
        let Self { jobs, remotes, .. } = self;
        let job = async {
            match jobs {
                Some(jobs) => jobs.recv().await,
                None => std::future::pending().await,
            }
        };
        let room = if clone.is_streaming() { ROOM } else { 0 };
        tokio::select! {
            message = remotes.next_or_room(room) => match message {
                Some(Ok(message)) => Happened::Message(message),
                Some(Err(ended)) => Happened::Ended(ended),
                None => Happened::Room,
            },
            job = job => job.map_or(Happened::NoHandles, Happened::Job),
            () = timer => Happened::Time,
        }
    }

    /// What has happened by now, if anything.
    fn try_next(&mut self) -> Option<Happened> {
        if let Some(message) = self.remotes.try_next() {
            return Some(Happened::Message(message));
        }
        self.jobs.as_mut()?.try_recv().ok().map(Happened::Job)
    }

    /// Hands something to the clone. Says if there is no connection any more.
    fn take(
        &mut self,
        clone: &mut MeldClone,
        happened: Happened,
        batch: &mut Batch,
    ) -> Result<Option<Ended>, CloneError> {
        let now = self.now();
        match happened {
            Happened::Message(message) => batch.message(clone, &message, now)?,
            Happened::Job(job) => batch.job(clone, job, now),
            Happened::Time => batch.effects(clone.handle(Input::Time, now)?),
            Happened::NoHandles => {
                self.jobs = None;
                batch.effects(clone.close(now));
            }
            Happened::Room => {}
            Happened::Ended(ended) => return Ok(Some(ended)),
        }
        Ok(None)
    }

    /// Makes a batch safe, and then does what it wants done.
    fn finish(
        &mut self,
        clone: &mut MeldClone,
        batch: Batch,
        shared: &Shared,
    ) -> Result<(), RunError> {
        let effects = clone.release(batch.effects)?;
        *shared.view.lock().unwrap_or_else(PoisonError::into_inner) = clone.view();
        let mut closed = None;
        for effect in effects {
            if let Some(why) = self.perform(effect, shared) {
                closed = Some(why);
            }
        }
        shared.state.send_if_modified(|state| {
            let now = (clone.status(), clone.view().is_some());
            let changed = now != (state.status, state.is_ready);
            (state.status, state.is_ready) = now;
            changed
        });
        for answer in batch.answers {
            answer();
        }
        closed.map_or(Ok(()), |why| Err(why.into()))
    }

    /// Does one thing that the clone wants done. Says why the clone has closed, if it says so.
    fn perform(&mut self, effect: Effect, shared: &Shared) -> Option<CloneError> {
        let remotes = &mut self.remotes;
        match effect {
            Effect::Present(present) => remotes.present(present),
            Effect::Operation(message) => remotes.operation(message),
            Effect::Request {
                to,
                message_id,
                payload,
            } => remotes.request(&to, &message_id, payload),
            Effect::Reply {
                to,
                message_id,
                sent_message_id,
                payload,
            } => remotes.reply(&to, &message_id, &sent_message_id, payload),
            Effect::Notify {
                to,
                channel,
                payload,
            } => remotes.notify(&to, &channel, payload),
            // Nobody may follow.
            Effect::Update(update) => drop(shared.notices.send(Notice::Update(update))),
            Effect::Reloaded => drop(shared.notices.send(Notice::Reloaded)),
            Effect::Discarded(why) => log::warn!("a message of another clone was discarded: {why}"),
            // Told with the rest of the state.
            Effect::Status(_) => {}
            Effect::Closed(why) => return why,
        }
        None
    }
}
