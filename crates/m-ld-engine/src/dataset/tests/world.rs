//! Replicas that write, exchange operations in causal order, and entail as they like.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::sample::subsequence;

use super::super::{Graph, Stored, Writer};
use super::{Counting, iri};
use crate::clock::Tid;
use crate::rdf::{Iri, Literal, Term, Triple};
use crate::store::{MemoryStore, Pending, Store, StoreError, Table, View};

const REPLICAS: usize = 3;

/// Few triples, so that operations collide, and terms that are in several places.
fn universe() -> Vec<Triple> {
    let (a, b) = (iri("a"), iri("b"));
    let objects: [Term; 3] = [
        a.clone().into(),
        Literal::string("a").into(),
        Literal::integer(1).into(),
    ];
    let mut universe = Vec::new();
    for subject in [&a, &b] {
        for predicate in [&a, &iri("p")] {
            for object in &objects {
                universe.push(Triple::new(
                    subject.clone(),
                    predicate.clone(),
                    object.clone(),
                ));
            }
        }
    }
    universe
}

#[derive(Clone, Debug)]
enum Step {
    /// A local write. What is in both is only inserted.
    Write(usize, Vec<Triple>, Vec<Triple>),
    /// Delivery of the next operation of one replica to another, if its causes are there.
    Deliver { from: usize, to: usize },
    /// What constraints do to the graph of one replica.
    Entail(usize, Vec<Triple>, Vec<Triple>),
    /// A view that stays open to the end.
    Look(usize),
}

fn step(entailing: bool) -> impl Strategy<Value = Step> {
    let replica = || 0..REPLICAS;
    let triples = || subsequence(universe(), 0..4);
    prop_oneof![
        4 => (replica(), triples(), triples()).prop_map(|(at, del, ins)| Step::Write(at, del, ins)),
        5 => (replica(), replica()).prop_map(|(from, to)| Step::Deliver { from, to }),
        if entailing { 3 } else { 0 } =>
            (replica(), triples(), triples()).prop_map(|(at, del, ins)| Step::Entail(at, del, ins)),
        1 => replica().prop_map(Step::Look),
    ]
}

#[derive(Clone, Debug)]
struct Operation {
    /// How many operations of each replica its writer had seen.
    causes: [usize; REPLICAS],
    deletes: Vec<(Triple, Vec<Tid>)>,
    inserts: Vec<(Triple, Tid)>,
}

/// The rules of the protocol in their plainest form.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    tids: BTreeMap<Triple, BTreeSet<Tid>>,
    graph: BTreeSet<Triple>,
}

impl Model {
    fn tids(&self, triple: &Triple) -> Vec<Tid> {
        self.tids
            .get(triple)
            .into_iter()
            .flatten()
            .copied()
            .collect()
    }

    fn delete(&mut self, triple: &Triple, tids: &[Tid]) -> Vec<Tid> {
        let has = self.tids.entry(triple.clone()).or_default();
        let removed = tids.iter().filter(|tid| has.remove(tid)).copied();
        let removed: Vec<_> = removed.collect();
        if has.is_empty() {
            self.tids.remove(triple);
            if !removed.is_empty() {
                self.graph.remove(triple);
            }
        }
        removed
    }

    fn insert(&mut self, triple: &Triple, tid: Tid) {
        self.tids.entry(triple.clone()).or_default().insert(tid);
        self.graph.insert(triple.clone());
    }

    fn stored(&self) -> BTreeSet<&Triple> {
        self.tids.keys().chain(&self.graph).collect()
    }

    /// The terms of all triples that are there in some way.
    fn terms(&self) -> BTreeSet<Term> {
        let parts = self.stored().into_iter().flat_map(|triple| {
            let (subject, predicate) = (triple.subject.clone(), triple.predicate.clone());
            [subject.into(), predicate.into(), triple.object.clone()]
        });
        parts.collect()
    }
}

fn seed(replica: usize) -> u8 {
    u8::try_from(replica).unwrap()
}

/// What is stored is what the model says; and the invariants of a dataset hold.
fn check(view: &dyn View, model: &Model) -> Result<(), StoreError> {
    let graph = Graph::new(view)?;
    graph.check()?;
    assert_eq!(view.scan(Table::Terms, &[]).count(), model.terms().len());
    let mut all: Vec<Stored> = graph.all().collect::<Result<_, _>>()?;
    all.sort_by(|one, two| one.triple.cmp(&two.triple));
    let stored: Vec<_> = all.iter().map(|stored| &stored.triple).collect();
    assert_eq!(stored, model.stored().into_iter().collect::<Vec<_>>());
    for stored in &all {
        assert_eq!(stored.tids, model.tids(&stored.triple));
        assert_eq!(stored.hidden, !model.graph.contains(&stored.triple));
    }
    Ok(())
}

