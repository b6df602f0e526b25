//! What it costs to apply operations to datasets of several sizes, and to read them.
//!
//! Guards a promise: cost follows the operation's size, not the dataset's. Prints medians; each
//! is of many measurements of some operations, one transaction each.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a bench tells the time, and stops at the first error"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use m_ld_engine::chance::Chance;
use m_ld_engine::clock::{Tid, TreeClock};
use m_ld_engine::dataset::{Graph, Writer};
use m_ld_engine::rdf::{Iri, Literal, Term, Triple};
use m_ld_engine::store::{MemoryStore, Pending, Store, View};

/// Properties of a subject.
const PROPERTIES: usize = 10;
/// Measurements of each case.
const SAMPLES: usize = 101;
/// Operations in each measurement.
const EACH: usize = 20;

struct Zero;

impl Chance for Zero {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

/// What the properties of a subject are: names, numbers, and references to others.
fn subject(number: usize) -> Vec<Triple> {
    let iri = |name: String| Iri::new(format!("http://bench.example.org/{name}"));
    let about = iri(format!("subject-{number}"));
    (0..PROPERTIES)
        .map(|property| {
            let object: Term = match property {
                0 => iri("#Person".to_owned()).into(),
                1..5 => Literal::string(format!("Value {property} of number {number}")).into(),
                5..8 => Literal::integer(i64::try_from(number % 1000).unwrap()).into(),
                _ => iri(format!("subject-{}", number / property)).into(),
            };
            Triple::new(about.clone(), iri(format!("#property{property}")), object)
        })
        .collect()
}

/// The ids of successive operations of one process among others.
struct Tids(TreeClock);

impl Tids {
    fn new() -> Self {
        let (left, _) = TreeClock::genesis().forked().unwrap();
        let (left, _) = left.forked().unwrap();
        Self(left)
    }

    fn next(&mut self) -> Tid {
        self.0 = self.0.ticked().unwrap();
        self.0.tid()
    }
}

struct Dataset {
    store: Box<dyn Store>,
    tids: Tids,
    subjects: usize,
}

impl Dataset {
    fn of(store: Box<dyn Store>, triples: usize) -> Self {
        let mut dataset = Self {
            store,
            tids: Tids::new(),
            subjects: 0,
        };
        while dataset.subjects * PROPERTIES < triples {
            let triples = dataset.next_subject();
            dataset.transact(&[], &triples);
        }
        dataset
    }

    fn next_subject(&mut self) -> Vec<Triple> {
        self.subjects += 1;
        subject(self.subjects)
    }

    /// One operation, as the clone applies it.
    fn transact(&mut self, deletes: &[(Triple, Tid)], inserts: &[Triple]) -> Tid {
        let tid = self.tids.next();
        self.apply(deletes, inserts, tid);
        tid
    }

