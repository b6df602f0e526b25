//! The store: sealed records in a few trees, changed by atomic batches that are durable when confirmed.
//!
//! # Invariants
//! 1. A confirmed batch survives the death of the process and a loss of power.
//! 2. A batch is made whole or not at all, also on disk.
//! 3. Readers see confirmed batches only, in the order in which they were decided.
//! 4. What is read is what was written: damage is an error, never other data.
//! 5. The files tell nothing but how many records there are and roughly how long they are.
//!
//! Only this room names the engine below it. It sees a trait of three verbs (read, atomic batch, durable
//! barrier), and the same tests run on every backend.
//!
//! # Sources
//! NIST SP 800-38D for sealing, RFC 5869 (HKDF) and RFC 2104 (HMAC) for keys.

mod backend;
mod batch;
mod error;
mod files;
mod gathering;
mod header;
mod layout;
mod mark;
mod master;
mod memory;
mod sled;
mod tables;
mod tree;
mod vault;
mod view;
mod writer;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::mpsc;

use self::backend::Backend;
use self::layout::Steps;
use self::mark::Mark;
use self::view::View;
use self::writer::{Order, Request, Writer};
use crate::clock::Chance;

pub use self::batch::{Batch, Expected};
pub use self::error::StoreError;
pub use self::master::MasterKey;
pub use self::tables::Tables;
pub use self::tree::Tree;

/// Keys and values, in clear.
pub type Records = Vec<(Vec<u8>, Vec<u8>)>;

/// Bytes that one key or value may have.
pub const VALUE_LIMIT: usize = 64 * 1024;
/// Bytes that the keys and values of one batch may have together.
pub const BATCH_LIMIT: usize = 1024 * 1024;
/// Batches that wait for the writer before those who ask must wait to ask.
const QUEUE: usize = 1024;

/// A handle on the store. Clones share it; it closes, which blocks, when the last one is dropped.
#[derive(Clone)]
pub struct Store {
    view: Arc<View>,
    line: Arc<Line>,
}

impl Store {
    /// Opens the store in `dir`, or makes a new one, and starts its writer thread.
    ///
    /// The folder is made for the owner alone, and locked until the store is closed. Blocks while the
    /// store is read and, after a crash, repaired.
    pub fn open(dir: &Path, key: &MasterKey, chance: &Chance) -> Result<Self, StoreError> {
        Self::open_with(dir, key, chance, layout::current)
    }

    /// A store that behaves the same, and ends with the process.
    ///
    /// # Panics
    /// If the system cannot start a thread.
    #[expect(
        clippy::expect_used,
        reason = "an empty store in memory has no file, key or layout that could be refused"
    )]
    pub fn memory(chance: &Chance) -> Self {
        let backend = Arc::new(memory::Memory::default());
        let key = MasterKey::passing(chance);
        Self::assemble(backend, &key, chance, None, layout::current)
            .expect("the system can start a thread")
    }

    fn open_with(
        dir: &Path,
        key: &MasterKey,
        chance: &Chance,
        steps: Steps,
    ) -> Result<Self, StoreError> {
        let backend = Arc::new(sled::Sled::open(dir)?);
        Self::assemble(backend, key, chance, Some(dir), steps)
    }

    fn assemble(
        backend: Arc<dyn Backend>,
        key: &MasterKey,
        chance: &Chance,
        dir: Option<&Path>,
        steps: Steps,
    ) -> Result<Self, StoreError> {
        let vault = layout::prepare(&*backend, key, chance, steps)?;
        let mark = Mark::open(&*backend, &vault, dir)?;
        let view = Arc::new(View::new(vault, Arc::clone(&backend)));
        let writer = Writer::new(Arc::clone(&view), backend, mark);
        let line = Arc::new(Line::start(writer)?);
        Ok(Self { view, line })
    }

    /// The value of `key`, as last confirmed. Takes microseconds, or a disk read if it is not cached.
    pub fn get(&self, tree: Tree, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.view.get(tree, key)
    }

    /// All keys and values of a tree at one moment, in any order.
    ///
    /// For opening a room, not for answering a request: it reads and holds the whole tree, and the
    /// writer waits while it is copied.
    pub fn scan(&self, tree: Tree) -> Result<Records, StoreError> {
        self.view.scan(tree)
    }

    /// Makes a batch, and returns once it is durable.
    ///
    /// Waits without blocking a thread, also while the writer's queue is full. If the future is dropped
    /// after the batch was queued, the batch is made all the same.
    pub async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let (request, answered) = self.request(batch)?;
        let sender = self.line.sender()?;
        let queued = sender.send(Order::Commit(request)).await;
        queued.map_err(|_| StoreError::Closed)?;
        answered.await.unwrap_or(Err(StoreError::Unconfirmed))
    }

    /// Like [`commit`](Self::commit), for threads that may be blocked.
    ///
    /// # Panics
    /// On a thread that runs asynchronous tasks, which must not be blocked.
    pub fn commit_blocking(&self, batch: Batch) -> Result<(), StoreError> {
        let (request, answered) = self.request(batch)?;
        let sender = self.line.sender()?;
        let queued = sender.blocking_send(Order::Commit(request));
        queued.map_err(|_| StoreError::Closed)?;
        let answer = answered.blocking_recv();
        answer.unwrap_or(Err(StoreError::Unconfirmed))
    }

    /// Whether the store takes changes: not after a failed write, nor after it was closed.
    pub fn is_writable(&self) -> bool {
        self.line.sender().is_ok() && !self.view.failed()
    }

    /// Confirms what is under way, lets go of the files and ends the writer thread. Blocks meanwhile.
    ///
    /// Everything after is answered with [`StoreError::Closed`]. Closing twice does nothing.
    pub fn close(&self) {
        self.line.close();
    }

    fn request(&self, batch: Batch) -> Result<(Request, writer::Answered), StoreError> {
        batch.check()?;
        Request::seal(batch, &self.view)
    }
}

/// Runs a change to its end, also if whoever waits for it goes away: what has to be done once it is durable is done.
/// If it panics, or the runtime ends, the change is [`StoreError::Unconfirmed`].
pub async fn finish<T, E>(
    change: impl Future<Output = Result<T, E>> + Send + 'static,
) -> Result<T, E>
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    let ended = tokio::spawn(change).await;
    ended.unwrap_or_else(|_| Err(StoreError::Unconfirmed.into()))
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("writable", &self.is_writable())
            .finish_non_exhaustive()
    }
}

/// The way to the writer thread.
struct Line(Mutex<Option<Open>>);

struct Open {
    sender: mpsc::Sender<Order>,
    thread: JoinHandle<()>,
}

impl Line {
    fn start(writer: Writer) -> Result<Self, StoreError> {
        let (sender, inbox) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || writer.run(inbox))
            .map_err(StoreError::io("start the thread of", "store"))?;
        Ok(Self(Mutex::new(Some(Open { sender, thread }))))
    }

    fn sender(&self) -> Result<mpsc::Sender<Order>, StoreError> {
        let open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = open.as_ref().map(|open| open.sender.clone());
        sender.ok_or(StoreError::Closed)
    }

    fn close(&self) {
        let open = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Open { sender, thread }) = open else {
            return;
        };
        // A full queue empties in moments, and this may be a thread that must not use the blocking send.
        let mut order = Order::Close;
        while let Err(mpsc::error::TrySendError::Full(again)) = sender.try_send(order) {
            order = again;
            std::thread::yield_now();
        }
        drop(sender);
        if thread.join().is_err() {
            log::error!(target: "meldgate::store", "the writer thread had panicked");
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.close();
    }
}
