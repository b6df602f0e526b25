//! How many connections or sessions are open: in all, per source, and per network around the sources.
//!
//! # Invariants
//! 1. Each count is the number of [`ConnectionSlot`]s that are alive for it, and never above its limit.
//! 2. A source or network is listed only while it has a slot, so the lists are bounded by the slots.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::source::{Network, Source};
use crate::config;

/// No room for one more connection or session.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TooMany {
    /// The daemon has as many as it may.
    #[error("too many in all")]
    InAll,
    /// The source has.
    #[error("too many of one source")]
    OfSource,
    /// The IPv4 /24 or IPv6 /48 around the source has.
    #[error("too many of one network")]
    OfNetwork,
}

/// Permission to hold one connection or session. Dropping it makes room for another.
#[derive(Debug)]
pub struct ConnectionSlot {
    source: Source,
    connections: Arc<Connections>,
}

impl ConnectionSlot {
    /// Whose it is.
    pub const fn source(&self) -> Source {
        self.source
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        let connections = &self.connections;
        connections.networks.leave(self.source.network());
        connections.sources.leave(self.source);
        connections.open.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Debug)]
pub(super) struct Connections {
    open: AtomicUsize,
    most: AtomicUsize,
    sources: Counts<Source>,
    networks: Counts<Network>,
}

impl Connections {
    /// At most `most` in all, and `each` of one source.
    pub(super) fn new(most: usize, each: usize, config: &config::Limits) -> Self {
        let connections = Self {
            open: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            sources: Counts::new(),
            networks: Counts::new(),
        };
        connections.reload(most, each, config);
        connections
    }

    /// Takes other limits. Slots that are taken stay so.
    pub(super) fn reload(&self, most: usize, each: usize, config: &config::Limits) {
        let sources = usize::try_from(config.sources_per_network.max(1)).unwrap_or(usize::MAX);
        self.most.store(most, Ordering::Relaxed);
        self.sources.most.store(each, Ordering::Relaxed);
        let wide = each.saturating_mul(sources);
        self.networks.most.store(wide, Ordering::Relaxed);
    }

    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// The source is asked first: one that has too many is told so, however full the daemon is.
    pub(super) fn take(self: &Arc<Self>, source: Source) -> Result<ConnectionSlot, TooMany> {
        if !self.sources.enter(source) {
            return Err(TooMany::OfSource);
        }
        if !self.networks.enter(source.network()) {
            self.sources.leave(source);
            return Err(TooMany::OfNetwork);
        }
        if !self.enter() {
            self.networks.leave(source.network());
            self.sources.leave(source);
            return Err(TooMany::InAll);
        }
        let connections = Arc::clone(self);
        Ok(ConnectionSlot {
            source,
            connections,
        })
    }

    fn enter(&self) -> bool {
        let most = self.most.load(Ordering::Relaxed);
        let one_more = |open| (open < most).then_some(open + 1);
        let (order, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        self.open.fetch_update(order, fetch, one_more).is_ok()
    }

    #[cfg(test)]
    pub(super) fn listed(&self) -> usize {
        self.sources.len() + self.networks.len()
    }
}

/// A count for each key that has any.
#[derive(Debug)]
struct Counts<K> {
    most: AtomicUsize,
    /// Sharded, because every accept and every close comes here.
    shards: [Mutex<HashMap<K, usize>>; 16],
    hasher: RandomState,
}

impl<K: Copy + Eq + Hash> Counts<K> {
    fn new() -> Self {
        Self {
            most: AtomicUsize::new(0),
            shards: Default::default(),
            hasher: RandomState::new(),
        }
    }

    /// Counts one more, if that is allowed.
    fn enter(&self, key: K) -> bool {
        let most = self.most.load(Ordering::Relaxed);
        match self.shard(key).entry(key) {
            Entry::Occupied(held) if *held.get() >= most => false,
            Entry::Occupied(mut held) => {
                *held.get_mut() += 1;
                true
            }
            Entry::Vacant(place) => {
                if most > 0 {
                    place.insert(1);
                }
                most > 0
            }
        }
    }

    /// Counts one less, and forgets a key that has none.
    fn leave(&self, key: K) {
        if let Entry::Occupied(mut held) = self.shard(key).entry(key) {
            match held.get().saturating_sub(1) {
                0 => drop(held.remove()),
                left => *held.get_mut() = left,
            }
        }
    }

    fn shard(&self, key: K) -> MutexGuard<'_, HashMap<K, usize>> {
        let at = self.hasher.hash_one(key) % (self.shards.len() as u64);
        // A remainder of 16 fits any `usize`.
        let shard = &self.shards[usize::try_from(at).unwrap_or(0)];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        let size = |shard: &Mutex<HashMap<K, usize>>| shard.lock().unwrap().len();
        self.shards.iter().map(size).sum()
    }
}
