//! A map with a bounded number of entries that knows which was used longest ago.
//!
//! # Invariants
//! 1. It never holds more entries than its capacity, whatever the number of keys.
//! 2. Within a shard, the list from newest to oldest holds each entry once, in the order of last use.
//!
//! Entries are spread over shards, each with its own lock, by a hash that is keyed per process: nobody
//! outside can choose which shard fills. The bound and the order hold per shard, so a table may give up
//! an entry when it is not quite full, and the oldest of one shard may not be the oldest of all.
//! Every operation takes the same time however many entries there are.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::{Mutex, PoisonError};

/// A shard is worth its lock only if it holds many entries; below this, exact order matters more.
const SMALLEST_SHARD: usize = 1024;
const MOST_SHARDS: usize = 64;
/// The end of a list. A shard cannot grow to this many entries.
const NONE: u32 = u32::MAX;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Table<K, V> {
    shards: Box<[Mutex<Shard<K, V>>]>,
    hasher: RandomState,
}

impl<K: Clone + Eq + Hash, V> Table<K, V> {
    /// A table of at most `capacity` entries, and at least one. Memory is taken as entries come.
    pub(super) fn new(capacity: usize) -> Self {
        let count = (capacity / SMALLEST_SHARD).clamp(1, MOST_SHARDS);
        let each = u32::try_from(capacity / count).unwrap_or(NONE);
        let shard = |_| Mutex::new(Shard::new(each.clamp(1, NONE - 1)));
        Self {
            shards: (0..count).map(shard).collect(),
            hasher: RandomState::new(),
        }
    }

    /// Looks at the place of `key`; its shard is locked for as long as `look` takes.
    pub(super) fn visit<R>(&self, key: &K, look: impl FnOnce(&mut Place<'_, K, V>) -> R) -> R {
        let shard = &mut *lock(self.shard(key));
        let index = shard.index.get(key).copied();
        look(&mut Place { shard, key, index })
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.shards
            .iter()
            .map(|shard| lock(shard).index.len())
            .sum()
    }

    /// Forgets all entries.
    pub(super) fn clear(&self) {
        for shard in &self.shards {
            let mut shard = lock(shard);
            *shard = Shard::new(shard.capacity);
        }
    }

    fn shard(&self, key: &K) -> &Mutex<Shard<K, V>> {
        let at = self.hasher.hash_one(key) % (self.shards.len() as u64);
        // There are at most `MOST_SHARDS`, so the remainder fits any `usize`.
        &self.shards[usize::try_from(at).unwrap_or(0)]
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where a key's entry is, or would be.
#[derive(Debug)]
pub(super) struct Place<'t, K, V> {
    shard: &'t mut Shard<K, V>,
    key: &'t K,
    index: Option<u32>,
}

impl<K: Clone + Eq + Hash, V> Place<'_, K, V> {
    /// The value, if there is an entry.
    pub(super) fn value(&mut self) -> Option<&mut V> {
        let index = self.index?;
        Some(&mut self.shard.node(index).value)
    }

    /// The entry that [`Place::put`] would give up to make room; `None` if it would not need to.
    pub(super) fn victim(&mut self) -> Option<&mut V> {
        if self.index.is_some() || !self.shard.is_full() {
            return None;
        }
        let oldest = self.shard.oldest;
        Some(&mut self.shard.node(oldest).value)
    }

    /// Makes this the newest entry, with this value.
    pub(super) fn put(&mut self, value: V) {
        if let Some(held) = self.value() {
            *held = value;
            self.touch();
        } else {
            self.index = Some(self.shard.insert(self.key.clone(), value));
        }
    }

    /// Makes this the newest entry, if there is one.
    pub(super) fn touch(&mut self) {
        if let Some(index) = self.index {
            self.shard.unlink(index);
            self.shard.link(index);
        }
    }

    /// Forgets the entry.
    pub(super) fn remove(&mut self) {
        if let Some(index) = self.index.take() {
            self.shard.remove(index);
        }
    }
}

#[derive(Debug)]
struct Shard<K, V> {
    index: HashMap<K, u32>,
    nodes: Vec<Node<K, V>>,
    newest: u32,
    oldest: u32,
    capacity: u32,
}

#[derive(Debug)]
struct Node<K, V> {
    key: K,
    value: V,
    newer: u32,
    older: u32,
}

impl<K: Clone + Eq + Hash, V> Shard<K, V> {
    fn new(capacity: u32) -> Self {
        Self {
            index: HashMap::new(),
            nodes: Vec::new(),
            newest: NONE,
            oldest: NONE,
            capacity,
        }
    }

    fn is_full(&self) -> bool {
        self.nodes.len() >= self.capacity as usize
    }

    fn node(&mut self, index: u32) -> &mut Node<K, V> {
        &mut self.nodes[index as usize]
    }

    /// Adds an entry for a key that has none, in the place of the oldest if there is no room.
    fn insert(&mut self, key: K, value: V) -> u32 {
        if self.is_full() {
            self.remove(self.oldest);
        }
        // Never truncates: there are fewer nodes than `capacity`, a u32.
        let index = u32::try_from(self.nodes.len()).unwrap_or(NONE);
        self.index.insert(key.clone(), index);
        self.nodes.push(Node {
            key,
            value,
            newer: NONE,
            older: NONE,
        });
        self.link(index);
        index
    }

