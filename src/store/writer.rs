//! The one thread that changes the store.
//!
//! It takes all batches that wait, decides each against the ones before it, applies those that hold in
//! one atomic write, waits for one durable barrier, and then answers all. While it waits for the disk the
//! next group gathers, so under load the cost of a sync is shared and without load nobody waits for others.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::{mpsc, oneshot};

use super::backend::{Backend, Change, Place};
use super::batch::{Batch, Expectation};
use super::mark::Mark;
use super::view::{Undo, View};
use super::{StoreError, Tree};

/// Batches that one group takes at most.
const GROUP_BATCHES: usize = 1024;
/// Sealed bytes after which a group takes no further batch. Well below sled's segment of 512 KiB: sled
/// re-uses a segment two segments after the copies that replace it at the earliest, so there is a barrier
/// of ours between the copies and the re-use, and a power cut finds one or the other on the disk.
const GROUP_BYTES: usize = 128 * 1024;

/// A batch, sealed and ready to be decided.
pub(super) struct Request {
    changes: Vec<Change>,
    expectations: Vec<(Place, Expectation)>,
    bytes: usize,
    answer: oneshot::Sender<Answer>,
}

/// What a caller is told.
pub(super) type Answer = Result<(), StoreError>;

/// Where a caller waits for its answer.
pub(super) type Answered = oneshot::Receiver<Answer>;

/// What the writer is asked.
pub(super) enum Order {
    /// Make a batch.
    Commit(Request),
    /// Make durable what was written to the tables of clones.
    Settle(oneshot::Sender<Answer>),
    /// Confirm what is under way, let go of the files, and end.
    Close,
}

impl Request {
    /// Seals a batch on its caller's thread; the answer arrives at the other end.
    pub(super) fn seal(batch: Batch, view: &View) -> Result<(Self, Answered), StoreError> {
        let vault = &view.vault;
        let place = |tree: Tree, key: &[u8]| vault.place(tree.number(), key);
        let mut changes = Vec::with_capacity(batch.writes.len());
        for write in batch.writes {
            let place = place(write.tree, &write.key);
            let seal = |value: Vec<u8>| vault.seal(place, &write.key, &value);
            let sealed = write.value.map(seal).transpose();
            // Fails only for lengths that the caller has checked.
            let tree = write.tree.name();
            changes.push((place, sealed.map_err(|_| StoreError::Corrupt { tree })?));
        }
        let expectations = batch.expectations.into_iter();
        let (answer, answered) = oneshot::channel();
        let request = Self {
            bytes: changes.iter().map(size).sum(),
            changes,
            expectations: expectations
                .map(|expectation| (place(expectation.tree, &expectation.key), expectation))
                .collect(),
            answer,
        };
        Ok((request, answered))
    }
}

fn size((_, sealed): &Change) -> usize {
    sealed.as_ref().map_or(0, Vec::len)
}

/// The writer's side of the store.
pub(super) struct Writer {
    view: Arc<View>,
    backend: Arc<dyn Backend>,
    mark: Mark,
}

/// What a group of batches comes to.
#[derive(Default)]
struct Group {
    changes: BTreeMap<Place, Option<Vec<u8>>>,
    outcomes: Vec<(oneshot::Sender<Answer>, Answer)>,
}

impl Writer {
    pub(super) fn new(view: Arc<View>, backend: Arc<dyn Backend>, mark: Mark) -> Self {
        Self {
            view,
            backend,
            mark,
        }
    }

    /// Works until told to close, or until nobody can ask any more.
    pub(super) fn run(mut self, mut inbox: mpsc::Receiver<Order>) {
        while let Some(order) = inbox.blocking_recv() {
            let gathered = gather(order, &mut inbox);
            self.commit(gathered.requests, gathered.settles);
            if gathered.close {
                break;
            }
        }
        inbox.close();
        while let Some(late) = inbox.blocking_recv() {
            match late {
                Order::Commit(request) => tell(request.answer, Err(StoreError::Closed)),
                Order::Settle(answer) => tell(answer, Err(StoreError::Closed)),
                Order::Close => {}
            }
        }
        self.view.close();
        // The last one that holds the backend: the files are free once the thread has ended.
        drop(self.backend);
    }

