//! What callers and readers see while the disk is slow, and after it failed.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

use super::super::backend::{Change, Place};
use super::super::memory::Memory;
use super::*;

/// A backend whose barriers wait for the test, and end as it says.
struct Driven {
    memory: Memory,
    reached: Sender<()>,
    verdicts: Mutex<Receiver<bool>>,
}

/// The test's end of a [`Driven`] backend.
struct Disk {
    reached: Receiver<()>,
    verdicts: Sender<bool>,
}

impl Disk {
    /// Waits until the writer is at a barrier.
    fn wait(&self) {
        self.reached.recv().unwrap();
    }

    /// Lets the barrier succeed or fail.
    fn decide(&self, succeeds: bool) {
        self.verdicts.send(succeeds).unwrap();
    }
}

impl Backend for Driven {
    fn get(&self, place: Place) -> Result<Option<Vec<u8>>, StoreError> {
        self.memory.get(place)
    }

    fn scan(&self, tree: u8) -> Result<Vec<(Place, Vec<u8>)>, StoreError> {
        self.memory.scan(tree)
    }

    fn apply(&self, changes: &[Change]) -> Result<(), StoreError> {
        self.memory.apply(changes)
    }

    fn tables(
        &self,
        name: &[u8],
        seal: Arc<dyn m_ld_engine::store::Seal>,
    ) -> Result<Box<dyn m_ld_engine::store::Store>, StoreError> {
        self.memory.tables(name, seal)
    }

    fn remove_tables(&self, name: &[u8]) -> Result<(), StoreError> {
        self.memory.remove_tables(name)
    }

    fn barrier(&self) -> Result<(), StoreError> {
        self.reached.send(()).unwrap();
        let verdicts = self.verdicts.lock().unwrap();
        // A test that has let go of the disk lets everything succeed.
        if verdicts.recv().unwrap_or(true) {
            Ok(())
        } else {
            Err(StoreError::io("sync", "disk")(std::io::Error::other(
                "bad block",
            )))
        }
    }
}

fn driven() -> (Store, Disk) {
    let (reached, at_barrier) = channel();
    let (verdicts, decided) = channel();
    let backend = Arc::new(Driven {
        memory: Memory::default(),
        reached,
        verdicts: Mutex::new(decided),
    });
    verdicts.send(true).unwrap();
    let store = Store::assemble(backend, &master(1), &chance(), None, layout::current).unwrap();
    at_barrier.recv().unwrap();
    let disk = Disk {
        reached: at_barrier,
        verdicts,
    };
    (store, disk)
}

fn commit(store: &Store, batch: Batch) -> tokio::task::JoinHandle<Result<(), StoreError>> {
    let store = store.clone();
    tokio::spawn(async move { store.commit(batch).await })
}

