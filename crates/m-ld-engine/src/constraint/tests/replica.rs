//! As much of a clone as constraints need: it checks and makes changes, and applies those of others.

use std::collections::BTreeSet;

use super::*;
use crate::clock::Tid;
use crate::constraint::Constraint as _;
use crate::dataset::Writer;
use crate::dataset::tests::Counting;
use crate::store::{MemoryStore, Pending, Store};

/// A change as it is sent: with transactions.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) id: String,
    pub(super) causes: BTreeSet<String>,
    pub(super) principal: Option<Iri>,
    pub(super) deletes: Vec<(Triple, Vec<Tid>)>,
    pub(super) inserts: Vec<(Triple, Option<Value>)>,
}

pub(super) struct Replica {
    pub(super) name: &'static str,
    pub(super) configured: Configured,
    pub(super) principal: Option<Iri>,
    /// The last update, as it is to be notified.
    pub(super) last: Interim,
    store: MemoryStore,
    chance: Counting,
    pub(super) seen: BTreeSet<String>,
    ticks: usize,
}

impl Replica {
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            name,
            configured: Configured::default(),
            principal: None,
            last: Interim::default(),
            store: MemoryStore::new(),
            chance: Counting(name.as_bytes()[0]),
            seen: BTreeSet::new(),
            ticks: 0,
        }
    }

    /// Makes a change of its own.
    pub(super) fn write(&mut self, change: Change) -> Result<Sent, Refusal> {
        let id = self.next();
        self.write_as(change, &id)
    }

    fn next(&mut self) -> String {
        self.ticks += 1;
        format!("{}{}", self.name, self.ticks)
    }

    /// Makes a change of its own with a given transaction id.
    pub(super) fn write_as(&mut self, change: Change, id: &str) -> Result<Sent, Refusal> {
        let mut update = Interim {
            asserted: change,
            principal: self.principal.clone(),
            ..Interim::default()
        };
        self.judge(&mut update, |rules, state, update, local| {
            rules.check(state, update, local)
        })?;
        let sent = self.commit(&update.asserted, &update.entailed, id);
        self.last = update;
        Ok(sent)
    }

    /// Applies a change of another. It may answer with one of its own.
    pub(super) fn deliver(&mut self, sent: &Sent) -> Result<Option<Sent>, Refusal> {
        let id = self.next();
        self.deliver_as(sent, &id)
    }

    /// Applies a change of another, with a given transaction id for the answer.
    pub(super) fn deliver_as(&mut self, sent: &Sent, id: &str) -> Result<Option<Sent>, Refusal> {
        let mut update = Interim {
            principal: sent.principal.clone(),
            ..Interim::default()
        };
        let mut pending = Pending::new(self.store.view());
        let mut writer = Writer::new(&mut pending, &mut self.chance).unwrap();
        for (triple, tids) in &sent.deletes {
            let removed = writer.remove_tids(triple, tids).unwrap();
            if !removed.is_empty() && writer.graph().tids(triple).unwrap().is_empty() {
                update.asserted.delete(triple.clone());
            }
        }
        let tid = Tid::parse(&sent.id).unwrap();
        for (triple, data) in &sent.inserts {
            writer.insert(triple, std::slice::from_ref(&tid)).unwrap();
            if let (Some(literal), Some(data)) = (triple.object.as_literal(), data) {
                writer.put_data(literal, data).unwrap();
            }
            update.asserted.insert(triple.clone(), data.clone());
        }
        self.judge(&mut update, |rules, state, update, local| {
            rules.apply(state, update, local)
        })?;
        self.store.commit(pending.into_batch()).unwrap();
        self.seen.insert(sent.id.clone());
        let answer = self.commit(&update.resolution, &update.entailed, id);
        let answers = !update.resolution.is_empty();
        if !answers {
            self.seen.remove(&answer.id);
        }
        self.last = update;
        Ok(Some(answer).filter(|_| answers))
    }

    fn judge(
        &mut self,
        update: &mut Interim,
        judge: impl FnOnce(&Rules, &Graph<'_>, &mut Interim, &mut Local<'_>) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let view = self.store.view();
        let state = Graph::new(&*view)?;
        let rules = Rules::load(&state, &self.configured)?;
        let mut local = Local {
            clone_id: self.name,
            base: &iri(""),
            chance: &mut self.chance,
        };
        judge(&rules, &state, update, &mut local)
    }

    fn commit(&mut self, own: &Change, entailed: &Change, id: &str) -> Sent {
        let causes = self.seen.clone();
        let id = id.to_owned();
        self.seen.insert(id.clone());
        let tid = Tid::parse(&id).unwrap();
        let mut pending = Pending::new(self.store.view());
        let mut writer = Writer::new(&mut pending, &mut self.chance).unwrap();
        let deletes = own.deletes.iter().map(|triple| {
            let tids = writer.delete_all(triple).unwrap();
            (triple.clone(), tids)
        });
        let deletes = deletes.filter(|(_, tids)| !tids.is_empty()).collect();
        for (triple, data) in &own.inserts {
            writer.insert(triple, std::slice::from_ref(&tid)).unwrap();
            if let (Some(literal), Some(data)) = (triple.object.as_literal(), data) {
                writer.put_data(literal, data).unwrap();
            }
        }
        entailed
            .deletes
            .iter()
            .for_each(|triple| writer.entail_delete(triple).unwrap());
        entailed
            .inserts
            .keys()
            .for_each(|triple| writer.entail(triple).unwrap());
        self.store.commit(pending.into_batch()).unwrap();
        Sent {
            id,
            causes,
            principal: self.principal.clone(),
            deletes,
            inserts: own.inserts.clone().into_iter().collect(),
        }
    }

    /// Takes over the graph of another, as from a snapshot: without what is hidden.
    pub(super) fn join(&mut self, other: &Self) {
        let view = other.store.view();
        let mut pending = Pending::new(self.store.view());
        let mut writer = Writer::new(&mut pending, &mut self.chance).unwrap();
        for stored in Graph::new(&*view).unwrap().all() {
            let stored = stored.unwrap();
            if stored.hidden {
                continue;
            }
            if stored.tids.is_empty() {
                writer.entail(&stored.triple).unwrap();
            }
            writer.insert(&stored.triple, &stored.tids).unwrap();
        }
        self.store.commit(pending.into_batch()).unwrap();
        self.seen.clone_from(&other.seen);
    }

    /// Whether it can have a change of another.
    pub(super) fn can_have(&self, sent: &Sent) -> bool {
        !self.seen.contains(&sent.id) && sent.causes.is_subset(&self.seen)
    }

    /// The graph.
    pub(super) fn graph(&self) -> BTreeSet<Triple> {
        let view = self.store.view();
        let graph = Graph::new(&*view).unwrap();
        graph.find(None, None, None).map(Result::unwrap).collect()
    }

    /// All triples with their transactions, hidden or not.
    pub(super) fn tids(&self) -> Vec<(Triple, Vec<Tid>)> {
        let view = self.store.view();
        let all = Graph::new(&*view).unwrap().all().map(Result::unwrap);
        let with = all.filter(|stored| !stored.tids.is_empty());
        let mut all: Vec<_> = with.map(|stored| (stored.triple, stored.tids)).collect();
        all.sort_by(|one, two| one.0.cmp(&two.0));
        all
    }

    pub(super) fn has(&self, triple: &Triple) -> bool {
        self.graph().contains(triple)
    }

    /// The values of a property.
    pub(super) fn values(&self, subject: &str, predicate: &str) -> Vec<Term> {
        let (subject, predicate) = (iri(subject), iri(predicate));
        let all = self.graph().into_iter();
        let with = all.filter(|t| t.subject == subject && t.predicate == predicate);
        with.map(|triple| triple.object).collect()
    }

    /// Reads the rules in force.
    pub(super) fn rules(&self) -> Rules {
        let view = self.store.view();
        Rules::load(&Graph::new(&*view).unwrap(), &self.configured).unwrap()
    }

    /// Looks at the graph.
    pub(super) fn with_graph<T>(&self, look: impl FnOnce(&Graph<'_>) -> T) -> T {
        let view = self.store.view();
        look(&Graph::new(&*view).unwrap())
    }

    /// Reads the data of a literal.
    pub(super) fn data(&self, term: &Term) -> Option<Value> {
        let view = self.store.view();
        Graph::new(&*view)
            .unwrap()
            .data(term.as_literal()?)
            .unwrap()
    }
}

/// Replicas that exchange changes by random steps.
#[derive(Default)]
pub(super) struct World {
    pub(super) replicas: Vec<Replica>,
    pub(super) sent: Vec<Sent>,
}

impl World {
    pub(super) fn write(&mut self, at: usize, change: Change) -> bool {
        let sent = self.replicas[at].write(change);
        let written = sent.is_ok();
        self.sent.extend(sent);
        written
    }

    /// Delivers the first change that one can have.
    pub(super) fn deliver(&mut self, to: usize) -> bool {
        let replica = &mut self.replicas[to];
        let Some(sent) = self.sent.iter().find(|sent| replica.can_have(sent)) else {
            return false;
        };
        let answer = replica.deliver(&sent.clone()).unwrap();
        self.sent.extend(answer);
        true
    }

    pub(super) fn deliver_all(&mut self) {
        while (0..self.replicas.len()).any(|to| self.deliver(to)) {}
    }
}
