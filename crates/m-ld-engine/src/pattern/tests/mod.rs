//! What requests come to, on small graphs.
#![expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails as well by a panic"
)]

mod expressions;
mod groups;
mod reads;
mod requests;
mod writes;

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::{Limits, PatternError, Write};
use crate::chance::Chance;
use crate::clock::TreeClock;
use crate::constraint::Local;
use crate::context::{Context, domain_base};
use crate::dataset::{Graph, Writer};
use crate::rdf::{Iri, Term};
use crate::store::{MemoryStore, Pending, Store, View};

/// Bytes that differ each time.
struct Counting(u64);

impl Chance for Counting {
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            *byte = self.0.to_be_bytes()[0];
        }
    }
}

/// A graph that is written without constraints.
struct World {
    store: MemoryStore,
    base: Iri,
    context: Context,
    chance: Counting,
}

impl World {
    fn new() -> Self {
        Self::with_context(&Json::Null)
    }

    fn with_context(context: &Json) -> Self {
        let base = domain_base("ex.org");
        Self {
            store: MemoryStore::new(),
            context: Context::new(&base, context).unwrap(),
            base,
            chance: Counting(7),
        }
    }

    fn of(data: &Json) -> Self {
        let mut world = Self::new();
        world.write(data).unwrap();
        world
    }

    fn view(&self) -> Arc<dyn View> {
        self.store.view()
    }

    fn plan(&mut self, request: &Json) -> Result<Write, PatternError> {
        let view = self.view();
        let graph = Graph::new(&*view)?;
        let mut local = Local {
            clone_id: "clone1",
            base: &self.base,
            chance: &mut self.chance,
        };
        super::write(
            &graph,
            &self.context,
            request,
            &mut local,
            &Limits::default(),
        )
    }

    fn write(&mut self, request: &Json) -> Result<Write, PatternError> {
        let write = self.plan(request)?;
        let mut pending = Pending::new(self.view());
        let mut writer = Writer::new(&mut pending, &mut self.chance)?;
        for triple in &write.change.deletes {
            writer.delete_all(triple)?;
        }
        for (triple, data) in &write.change.inserts {
            writer.insert(triple, &[TreeClock::genesis().tid()])?;
            if let (Term::Literal(literal), Some(data)) = (&triple.object, data) {
                writer.put_data(literal, data)?;
            }
        }
        self.store.commit(pending.into_batch())?;
        Ok(write)
    }

    fn read_within(&self, query: &Json, limits: &Limits) -> Result<Vec<Json>, PatternError> {
        let view = self.view();
        let graph = Graph::new(&*view)?;
        super::read(&graph, &self.context, query, limits)?.collect()
    }

    fn read(&self, query: &Json) -> Vec<Json> {
        self.read_within(query, &Limits::default()).unwrap()
    }

    fn error(&self, query: &Json) -> String {
        let failed = self.read_within(query, &Limits::default());
        failed.unwrap_err().to_string()
    }

    /// The values of a variable in the solutions of a pattern, as text in order.
    fn values(&self, variable: &str, pattern: &Json) -> Vec<String> {
        let query = json!({ "@select": variable, "@where": pattern });
        let values = self.read(&query).into_iter();
        let mut values: Vec<String> = values
            .map(|solution| {
                solution
                    .get(variable)
                    .map_or("-".to_owned(), Json::to_string)
            })
            .collect();
        values.sort();
        values
    }
}
