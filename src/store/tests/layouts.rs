//! Older layouts are brought up to date, newer ones are left alone.

use super::super::layout::{Step, Steps};
use super::super::memory::Memory;
use super::*;

#[expect(
    clippy::unnecessary_wraps,
    reason = "a step may find records that it cannot read"
)]
fn shout(records: Records) -> Result<Records, StoreError> {
    let louder = |(key, value): (Vec<u8>, Vec<u8>)| {
        (key.to_ascii_uppercase(), [value, b"!".to_vec()].concat())
    };
    Ok(records.into_iter().map(louder).collect())
}

fn refuse(_: Records) -> Result<Records, StoreError> {
    Err(StoreError::Corrupt { tree: "accounts" })
}

fn one_step(tree: Tree) -> &'static [Step] {
    if tree == Tree::Accounts {
        &[shout]
    } else {
        &[]
    }
}

fn two_steps(tree: Tree) -> &'static [Step] {
    if tree == Tree::Accounts {
        &[shout, shout]
    } else {
        &[]
    }
}

fn failing_step(tree: Tree) -> &'static [Step] {
    if tree == Tree::Accounts {
        &[refuse]
    } else {
        &[]
    }
}

fn open(memory: &Arc<Memory>, steps: Steps) -> Result<Store, StoreError> {
    let backend: Arc<dyn Backend> = Arc::clone(memory) as _;
    Store::assemble(backend, &master(1), &chance(), None, steps)
}

fn first_layout() -> Arc<Memory> {
    let memory = Arc::new(Memory::default());
    let batch = Batch::new()
        .put(Tree::Accounts, "app", "hello")
        .put(Tree::Keys, "app", "hello");
    open(&memory, layout::current)
        .unwrap()
        .commit_blocking(batch)
        .unwrap();
    memory
}

#[test]
fn records_of_an_older_layout_take_every_step_once() {
    let memory = first_layout();
    for (steps, expected) in [
        (one_step as Steps, &b"hello!"[..]),
        (one_step, b"hello!"),
        (two_steps, b"hello!!"),
    ] {
        let store = open(&memory, steps).unwrap();
        assert_eq!(
            store.get(Tree::Accounts, b"APP").unwrap().unwrap(),
            expected
        );
        assert_eq!(store.get(Tree::Accounts, b"app").unwrap(), None);
        assert_eq!(store.get(Tree::Keys, b"app").unwrap().unwrap(), b"hello");
    }
}

#[test]
fn a_newer_layout_is_refused_by_name_and_left_alone() {
    let memory = first_layout();
    drop(open(&memory, two_steps).unwrap());
    let refused = open(&memory, one_step).unwrap_err();
    let expected = "tree accounts has layout 3, written by a newer version; this one knows up to 2";
    assert!(refused.to_string().starts_with(expected), "{refused}");
    assert!(open(&memory, two_steps).is_ok());
}

#[test]
fn a_step_that_fails_changes_nothing() {
    let memory = first_layout();
    assert!(matches!(
        open(&memory, failing_step),
        Err(StoreError::Corrupt { tree: "accounts" })
    ));
    let store = open(&memory, layout::current).unwrap();
    assert_eq!(
        store.get(Tree::Accounts, b"app").unwrap().unwrap(),
        b"hello"
    );
}
