//! What only a store with files can show.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;

fn open(folder: &Folder) -> Result<Store, StoreError> {
    Store::open(&folder.store(), &master(1), &chance())
}

fn put(key: &str, value: &str) -> Batch {
    Batch::new().put(Tree::Accounts, key, value)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn all_files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                all_files(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

#[test]
fn the_folder_is_for_its_owner_alone_even_if_it_was_not() {
    let folder = Folder::new();
    fs::create_dir(folder.store()).unwrap();
    set_mode(&folder.store(), 0o755);
    let _store = open(&folder).unwrap();
    assert_eq!(mode(&folder.store()), 0o700);
}

#[test]
fn a_store_is_open_once() {
    let folder = Folder::new();
    let store = open(&folder).unwrap();
    let refused = open(&folder).unwrap_err();
    assert!(matches!(refused, StoreError::Locked { .. }), "{refused}");
    store.close();
    open(&folder).unwrap().close();
}

#[test]
fn dropping_the_last_handle_closes() {
    let folder = Folder::new();
    let store = open(&folder).unwrap();
    let other = store.clone();
    drop(store);
    other.commit_blocking(put("a", "1")).unwrap();
    drop(other);
    let store = open(&folder).unwrap();
    assert_eq!(store.get(Tree::Accounts, b"a").unwrap().unwrap(), b"1");
}

#[test]
fn another_master_key_is_named_as_such_and_harms_nothing() {
    let folder = Folder::new();
    open(&folder)
        .unwrap()
        .commit_blocking(put("a", "1"))
        .unwrap();
    let refused = Store::open(&folder.store(), &master(2), &chance()).unwrap_err();
    assert!(matches!(refused, StoreError::WrongKey), "{refused}");
    let store = open(&folder).unwrap();
    assert_eq!(store.get(Tree::Accounts, b"a").unwrap().unwrap(), b"1");
}

#[test]
fn the_files_show_neither_keys_nor_values() {
    let folder = Folder::new();
    let store = open(&folder).unwrap();
    store
        .commit_blocking(put("a-telling-name", "a-telling-value"))
        .unwrap();
    store.close();
    for file in all_files(&folder.store()) {
        let bytes = fs::read(&file).unwrap();
        for text in [&b"telling"[..], b"accounts", &[1; 16]] {
            let found = bytes.windows(text.len()).any(|window| window == text);
            assert!(!found, "{text:?} is in {}", file.display());
        }
    }
}

#[test]
fn a_copy_of_the_files_holds_everything_that_was_confirmed() {
    let folder = Folder::new();
    let store = open(&folder).unwrap();
    for round in 0..20_u8 {
        let batch = (0..50_u8).fold(Batch::new(), |batch, number| {
            batch.put(Tree::Keys, [round, number], vec![round; 100])
        });
        store.commit_blocking(batch).unwrap();
        let copy = Folder::new();
        for file in all_files(&folder.store()) {
            let target = copy
                .store()
                .join(file.strip_prefix(folder.store()).unwrap());
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            fs::copy(file, target).unwrap();
        }
        let copied = open(&copy).unwrap();
        assert_eq!(
            copied.scan(Tree::Keys).unwrap().len(),
            (usize::from(round) + 1) * 50
        );
    }
}

#[test]
fn a_store_that_lost_confirmed_commits_says_so() {
    let folder = Folder::new();
    open(&folder)
        .unwrap()
        .commit_blocking(put("a", "1"))
        .unwrap();
    let older = Folder::new();
    let data = |folder: &Folder| folder.store().join("data");
    let duplicate = |from: &Folder, to: &Folder| {
        fs::remove_dir_all(data(to)).ok();
        for file in all_files(&data(from)) {
            let target = data(to).join(file.strip_prefix(data(from)).unwrap());
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            fs::copy(file, target).unwrap();
        }
    };
    duplicate(&folder, &older);
    open(&folder)
        .unwrap()
        .commit_blocking(put("a", "2"))
        .unwrap();
    duplicate(&older, &folder);
    let refused = open(&folder).unwrap_err();
    assert!(
        matches!(refused, StoreError::Corrupt { tree: "tail" }),
        "{refused}"
    );
    // An operator who wants what is left says so by removing the count.
    fs::remove_file(folder.store().join("mark")).unwrap();
    let store = open(&folder).unwrap();
    assert_eq!(store.get(Tree::Accounts, b"a").unwrap().unwrap(), b"1");
}

#[test]
fn a_master_key_file_is_made_once_for_its_owner_and_reads_back() {
    let folder = Folder::new();
    let path = folder.path().join("master.key");
    let made = MasterKey::create(&path, &chance()).unwrap();
    assert_eq!(mode(&path), 0o600);
    assert_eq!(MasterKey::read(&path).unwrap().expose(), made.expose());
    let again = MasterKey::create(&path, &Chance::seeded(2)).unwrap_err();
    assert!(matches!(again, StoreError::Io { .. }), "{again}");
    assert_eq!(MasterKey::read(&path).unwrap().expose(), made.expose());
    assert_eq!(all_files(folder.path()), [path]);
}

#[test]
fn a_master_key_that_others_can_touch_is_refused_with_what_to_do() {
    let folder = Folder::new();
    let path = folder.path().join("master.key");
    MasterKey::create(&path, &chance()).unwrap();
    for open in [0o650, 0o604, 0o660, 0o620, 0o602, 0o601] {
        set_mode(&path, open);
        let refused = MasterKey::read(&path).unwrap_err().to_string();
        assert!(refused.contains("set its mode to 0600"), "{refused}");
    }
    for kept in [0o640, 0o440, 0o400] {
        set_mode(&path, kept);
        assert!(MasterKey::read(&path).is_ok(), "{kept:o}");
    }
    let link = folder.path().join("link");
    symlink(&path, &link).unwrap();
    assert!(MasterKey::read(&link).is_ok());
}

#[test]
fn what_is_no_master_key_file_is_refused() {
    let folder = Folder::new();
    let path = folder.path().join("master.key");
    assert!(matches!(MasterKey::read(&path), Err(StoreError::Io { .. })));
    assert!(matches!(
        MasterKey::read(folder.path()),
        Err(StoreError::KeyFile { .. })
    ));
    fs::write(&path, "not a key").unwrap();
    set_mode(&path, 0o600);
    let refused = MasterKey::read(&path).unwrap_err().to_string();
    assert!(refused.contains("64 hexadecimal digits"), "{refused}");
}
