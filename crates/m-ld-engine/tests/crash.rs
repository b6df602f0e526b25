//! The store on disk under `kill -9`, and with the end of its file lost.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use m_ld_engine::store::sled::FolderBarrier;
use m_ld_engine::store::{Batch, Bytes, SledStore, Store, Table, Unsealed};

/// Tells a test that it is the process to be killed, and where to write.
const FOLDER: &str = "M_LD_ENGINE_CRASH_FOLDER";
/// How often to kill; more than the default for a thorough run.
const ROUNDS: &str = "M_LD_ENGINE_CRASH_ROUNDS";
/// Nobody writes for ever: the process ends if it is forgotten.
const COMMITS: u64 = 20_000;

fn number(number: u64) -> Bytes {
    number.to_be_bytes().as_slice().into()
}

/// What the commit with a number does: to several tables, small and large values, removals, and
/// now and then an emptied table.
fn commit(at: u64) -> Batch {
    let key = |key: u64| key.to_be_bytes().to_vec();
    let mut changes = vec![
        (Table::Meta, b"at".to_vec(), Some(number(at))),
        (Table::Spo, key(at % 30), Some(number(at))),
        (Table::Spo, key((at + 15) % 30), None),
        (Table::Entries, key(at), Some(vec![7; 300].into())),
        (Table::Data, key(at), Some(number(at))),
    ];
    if at > 10 {
        changes.push((Table::Entries, key(at - 10), None));
    }
    if at.is_multiple_of(37) {
        let large = vec![u8::try_from(at % 251).unwrap(); 600_000];
        changes.push((Table::Operations, key(at % 2), Some(large.into())));
    }
    let cleared = if at.is_multiple_of(100) {
        vec![Table::Data]
    } else {
        vec![]
    };
    Batch { cleared, changes }
}

/// What a store shows after the commits up to a number.
fn expected(last: u64) -> BTreeMap<(Table, Vec<u8>), Bytes> {
    let mut expected = BTreeMap::new();
    for at in 1..=last {
        let batch = commit(at);
        expected.retain(|(table, _), _| !batch.cleared.contains(table));
        for (table, key, value) in batch.changes {
            match value {
                Some(value) => expected.insert((table, key), value),
                None => expected.remove(&(table, key)),
            };
        }
    }
    expected
}

/// Opens the store in a folder; says how far it came, having seen that it is just so far.
fn open(folder: &Path) -> (SledStore, u64) {
    let config = sled::Config::new().path(folder).flush_every_ms(None);
    let database = config.open().unwrap();
    let barrier = Arc::new(FolderBarrier::new(database.clone(), folder).unwrap());
    let store = SledStore::open(&database, b"domain", Arc::new(Unsealed), barrier).unwrap();
    let view = store.view();
    let at = view.get(Table::Meta, b"at").unwrap();
    let at = at.map_or(0, |at| u64::from_be_bytes(at[..].try_into().unwrap()));
    let mut found = BTreeMap::new();
    for table in Table::ALL {
        for entry in view.scan(table, &[]) {
            let (key, value) = entry.unwrap();
            found.insert((table, key), value);
        }
    }
    assert!(
        found == expected(at),
        "the store is not as after commit {at}"
    );
    (store, at)
}

/// The process that is killed: it says what it begins, and what it made durable.
#[test]
#[ignore = "is started by the tests of this module, which kill it"]
fn writes_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let folder = PathBuf::from(folder);
    let (mut store, last) = open(&folder);
    let mut out = std::io::stdout().lock();
    for at in last + 1..last + COMMITS {
        writeln!(out, "begun {at} 0").unwrap();
        store.commit(commit(at)).unwrap();
        if at % 7 == 0 {
            store.sync().unwrap();
            let len = fs::metadata(folder.join("db")).unwrap().len();
            writeln!(out, "synced {at} {len}").unwrap();
        }
    }
}

/// What a process said before it was killed.
#[derive(Debug, Default)]
struct Killed {
    begun: u64,
    synced: u64,
    /// How long the file was then.
    len: u64,
}

/// Lets a process write in a folder, and kills it after it has said `lines` things.
fn killed_after(lines: usize, folder: &Path) -> Killed {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "crash::writes_until_it_is_killed",
            "--exact",
            "--ignored",
            "--nocapture",
        ])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut said = Killed::default();
    let mut count = 0;
    // What it said before it died is read too.
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let Ok(line) = line else { break };
        let words: Vec<_> = line.split(' ').collect();
        match words[..] {
            ["begun", at, _] => said.begun = at.parse().unwrap(),
            ["synced", at, len] => {
                said.synced = at.parse().unwrap();
                said.len = len.parse().unwrap();
            }
            _ => continue,
        }
        count += 1;
        if count == lines {
            child.kill().unwrap();
        }
    }
    assert!(
        !child.wait().unwrap().success(),
        "it ended by itself: {said:?}"
    );
    assert!(count >= lines);
    said
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Numbers without pattern, the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % sides
    }
}

#[test]
fn what_was_synced_survives_and_nothing_is_half_there() {
    let rounds = std::env::var(ROUNDS).map_or(6, |rounds| rounds.parse().unwrap());
    let root = std::env::temp_dir().join(format!("m-ld-engine-crash-{}", std::process::id()));
    let (folder, aside) = (root.join("store"), root.join("copy"));
    fs::create_dir_all(&folder).unwrap();
    let mut dice = Dice(rounds);
    // Opening makes durable what it finds.
    let mut durable = 0;
    for _ in 0..rounds {
        let lines = usize::try_from(1 + dice.roll(150)).unwrap();
        let said = killed_after(lines, &folder);
        // As if the machine had lost what was written to the end of the file and not synced.
        copy(&folder, &aside);
        let log = fs::OpenOptions::new()
            .write(true)
            .open(aside.join("db"))
            .unwrap();
        let written = log.metadata().unwrap().len();
        let kept = written - dice.roll(written - said.len.min(written) + 1);
        if said.synced > 0 {
            log.set_len(kept).unwrap();
        }
        let least = said.synced.max(durable);
        for folder in [&aside, &folder] {
            let (_, at) = open(folder);
            assert!((least..=said.begun).contains(&at), "{at}, but {said:?}");
            durable = at;
        }
        fs::remove_dir_all(&aside).unwrap();
    }
    fs::remove_dir_all(&root).unwrap();
}
