//! Readers beside a writer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::*;

const KEYS: u64 = 100;

/// Every key has the number of the commit; and with each commit, another key comes or goes.
fn commit(number: u64) -> Batch {
    let value: Bytes = number.to_be_bytes().as_slice().into();
    let keys = (0..KEYS).map(|key| key * 2);
    let mut changes: Vec<_> = keys
        .map(|key| (Table::Spo, key.to_be_bytes().to_vec(), Some(value.clone())))
        .collect();
    for (at, there) in [(number, true), (number.wrapping_sub(5), false)] {
        let key = at % KEYS * 2 + 1;
        changes.push((
            Table::Spo,
            key.to_be_bytes().to_vec(),
            there.then(|| value.clone()),
        ));
    }
    Batch {
        cleared: if number.is_multiple_of(50) {
            vec![Table::Spo]
        } else {
            vec![]
        },
        changes,
    }
}

/// All that a view shows is of one commit, however often it is read.
fn read(view: &dyn View) -> u64 {
    let first: Vec<_> = view.scan(Table::Spo, &[]).map(Result::unwrap).collect();
    thread::yield_now();
    let from = |entry: &(Vec<u8>, Bytes)| u64::from_be_bytes(entry.1[..].try_into().unwrap());
    let number = from(&first[0]);
    let whole = first.iter().filter(|entry| entry.0[7] % 2 == 0);
    assert!(whole.clone().all(|entry| from(entry) == number));
    assert_eq!(whole.count() as u64, KEYS);
    for (key, value) in &first {
        assert_eq!(view.get(Table::Spo, key).unwrap().as_ref(), Some(value));
    }
    let mut back: Vec<_> = view
        .range_back(Table::Spo, Bound::Unbounded, Bound::Unbounded)
        .map(Result::unwrap)
        .collect();
    back.reverse();
    assert_eq!(first, back);
    number
}

fn readers_see_whole_commits<S: Subject + Send>(commits: u64) {
    let mut subject = S::new();
    subject.store().commit(commit(0)).unwrap();
    let done = AtomicBool::new(false);
    let (send, receive) = std::sync::mpsc::sync_channel::<Arc<dyn View>>(4);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut last = 0;
            for view in receive {
                let number = read(&*view);
                assert!(number >= last);
                last = number;
                if done.load(Ordering::Relaxed) {
                    break;
                }
            }
            last
        });
        for number in 1..commits {
            drop(send.try_send(subject.store().view()));
            subject.store().commit(commit(number)).unwrap();
        }
        done.store(true, Ordering::Relaxed);
        drop(send);
        assert!(reader.join().unwrap() > 0);
    });
    assert_eq!(subject.undo_records(), 0);
}

#[test]
fn readers_of_memory_see_whole_commits() {
    readers_see_whole_commits::<InMemory>(1000);
}

#[cfg(feature = "sled")]
#[test]
fn readers_of_files_see_whole_commits() {
    readers_see_whole_commits::<on_sled::OnSled>(100);
}
