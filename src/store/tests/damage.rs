//! A flipped bit anywhere in the files is an error or has no effect: never other data, never less data.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::*;

const RECORDS: u32 = 400;
const FLIPS_PER_FILE: u64 = 40;

type Contents = BTreeMap<(Tree, Vec<u8>), Vec<u8>>;

/// A store with a history: many commits, replaced and removed records, two lives.
fn make(dir: &Path) -> Contents {
    let mut contents = Contents::new();
    for life in 0..2_u32 {
        let store = Store::open(dir, &master(1), &chance()).unwrap();
        for number in 0..RECORDS {
            let tree = [Tree::Accounts, Tree::Keys][number as usize % 2];
            let key = format!("key {}", number % (RECORDS / 2) + life).into_bytes();
            let value = vec![number.to_le_bytes()[0]; 40 + number as usize % 200];
            store
                .commit_blocking(Batch::new().put(tree, key.clone(), value.clone()))
                .unwrap();
            contents.insert((tree, key), value);
        }
        store.close();
    }
    contents
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn copy(from: &Path, to: &Path) {
    for file in files(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(file, target).unwrap();
    }
}

/// What became of a damaged store.
#[derive(Debug, Default)]
struct Tally {
    unharmed: u32,
    refused: u32,
    partly: u32,
}

impl Tally {
    /// Reads everything, and insists that it is right or an error.
    fn read(&mut self, dir: &Path, contents: &Contents) {
        let Some(store) = opened(dir) else {
            self.refused += 1;
            return;
        };
        let mut damaged = false;
        for ((tree, key), value) in contents {
            match store.get(*tree, key) {
                Ok(found) => assert_eq!(found.as_ref(), Some(value), "{tree:?} {key:?}"),
                Err(StoreError::Corrupt { .. }) => damaged = true,
                Err(other) => panic!("{other}"),
            }
        }
        for tree in Tree::ALL {
            match store.scan(tree) {
                Ok(found) => {
                    let count = contents.keys().filter(|(of, _)| *of == tree).count();
                    assert_eq!(found.len(), count, "{tree:?}");
                }
                Err(StoreError::Corrupt { .. }) => damaged = true,
                Err(other) => panic!("{other}"),
            }
        }
        if damaged {
            self.partly += 1;
        } else {
            self.unharmed += 1;
        }
    }
}

fn opened(dir: &Path) -> Option<Store> {
    match Store::open(dir, &master(1), &chance()) {
        Ok(store) => Some(store),
        Err(StoreError::Corrupt { .. }) => None,
        Err(other) => panic!("{other}: {other:?}"),
    }
}

fn flip(file: &Path, bit: u64) {
    let mut bytes = fs::read(file).unwrap();
    bytes[usize::try_from(bit / 8).unwrap()] ^= 1 << (bit % 8);
    fs::write(file, bytes).unwrap();
}

#[test]
fn a_flipped_bit_is_never_taken_for_data() {
    let folder = Folder::new();
    let whole = folder.store();
    let contents = make(&whole);
    let chance = Chance::seeded(3);
    for file in files(&whole) {
        let bits = fs::metadata(&file).unwrap().len() * 8;
        let mut tally = Tally::default();
        for _ in 0..FLIPS_PER_FILE.min(bits) {
            let damaged = Folder::new();
            copy(&whole, damaged.path());
            let target = damaged.path().join(file.strip_prefix(&whole).unwrap());
            flip(&target, chance.below(bits));
            tally.read(damaged.path(), &contents);
        }
        // The test is of use only if it hits something.
        let noticed = tally.refused + tally.partly > 0;
        assert!(noticed || !file.ends_with("db"), "{tally:?}");
    }
}
