//! The tables of clones: ordered, in trees of their own in the same files, sealed under a key for each clone.
//!
//! # Invariants
//! 1. A clone's key is durable before anything is sealed under it. Removing it makes unreadable all that was, also
//!    what is left in the files for a while.
//! 2. What was written to tables survives a loss of power once [`Store::settle`] has returned after it. Every clone
//!    that waits for that shares one barrier.
//!
//! Values are `nonce(12) ‖ AES-256-GCM-SIV ‖ tag`, with the table and the key as associated data. Its nonces are
//! random: with SIV, one that repeats tells only that two values of one place were equal (RFC 8452, section 9), so one
//! key does for all the values of a clone. Keys of tables are keyed hashes, ticks and transaction ids already.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use m_ld_engine::store as engine;
use m_ld_engine::store::{Bytes, Seal, Table, View};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use super::gathering::Gathering;
use super::view::View as Own;
use super::writer::Order;
use super::{Batch, Expected, Store, StoreError, Tree};
use crate::clock::Chance;

/// Bytes that may be written to tables before a barrier, whether or not anybody waits for it. See the writer: sled
/// must not re-use a segment before what replaces it is on the disk.
const LOOSE: usize = 128 * 1024;
/// Where the last part of a clone's name is among the keys.
const TREE: u8 = 9;
/// Nonces that are drawn at a time.
const NONCES: usize = 32;

/// The tables of one clone, which it alone uses.
///
/// [`sync`](engine::Store::sync) tidies and does not make durable: [`Store::settle`] does that, without blocking.
pub struct Tables {
    inner: Box<dyn engine::Store>,
    store: Store,
}

impl Store {
    /// Opens the tables of a clone, or makes them. Only one may have them open.
    pub async fn tables(&self, clone: &str, chance: &Chance) -> Result<Tables, StoreError> {
        #[cfg(test)]
        if self.view.broken.load(Ordering::Acquire) {
            return Err(StoreError::Failed);
        }
        let key = self.clone_key(clone, chance).await?;
        let seal = Sealer::new(&key, chance, Arc::clone(&self.view))?;
        let name = self.tables_name(clone);
        let backend = self.view.backend()?;
        Ok(Tables {
            inner: backend.tables(&name, Arc::new(seal))?,
            store: self.clone(),
        })
    }

    /// Destroys the tables of a clone: their key first, durably, then what is left. Nobody has them open.
    pub async fn destroy_tables(&self, clone: &str) -> Result<(), StoreError> {
        self.commit(Batch::new().remove(Tree::Clones, clone))
            .await?;
        self.view.backend()?.remove_tables(&self.tables_name(clone))
    }

    /// Returns once all that was written to tables so far survives a loss of power.
    pub async fn settle(&self) -> Result<(), StoreError> {
        let (answer, answered) = oneshot::channel();
        let queued = self.line.sender()?.send(Order::Settle(answer)).await;
        queued.map_err(|_| StoreError::Closed)?;
        answered.await.unwrap_or(Err(StoreError::Unconfirmed))
    }

    /// Like [`settle`](Self::settle), for threads that may be blocked.
    ///
    /// # Panics
    /// On a thread that runs asynchronous tasks, which must not be blocked.
    pub fn settle_blocking(&self) -> Result<(), StoreError> {
        let (answer, answered) = oneshot::channel();
        let queued = self.line.sender()?.blocking_send(Order::Settle(answer));
        queued.map_err(|_| StoreError::Closed)?;
        answered
            .blocking_recv()
            .unwrap_or(Err(StoreError::Unconfirmed))
    }

    async fn clone_key(&self, clone: &str, chance: &Chance) -> Result<Key, StoreError> {
        loop {
            if let Some(key) = self.get(Tree::Clones, clone.as_bytes())? {
                let key = <[u8; 32]>::try_from(key.as_slice());
                return key.map(Zeroizing::new).map_err(|_| corrupt());
            }
            let key: Key = Zeroizing::new(chance.bytes());
            let batch = Batch::new()
                .expect(Tree::Clones, clone, Expected::Absent)
                .put(Tree::Clones, clone, key.to_vec());
            match self.commit(batch).await {
                // Somebody else was faster: theirs it is.
                Ok(()) | Err(StoreError::Conflict) => {}
                Err(cause) => return Err(cause),
            }
        }
    }

    /// A name that tells nothing, and is none of the numbers that the store's own trees have for names.
    fn tables_name(&self, clone: &str) -> Vec<u8> {
        let place = self.view.vault.place(TREE, clone.as_bytes());
        [&[TREE][..], &place.hash].concat()
    }
}

type Key = Zeroizing<[u8; 32]>;

impl Tables {
    /// The same, with commits put together until they are [synced](engine::Store::sync): whoever uses it syncs it before it
    /// [settles](Store::settle).
    #[must_use]
    pub fn gathered(self) -> Self {
        Self {
            inner: Box::new(Gathering::new(self.inner)),
            store: self.store,
        }
    }
}

