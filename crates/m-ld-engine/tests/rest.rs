//! Clones that are let go of while their connection is kept, and what is heard of those who leave.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use m_ld_engine::change::Change;
use m_ld_engine::clone::{Config, Effect, Effects, Input, MeldClone, Plugins};
use m_ld_engine::constraint::Configured;
use m_ld_engine::dataset::Graph;
use m_ld_engine::rdf::{Iri, Literal, Term, Triple};
use m_ld_engine::store::{Batch, MemoryStore, Store, StoreError, View};

use crate::net::{Hall, Seeded};

const DOMAIN: &str = "rest.example.org";

/// A store that outlives its clone.
#[derive(Clone)]
struct Lasting(Arc<Mutex<MemoryStore>>);

impl Lasting {
    fn with<T>(&self, what: impl FnOnce(&mut MemoryStore) -> T) -> T {
        what(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Store for Lasting {
    fn view(&self) -> Arc<dyn View> {
        self.with(|store| store.view())
    }

    fn commit(&mut self, batch: Batch) -> Result<(), StoreError> {
        self.with(|store| store.commit(batch))
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        self.with(Store::sync)
    }
}

fn open(store: &Lasting) -> (MeldClone, Effects) {
    let mut config = Config::new(DOMAIN, "a");
    config.genesis = true;
    let chance = Box::new(Seeded(3));
    let store = Box::new(store.clone());
    MeldClone::open(store, config, Plugins::default(), chance, Duration::ZERO).unwrap()
}

/// Clones "a", whose store this is, and "b", which has joined it.
fn two() -> (Hall, Lasting) {
    let store = Lasting(Arc::new(Mutex::new(MemoryStore::new())));
    let mut hall = Hall::default();
    let (a, effects) = open(&store);
    hall.clones.insert("a".to_owned(), a);
    hall.take("a", effects);
    hall.input("a", Input::Connected);
    hall.input("a", Input::Presence(vec!["a".to_owned()]));
    let (rules, plugins) = (Configured::default(), Plugins::default());
    hall.join(DOMAIN, "b", Some("a"), rules, plugins);
    (hall, store)
}

fn literal(object: &str) -> Literal {
    Literal::string(object)
}

fn write(hall: &mut Hall, id: &str, object: &str) -> Vec<u8> {
    let mut change = Change::default();
    let (s, p) = (
        Iri::new("http://rest.example.org/x"),
        Iri::new("http://rest.example.org/#p"),
    );
    change.insert(Triple::new(s, p, literal(object)), None);
    let clone = hall.clones.get_mut(id).unwrap();
    let (_, effects) = clone.change(change, None, Duration::ZERO).unwrap();
    hall.take(id, effects);
    hall.take_sent().pop().unwrap()
}

fn has(hall: &Hall, id: &str, object: &str) -> bool {
    let view = hall.view(id);
    let object = Term::Literal(literal(object));
    let graph = Graph::new(&*view).unwrap();
    graph.find(None, None, Some(&object)).next().is_some()
}

#[test]
fn what_is_said_by_who_leaves_while_he_is_asked_is_not_lost() {
    let (mut hall, _) = two();
    hall.input("a", Input::Presence(vec!["a".to_owned()]));
    hall.input("a", Input::Presence(vec!["a".to_owned(), "b".to_owned()]));
    let said = write(&mut hall, "b", "last words");
    // The request to b is on its way, and never arrives.
    hall.input("a", Input::Operation(&said));
    assert!(!has(&hall, "a", "last words"), "it waits for the answer");
    hall.input("a", Input::Presence(vec!["a".to_owned()]));
    assert!(has(&hall, "a", "last words"));
}

#[test]
fn a_clone_goes_on_from_rest_without_asking_anybody() {
    let (mut hall, store) = two();
    assert!(hall.clones["a"].is_at_rest());
    let others = hall.clones["a"].others().to_vec();
    assert_eq!(others, ["b"]);
    drop(hall.clones.remove("a"));
    let said = write(&mut hall, "b", "meanwhile");
    let (mut a, opening) = open(&store);
    let mut effects = opening;
    effects.join(a.resume(others, Duration::ZERO).unwrap());
    let effects = a.release(effects).unwrap();
    let asks = effects
        .iter()
        .any(|effect| matches!(effect, Effect::Request { .. }));
    assert!(!asks, "{effects:?}");
    let appears = effects
        .iter()
        .any(|effect| matches!(effect, Effect::Present(true)));
    assert!(appears, "{effects:?}");
    assert!(a.is_at_rest());
    hall.clones.insert("a".to_owned(), a);
    hall.input("a", Input::Operation(&said));
    assert!(has(&hall, "a", "meanwhile"));
    let answer = write(&mut hall, "a", "back again");
    hall.input("b", Input::Operation(&answer));
    assert!(has(&hall, "b", "back again"));
}

#[test]
fn a_clone_that_asks_or_waits_is_not_at_rest() {
    let (mut hall, _) = two();
    assert!(hall.clones["a"].is_at_rest());
    let first = write(&mut hall, "b", "first");
    let second = write(&mut hall, "b", "second");
    hall.input("a", Input::Operation(&first));
    assert!(hall.clones["a"].is_at_rest());
    hall.input("a", Input::Disconnected);
    assert!(!hall.clones["a"].is_at_rest(), "it is not connected");
    hall.input("a", Input::Connected);
    hall.input("a", Input::Presence(vec!["b".to_owned()]));
    assert!(!hall.clones["a"].is_at_rest(), "it asks");
    hall.input("a", Input::Operation(&second));
    hall.settle();
    assert!(has(&hall, "a", "second"));
    assert!(hall.clones["a"].is_at_rest());
}
