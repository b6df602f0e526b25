//! What was confirmed is there after the process was killed, and every batch whole.
//!
//! The test runs this binary again as a child that commits and tells of each confirmation, kills it at a
//! moment it does not expect, and looks at what it left. Rounds follow one another on the same files.
//! `CRASH_ROUNDS` sets their number. A second child meets a disk that takes no more.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use meldgate::clock::Chance;
use meldgate::store::{Batch, Expected, MasterKey, Store, StoreError, Tree};

const CHILD: &str = "store_crash::commits_until_it_is_killed";
const FULL_CHILD: &str = "store_crash::commits_until_the_disk_takes_no_more";
/// Lets no file grow beyond some megabytes; the shell's unit is 512 or 1024 bytes. The system tells of the
/// limit by a signal, unless that is ignored: then the write fails, as on a full disk.
const SMALL_DISK: &str = "trap '' XFSZ; ulimit -f 6000; exec \"$@\"";
const FOLDER: &str = "CRASH_FOLDER";
const ROUNDS: &str = "CRASH_ROUNDS";
const DEFAULT_ROUNDS: u32 = 10;
/// Threads that commit at once, so that groups hold batches of several.
const WORKERS: u8 = 4;
/// Records of one batch, in two trees.
const RECORDS: u8 = 6;
/// The child ends by itself after so many batches of each worker, should nobody kill it.
const BATCHES: u32 = 5000;

fn open(dir: &Path) -> Store {
    let key = MasterKey::parse(&[1; 32]).unwrap();
    Store::open(dir, &key, &Chance::system()).unwrap()
}

fn key(worker: u8, batch: u32, record: u8) -> Vec<u8> {
    [&[worker, record][..], &batch.to_be_bytes()].concat()
}

fn value(batch: u32, record: u8) -> Vec<u8> {
    batch.to_be_bytes().repeat(1 + usize::from(record) * 10)
}

fn tree(record: u8) -> Tree {
    if record.is_multiple_of(2) {
        Tree::Accounts
    } else {
        Tree::Keys
    }
}

/// How many batches of a worker are there, by its own count.
fn count(store: &Store, worker: u8) -> u32 {
    let bytes = store.get(Tree::Meta, &[worker]).unwrap();
    bytes.map_or(0, |bytes| u32::from_be_bytes(bytes.try_into().unwrap()))
}

/// Puts the records of one batch, removes some of the batch before it, and counts.
fn batch(worker: u8, number: u32) -> Batch {
    let before = match number {
        0 => Expected::Absent,
        more => Expected::Value(more.to_be_bytes().to_vec()),
    };
    let counted = Batch::new().expect(Tree::Meta, [worker], before).put(
        Tree::Meta,
        [worker],
        (number + 1).to_be_bytes(),
    );
    let full = (0..RECORDS).fold(counted, |batch, record| {
        batch.put(
            tree(record),
            key(worker, number, record),
            value(number, record),
        )
    });
    match number.checked_sub(1) {
        Some(last) => full.remove(tree(0), key(worker, last, 0)),
        None => full,
    }
}

fn work(store: &Store, worker: u8) {
    let first = count(store, worker);
    for number in first..first + BATCHES {
        store.commit_blocking(batch(worker, number)).unwrap();
        say(&format!("confirmed {worker} {number}"));
    }
}

fn say(line: &str) {
    // One write for each line, so that a kill does not cut it.
    std::io::stdout()
        .write_all(format!("{line}\n").as_bytes())
        .unwrap();
}

/// The child's side; an ordinary run of the tests has nothing to do here.
#[test]
fn commits_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    say("\nopening");
    let store = open(Path::new(&folder));
    std::thread::scope(|scope| {
        for worker in 0..WORKERS {
            let store = &store;
            scope.spawn(move || work(store, worker));
        }
    });
}

/// The other child's side.
#[test]
fn commits_until_the_disk_takes_no_more() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    say("");
    let store = open(Path::new(&folder));
    let mut refused = None;
    for number in 0..BATCHES * 10 {
        if let Err(error) = store.commit_blocking(batch(0, number)) {
            refused = Some(error);
            break;
        }
        say(&format!("confirmed 0 {number}"));
    }
    assert!(
        matches!(refused, Some(StoreError::Unconfirmed)),
        "{refused:?}"
    );
    let again = store.commit_blocking(Batch::new().put(Tree::Meta, "a", "1"));
    assert!(matches!(again, Err(StoreError::Failed)), "{again:?}");
    assert!(!store.is_writable());
    let last_confirmed = count(&store, 0) - 1;
    assert_eq!(
        store.get(tree(1), &key(0, last_confirmed, 1)).unwrap(),
        Some(value(last_confirmed, 1))
    );
    store.close();
    say(&format!("ended after {last_confirmed}"));
}

