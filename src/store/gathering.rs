//! Commits that are gathered: seen at once, and written together.
//!
//! sled begins a new buffer with each atomic batch, has a thread write the one before to the file, and wakes all of its
//! threads for that: more work than the batch itself, if that is small. Commits that share a barrier anyway become one batch.
//!
//! # Invariants
//! 1. A view shows every commit before it, whether or not that is written yet, and never changes.
//! 2. Below are whole commits in their order: those that were gathered are written in one batch, or not at all.
//! 3. All commits are below once [`Store::sync`] has returned.

use std::collections::BTreeMap;
use std::sync::Arc;

use m_ld_engine::store::{Batch, Bytes, Pending, Store, StoreError, Table, View};

/// Commits that are put together at most: a view looks through as many layers.
const COMMITS: usize = 16;
/// Changes after which those that were gathered are written.
const CHANGES: usize = 1024;

/// Gathers commits above a store.
pub(super) struct Gathering {
    below: Box<dyn Store>,
    /// What is seen, if something was gathered: a layer for each commit.
    top: Option<Arc<dyn View>>,
    changes: BTreeMap<(Table, Vec<u8>), Option<Bytes>>,
    commits: usize,
}

impl Gathering {
    /// Nothing is gathered yet.
    pub(super) fn new(below: Box<dyn Store>) -> Self {
        Self {
            below,
            top: None,
            changes: BTreeMap::new(),
            commits: 0,
        }
    }

    fn write(&mut self) -> Result<(), StoreError> {
        self.top = None;
        self.commits = 0;
        let gathered = std::mem::take(&mut self.changes).into_iter();
        let changes: Vec<_> = gathered
            .map(|((table, key), value)| (table, key, value))
            .collect();
        if changes.is_empty() {
            return Ok(());
        }
        self.below.commit(Batch {
            changes,
            ..Batch::default()
        })
    }
}

impl Store for Gathering {
    fn view(&self) -> Arc<dyn View> {
        let top = self.top.clone();
        top.unwrap_or_else(|| self.below.view())
    }

    fn commit(&mut self, batch: Batch) -> Result<(), StoreError> {
        if !batch.cleared.is_empty() {
            self.write()?;
            return self.below.commit(batch);
        }
        let mut layer = Pending::new(self.view());
        for (table, key, value) in batch.changes {
            match &value {
                Some(value) => layer.put(table, key.clone(), Arc::clone(value)),
                None => layer.remove(table, key.clone()),
            }
            self.changes.insert((table, key), value);
        }
        self.top = Some(Arc::new(layer));
        self.commits += 1;
        if self.commits >= COMMITS || self.changes.len() >= CHANGES {
            self.write()?;
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        self.write()?;
        self.below.sync()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use m_ld_engine::store::MemoryStore;
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// Counts the batches that arrive.
    struct Counted(MemoryStore, Arc<AtomicUsize>);

    impl Store for Counted {
        fn view(&self) -> Arc<dyn View> {
            self.0.view()
        }

        fn commit(&mut self, batch: Batch) -> Result<(), StoreError> {
            self.1.fetch_add(1, Ordering::Relaxed);
            self.0.commit(batch)
        }

        fn sync(&mut self) -> Result<(), StoreError> {
            self.0.sync()
        }
    }

    fn gathering() -> (Gathering, Arc<AtomicUsize>) {
        let batches = Arc::new(AtomicUsize::new(0));
        let below = Counted(MemoryStore::new(), Arc::clone(&batches));
        (Gathering::new(Box::new(below)), batches)
    }

    fn put(key: u8, value: Option<u8>) -> (Table, Vec<u8>, Option<Bytes>) {
        let table = if key.is_multiple_of(2) {
            Table::Spo
        } else {
            Table::Meta
        };
        (table, vec![key], value.map(|value| Arc::from([value])))
    }

    fn batch(changes: &[(u8, Option<u8>)], clear: bool) -> Batch {
        let once: BTreeMap<u8, Option<u8>> = changes.iter().copied().collect();
        Batch {
            cleared: if clear { vec![Table::Spo] } else { vec![] },
            changes: once.into_iter().map(|(k, v)| put(k, v)).collect(),
        }
    }

    type Content = Vec<(Vec<u8>, Bytes)>;

    fn content(view: &dyn View) -> Vec<Content> {
        let table = |table| view.scan(table, &[]).collect::<Result<Content, _>>();
        [Table::Spo, Table::Meta]
            .map(|it| table(it).unwrap())
            .into()
    }

    #[test]
    fn commits_before_a_sync_are_one_batch() {
        let (mut store, batches) = gathering();
        for key in 0..3 {
            store.commit(batch(&[(key, Some(key))], false)).unwrap();
        }
        assert_eq!(batches.load(Ordering::Relaxed), 0);
        let before = content(&*store.view());
        store.sync().unwrap();
        assert_eq!(batches.load(Ordering::Relaxed), 1);
        assert_eq!(content(&*store.view()), before);
        store.sync().unwrap();
        assert_eq!(batches.load(Ordering::Relaxed), 1, "nothing to write");
    }

    #[test]
    fn no_view_looks_through_more_layers_than_allowed() {
        let (mut store, batches) = gathering();
        for _ in 0..2 * COMMITS {
            store.commit(batch(&[(1, Some(1))], false)).unwrap();
        }
        assert_eq!(batches.load(Ordering::Relaxed), 2);
        assert!(store.top.is_none());
    }

    #[derive(Clone, Debug)]
    enum Step {
        Commit(Vec<(u8, Option<u8>)>, bool),
        Sync,
        Look,
    }

    fn step() -> impl Strategy<Value = Step> {
        let changes = vec((0..6_u8, proptest::option::of(0..4_u8)), 0..4);
        prop_oneof![
            6 => (changes, prop::bool::weighted(0.1)).prop_map(|(c, clear)| Step::Commit(c, clear)),
            2 => Just(Step::Sync),
            3 => Just(Step::Look),
        ]
    }

    proptest! {
        #[test]
        fn views_show_what_they_would_without_gathering(script in vec(step(), 1..80)) {
            let (mut store, _) = gathering();
            let mut plain = MemoryStore::new();
            let mut views = Vec::new();
            for step in script {
                match step {
                    Step::Commit(changes, clear) => {
                        store.commit(batch(&changes, clear)).unwrap();
                        plain.commit(batch(&changes, clear)).unwrap();
                    }
                    Step::Sync => store.sync().unwrap(),
                    Step::Look => views.push((store.view(), plain.view())),
                }
            }
            views.push((store.view(), plain.view()));
            for (view, expected) in views {
                prop_assert_eq!(content(&*view), content(&*expected));
            }
        }
    }
}
