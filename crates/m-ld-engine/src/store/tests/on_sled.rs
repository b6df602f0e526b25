//! What is particular to the store on sled.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::super::sled::{FolderBarrier, SledStore};
use super::*;

/// A folder that goes away with its owner.
pub(super) struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("m-ld-engine-store-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn database(path: &Path) -> ::sled::Db {
    let config = ::sled::Config::new().path(path).flush_every_ms(None);
    // A thread of a database that was dropped can hold the lock for a moment.
    let mut tries = (0..2000).map(|_| {
        std::thread::yield_now();
        config.open()
    });
    tries.find_map(Result::ok).expect("the lock is never free")
}

/// Seals by a keyless checksum of place and value: enough to see what is bound to what.
struct Checksum;

impl Checksum {
    fn of(table: Table, key: &[u8], value: &[u8]) -> [u8; 20] {
        use sha1::Digest as _;
        let place = [&[table as u8], key].concat();
        sha1::Sha1::new_with_prefix(place)
            .chain_update(value)
            .finalize()
            .into()
    }
}

impl Seal for Checksum {
    fn seal(&self, table: Table, key: &[u8], value: &[u8]) -> Result<Vec<u8>, StoreError> {
        let masked = value.iter().map(|byte| byte ^ 0x55);
        Ok(masked.chain(Self::of(table, key, value)).collect())
    }

    fn open(&self, table: Table, key: &[u8], sealed: &[u8]) -> Result<Bytes, StoreError> {
        let (value, checksum) = sealed
            .split_last_chunk()
            .ok_or(StoreError::Damaged("seal"))?;
        let value: Bytes = value.iter().map(|byte| byte ^ 0x55).collect();
        if Self::of(table, key, &value) == *checksum {
            Ok(value)
        } else {
            Err(StoreError::Damaged("seal"))
        }
    }
}

pub(super) struct OnSled {
    store: Option<SledStore>,
    database: Option<::sled::Db>,
    folder: Folder,
}

impl OnSled {
    fn open(&mut self) {
        let database = database(&self.folder.0);
        self.store = Some(opened(&database, &self.folder.0).unwrap());
        self.database = Some(database);
    }

    fn tree(&self) -> ::sled::Tree {
        self.database.as_ref().unwrap().open_tree("one").unwrap()
    }
}

fn opened(database: &::sled::Db, folder: &Path) -> Result<SledStore, StoreError> {
    let barrier = FolderBarrier::new(database.clone(), folder)?;
    SledStore::open(database, b"one", Arc::new(Checksum), Arc::new(barrier))
}

impl Subject for OnSled {
    fn new() -> Self {
        let mut subject = Self {
            store: None,
            database: None,
            folder: Folder::new(),
        };
        subject.open();
        subject
    }

    fn store(&mut self) -> &mut dyn Store {
        self.store.as_mut().unwrap()
    }

    fn undo_records(&self) -> usize {
        self.store.as_ref().unwrap().undo_records()
    }

    fn reopen(&mut self) -> bool {
        self.store().sync().unwrap();
        self.store = None;
        self.database = None;
        self.open();
        true
    }
}

#[test]
fn stores_in_one_database_are_apart() {
    let folder = Folder::new();
    let database = database(&folder.0);
    let open = |name: &[u8]| {
        let barrier = || Ok(());
        SledStore::open(&database, name, Arc::new(Unsealed), Arc::new(barrier)).unwrap()
    };
    let (mut one, mut two) = (open(b"one"), open(b"two"));
    one.commit(puts(Table::Meta, &[("a", "1")])).unwrap();
    two.commit(puts(Table::Meta, &[("a", "2")])).unwrap();
    let value = |store: &SledStore| store.view().get(Table::Meta, b"a").unwrap();
    assert_eq!(value(&one), Some(bytes("1")));
    assert_eq!(value(&two), Some(bytes("2")));
}