    fn commit(&mut self, requests: Vec<Request>, settles: Vec<oneshot::Sender<Answer>>) {
        if requests.is_empty() && settles.is_empty() {
            return;
        }
        let failed = self.view.failed();
        let asked_to_settle = !settles.is_empty();
        let mut group = Group::default();
        for request in requests {
            let outcome = if failed {
                Err(StoreError::Failed)
            } else {
                self.decide(&request, &group.changes)
            };
            if outcome.is_ok() {
                group.changes.extend(request.changes);
            }
            group.outcomes.push((request.answer, outcome));
        }
        let settles = settles.into_iter();
        let settled = if failed {
            Err(StoreError::Failed)
        } else {
            Ok(())
        };
        group
            .outcomes
            .extend(settles.map(|answer| (answer, copied(&settled))));
        let nothing = group.changes.is_empty() && !asked_to_settle;
        let written = nothing || failed || self.write(&mut group.changes);
        for (answer, outcome) in group.outcomes {
            tell(answer, if written { outcome } else { doubtful(outcome) });
        }
    }

    /// Whether a batch holds after those before it in its group.
    fn decide(&self, request: &Request, pending: &BTreeMap<Place, Option<Vec<u8>>>) -> Answer {
        for (place, expectation) in &request.expectations {
            let sealed = match pending.get(place) {
                Some(sealed) => sealed.clone(),
                None => self.backend.get(*place)?,
            };
            let open = |sealed: Vec<u8>| self.view.open(expectation.tree, *place, &sealed);
            let record = sealed.map(open).transpose()?;
            let value = record.as_ref().map(|record| &record.value[..]);
            if !expectation.expected.holds(value) {
                return Err(StoreError::Conflict);
            }
        }
        Ok(())
    }

    /// Makes the changes durable; `false` if that is in doubt, after which nothing is written any more.
    fn write(&mut self, changes: &mut BTreeMap<Place, Option<Vec<u8>>>) -> bool {
        match self.try_write(changes) {
            Ok(()) => {
                self.view.unshield();
                true
            }
            Err(error) => {
                self.view.fail();
                log::error!(target: "meldgate::store", error:err = error; "changes could not be made durable; no more are taken");
                false
            }
        }
    }

    fn try_write(
        &mut self,
        changes: &mut BTreeMap<Place, Option<Vec<u8>>>,
    ) -> Result<(), StoreError> {
        self.mark.count(&self.view.vault, changes)?;
        let undo = changes
            .keys()
            .map(|place| Ok((*place, self.backend.get(*place)?)))
            .collect::<Result<Undo, StoreError>>()?;
        self.view.shield(undo);
        let changes: Vec<Change> = std::mem::take(changes).into_iter().collect();
        self.backend.apply(&changes)?;
        let loose = self.view.loose.load(Ordering::Acquire);
        self.backend.barrier()?;
        self.view.loose.fetch_sub(loose, Ordering::AcqRel);
        self.mark.note(&self.view.vault);
        Ok(())
    }
}

/// What waited to be done together.
#[derive(Default)]
struct Gathered {
    requests: Vec<Request>,
    settles: Vec<oneshot::Sender<Answer>>,
    close: bool,
}

/// All that waits, within the limits of a group.
fn gather(first: Order, inbox: &mut mpsc::Receiver<Order>) -> Gathered {
    let mut gathered = Gathered::default();
    let mut bytes = 0;
    let mut next = Some(first);
    while let Some(order) = next {
        match order {
            Order::Close => {
                gathered.close = true;
                return gathered;
            }
            Order::Settle(answer) => gathered.settles.push(answer),
            Order::Commit(request) => {
                bytes += request.bytes;
                gathered.requests.push(request);
            }
        }
        let count = gathered.requests.len().max(gathered.settles.len());
        let full = count >= GROUP_BATCHES || bytes >= GROUP_BYTES;
        next = if full { None } else { inbox.try_recv().ok() };
    }
    gathered
}

fn copied(outcome: &Answer) -> Answer {
    match outcome {
        Ok(()) => Ok(()),
        Err(_) => Err(StoreError::Failed),
    }
}

/// What remains true of an outcome when the group's write is in doubt.
fn doubtful(outcome: Answer) -> Answer {
    match outcome {
        Ok(()) => Err(StoreError::Unconfirmed),
        // It changed nothing, but what it collided with may not be there.
        Err(StoreError::Conflict) => Err(StoreError::Failed),
        Err(other) => Err(other),
    }
}

fn tell(answer: oneshot::Sender<Answer>, outcome: Answer) {
    // A caller that went away does not wait for an answer.
    drop(answer.send(outcome));
}
