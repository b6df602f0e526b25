//! Commits at the worst moments of a read.

use std::ops::Bound;
use std::sync::Mutex;

use super::*;
use crate::store::Bytes;
use crate::store::memory::Memory;
use crate::store::raw::{Bounds, Chunk, Direction, Layer};

type Hook = Box<dyn FnOnce() + Send>;
type Slot = Arc<Mutex<Option<Hook>>>;

/// Does something just before, or just after, the raw bytes are read.
struct Interrupted {
    raw: Memory,
    before: Slot,
    after: Slot,
}

fn run(slot: &Slot) {
    let hook = slot.lock().unwrap().take();
    if let Some(hook) = hook {
        hook();
    }
}

impl Raw for Interrupted {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        run(&self.before);
        let value = self.raw.get(space, key);
        run(&self.after);
        value
    }

    fn chunk(
        &self,
        space: Space,
        bounds: Bounds<'_>,
        direction: Direction,
        limit: usize,
    ) -> Result<Chunk, StoreError> {
        run(&self.before);
        let chunk = self.raw.chunk(space, bounds, direction, limit);
        run(&self.after);
        chunk
    }

    fn apply(&self, changes: Changes, undo: &mut dyn FnMut(Layer)) -> Result<(), StoreError> {
        self.raw.apply(changes, &mut |layer| {
            undo(layer);
        })
    }

    fn sweep(&self, space: Space, limit: usize) -> Result<bool, StoreError> {
        self.raw.sweep(space, limit)
    }
}

fn batch(cleared: bool, entries: &[(u8, Option<u8>)]) -> Batch {
    let changes = entries.iter();
    Batch {
        cleared: if cleared { vec![Table::Meta] } else { vec![] },
        changes: changes
            .map(|(key, value)| (Table::Meta, vec![*key], value.map(|value| [value].into())))
            .collect(),
    }
}

#[test]
fn a_commit_in_the_midst_of_a_read_is_not_seen() {
    for (early, cleared) in [(true, false), (false, false), (true, true), (false, true)] {
        let (before, after) = (Slot::default(), Slot::default());
        let raw = Interrupted {
            raw: Memory::default(),
            before: Arc::clone(&before),
            after: Arc::clone(&after),
        };
        let layers = Arc::new(Mutex::new(Layers::new(raw, Epochs::default(), [])));
        let first = batch(false, &[(1, Some(1)), (2, Some(2)), (3, Some(3))]);
        layers.lock().unwrap().commit(first).unwrap();
        let view = layers.lock().unwrap().view();
        let interrupt = |value: u8| {
            let layers = Arc::clone(&layers);
            let changes = [
                (0, Some(value)),
                (1, None),
                (2, Some(value)),
                (4, Some(value)),
            ];
            let hook: Hook = Box::new(move || {
                layers
                    .lock()
                    .unwrap()
                    .commit(batch(cleared, &changes))
                    .unwrap();
            });
            *if early { &before } else { &after }.lock().unwrap() = Some(hook);
        };
        for round in 10..20 {
            for (key, value) in [(0, None), (1, Some(1)), (2, Some(2)), (4, None)] {
                interrupt(round);
                let found = view.get(Table::Meta, &[key]).unwrap();
                assert_eq!(found.as_deref().and_then(<[u8]>::first).copied(), value);
            }
            let expected: Vec<(Vec<u8>, Bytes)> = (1..4).map(|n| (vec![n], [n].into())).collect();
            interrupt(round);
            let up: Vec<_> = view.scan(Table::Meta, &[]).map(Result::unwrap).collect();
            assert_eq!(up, expected);
            interrupt(round);
            let down = view.range_back(Table::Meta, Bound::Unbounded, Bound::Unbounded);
            let mut down: Vec<_> = down.map(Result::unwrap).collect();
            down.reverse();
            assert_eq!(down, expected);
        }
    }
}

/// Fails after it has changed half of what it should.
struct Failing(Memory);

impl Raw for Failing {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.0.get(space, key)
    }

    fn chunk(
        &self,
        space: Space,
        bounds: Bounds<'_>,
        direction: Direction,
        limit: usize,
    ) -> Result<Chunk, StoreError> {
        self.0.chunk(space, bounds, direction, limit)
    }

    fn apply(&self, mut changes: Changes, undo: &mut dyn FnMut(Layer)) -> Result<(), StoreError> {
        let whole = changes.values.len();
        changes.values.truncate(2);
        self.0.apply(changes, undo)?;
        if whole > 2 {
            return Err(StoreError::Failed("half way".into()));
        }
        Ok(())
    }

    fn sweep(&self, space: Space, limit: usize) -> Result<bool, StoreError> {
        self.0.sweep(space, limit)
    }
}

#[test]
fn after_a_commit_that_failed_views_show_what_was_before_and_nothing_is_committed() {
    let mut layers = Layers::new(Failing(Memory::default()), Epochs::default(), []);
    layers
        .commit(batch(false, &[(1, Some(1)), (2, Some(2))]))
        .unwrap();
    let before = layers.view();
    let half = [(1, None), (2, Some(9)), (3, Some(9))];
    layers.commit(batch(false, &half)).unwrap_err();
    layers.commit(batch(false, &[(4, Some(4))])).unwrap_err();
    for view in [before, layers.view()] {
        let all: Vec<_> = view.scan(Table::Meta, &[]).map(Result::unwrap).collect();
        assert_eq!(all, [(vec![1], [1].into()), (vec![2], [2].into())]);
    }
}