#[test]
fn an_unknown_layout_is_refused_and_left_alone() {
    let mut subject = OnSled::new();
    subject
        .store()
        .commit(puts(Table::Meta, &[("a", "1")]))
        .unwrap();
    subject.store = None;
    let tree = subject.tree();
    let header = tree.get([0xff]).unwrap().unwrap();
    let mut newer = header.to_vec();
    newer[3] += 1;
    tree.insert([0xff], newer.clone()).unwrap();
    let refused = opened(subject.database.as_ref().unwrap(), &subject.folder.0).err();
    assert!(matches!(
        refused,
        Some(StoreError::Layout { found: 2, known: 1 })
    ));
    assert_eq!(tree.get([0xff]).unwrap().unwrap(), newer);
    // Nor is the version taken from what is not sealed, nor a store without header made anew.
    for damage in [
        Some([&[0, 0, 0, 1][..], &newer[4..newer.len() - 1]].concat()),
        None,
    ] {
        match damage {
            Some(damaged) => tree.insert([0xff], damaged).unwrap(),
            None => tree.remove([0xff]).unwrap(),
        };
        let refused = opened(subject.database.as_ref().unwrap(), &subject.folder.0).err();
        assert!(matches!(refused, Some(StoreError::Damaged(_))));
    }
    tree.insert([0xff], header).unwrap();
    opened(subject.database.as_ref().unwrap(), &subject.folder.0).unwrap();
}

#[test]
fn a_value_that_was_changed_or_moved_is_damaged() {
    let mut subject = OnSled::new();
    subject
        .store()
        .commit(puts(Table::Meta, &[("a", "1"), ("b", "1")]))
        .unwrap();
    let place = |key: u8| [0, 0, 0, 0, 0, key];
    let tree = subject.tree();
    let sealed = tree.get(place(b'a')).unwrap().unwrap();
    assert!(!sealed.contains(&b'1'));
    assert_eq!(scrub(&*subject.store().view()).unwrap(), 2);
    tree.insert(place(b'b'), sealed).unwrap();
    let view = subject.store().view();
    assert!(matches!(scrub(&*view), Err(StoreError::Damaged(_))));
    assert_eq!(view.get(Table::Meta, b"a").unwrap(), Some(bytes("1")));
    assert!(matches!(
        view.get(Table::Meta, b"b"),
        Err(StoreError::Damaged(_))
    ));
    let mut walk = view.scan(Table::Meta, b"");
    assert!(walk.any(|entry| entry.is_err()));
    assert!(walk.next().is_none());
}

#[test]
fn an_emptied_table_is_swept_in_steps_also_after_a_restart() {
    let mut subject = OnSled::new();
    let many = (0..5000_u32).map(|n| (Table::Spo, n.to_be_bytes().to_vec(), Some(bytes("x"))));
    let changes = many.collect();
    subject
        .store()
        .commit(Batch {
            changes,
            ..Batch::default()
        })
        .unwrap();
    let view = subject.store().view();
    let cleared = vec![Table::Spo];
    subject
        .store()
        .commit(Batch {
            cleared,
            ..Batch::default()
        })
        .unwrap();
    for _ in 0..10 {
        subject.store().sync().unwrap();
    }
    assert_eq!(view.scan(Table::Spo, &[]).count(), 5000);
    drop(view);
    assert_eq!(subject.tree().len(), 5001);
    subject.store().sync().unwrap();
    assert!((2000..5001).contains(&subject.tree().len()));
    subject.reopen();
    for _ in 0..10 {
        subject.store().sync().unwrap();
    }
    assert_eq!(subject.tree().len(), 1);
}

#[test]
fn sync_waits_for_the_barrier_and_says_when_it_fails() {
    let folder = Folder::new();
    let database = database(&folder.0);
    let barrier = || Err(StoreError::Failed("no disk".into()));
    let opened = SledStore::open(&database, b"one", Arc::new(Unsealed), Arc::new(barrier));
    let mut store = opened.unwrap();
    store.commit(puts(Table::Meta, &[("a", "1")])).unwrap();
    assert!(matches!(store.sync(), Err(StoreError::Failed(_))));
}

#[test]
fn large_values_are_kept_too() {
    let mut subject = OnSled::new();
    let large: Bytes = vec![7; 3_000_000].into();
    let changes = (0..4)
        .map(|n| (Table::Data, vec![n], Some(large.clone())))
        .collect();
    subject
        .store()
        .commit(Batch {
            changes,
            ..Batch::default()
        })
        .unwrap();
    assert!(subject.reopen());
    let view = subject.store().view();
    let found = view.scan(Table::Data, &[]).map(|entry| entry.unwrap().1);
    assert_eq!(found.collect::<Vec<_>>(), vec![large; 4]);
}
