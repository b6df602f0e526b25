//! Random histories of commits and views, beside maps that are copied.

use std::collections::BTreeMap;
use std::ops::Bound;

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

type Model = BTreeMap<(Table, Vec<u8>), Bytes>;
type Change = (Table, Vec<u8>, Option<Bytes>);

#[derive(Clone, Debug)]
enum Step {
    Commit(Vec<Table>, Vec<Change>),
    Open,
    Close(Index),
    Look(Index, Query),
    /// Looks through changes that are not committed.
    Pend(Index, Vec<Table>, Vec<Change>, Query),
    Reopen,
}

#[derive(Clone, Debug)]
struct Query {
    table: Table,
    from: Bound<Vec<u8>>,
    to: Bound<Vec<u8>>,
    key: Vec<u8>,
}

fn table() -> impl Strategy<Value = Table> {
    prop_oneof![Just(Table::Meta), Just(Table::Spo), Just(Table::Operations)]
}

/// Keys that are often the same, and often prefixes of one another.
fn key() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => prop::collection::vec(prop_oneof![Just(0_u8), Just(1), Just(0xff)], 0..3),
        1 => prop::collection::vec(any::<u8>(), 1..2),
    ]
}

fn changes(most: usize) -> impl Strategy<Value = Vec<Change>> {
    let value = prop::option::weighted(0.7, any::<u8>());
    let change = (table(), key(), value)
        .prop_map(|(table, key, value)| (table, key, value.map(|value| Bytes::from([value]))));
    prop::collection::vec(change, 0..most).prop_map(|changes| {
        // Each key at most once, in any order.
        let mut seen = std::collections::BTreeSet::new();
        let first = |(table, key, _): &Change| seen.insert((*table, key.clone()));
        changes.into_iter().filter(first).collect()
    })
}

fn cleared() -> impl Strategy<Value = Vec<Table>> {
    prop_oneof![6 => Just(vec![]), 1 => table().prop_map(|table| vec![table])]
}

fn bound() -> impl Strategy<Value = Bound<Vec<u8>>> {
    prop_oneof![
        Just(Bound::Unbounded),
        key().prop_map(Bound::Included),
        key().prop_map(Bound::Excluded),
    ]
}

fn query() -> impl Strategy<Value = Query> {
    (table(), bound(), bound(), key()).prop_map(|(table, from, to, key)| Query {
        table,
        from,
        to,
        key,
    })
}

fn step() -> impl Strategy<Value = Step> {
    let index = any::<Index>;
    prop_oneof![
        3 => (cleared(), changes(12)).prop_map(|(cleared, changes)| Step::Commit(cleared, changes)),
        1 => changes(600).prop_map(|changes| Step::Commit(vec![], changes)),
        3 => Just(Step::Open),
        2 => index().prop_map(Step::Close),
        5 => (index(), query()).prop_map(|(view, query)| Step::Look(view, query)),
        3 => (index(), cleared(), changes(12), query())
            .prop_map(|(view, cleared, changes, query)| Step::Pend(view, cleared, changes, query)),
        1 => Just(Step::Reopen),
    ]
}

fn commit(model: &mut Model, cleared: &[Table], changes: &[Change]) {
    model.retain(|(table, _), _| !cleared.contains(table));
    for (table, key, value) in changes {
        match value {
            Some(value) => model.insert((*table, key.clone()), value.clone()),
            None => model.remove(&(*table, key.clone())),
        };
    }
}

fn as_ref(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    bound.as_ref().map(Vec::as_slice)
}

fn is_within(key: &Vec<u8>, query: &Query) -> bool {
    let after = match &query.from {
        Bound::Included(from) => key >= from,
        Bound::Excluded(from) => key > from,
        Bound::Unbounded => true,
    };
    after
        && match &query.to {
            Bound::Included(to) => key <= to,
            Bound::Excluded(to) => key < to,
            Bound::Unbounded => true,
        }
}

fn entries(found: Entries<'_>) -> Vec<(Vec<u8>, Bytes)> {
    found.map(Result::unwrap).collect()
}