impl engine::Store for Tables {
    fn view(&self) -> Arc<dyn View> {
        self.inner.view()
    }

    fn commit(&mut self, batch: engine::Batch) -> Result<(), engine::StoreError> {
        #[cfg(test)]
        if self.store.view.broken.load(Ordering::Acquire) {
            return Err(failing(&StoreError::Failed));
        }
        if self.store.view.failed() {
            return Err(failing(&StoreError::Failed));
        }
        self.inner.commit(batch)?;
        if self.store.view.loose.load(Ordering::Acquire) >= LOOSE {
            self.store
                .begin_settling()
                .map_err(|cause| failing(&cause))?;
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), engine::StoreError> {
        self.inner.sync()
    }
}

impl std::fmt::Debug for Tables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tables").finish_non_exhaustive()
    }
}

#[cfg(test)]
impl Store {
    /// Has the tables of clones fail, or not any more.
    pub(crate) fn break_tables(&self, broken: bool) {
        self.view.broken.store(broken, Ordering::Release);
    }
}

impl Store {
    /// Has a barrier made without waiting for it. A full queue has one coming anyway.
    fn begin_settling(&self) -> Result<(), StoreError> {
        let (answer, _nobody_waits) = oneshot::channel();
        let sent = self.line.sender()?.try_send(Order::Settle(answer));
        drop(sent);
        Ok(())
    }
}

/// Seals the values of one clone.
struct Sealer {
    key: LessSafeKey,
    nonces: Nonces,
    store: Arc<Own>,
}

/// Nonces, each given once. Asking the system for every single one would take as long as sealing.
struct Nonces {
    chance: Chance,
    drawn: Mutex<Vec<[u8; NONCE_LEN]>>,
}

impl Nonces {
    fn next(&self) -> [u8; NONCE_LEN] {
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        if drawn.is_empty() {
            let bytes: [u8; NONCES * NONCE_LEN] = self.chance.bytes();
            let (nonces, _) = bytes.as_chunks();
            drawn.extend_from_slice(nonces);
        }
        drawn.pop().unwrap_or_else(|| self.chance.bytes())
    }
}

impl Sealer {
    fn new(key: &Key, chance: &Chance, store: Arc<Own>) -> Result<Self, StoreError> {
        // What seals values is not the stored key itself, so that it can have other uses.
        let key = hmac::Key::new(hmac::HMAC_SHA256, &**key);
        let derived = hmac::sign(&key, b"values");
        let key = UnboundKey::new(&AES_256_GCM_SIV, derived.as_ref()).map_err(|_| corrupt())?;
        Ok(Self {
            key: LessSafeKey::new(key),
            nonces: Nonces {
                chance: chance.clone(),
                drawn: Mutex::default(),
            },
            store,
        })
    }
}

impl Seal for Sealer {
    fn seal(&self, table: Table, key: &[u8], value: &[u8]) -> Result<Vec<u8>, engine::StoreError> {
        let nonce = self.nonces.next();
        let mut sealed = Vec::with_capacity(NONCE_LEN + value.len() + AES_256_GCM_SIV.tag_len());
        sealed.extend(nonce);
        sealed.extend(value);
        let place = Aad::from(place(table, key));
        let (_, clear) = sealed.split_at_mut(NONCE_LEN);
        let tag = self
            .key
            .seal_in_place_separate_tag(Nonce::from(&nonce), place, clear)
            .map_err(|_| engine::StoreError::Failed("a value cannot be sealed".into()))?;
        sealed.extend(tag.as_ref());
        let bytes = key.len() + sealed.len();
        self.store.loose.fetch_add(bytes, Ordering::AcqRel);
        Ok(sealed)
    }

    fn open(&self, table: Table, key: &[u8], sealed: &[u8]) -> Result<Bytes, engine::StoreError> {
        const DAMAGED: engine::StoreError = engine::StoreError::Damaged("a sealed value");
        let (nonce, rest) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(DAMAGED)?;
        let mut bytes = rest.to_vec();
        let clear = self
            .key
            .open_in_place(Nonce::from(nonce), Aad::from(place(table, key)), &mut bytes)
            .map_err(|_| DAMAGED)?;
        Ok(Bytes::from(&*clear))
    }
}

fn place(table: Table, key: &[u8]) -> Vec<u8> {
    [&[table as u8][..], key].concat()
}

/// What the engine's store says, as this one says it.
#[expect(
    clippy::needless_pass_by_value,
    reason = "for `map_err`, which gives the error away"
)]
pub(super) fn failed(cause: engine::StoreError) -> StoreError {
    log::error!(target: "meldgate::store", error:% = cause; "the tables of a clone cannot be used");
    if let engine::StoreError::Layout { found, known } = cause {
        let what = Tree::Clones.name().to_owned();
        return StoreError::Newer { what, found, known };
    }
    corrupt()
}

fn failing(cause: &StoreError) -> engine::StoreError {
    engine::StoreError::Failed(cause.to_string().into())
}

const fn corrupt() -> StoreError {
    StoreError::Corrupt {
        tree: Tree::Clones.name(),
    }
}
