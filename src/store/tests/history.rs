//! Random histories against a map.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

type Model = BTreeMap<(Tree, Vec<u8>), Vec<u8>>;

#[derive(Clone, Debug)]
enum Step {
    Commit {
        writes: Vec<(Tree, u8, Option<u8>)>,
        expectations: Vec<(Tree, u8, Option<u8>)>,
    },
    Reopen,
}

fn tree() -> impl Strategy<Value = Tree> {
    prop_oneof![Just(Tree::Accounts), Just(Tree::Keys)]
}

fn entry() -> impl Strategy<Value = (Tree, u8, Option<u8>)> {
    // Few keys and values, so that expectations collide.
    (tree(), 0..4_u8, proptest::option::of(0..3_u8))
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (vec(entry(), 0..5), vec(entry(), 0..2))
            .prop_map(|(writes, expectations)| Step::Commit { writes, expectations }),
        1 => Just(Step::Reopen),
    ]
}

fn bytes(value: u8) -> Vec<u8> {
    vec![value; usize::from(value) * 50]
}

struct World {
    subject: Subject,
    model: Model,
}

impl World {
    fn run(&mut self, step: Step) {
        match step {
            Step::Reopen => self.subject.reopen(),
            Step::Commit {
                writes,
                expectations,
            } => self.commit(writes, expectations),
        }
        self.check();
    }

    fn commit(
        &mut self,
        writes: Vec<(Tree, u8, Option<u8>)>,
        expectations: Vec<(Tree, u8, Option<u8>)>,
    ) {
        let mut batch = Batch::new();
        let mut holds = true;
        for (tree, key, value) in expectations {
            let value = value.map(bytes);
            holds &= self.model.get(&(tree, vec![key])) == value.as_ref();
            batch = batch.expect(tree, [key], value.map_or(Expected::Absent, Expected::Value));
        }
        let mut after = self.model.clone();
        for (tree, key, value) in writes {
            if let Some(value) = value {
                after.insert((tree, vec![key]), bytes(value));
                batch = batch.put(tree, [key], bytes(value));
            } else {
                after.remove(&(tree, vec![key]));
                batch = batch.remove(tree, [key]);
            }
        }
        match self.subject.store.commit_blocking(batch) {
            Ok(()) if holds => self.model = after,
            Err(StoreError::Conflict) if !holds => {}
            other => panic!("{other:?}, but holds: {holds}"),
        }
    }

    fn check(&self) {
        let store = &self.subject.store;
        let scanned = Tree::ALL.into_iter().flat_map(|tree| {
            let records = store.scan(tree).unwrap().into_iter();
            records.map(move |(key, value)| ((tree, key), value))
        });
        assert_eq!(scanned.collect::<Model>(), self.model);
        for tree in [Tree::Accounts, Tree::Keys] {
            for key in 0..4_u8 {
                let expected = self.model.get(&(tree, vec![key]));
                assert_eq!(store.get(tree, &[key]).unwrap().as_ref(), expected);
            }
        }
    }
}

fn play(subject: Subject, script: Vec<Step>) {
    let mut world = World {
        subject,
        model: Model::new(),
    };
    for step in script {
        world.run(step);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn a_store_in_memory_is_a_map(script in vec(step(), 1..40)) {
        play(Subject::memory(), script);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(20) })]

    #[test]
    fn a_store_in_files_is_a_map_also_when_it_is_opened_again(script in vec(step(), 1..40)) {
        play(Subject::files(), script);
    }
}
