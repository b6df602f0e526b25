//! A clone without the protocol: a store, constraints, and what a write does.

use std::collections::BTreeSet;

use m_ld_engine::chance::Chance;
use m_ld_engine::change::Change;
use m_ld_engine::clock::TreeClock;
use m_ld_engine::constraint::{Configured, Constraint, Interim, Local, PropertyShape, Rules};
use m_ld_engine::context::{Context, domain_base};
use m_ld_engine::dataset::{Graph, Writer};
use m_ld_engine::datatype;
use m_ld_engine::pattern::{self, Limits, Notice, Shown};
use m_ld_engine::rdf::{Iri, Term, Triple};
use m_ld_engine::store::{MemoryStore, Pending, Store};
use serde_json::{Value as Json, json};

const DOMAIN: &str = "jrql.example.org";
const CLONE: &str = "clone1";

/// Bytes that are different each time, and the same in each test.
struct Counting(u64);

impl Chance for Counting {
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            *byte = (self.0 >> 33).to_be_bytes()[7];
        }
    }
}

pub(super) struct World {
    store: MemoryStore,
    base: Iri,
    context: Context,
    rules: Configured,
    chance: Counting,
    time: TreeClock,
}

impl World {
    pub(super) fn new(case: &Json) -> Self {
        let base = domain_base(DOMAIN);
        let context = case.get("context").cloned().unwrap_or_default();
        let context = Context::new(&base, &context).unwrap();
        Self {
            store: MemoryStore::new(),
            rules: configured(&context, case),
            context,
            base,
            chance: Counting(1),
            time: TreeClock::genesis(),
        }
    }

    pub(super) fn with_graph<T>(&self, read: impl FnOnce(&Graph<'_>, &Context) -> T) -> T {
        let view = self.store.view();
        read(&Graph::new(&*view).unwrap(), &self.context)
    }

    /// Makes a write, and tells what the application is notified of.
    pub(super) fn write(&mut self, request: &Json) -> Result<Option<Json>, Json> {
        let view = self.store.view();
        let graph = Graph::new(&*view).unwrap();
        let mut local = Local {
            clone_id: CLONE,
            base: &self.base,
            chance: &mut self.chance,
        };
        let limits = Limits::default();
        let failed = |error: pattern::PatternError| json!({ "status": error.status() });
        let deleted = request.get("@deleteMethod").and_then(Json::as_str);
        let (change, agree) = if let Some(id) = deleted {
            let change = pattern::delete(&graph, &self.context, id, &limits);
            (change.map_err(failed)?, None)
        } else {
            let write = pattern::write(&graph, &self.context, request, &mut local, &limits);
            let write = write.map_err(failed)?;
            (write.change, write.agree)
        };
        let mut update = Interim {
            asserted: change,
            ..Interim::default()
        };
        if update.asserted.is_empty() {
            return Ok(None);
        }
        let rules = Rules::load(&graph, &self.rules).unwrap();
        let checked = rules.check(&graph, &mut update, &mut local);
        checked.map_err(|refusal| json!({ "status": null, "why": refusal.to_string() }))?;
        let notice = notify(&graph, &self.context, &update, agree.as_ref());
        self.apply(&update);
        Ok(Some(notice))
    }

    fn apply(&mut self, update: &Interim) {
        self.time = self.time.ticked().unwrap();
        let tid = self.time.tid();
        let mut pending = Pending::new(self.store.view());
        let mut writer = Writer::new(&mut pending, &mut self.chance).unwrap();
        let Change {
            deletes,
            inserts,
            edits,
        } = &update.asserted;
        for triple in deletes {
            writer.delete_all(triple).unwrap();
        }
        for (triple, data) in inserts {
            writer.insert(triple, &[tid]).unwrap();
            if let (Term::Literal(literal), Some(data)) = (&triple.object, data) {
                writer.put_data(literal, data).unwrap();
            }
        }
        for edit in edits {
            let literal = edit.triple.object.as_literal().unwrap();
            let state = writer.graph().data(literal).unwrap().unwrap();
            let edited = datatype::edit(&state, &edit.expression, CLONE).unwrap();
            writer.put_data(literal, &edited.state).unwrap();
        }
        for triple in &update.entailed.deletes {
            writer.entail_delete(triple).unwrap();
        }
        for triple in update.entailed.inserts.keys() {
            writer.entail(triple).unwrap();
        }
        self.store.commit(pending.into_batch()).unwrap();
    }
}

/// The rules that a case has.
fn configured(context: &Context, case: &Json) -> Configured {
    let name = |name: &Json| context.expand_vocab(name.as_str().unwrap()).unwrap();
    let list = |key: &str| case[key].as_array().cloned().unwrap_or_default();
    let shape = |shape: &Json| {
        let count = |key: &str| {
            let count = shape[key].as_u64().or(shape["count"].as_u64());
            count.map(|count| usize::try_from(count).unwrap())
        };
        PropertyShape {
            path: name(&shape["path"]),
            min_count: count("minCount"),
            max_count: count("maxCount"),
        }
    };
    Configured {
        text: list("text").iter().map(name).collect(),
        shapes: list("shapes").iter().map(shape).collect(),
        ..Configured::default()
    }
}

fn notify(graph: &Graph<'_>, context: &Context, update: &Interim, agree: Option<&Json>) -> Json {
    let inserts: BTreeSet<&Triple> = update.inserts().collect();
    let deletes: BTreeSet<&Triple> = update.deletes().filter(|t| !inserts.contains(t)).collect();
    let shown = |triple: &Triple| {
        let inserted = update.asserted.inserts.get(triple).cloned().flatten();
        let stored = || graph.data(triple.object.as_literal()?).unwrap();
        Shown {
            triple: triple.clone(),
            data: inserted.or_else(stored),
        }
    };
    let deletes: Vec<Shown> = deletes.into_iter().map(shown).collect();
    let inserts: Vec<Shown> = inserts.into_iter().map(shown).collect();
    let edits = update.asserted.edits.iter();
    let updates: Vec<_> = edits
        .map(|edit| (edit.triple.clone(), edit.expression.clone()))
        .collect();
    let notice = Notice {
        deletes: &deletes,
        inserts: &inserts,
        updates: &updates,
        aliases: &update.aliases,
        ticks: 0,
        principal: None,
        agree,
    };
    pattern::notification(context, &notice)
}
