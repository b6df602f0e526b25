//! Sending rev-ups and snapshots in steps.
//!
//! A stream holds no data: it reads on from where it was, in the journal as it is by then or in
//! the view that the snapshot is of. So what it costs does not depend on how much there is to
//! send, and it keeps nobody from writing.

use std::sync::Arc;

use super::doubt;
use super::machine::MeldClone;
use super::message::compose;
use super::replica::Replica;
use super::serve::Served;
use super::{CloneError, Effect};
use crate::clock::{Tid, TreeClock};
use crate::dataset::{Graph, TermId};
use crate::journal::{self, BLOCKED, Position, State, entries_after};
use crate::operation::{Tagged, encode_past_operation};
use crate::store::{StoreError, View};
use crate::wire::control::Notification;

/// The m-ld status of updates that are not there any more (m-ld protocol, section 22.2).
const UNAVAILABLE: u16 = 4041;
/// How many notifications a step sends.
const STEP: usize = 32;
/// How many triples are sent at once, and
const BATCH: usize = 64;
/// how many bytes of them, nearly.
const BATCH_BYTES: usize = 32 << 10;

/// What is still to be sent to a requester.
#[derive(Debug)]
pub(super) struct Stream {
    updates: String,
    /// After which entry of the journal operations are sent, once the data is.
    after: Position,
    /// What the requester has seen of them.
    seen: Option<TreeClock>,
    data: Option<Data>,
}

/// What is still to be sent of a snapshot's data.
struct Data {
    channel: String,
    view: Arc<dyn View>,
    /// The last triple that was sent.
    after: Option<[TermId; 3]>,
    has_triples: bool,
    /// The latest operations of processes.
    operations: Vec<Tid>,
}

impl std::fmt::Debug for Data {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Data")
            .field("channel", &self.channel)
            .field("after", &self.after)
            .field("operations", &self.operations)
            .finish_non_exhaustive()
    }
}

impl Stream {
    /// The operations after an entry that somebody with this clock has not seen.
    pub(super) fn rev_up(channel: String, after: Position, seen: TreeClock) -> Self {
        Self {
            updates: channel,
            after,
            seen: Some(seen),
            data: None,
        }
    }

    /// The data of a view, and the operations after it.
    pub(super) fn snapshot(
        view: Arc<dyn View>,
        data: String,
        updates: String,
        state: &State,
    ) -> Self {
        let mut operations: Vec<_> = state.gwc.tids().collect();
        operations.sort_unstable();
        operations.dedup();
        let first = TreeClock::genesis().tid();
        operations.retain(|tid| *tid != first && tid.as_str() != BLOCKED);
        Self {
            updates,
            after: state.position(),
            seen: None,
            data: Some(Data {
                channel: data,
                view,
                after: None,
                has_triples: true,
                operations,
            }),
        }
    }

    /// The next notification with its channel. None if all has been sent.
    fn next(&mut self, replica: &Replica) -> Result<Option<(String, Vec<u8>)>, StoreError> {
        if let Some(data) = &mut self.data {
            let channel = data.channel.clone();
            let datum = data.next(replica)?;
            if datum.is_none() {
                self.data = None;
            }
            let notification = datum
                .as_deref()
                .map_or(Notification::Complete, Notification::Next);
            return Ok(Some((channel, notification.encode())));
        }
        let message = self.next_operation(replica)?;
        Ok(message.map(|message| {
            let notification = Notification::Next(&message).encode();
            (self.updates.clone(), notification)
        }))
    }

    /// The channel on which something is sent now.
    fn channel(&self) -> &str {
        match &self.data {
            Some(data) => &data.channel,
            None => &self.updates,
        }
    }

    /// Whether the journal has what is still to be sent.
    fn is_served_by(&self, replica: &Replica) -> bool {
        let state = replica.state.as_ref();
        state.is_some_and(|state| !state.loading && state.start <= self.after.tick)
    }

    fn next_operation(&mut self, replica: &Replica) -> Result<Option<Vec<u8>>, StoreError> {
        let view = &*replica.view;
        for found in entries_after(view, self.after) {
            let (position, entry) = found?;
            self.after = position;
            let record = journal::record(view, entry.tid)?
                .ok_or(StoreError::Damaged("an entry's operation is missing"))?;
            let is_news = self
                .seen
                .as_ref()
                .is_none_or(|seen| seen.any_lt(&record.span.time));
            if is_news {
                return Ok(Some(compose(entry.prev_tick, &record)));
            }
        }
        Ok(None)
    }
}