#[test]
fn a_disk_that_takes_no_more_loses_nothing_that_was_confirmed() {
    let folder = Folder::new("full");
    let program = std::env::current_exe().unwrap();
    let output = Command::new("sh")
        .args(["-c", SMALL_DISK, "sh"])
        .arg(program)
        .args(["--exact", FULL_CHILD, "--nocapture"])
        .env(FOLDER, &folder.0)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let confirmed: Vec<_> = said.lines().filter_map(parse).collect();
    let ended = format!("ended after {}", confirmed.len() - 1);
    assert!(said.lines().any(|line| line == ended), "not {ended}");
    check(&open(&folder.0), &confirmed);
}

fn start(folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", CHILD, "--nocapture"])
        .env(FOLDER, folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Runs a child until it has confirmed `wanted` batches, kills it, and gives back all it confirmed.
fn run(folder: &Path, wanted: usize) -> Vec<(u8, u32)> {
    let mut child = start(folder);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut confirmed = Vec::new();
    for line in lines.by_ref() {
        let line = line.unwrap();
        confirmed.extend(parse(&line));
        if confirmed.len() >= wanted && (line == "opening" || !confirmed.is_empty()) {
            break;
        }
    }
    child.kill().unwrap();
    // What it said before it died counts too.
    confirmed.extend(lines.filter_map(|line| parse(&line.unwrap())));
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    let status = child.wait().unwrap();
    assert!(
        status.code().is_none(),
        "the child was not killed but ended: {status}\n{said}"
    );
    confirmed
}

fn parse(line: &str) -> Option<(u8, u32)> {
    let (worker, number) = line.strip_prefix("confirmed ")?.split_once(' ')?;
    Some((worker.parse().unwrap(), number.parse().unwrap()))
}

/// The records of each batch that are there.
fn batches(store: &Store) -> BTreeMap<(u8, u32), BTreeSet<u8>> {
    let mut found = BTreeMap::<_, BTreeSet<u8>>::new();
    for of in [Tree::Accounts, Tree::Keys] {
        for (key, content) in store.scan(of).unwrap() {
            let ([worker, record], number) = key.split_first_chunk().unwrap();
            let number = u32::from_be_bytes(number.try_into().unwrap());
            assert_eq!(content, value(number, *record));
            assert_eq!(of, tree(*record));
            found.entry((*worker, number)).or_default().insert(*record);
        }
    }
    found
}

/// Every batch up to each worker's count is there whole, and nothing after.
fn check(store: &Store, confirmed: &[(u8, u32)]) {
    let mut found = batches(store);
    for worker in 0..WORKERS {
        let count = count(store, worker);
        for number in 0..count {
            let first = u8::from(number + 1 < count);
            let whole = (first..RECORDS).collect();
            assert_eq!(
                found.remove(&(worker, number)),
                Some(whole),
                "{worker} {number} of {count}"
            );
        }
        for (_, number) in confirmed.iter().filter(|(of, _)| *of == worker) {
            assert!(
                *number < count,
                "{worker} {number} was confirmed, {count} are there"
            );
        }
    }
    assert!(found.is_empty(), "parts of batches: {found:?}");
}

fn rounds() -> u32 {
    let wanted = std::env::var(ROUNDS).ok();
    wanted.map_or(DEFAULT_ROUNDS, |rounds| rounds.parse().unwrap())
}

struct Folder(PathBuf);

impl Folder {
    fn new(what: &str) -> Self {
        let name = format!("meldgate-crash-{what}-{}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

#[test]
fn what_was_confirmed_is_there_after_a_kill_and_every_batch_whole() {
    let folder = Folder::new("kill");
    let chance = Chance::system();
    for round in 0..rounds() {
        // Now and then it is killed while it opens, which repairs what the last kill left.
        let wanted = if round % 5 == 4 {
            0
        } else {
            chance.below(300) + 1
        };
        let confirmed = run(&folder.0, usize::try_from(wanted).unwrap());
        let store = open(&folder.0);
        check(&store, &confirmed);
        store.close();
    }
}