/// Everything that can be asked of a view gives what the model has.
fn compare(view: &dyn View, model: &Model, query: &Query) {
    let Query { table, key, .. } = query;
    let in_table = model.iter().filter(|((other, _), _)| other == table);
    let all: Vec<(Vec<u8>, Bytes)> = in_table.map(|((_, k), v)| (k.clone(), v.clone())).collect();
    let expected = model.get(&(*table, key.clone())).cloned();
    assert_eq!(view.get(*table, key).unwrap(), expected);
    let mut within = all.clone();
    within.retain(|(key, _)| is_within(key, query));
    let (from, to) = (as_ref(&query.from), as_ref(&query.to));
    assert_eq!(entries(view.range(*table, from, to)), within, "{query:?}");
    within.reverse();
    assert_eq!(
        entries(view.range_back(*table, from, to)),
        within,
        "{query:?}"
    );
    let mut prefixed = all;
    prefixed.retain(|(other, _)| other.starts_with(key));
    assert_eq!(entries(view.scan(*table, key)), prefixed, "{query:?}");
}

/// A store and the views of it, each with what it should show.
struct World<S> {
    subject: S,
    newest: Model,
    views: Vec<(Arc<dyn View>, Model)>,
}

impl<S: Subject> World<S> {
    fn new() -> Self {
        Self {
            subject: S::new(),
            newest: Model::new(),
            views: Vec::new(),
        }
    }

    fn pick(&mut self, index: Index) -> (Arc<dyn View>, Model) {
        if self.views.is_empty() {
            (self.subject.store().view(), self.newest.clone())
        } else {
            index.get(&self.views).clone()
        }
    }

    fn run(&mut self, step: &Step) {
        match step {
            Step::Commit(cleared, changes) => {
                commit(&mut self.newest, cleared, changes);
                let (cleared, changes) = (cleared.clone(), changes.clone());
                let batch = Batch { cleared, changes };
                self.subject.store().commit(batch).unwrap();
            }
            Step::Open => {
                let view = self.subject.store().view();
                self.views.push((view, self.newest.clone()));
            }
            Step::Close(index) if !self.views.is_empty() => {
                let index = index.index(self.views.len());
                drop(self.views.swap_remove(index));
            }
            Step::Close(_) => {}
            Step::Look(index, query) => {
                let (view, model) = self.pick(*index);
                compare(&*view, &model, query);
            }
            Step::Pend(index, cleared, changes, query) => {
                self.pend(*index, cleared, changes, query);
            }
            Step::Reopen => {
                self.views.clear();
                if !self.subject.reopen() {
                    self.subject.store().sync().unwrap();
                }
            }
        }
    }

    fn pend(&mut self, index: Index, cleared: &[Table], changes: &[Change], query: &Query) {
        let (view, mut model) = self.pick(index);
        let mut pending = Pending::new(view);
        // What is cleared later goes too.
        for (table, key, _) in changes {
            pending.put(*table, key.clone(), [0]);
            model.insert((*table, key.clone()), [0].into());
        }
        for table in cleared {
            pending.clear(*table);
        }
        for (table, key, value) in changes {
            match value {
                Some(value) => pending.put(*table, key.clone(), value.clone()),
                None => pending.remove(*table, key.clone()),
            }
        }
        commit(&mut model, cleared, changes);
        compare(&pending, &model, query);
    }

    /// However much was committed, an open view has one undo record for a key at most.
    fn check_bound(&self) {
        // Three tables with texts of up to two of three bytes, and the other bytes.
        const KEYS: usize = 3 * (1 + 3 + 9 + 253);
        assert!(self.subject.undo_records() <= KEYS * self.views.len());
    }
}

fn check<S: Subject>(script: &[Step]) {
    let mut world = World::<S>::new();
    for step in script {
        world.run(step);
        world.check_bound();
    }
    let all = |table| Query {
        table,
        from: Bound::Unbounded,
        to: Bound::Unbounded,
        key: Vec::new(),
    };
    for (view, model) in &world.views {
        for table in Table::ALL {
            compare(&**view, model, &all(table));
        }
    }
    world.views.clear();
    assert_eq!(world.subject.undo_records(), 0);
    world.subject.reopen();
    let view = world.subject.store().view();
    for table in Table::ALL {
        compare(&*view, &world.newest, &all(table));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn a_view_in_memory_never_changes(script in prop::collection::vec(step(), 1..40)) {
        check::<InMemory>(&script);
    }
}

#[cfg(feature = "sled")]
proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    #[test]
    fn a_view_of_files_never_changes(script in prop::collection::vec(step(), 1..40)) {
        check::<on_sled::OnSled>(&script);
    }
}