impl Data {
    fn next(&mut self, replica: &Replica) -> Result<Option<Vec<u8>>, StoreError> {
        if self.has_triples {
            let batch = self.batch()?;
            self.has_triples = !batch.is_empty();
            if self.has_triples {
                return Ok(Some(replica.codec.encode_triples(&batch)));
            }
        }
        while let Some(tid) = self.operations.pop() {
            if let Some(latest) = journal::record(&*self.view, tid)? {
                let encoded = replica.encoded_past(&*self.view, &latest)?;
                return Ok(Some(encode_past_operation(&encoded)));
            }
        }
        Ok(None)
    }

    fn batch(&mut self) -> Result<Vec<Tagged>, StoreError> {
        let graph = Graph::new(&*self.view)?;
        let mut bytes = 0_usize;
        let mut batch = Vec::new();
        let stored: Box<dyn Iterator<Item = _>> = match self.after {
            Some(after) => Box::new(graph.all_after(after)),
            None => Box::new(graph.all()),
        };
        for stored in stored {
            let stored = stored?;
            self.after = Some(stored.ids);
            let doubted = || doubt::is_doubted(&*self.view, stored.ids);
            if stored.hidden || (stored.tids.is_empty() && doubted()?) {
                continue;
            }
            let literal = stored.triple.object.as_literal();
            let data = literal.map(|literal| graph.data(literal)).transpose()?;
            let data = data.flatten();
            let size = literal.map_or(0, |literal| literal.lexical.len());
            let inner = data.as_ref().map_or(0, |data| data.encode().len());
            bytes = bytes.saturating_add(size).saturating_add(inner);
            batch.push(Tagged {
                triple: stored.triple,
                tids: stored.tids,
                data,
            });
            if batch.len() >= BATCH || bytes >= BATCH_BYTES {
                break;
            }
        }
        Ok(batch)
    }
}

impl MeldClone {
    /// Whether something is being sent in steps: [`MeldClone::pump`] goes on with it.
    pub fn is_streaming(&self) -> bool {
        self.with.resend.is_some() || self.with.serving.is_streaming()
    }

    /// Sends a step of whatever is being sent.
    pub(super) fn stream(&mut self) -> Result<(), CloneError> {
        self.go_on_resending(STEP)?;
        let Some(mut served) = self.with.serving.take_next() else {
            return Ok(());
        };
        if !served.stream.is_served_by(&self.replica) {
            self.break_off(&served);
            return Ok(());
        }
        for _ in 0..STEP {
            let Some((channel, payload)) = served.stream.next(&self.replica)? else {
                self.end_stream(&served.to, served.stream.updates);
                return Ok(());
            };
            self.notify(&served.to, channel, payload);
        }
        self.with.serving.put_back(served);
        Ok(())
    }

    /// Breaks off all that is being sent: this clone's data goes.
    pub(super) fn break_off_all(&mut self) {
        for served in self.with.serving.take_all() {
            if served.is_streaming() {
                self.break_off(&served);
            }
        }
    }

    /// Tells a requester that there will be no more, so that it asks somebody else.
    fn break_off(&mut self, served: &Served) {
        let error = Notification::Error {
            status: UNAVAILABLE,
            message: "the data has gone".to_owned(),
        };
        let channel = served.stream.channel().to_owned();
        self.notify(&served.to, channel, error.encode());
    }

    /// Sends what was received and not applied so far, which is all that is left.
    fn end_stream(&mut self, to: &str, channel: String) {
        let waiting = self
            .with
            .waiting
            .messages()
            .chain(self.with.held.messages());
        let waiting: Vec<_> = waiting
            .map(|message| Notification::Next(message).encode())
            .collect();
        for payload in waiting {
            self.notify(to, channel.clone(), payload);
        }
        self.notify(to, channel, Notification::Complete.encode());
    }

    fn notify(&mut self, to: &str, channel: String, payload: Vec<u8>) {
        self.wanted.push(Effect::Notify {
            to: to.to_owned(),
            channel,
            payload,
        });
    }
}
