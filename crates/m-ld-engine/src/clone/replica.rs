//! The data of a clone and how it is changed, apart from how that is agreed with others.

use std::sync::Arc;

use super::message::Source;
use super::{CloneError, Config, Plugins};
use crate::chance::Chance;
use crate::constraint::{Configured, Constraint, Extension, Interim, Local, Refusal, Rules};
use crate::context::{Context, domain_base};
use crate::dataset::{Graph, Writer};
use crate::journal::State;
use crate::operation::Codec;
use crate::rdf::{Iri, vocab};
use crate::security::TransportSecurity;
use crate::store::{Pending, Store, StoreError, View};
use crate::wire::Limits;

/// A clone's data.
pub(super) struct Replica {
    store: Box<dyn Store>,
    /// All that was committed.
    pub(super) view: Arc<dyn View>,
    /// What the application sees: not what is half loaded.
    pub(super) visible: Arc<dyn View>,
    /// None before the first snapshot.
    pub(super) state: Option<State>,
    /// Whether something was committed since the store was synced.
    pub(super) unsynced: bool,
    pub(super) codec: Codec,
    pub(super) base: Iri,
    pub(super) clone_id: String,
    pub(super) principal: Option<Iri>,
    /// If updates are kept: the context that they are written in.
    pub(super) kept_in: Option<Context>,
    pub(super) limits: Limits,
    pub(super) served_limits: Limits,
    pub(super) max_operation_size: usize,
    /// Rules of the application.
    constraints: Vec<Box<dyn Constraint>>,
    /// Rules that are configured, declared in the data, or always in force.
    rules: Rules,
    were_declared: bool,
    configured: Configured,
    pub(super) security: Box<dyn TransportSecurity>,
    pub(super) chance: Box<dyn Chance>,
}

impl Replica {
    /// Opens the data that is there. If there is none, begins a domain if that is configured.
    pub(super) fn open(
        store: Box<dyn Store>,
        config: &Config,
        plugins: Plugins,
        chance: Box<dyn Chance>,
    ) -> Result<Self, CloneError> {
        let view = store.view();
        let base = domain_base(&config.domain);
        let context = Context::new(&base, &config.context)
            .map_err(|error| CloneError::Context(error.to_string()))?;
        let rules = Rules::load(&Graph::new(&*view)?, &config.rules)?;
        let mut replica = Self {
            store,
            visible: Arc::clone(&view),
            state: State::read(&*view)?,
            view,
            unsynced: false,
            codec: Codec::new(&base).map_err(|error| CloneError::Context(error.to_string()))?,
            base,
            clone_id: config.clone_id.clone(),
            principal: config.principal.clone(),
            kept_in: config.keep_updates.then_some(context),
            limits: config.limits,
            served_limits: config.served_limits,
            max_operation_size: config.max_operation_size,
            constraints: plugins.constraints,
            rules,
            were_declared: true,
            configured: config.rules.clone(),
            security: plugins.security,
            chance,
        };
        if replica.state.is_none() && config.genesis {
            replica.commit(replica.begin(), State::genesis())?;
        }
        Ok(replica)
    }

    /// Whether there is data that is whole.
    pub(super) fn is_ready(&self) -> bool {
        self.state.as_ref().is_some_and(|state| !state.loading)
    }

    /// The state of a clone that has one.
    pub(super) fn state(&self) -> Result<&State, CloneError> {
        const MISSING: StoreError = StoreError::Damaged("the journal's state is missing");
        self.state.as_ref().ok_or_else(|| MISSING.into())
    }

    /// How much is looked at of what has come in some way.
    pub(super) fn limits_of(&self, source: Source) -> &Limits {
        match source {
            Source::Live => &self.limits,
            Source::Served => &self.served_limits,
        }
    }

    /// Begins a transaction.
    pub(super) fn begin(&self) -> Pending {
        Pending::new(Arc::clone(&self.view))
    }

    /// Commits a transaction, and the state with it.
    pub(super) fn commit(&mut self, mut pending: Pending, state: State) -> Result<(), CloneError> {
        state.write(&mut pending);
        self.store.commit(pending.into_batch())?;
        self.unsynced = true;
        self.view = self.store.view();
        if !state.loading {
            self.visible = Arc::clone(&self.view);
            self.load_rules()?;
        }
        self.state = Some(state);
        Ok(())
    }

    /// Commits what is no change to the data.
    pub(super) fn commit_beside(&mut self, pending: Pending) -> Result<(), CloneError> {
        self.store.commit(pending.into_batch())?;
        self.unsynced = true;
        self.view = self.store.view();
        if self.is_ready() {
            self.visible = Arc::clone(&self.view);
        }
        Ok(())
    }

    /// Makes all that was committed safe from a crash.
    pub(super) fn sync(&mut self) -> Result<(), CloneError> {
        if self.unsynced {
            self.store.sync()?;
            self.unsynced = false;
            // Of the same, a store may have a nearer view now.
            self.view = self.store.view();
            if self.is_ready() {
                self.visible = Arc::clone(&self.view);
            }
        }
        Ok(())
    }

    /// A writer of triples in a transaction.
    pub(super) fn writer<'p>(
        &mut self,
        pending: &'p mut Pending,
    ) -> Result<Writer<'p>, StoreError> {
        Writer::new(pending, &mut *self.chance)
    }

    /// Lets every constraint look at an update.
    pub(super) fn constrain(
        &mut self,
        interim: &mut Interim,
        how: impl Fn(&dyn Constraint, &Graph<'_>, &mut Interim, &mut Local<'_>) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let before = Graph::new(&*self.view)?;
        let mut local = Local {
            clone_id: &self.clone_id,
            base: &self.base,
            chance: &mut *self.chance,
        };
        for constraint in &self.constraints {
            how(&**constraint, &before, interim, &mut local)?;
        }
        how(&self.rules, &before, interim, &mut local)
    }

    /// Loads the rules that are declared in the data, if any are or were.
    fn load_rules(&mut self) -> Result<(), StoreError> {
        let graph = Graph::new(&*self.view)?;
        let extensions = Iri::new(vocab::EXTENSIONS);
        let are_declared = graph.find(Some(&extensions), None, None).next().is_some();
        if are_declared || self.were_declared {
            self.rules = Rules::load(&graph, &self.configured)?;
        }
        self.were_declared = are_declared;
        Ok(())
    }

    /// Extensions that the data declares, and that have no effect here.
    pub(super) fn unknown_extensions(&self) -> &[Extension] {
        self.rules.unknown()
    }
}