/// As [`check`]; and all that a dataset shows is what the model says.
fn compare(view: &dyn View, model: &Model) -> Result<(), StoreError> {
    check(view, model)?;
    let graph = Graph::new(view)?;
    let found: BTreeSet<Triple> = graph.find(None, None, None).collect::<Result<_, _>>()?;
    assert_eq!(found, model.graph);
    for triple in universe() {
        compare_triple(&graph, model, &triple)?;
        for part in [
            triple.subject.into(),
            triple.predicate.into(),
            triple.object,
        ] {
            let expected = model.terms().contains(&part).then(|| part.clone());
            assert_eq!(graph.term(graph.id(&part))?, expected);
        }
    }
    Ok(())
}

fn compare_triple(graph: &Graph<'_>, model: &Model, triple: &Triple) -> Result<(), StoreError> {
    let (tids, shown) = (model.tids(triple), model.graph.contains(triple));
    assert_eq!(graph.tids(triple)?, tids);
    assert_eq!(graph.contains(triple)?, shown);
    assert_eq!(graph.is_entailed(triple)?, shown && tids.is_empty());
    assert_eq!(graph.is_hidden(triple)?, !shown && !tids.is_empty());
    let (s, p, o) = (&triple.subject, &triple.predicate, &triple.object);
    let about = |other: &&Triple| other.subject == *s && other.predicate == *p;
    let hidden = model.tids.keys().filter(about);
    let hidden: BTreeSet<_> = hidden
        .filter(|t| !model.graph.contains(t))
        .cloned()
        .collect();
    assert_eq!(
        graph.hidden(s, p)?.into_iter().collect::<BTreeSet<_>>(),
        hidden
    );
    // By each pattern that this triple is in.
    for bits in 1..8 {
        let s: Option<&Iri> = (bits & 1 != 0).then_some(s);
        let p: Option<&Iri> = (bits & 2 != 0).then_some(p);
        let o: Option<&Term> = (bits & 4 != 0).then_some(o);
        let is_meant = |other: &&Triple| {
            s.is_none_or(|s| other.subject == *s)
                && p.is_none_or(|p| other.predicate == *p)
                && o.is_none_or(|o| other.object == *o)
        };
        let expected: BTreeSet<_> = model.graph.iter().filter(is_meant).cloned().collect();
        let found: Vec<_> = graph.find(s, p, o).collect::<Result<_, _>>()?;
        assert_eq!(found.len(), expected.len());
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected);
    }
    Ok(())
}

struct Replica {
    store: MemoryStore,
    model: Model,
    /// How many operations of each replica were applied here.
    seen: [usize; REPLICAS],
    /// Views, with what they show.
    views: Vec<(std::sync::Arc<dyn View>, Model)>,
}

impl Replica {
    fn new() -> Self {
        Self {
            store: MemoryStore::new(),
            model: Model::default(),
            seen: [0; REPLICAS],
            views: Vec::new(),
        }
    }

    /// Changes dataset and model in one transaction, and checks the one against the other.
    fn transact<T>(
        &mut self,
        seed: u8,
        change: impl FnOnce(&mut Writer<'_>, &mut Model) -> Result<T, StoreError>,
    ) -> T {
        let mut pending = Pending::new(self.store.view());
        // Each replica has a hash key of its own.
        let mut writer = Writer::new(&mut pending, &mut Counting(seed)).unwrap();
        let result = change(&mut writer, &mut self.model).unwrap();
        check(&pending, &self.model).unwrap();
        self.store.commit(pending.into_batch()).unwrap();
        result
    }
}

struct World {
    replicas: Vec<Replica>,
    operations: [Vec<Operation>; REPLICAS],
}

impl World {
    fn new() -> Self {
        Self {
            replicas: (0..REPLICAS).map(|_| Replica::new()).collect(),
            operations: Default::default(),
        }
    }

    fn run(&mut self, step: &Step) {
        match step {
            Step::Write(at, deletes, inserts) => self.write(*at, deletes, inserts),
            Step::Deliver { from, to } => {
                self.deliver(*from, *to);
            }
            Step::Entail(at, deletes, inserts) => self.entail(*at, deletes, inserts),
            Step::Look(at) => {
                let replica = &mut self.replicas[*at];
                let view = (replica.store.view(), replica.model.clone());
                replica.views.push(view);
            }
        }
    }

