//! One suite for both backends, and what only files can show.

mod damage;
mod faults;
mod files;
mod history;
mod layouts;
mod tables;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

/// A folder that goes away with its owner.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("meldgate-store-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(super) fn store(&self) -> PathBuf {
        self.0.join("store")
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

pub(super) fn master(byte: u8) -> MasterKey {
    MasterKey::parse(&[byte; 32]).unwrap()
}

pub(super) fn chance() -> Chance {
    Chance::seeded(1)
}

/// A store, and the folder it is in unless it is in memory.
pub(super) struct Subject {
    pub(super) store: Store,
    folder: Option<Folder>,
}

impl Subject {
    pub(super) fn memory() -> Self {
        Self {
            store: Store::memory(&chance()),
            folder: None,
        }
    }

    pub(super) fn files() -> Self {
        let folder = Folder::new();
        Self {
            store: Store::open(&folder.store(), &master(1), &chance()).unwrap(),
            folder: Some(folder),
        }
    }

    /// Closes and opens the store, if it has files.
    pub(super) fn reopen(&mut self) {
        if let Some(folder) = &self.folder {
            self.store.close();
            self.store = Store::open(&folder.store(), &master(1), &chance()).unwrap();
        }
    }
}

/// Runs each test on both backends.
macro_rules! conformance {
    ($($(#[$meta:meta])* async fn $name:ident($subject:ident: Subject) $body:block)*) => {
        mod in_memory {
            use super::*;
            $(
                #[tokio::test]
                async fn $name() {
                    super::$name(Subject::memory()).await;
                }
            )*
        }
        mod in_files {
            use super::*;
            $(
                #[tokio::test]
                async fn $name() {
                    super::$name(Subject::files()).await;
                }
            )*
        }
        $($(#[$meta])* async fn $name($subject: Subject) $body)*
    };
}

conformance! {
    async fn what_was_put_is_there_until_it_is_removed(subject: Subject) {
        let mut subject = subject;
        let batch = Batch::new()
            .put(Tree::Accounts, "app", "one")
            .put(Tree::Keys, "app", "two")
            .put(Tree::Keys, "", "");
        subject.store.commit(batch).await.unwrap();
        subject.reopen();
        let store = &subject.store;
        assert_eq!(store.get(Tree::Accounts, b"app").unwrap().unwrap(), b"one");
        assert_eq!(store.get(Tree::Keys, b"app").unwrap().unwrap(), b"two");
        assert_eq!(store.get(Tree::Keys, b"").unwrap().unwrap(), b"");
        assert_eq!(store.get(Tree::Meta, b"app").unwrap(), None);
        store.commit(Batch::new().remove(Tree::Keys, "app")).await.unwrap();
        assert_eq!(store.get(Tree::Keys, b"app").unwrap(), None);
        assert_eq!(store.scan(Tree::Keys).unwrap(), [(vec![], vec![])]);
        assert_eq!(store.scan(Tree::Meta).unwrap(), []);
    }

    async fn later_changes_in_a_batch_win(subject: Subject) {
        let batch = Batch::new()
            .put(Tree::Meta, "a", "1")
            .remove(Tree::Meta, "a")
            .remove(Tree::Meta, "b")
            .put(Tree::Meta, "b", "2");
        subject.store.commit(batch).await.unwrap();
        let left = subject.store.scan(Tree::Meta).unwrap();
        assert_eq!(left, [(b"b".to_vec(), b"2".to_vec())]);
    }

    async fn a_batch_whose_expectation_fails_leaves_nothing_behind(subject: Subject) {
        let store = &subject.store;
        store.commit(Batch::new().put(Tree::Meta, "a", "1")).await.unwrap();
        for expected in [Expected::Absent, Expected::Value(b"2".to_vec())] {
            let batch = Batch::new()
                .put(Tree::Meta, "a", "3")
                .put(Tree::Keys, "b", "3")
                .expect(Tree::Meta, "a", expected);
            let refused = store.commit(batch).await;
            assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
        }
        assert_eq!(store.get(Tree::Meta, b"a").unwrap().unwrap(), b"1");
        assert_eq!(store.scan(Tree::Keys).unwrap(), []);
    }

    async fn of_many_who_claim_one_name_one_gets_it(subject: Subject) {
        let claims: Vec<_> = (0..50_u8)
            .map(|claimant| {
                let store = subject.store.clone();
                tokio::spawn(async move {
                    let claim = Batch::new()
                        .put(Tree::Accounts, "name", [claimant])
                        .expect(Tree::Accounts, "name", Expected::Absent);
                    store.commit(claim).await.map(|()| claimant)
                })
            })
            .collect();
        let mut winners = Vec::new();
        for claim in claims {
            match claim.await.unwrap() {
                Ok(winner) => winners.push(winner),
                Err(error) => assert!(matches!(error, StoreError::Conflict), "{error}"),
            }
        }
        assert_eq!(winners.len(), 1);
        assert_eq!(subject.store.get(Tree::Accounts, b"name").unwrap().unwrap(), winners);
    }

    async fn a_batch_that_only_expects_is_a_question(subject: Subject) {
        let ask = |expected| Batch::new().expect(Tree::Meta, "a", expected);
        subject.store.commit(ask(Expected::Absent)).await.unwrap();
        let refused = subject.store.commit(ask(Expected::Value(vec![]))).await;
        assert!(matches!(refused, Err(StoreError::Conflict)));
        subject.store.commit(Batch::new()).await.unwrap();
    }

    async fn more_batches_than_the_queue_holds_are_all_made(subject: Subject) {
        let count = QUEUE * 2;
        let commits: Vec<_> = (0..count)
            .map(|number| {
                let store = subject.store.clone();
                let key = number.to_be_bytes();
                tokio::spawn(async move { store.commit(Batch::new().put(Tree::Meta, key, "")).await })
            })
            .collect();
        for commit in commits {
            commit.await.unwrap().unwrap();
        }
        assert_eq!(subject.store.scan(Tree::Meta).unwrap().len(), count);
    }

    async fn what_is_too_large_is_refused_and_what_is_just_not_is_kept(subject: Subject) {
        let mut subject = subject;
        let put = |key: &[u8], size| Batch::new().put(Tree::Meta, key, vec![1; size]);
        for large in [put(b"a", VALUE_LIMIT + 1), put(&vec![0; VALUE_LIMIT + 1], 0)] {
            let refused = subject.store.commit(large).await;
            assert!(matches!(refused, Err(StoreError::TooLarge { limit: VALUE_LIMIT, .. })));
        }
        let count = u8::try_from(BATCH_LIMIT / VALUE_LIMIT).unwrap();
        let add = |batch: Batch, number| batch.put(Tree::Meta, [number], vec![number; VALUE_LIMIT - 1]);
        let full = (0..count).fold(Batch::new(), add);
        let refused = subject.store.commit(full.clone().put(Tree::Meta, "a", "")).await;
        assert!(matches!(refused, Err(StoreError::TooLarge { limit: BATCH_LIMIT, .. })));
        subject.store.commit(full).await.unwrap();
        subject.reopen();
        for number in 0..count {
            let value = subject.store.get(Tree::Meta, &[number]).unwrap();
            assert_eq!(value.unwrap(), vec![number; VALUE_LIMIT - 1]);
        }
    }

    async fn a_closed_store_says_so(subject: Subject) {
        let store = subject.store.clone();
        assert!(store.is_writable());
        subject.store.close();
        subject.store.close();
        assert!(!store.is_writable());
        let refused = store.commit(Batch::new().put(Tree::Meta, "a", "")).await;
        assert!(matches!(refused, Err(StoreError::Closed)));
        assert!(matches!(store.get(Tree::Meta, b"a"), Err(StoreError::Closed)));
        assert!(matches!(store.scan(Tree::Meta), Err(StoreError::Closed)));
    }
}

#[test]
fn a_thread_that_may_be_blocked_commits_without_a_runtime() {
    let store = Store::memory(&chance());
    let batch = Batch::new().put(Tree::Meta, "a", "1");
    store.commit_blocking(batch).unwrap();
    assert_eq!(store.get(Tree::Meta, b"a").unwrap().unwrap(), b"1");
}