    fn apply(&mut self, deletes: &[(Triple, Tid)], inserts: &[Triple], tid: Tid) {
        let mut pending = Pending::new(self.store.view());
        let mut writer = Writer::new(&mut pending, &mut Zero).unwrap();
        for (triple, tid) in deletes {
            black_box(writer.remove_tids(triple, &[*tid]).unwrap());
        }
        for triple in inserts {
            writer.insert(triple, &[tid]).unwrap();
        }
        self.store.commit(pending.into_batch()).unwrap();
    }
}

/// The median time of an operation in microseconds.
fn median<T>(mut prepare: impl FnMut() -> T, mut run: impl FnMut(T)) -> f64 {
    let mut times: Vec<f64> = (0..SAMPLES)
        .map(|_| {
            let inputs: Vec<T> = (0..EACH).map(|_| prepare()).collect();
            let start = Instant::now();
            inputs.into_iter().for_each(&mut run);
            start.elapsed().as_secs_f64() * 1e6 / EACH as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times.get(SAMPLES / 2).copied().unwrap()
}

/// Bytes of memory that this process holds.
fn resident() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: f64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096.0
}

fn inserts(dataset: &mut Dataset, size: usize) -> f64 {
    let mut number = dataset.subjects;
    let mut tids = Tids(dataset.tids.0.clone());
    let prepare = || {
        number += 1;
        let mut triples = subject(number);
        triples.rotate_left(number % PROPERTIES);
        triples.truncate(size);
        (triples, tids.next())
    };
    // In place, so that the sizes are as they are said to be but for some thousands.
    let mut made = Vec::new();
    let time = median(prepare, |(triples, tid)| {
        dataset.apply(&[], &triples, tid);
        made.push((triples, tid));
    });
    for (triples, tid) in made {
        let deletes: Vec<_> = triples.into_iter().map(|triple| (triple, tid)).collect();
        dataset.apply(&deletes, &[], tid);
    }
    time
}

/// A value is replaced by another: the commonest of writes.
fn replacements(dataset: &mut Dataset) -> f64 {
    let mut number = 0;
    let mut tids = Tids(dataset.tids.0.clone());
    let subjects = dataset.subjects;
    let view = dataset.store.view();
    let graph = Graph::new(&*view).unwrap();
    let prepare = || {
        number += 1;
        let mut old = subject(1 + number * 7919 % subjects);
        let old = old.swap_remove(1 + number % 4);
        let mut new = old.clone();
        new.object = Literal::string(format!("New value {number}")).into();
        let deletes: Vec<_> = graph.tids(&old).unwrap().into_iter().collect();
        let deletes: Vec<_> = deletes.into_iter().map(|tid| (old.clone(), tid)).collect();
        (deletes, [new], tids.next())
    };
    median(prepare, |(deletes, new, tid)| {
        dataset.apply(&deletes, &new, tid);
    })
}

fn reads(dataset: &Dataset) -> (f64, f64) {
    let view: Arc<dyn View> = dataset.store.view();
    let mut number = 0;
    let prepare = || {
        number += 1;
        let mut triples = subject(1 + number * 7919 % dataset.subjects);
        triples.swap_remove(2)
    };
    let mut describe = prepare;
    let by_subject = median(&mut describe, |triple| {
        let graph = Graph::new(&*view).unwrap();
        let found = graph.find(Some(&triple.subject), None, None);
        assert_eq!(black_box(found.map(Result::unwrap).count()), PROPERTIES);
    });
    let by_value = median(&mut describe, |triple| {
        let graph = Graph::new(&*view).unwrap();
        let found = graph.find(None, Some(&triple.predicate), Some(&triple.object));
        assert!(black_box(found.map(Result::unwrap).count()) > 0);
    });
    (by_subject, by_value)
}

/// The same on disk: committed, and committed and durable one by one.
#[cfg(feature = "sled")]
fn on_disk(size: usize) {
    use m_ld_engine::store::sled::FolderBarrier;
    use m_ld_engine::store::{SledStore, Unsealed};

    let folder = std::env::temp_dir().join(format!("m-ld-engine-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    {
        let config = sled::Config::new().path(&folder).flush_every_ms(None);
        let database = config.open().unwrap();
        let barrier = Arc::new(FolderBarrier::new(database.clone(), &folder).unwrap());
        let store = SledStore::open(&database, b"bench", Arc::new(Unsealed), barrier).unwrap();
        let mut dataset = Dataset::of(Box::new(store), size);
        let one = inserts(&mut dataset, 1);
        let ten = inserts(&mut dataset, PROPERTIES);
        let (describe, value) = reads(&dataset);
        let replace = replacements(&mut dataset);
        let durable = median(
            || (),
            |()| {
                let triples = dataset.next_subject();
                dataset.transact(&[], &triples[..1]);
                dataset.store.sync().unwrap();
            },
        );
        println!(
            "{size:>9}  {one:>8.2}  {ten:>9.2}  {replace:>9.2}  {describe:>11.2}  {value:>8.2}  {durable:>8.0}"
        );
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

fn main() {
    println!("microseconds per operation (median), memory store; MiB per 100,000 triples");
    println!("  triples  insert 1  insert 10  replace 1  describe 10  by value     MiB");
    let asked = std::env::args().filter_map(|word| word.parse().ok());
    let mut sizes: Vec<usize> = asked.collect();
    if sizes.is_empty() {
        sizes = vec![0, 1_000, 10_000, 100_000, 1_000_000];
    }
    for size in sizes {
        let before = resident();
        let mut dataset = Dataset::of(Box::new(MemoryStore::new()), size);
        let memory = (resident() - before) / 1_048_576.0 * 100_000.0 / size.max(1) as f64;
        let one = inserts(&mut dataset, 1);
        let ten = inserts(&mut dataset, PROPERTIES);
        if size == 0 {
            println!("{size:>9}  {one:>8.2}  {ten:>9.2}");
            continue;
        }
        let (describe, value) = reads(&dataset);
        let replace = replacements(&mut dataset);
        println!(
            "{size:>9}  {one:>8.2}  {ten:>9.2}  {replace:>9.2}  {describe:>11.2}  {value:>8.2}  {memory:>6.1}"
        );
    }
    #[cfg(feature = "sled")]
    {
        println!("on sled; the last is one insert, durable before the next");
        println!("  triples  insert 1  insert 10  replace 1  describe 10  by value   durable");
        for size in [1_000, 100_000] {
            on_disk(size);
        }
    }
}