fn put(key: &str, value: &str) -> Batch {
    Batch::new().put(Tree::Meta, key, value)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_see_a_batch_once_it_is_durable_and_not_before() {
    let (store, disk) = driven();
    let first = commit(&store, put("a", "1").put(Tree::Meta, "b", "1"));
    disk.wait();
    disk.decide(true);
    first.await.unwrap().unwrap();

    let second = commit(
        &store,
        put("a", "2")
            .remove(Tree::Meta, "b")
            .put(Tree::Meta, "c", "2"),
    );
    disk.wait();
    let get = |key: &str| store.get(Tree::Meta, key.as_bytes()).unwrap();
    let scan = || {
        let mut all = store.scan(Tree::Meta).unwrap();
        all.sort();
        all.into_iter()
            .map(|(key, value)| [key, value].concat())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        ["a", "b", "c"].map(get),
        [Some(vec![b'1']), Some(vec![b'1']), None]
    );
    assert_eq!(scan(), [b"a1", b"b1"]);
    disk.decide(true);
    second.await.unwrap().unwrap();
    assert_eq!(
        ["a", "b", "c"].map(get),
        [Some(vec![b'2']), None, Some(vec![b'2'])]
    );
    assert_eq!(scan(), [b"a2", b"c2"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_that_wait_share_one_barrier_and_see_each_other() {
    let (store, disk) = driven();
    let first = commit(&store, put("first", ""));
    disk.wait();
    let mut waiting = Vec::new();
    for number in 0..100_u8 {
        let (request, answered) = store
            .request(put("last", "").put(Tree::Keys, [number], ""))
            .unwrap();
        let sender = store.line.sender().unwrap();
        sender.send(Order::Commit(request)).await.unwrap();
        waiting.push(answered);
    }
    let absent = Batch::new().expect(Tree::Meta, "last", Expected::Absent);
    let (request, late) = store.request(absent).unwrap();
    store
        .line
        .sender()
        .unwrap()
        .send(Order::Commit(request))
        .await
        .unwrap();
    disk.decide(true);
    first.await.unwrap().unwrap();
    disk.wait();
    disk.decide(true);
    for answered in waiting {
        answered.await.unwrap().unwrap();
    }
    assert!(matches!(late.await.unwrap(), Err(StoreError::Conflict)));
    assert!(disk.reached.try_recv().is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_barrier_leaves_its_batches_in_doubt_and_ends_all_writing() {
    let (store, disk) = driven();
    let first = commit(&store, put("a", "1"));
    disk.wait();
    let (made, doubtful) = store.request(put("a", "2")).unwrap();
    let (collides, refused) = store
        .request(Batch::new().expect(Tree::Meta, "a", Expected::Absent))
        .unwrap();
    let sender = store.line.sender().unwrap();
    for request in [made, collides] {
        sender.send(Order::Commit(request)).await.unwrap();
    }
    disk.decide(true);
    first.await.unwrap().unwrap();
    disk.wait();
    disk.decide(false);
    assert!(matches!(
        doubtful.await.unwrap(),
        Err(StoreError::Unconfirmed)
    ));
    assert!(matches!(refused.await.unwrap(), Err(StoreError::Failed)));
    assert!(!store.is_writable());
    assert!(matches!(
        store.commit(put("b", "")).await,
        Err(StoreError::Failed)
    ));
    assert_eq!(store.get(Tree::Meta, b"a").unwrap().unwrap(), b"1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_whose_caller_went_away_is_made_all_the_same() {
    let (store, disk) = driven();
    let caller = commit(&store, put("a", "1"));
    disk.wait();
    caller.abort();
    disk.decide(true);
    drop(disk);
    store
        .commit(Batch::new().expect(Tree::Meta, "a", Expected::Value(b"1".to_vec())))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_confirms_what_was_asked_before_and_refuses_what_comes_after() {
    let (store, disk) = driven();
    let first = commit(&store, put("a", "1"));
    disk.wait();
    let sender = store.line.sender().unwrap();
    let (before, confirmed) = store.request(put("b", "")).unwrap();
    let (after, refused) = store.request(put("c", "")).unwrap();
    sender.send(Order::Commit(before)).await.unwrap();
    sender.send(Order::Close).await.unwrap();
    sender.send(Order::Commit(after)).await.unwrap();
    disk.decide(true);
    disk.wait();
    disk.decide(true);
    first.await.unwrap().unwrap();
    confirmed.await.unwrap().unwrap();
    assert!(matches!(refused.await.unwrap(), Err(StoreError::Closed)));
}

#[test]
fn a_record_that_was_changed_behind_the_store_is_an_error_everywhere() {
    let memory = Arc::new(Memory::default());
    let backend: Arc<dyn Backend> = Arc::clone(&memory) as _;
    let store = Store::assemble(backend, &master(1), &chance(), None, layout::current).unwrap();
    store
        .commit_blocking(put("a", "1").put(Tree::Meta, "b", "2"))
        .unwrap();
    let place = |key: &[u8]| store.view.vault.place(Tree::Meta.number(), key);
    let other = memory.get(place(b"b")).unwrap();
    memory.apply(&[(place(b"a"), other)]).unwrap();

    let is_damage = |error| matches!(error, StoreError::Corrupt { tree: "meta" });
    assert!(is_damage(store.get(Tree::Meta, b"a").unwrap_err()));
    assert!(is_damage(store.scan(Tree::Meta).unwrap_err()));
    let ask = Batch::new().expect(Tree::Meta, "a", Expected::Absent);
    assert!(is_damage(store.commit_blocking(ask).unwrap_err()));
    assert_eq!(store.get(Tree::Meta, b"b").unwrap().unwrap(), b"2");
    store.commit_blocking(put("a", "3")).unwrap();
    assert_eq!(store.get(Tree::Meta, b"a").unwrap().unwrap(), b"3");
}

#[test]
fn records_without_a_header_are_not_a_new_store() {
    let memory = Arc::new(Memory::default());
    let open = || {
        let backend: Arc<dyn Backend> = Arc::clone(&memory) as _;
        Store::assemble(backend, &master(1), &chance(), None, layout::current)
    };
    open().unwrap().commit_blocking(put("a", "1")).unwrap();
    memory.apply(&[(header::PLACE, None)]).unwrap();
    assert!(matches!(
        open(),
        Err(StoreError::Corrupt { tree: "header" })
    ));
}