    fn write(&mut self, at: usize, deletes: &[Triple], inserts: &[Triple]) {
        let replica = &mut self.replicas[at];
        // One kind is Base64, as ids of clocks are; the other is not.
        let count = replica.seen[at];
        let tid = match count % 2 {
            0 => format!("kw{at}{count:03}A="),
            _ => format!("!{at}.{count}!"),
        };
        let tid = Tid::parse(&tid).unwrap();
        let causes = replica.seen;
        let lost = replica.transact(seed(at), |writer, model| {
            let mut lost = Vec::new();
            for triple in deletes.iter().filter(|triple| !inserts.contains(triple)) {
                let expected = model.delete(triple, &model.tids(triple));
                model.graph.remove(triple);
                let removed = writer.delete_all(triple)?;
                assert_eq!(removed, expected);
                lost.push((triple.clone(), removed));
            }
            for triple in inserts {
                model.insert(triple, tid);
                writer.insert(triple, &[tid])?;
            }
            Ok(lost)
        });
        replica.seen[at] += 1;
        self.operations[at].push(Operation {
            causes,
            deletes: lost,
            inserts: inserts.iter().map(|triple| (triple.clone(), tid)).collect(),
        });
    }

    /// Says whether there was an operation that could be delivered.
    fn deliver(&mut self, from: usize, to: usize) -> bool {
        let replica = &mut self.replicas[to];
        let Some(operation) = self.operations[from].get(replica.seen[from]) else {
            return false;
        };
        if operation
            .causes
            .iter()
            .zip(replica.seen)
            .any(|(cause, seen)| *cause > seen)
        {
            return false;
        }
        replica.transact(seed(to), |writer, model| {
            for (triple, tids) in &operation.deletes {
                assert_eq!(
                    writer.remove_tids(triple, tids)?,
                    model.delete(triple, tids)
                );
            }
            for (triple, tid) in &operation.inserts {
                model.insert(triple, *tid);
                writer.insert(triple, &[*tid])?;
            }
            Ok(())
        });
        replica.seen[from] += 1;
        true
    }

    fn entail(&mut self, at: usize, deletes: &[Triple], inserts: &[Triple]) {
        self.replicas[at].transact(seed(at), |writer, model| {
            for triple in deletes {
                model.graph.remove(triple);
                writer.entail_delete(triple)?;
            }
            for triple in inserts {
                model.graph.insert(triple.clone());
                writer.entail(triple)?;
            }
            Ok(())
        });
    }

    fn deliver_all(&mut self) {
        loop {
            let pairs = (0..REPLICAS).flat_map(|from| (0..REPLICAS).map(move |to| (from, to)));
            let delivered = pairs.filter(|(from, to)| self.deliver(*from, *to)).count();
            if delivered == 0 {
                break;
            }
        }
        for replica in &self.replicas {
            assert_eq!(replica.seen, self.replicas[0].seen);
            compare(&*replica.store.view(), &replica.model).unwrap();
            for (view, model) in &replica.views {
                compare(&**view, model).unwrap();
            }
        }
    }

    /// Everything away again, with nothing left of it.
    fn delete_everything(&mut self) {
        for replica in &mut self.replicas {
            replica.transact(0, |writer, model| {
                for triple in universe() {
                    writer.delete_all(&triple)?;
                }
                *model = Model::default();
                Ok(())
            });
        }
    }
}

fn played(script: &[Step]) -> World {
    let mut world = World::new();
    for step in script {
        world.run(step);
    }
    world.deliver_all();
    world
}

proptest! {
    // Each step reads everything; PROPTEST_CASES asks for more.
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.div_ceil(3), ..ProptestConfig::default() })]

    #[test]
    fn replicas_that_saw_the_same_operations_agree(
        script in prop::collection::vec(step(false), 1..50),
    ) {
        let world = played(&script);
        for replica in &world.replicas {
            prop_assert_eq!(&replica.model, &world.replicas[0].model);
        }
    }

    #[test]
    fn replicas_that_entail_differently_agree_on_transactions(
        script in prop::collection::vec(step(true), 1..50),
    ) {
        let mut world = played(&script);
        for replica in &world.replicas {
            prop_assert_eq!(&replica.model.tids, &world.replicas[0].model.tids);
        }
        world.delete_everything();
    }
}
