//! The tables of clones.

use m_ld_engine::store as engine;
use m_ld_engine::store::Table;

use super::*;

const DOMAIN: &str = "todo.acme.gw.example.org";

fn put(tables: &mut Tables, key: &[u8], value: &[u8]) {
    let mut batch = engine::Batch::default();
    let change = (Table::Data, key.to_vec(), Some(value.into()));
    batch.changes.push(change);
    engine::Store::commit(tables, batch).unwrap();
}

fn get(tables: &Tables, key: &[u8]) -> Result<Option<engine::Bytes>, engine::StoreError> {
    engine::Store::view(tables).get(Table::Data, key)
}

#[tokio::test]
async fn tables_are_found_again_and_are_apart() {
    for mut subject in [Subject::memory(), Subject::files()] {
        let mut tables = subject.store.tables(DOMAIN, &chance()).await.unwrap();
        put(&mut tables, b"key", b"value");
        subject.store.settle().await.unwrap();
        let other = subject.store.tables("other", &chance()).await.unwrap();
        assert_eq!(get(&other, b"key").unwrap(), None);
        drop((tables, other));
        subject.reopen();
        let tables = subject.store.tables(DOMAIN, &chance()).await.unwrap();
        assert_eq!(
            get(&tables, b"key").unwrap().as_deref(),
            Some(&b"value"[..])
        );
    }
}

#[tokio::test]
async fn destroyed_tables_are_empty_when_they_are_made_again() {
    for subject in [Subject::memory(), Subject::files()] {
        let mut tables = subject.store.tables(DOMAIN, &chance()).await.unwrap();
        put(&mut tables, b"key", b"value");
        drop(tables);
        subject.store.destroy_tables(DOMAIN).await.unwrap();
        let key = subject.store.get(Tree::Clones, DOMAIN.as_bytes()).unwrap();
        assert_eq!(key, None);
        let tables = subject.store.tables(DOMAIN, &chance()).await.unwrap();
        assert_eq!(get(&tables, b"key").unwrap(), None);
    }
}

#[tokio::test]
async fn tables_are_not_opened_under_another_key() {
    let subject = Subject::files();
    let mut tables = subject.store.tables(DOMAIN, &chance()).await.unwrap();
    put(&mut tables, b"key", b"value");
    drop(tables);
    let other = Batch::new().put(Tree::Clones, DOMAIN, [7; 32]);
    subject.store.commit(other).await.unwrap();
    let refused = subject.store.tables(DOMAIN, &chance()).await;
    assert!(matches!(refused, Err(StoreError::Corrupt { .. })));
}

#[tokio::test]
async fn files_tell_nothing_of_what_is_in_tables() {
    const SECRET: &[u8] = b"nobody reads this in the files";
    let subject = Subject::files();
    let mut tables = subject.store.tables(DOMAIN, &chance()).await.unwrap();
    put(&mut tables, b"key", SECRET);
    subject.store.settle().await.unwrap();
    let log = subject.folder.as_ref().unwrap().store().join("data/db");
    let bytes = std::fs::read(log).unwrap();
    for secret in [SECRET, DOMAIN.as_bytes()] {
        let found = bytes.windows(secret.len()).any(|window| window == secret);
        assert!(!found, "{}", String::from_utf8_lossy(secret));
    }
    assert!(bytes.windows(3).any(|window| window == b"key"));
}

#[tokio::test]
async fn much_that_nobody_waits_for_is_made_durable_all_the_same() {
    let subject = Subject::files();
    let mut tables = subject.store.tables(DOMAIN, &chance()).await.unwrap();
    for key in 0..100_u32 {
        put(&mut tables, &key.to_be_bytes(), &[1; 8192]);
    }
    // What is queued before this is done before it returns.
    subject.store.settle().await.unwrap();
    let loose = subject.store.view.loose.load(Ordering::Acquire);
    assert_eq!(loose, 0);
}

#[tokio::test]
async fn a_closed_store_settles_nothing() {
    let subject = Subject::memory();
    subject.store.close();
    let refused = subject.store.settle().await;
    assert!(matches!(refused, Err(StoreError::Closed)));
    let refused = subject.store.tables(DOMAIN, &chance()).await;
    assert!(matches!(refused, Err(StoreError::Closed)));
}
