//! What is kept for open views, and when it goes.

use super::*;

fn put<S: Subject>(subject: &mut S, entries: &[(&str, &str)]) {
    subject.store().commit(puts(Table::Meta, entries)).unwrap();
}

fn value(view: &dyn View, key: &str) -> Option<Bytes> {
    view.get(Table::Meta, key.as_bytes()).unwrap()
}

#[test]
fn nothing_is_kept_without_views() {
    let mut subject = InMemory::new();
    for round in 0..10 {
        put(&mut subject, &[("a", &round.to_string())]);
    }
    assert_eq!(subject.undo_records(), 0);
}

#[test]
fn a_key_that_changes_often_is_kept_once_for_each_view() {
    let mut subject = InMemory::new();
    let oldest = subject.store().view();
    for round in 0..1000 {
        // Short views come and go while a long one stays.
        let short = subject.store().view();
        put(&mut subject, &[("a", &round.to_string())]);
        drop(short);
    }
    assert_eq!(subject.undo_records(), 1);
    assert_eq!(value(&*oldest, "a"), None);
    let newer = subject.store().view();
    put(&mut subject, &[("a", "x"), ("b", "y")]);
    put(&mut subject, &[("a", "z"), ("b", "z")]);
    assert_eq!(subject.undo_records(), 3);
    assert_eq!(value(&*newer, "a"), Some(bytes("999")));
    drop(oldest);
    assert_eq!(subject.undo_records(), 2);
    drop(newer);
    assert_eq!(subject.undo_records(), 0);
}

#[test]
fn what_a_closed_view_had_goes_to_the_one_before() {
    for (early, late) in [(1, 50), (50, 1)] {
        let mut subject = InMemory::new();
        let numbered = |from: u8, to: u8, value: &str| {
            let changes = (from..to).map(|n| (Table::Meta, vec![n], Some(bytes(value))));
            Batch {
                changes: changes.collect(),
                ..Batch::default()
            }
        };
        subject.store().commit(numbered(0, 100, "0")).unwrap();
        let first = subject.store().view();
        subject.store().commit(numbered(0, early, "1")).unwrap();
        let second = subject.store().view();
        subject.store().commit(numbered(0, late, "2")).unwrap();
        drop(second);
        assert_eq!(subject.undo_records(), 50);
        for entry in first.scan(Table::Meta, &[]) {
            assert_eq!(entry.unwrap().1, bytes("0"));
        }
    }
}

#[test]
fn emptying_a_table_keeps_no_records_and_old_views_still_see_it() {
    let mut subject = InMemory::new();
    put(&mut subject, &[("a", "1"), ("b", "2")]);
    let before = subject.store().view();
    let mut batch = puts(Table::Meta, &[("b", "3")]);
    batch.cleared.push(Table::Meta);
    subject.store().commit(batch).unwrap();
    put(&mut subject, &[("a", "4")]);
    assert_eq!(subject.undo_records(), 0);
    assert_eq!(value(&*before, "a"), Some(bytes("1")));
    assert_eq!(before.scan(Table::Meta, &[]).count(), 2);
    let after = subject.store().view();
    put(&mut subject, &[("a", "5")]);
    assert_eq!(subject.undo_records(), 1);
    assert_eq!(value(&*after, "b"), Some(bytes("3")));
    assert_eq!(after.scan(Table::Meta, &[]).count(), 2);
    drop(after);
    assert_eq!(subject.undo_records(), 0);
}

#[test]
fn a_walk_is_read_in_chunks_and_sees_no_commit() {
    let mut subject = InMemory::new();
    let keys: Vec<String> = (0..3000).map(|n| format!("{n:05}")).collect();
    let all: Vec<_> = keys.iter().map(|key| (key.as_str(), "old")).collect();
    put(&mut subject, &all);
    let view = subject.store().view();
    let mut up = view.scan(Table::Meta, b"0");
    let mut down = view.range_back(Table::Meta, Bound::Unbounded, Bound::Unbounded);
    let mut found = (Vec::new(), Vec::new());
    for round in 0..keys.len() {
        // Each step changes, removes and adds on both sides of both walks.
        let mut batch = puts(Table::Meta, &[(&keys[(round * 7) % keys.len()], "new")]);
        let removed = keys[(round * 13 + 5) % keys.len()].as_bytes().to_vec();
        if batch.changes[0].1 != removed {
            batch.changes.push((Table::Meta, removed, None));
        }
        let added = format!("{:05}x", (round * 11) % keys.len());
        batch
            .changes
            .push((Table::Meta, added.into_bytes(), Some(bytes("new"))));
        subject.store().commit(batch).unwrap();
        found.0.push(up.next().unwrap().unwrap());
        found.1.push(down.next().unwrap().unwrap());
    }
    assert!(up.next().is_none() && down.next().is_none());
    found.1.reverse();
    let expected: Vec<_> = keys
        .iter()
        .map(|key| (key.clone().into_bytes(), bytes("old")))
        .collect();
    assert_eq!(found.0, expected);
    assert_eq!(found.1, expected);
}