    /// Removes an entry; the last node moves to its place, so that the nodes stay dense.
    fn remove(&mut self, index: u32) {
        self.unlink(index);
        let removed = self.nodes.swap_remove(index as usize);
        self.index.remove(&removed.key);
        if (index as usize) < self.nodes.len() {
            self.moved(index);
        }
    }

    /// Tells everybody who knew the last node that it is at `index` now.
    fn moved(&mut self, index: u32) {
        let node = &self.nodes[index as usize];
        let (newer, older) = (node.newer, node.older);
        if let Some(known) = self.index.get_mut(&node.key) {
            *known = index;
        }
        self.join(newer, index);
        self.join(index, older);
    }

    fn link(&mut self, index: u32) {
        let second = self.newest;
        self.join(NONE, index);
        self.join(index, second);
    }

    fn unlink(&mut self, index: u32) {
        let node = self.node(index);
        let (newer, older) = (node.newer, node.older);
        self.join(newer, older);
    }

    /// Makes two nodes neighbours; where one is missing, the other is an end of the list.
    fn join(&mut self, newer: u32, older: u32) {
        match newer {
            NONE => self.newest = older,
            at => self.node(at).older = older,
        }
        match older {
            NONE => self.oldest = newer,
            at => self.node(at).newer = newer,
        }
    }
}

#[cfg(test)]
impl<K: Clone + Eq + Hash + std::fmt::Debug, V> Table<K, V> {
    /// Recomputes what is cached and compares.
    pub(super) fn check_invariants(&self) {
        for shard in &self.shards {
            let shard = lock(shard);
            assert!(shard.nodes.len() <= shard.capacity as usize);
            assert_eq!(shard.nodes.len(), shard.index.len());
            let (mut at, mut newer, mut seen) = (shard.newest, NONE, 0);
            while at != NONE {
                let node = &shard.nodes[at as usize];
                assert_eq!(node.newer, newer);
                assert_eq!(shard.index.get(&node.key), Some(&at));
                (newer, at, seen) = (at, node.older, seen + 1);
                assert!(seen <= shard.nodes.len(), "the list has a ring");
            }
            assert_eq!(shard.oldest, newer);
            assert_eq!(seen, shard.nodes.len());
        }
    }
}

#[cfg(test)]
#[expect(
    clippy::redundant_closure_for_method_calls,
    reason = "a method's path is not general enough in the lifetime of `Place`"
)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Step {
        Put(u8, u32),
        Touch(u8),
        Remove(u8),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..12_u8, any::<u32>()).prop_map(|(key, value)| Step::Put(key, value)),
            2 => (0..12_u8).prop_map(Step::Touch),
            1 => (0..12_u8).prop_map(Step::Remove),
        ]
    }

    /// The plain way: a list, newest first.
    #[derive(Default)]
    struct Model(Vec<(u8, u32)>);

    impl Model {
        fn run(&mut self, step: &Step, capacity: usize) {
            let (Step::Put(key, _) | Step::Touch(key) | Step::Remove(key)) = *step;
            let at = self.0.iter().position(|entry| entry.0 == key);
            let held = at.map(|at| self.0.remove(at));
            match *step {
                Step::Put(key, value) => self.0.insert(0, (key, value)),
                Step::Touch(_) => self.0.splice(0..0, held).for_each(drop),
                Step::Remove(_) => {}
            }
            self.0.truncate(capacity);
        }
    }

    proptest! {
        #[test]
        fn a_table_remembers_what_a_list_in_order_of_use_would(
            capacity in 1..9_usize,
            script in vec(step(), 1..80),
        ) {
            let (table, mut model) = (Table::new(capacity), Model::default());
            for step in script {
                match step {
                    Step::Put(key, value) => table.visit(&key, |place| place.put(value)),
                    Step::Touch(key) => table.visit(&key, |place| place.touch()),
                    Step::Remove(key) => table.visit(&key, |place| place.remove()),
                }
                model.run(&step, capacity);
                table.check_invariants();
                for key in 0..12_u8 {
                    let held = table.visit(&key, |place| place.value().copied());
                    let expected = model.0.iter().find(|entry| entry.0 == key);
                    prop_assert_eq!(held, expected.map(|entry| entry.1));
                }
            }
        }
    }

    #[test]
    fn a_full_table_names_the_entry_it_would_give_up() {
        let table = Table::new(2);
        let victim = |key: u8| table.visit(&key, |place| place.victim().copied());
        table.visit(&1, |place| place.put('a'));
        assert_eq!(victim(3), None, "there is room");
        table.visit(&2, |place| place.put('b'));
        assert_eq!(victim(3), Some('a'));
        assert_eq!(victim(2), None, "it has its place already");
        table.visit(&1, |place| place.touch());
        assert_eq!(victim(3), Some('b'));
    }

    #[test]
    fn a_million_keys_fit_a_bounded_table() {
        let keys = if cfg!(debug_assertions) {
            200_000
        } else {
            1_000_000_u32
        };
        let table = Table::new(10_000);
        for key in 0..keys {
            table.visit(&key, |place| place.put(key));
        }
        assert!((9_000..=10_000).contains(&table.len()), "{}", table.len());
        table.check_invariants();
        table.clear();
        assert_eq!(table.len(), 0);
    }
}
