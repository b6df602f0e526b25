use std::time::Duration;

use m_ld_engine::clone::{Config, Input, MeldClone, Plugins};
use m_ld_engine::store::MemoryStore;
use serde_json::json;

use super::super::opening::Dice;
use super::*;
use crate::clock::Chance;

fn clone() -> MeldClone {
    let mut config = Config::new("queue.example.org", "own");
    config.genesis = true;
    config.keep_updates = true;
    let (store, chance) = (MemoryStore::new(), Dice(Chance::seeded(1)));
    let plugins = Plugins::default();
    let opened = MeldClone::open(
        Box::new(store),
        config,
        plugins,
        Box::new(chance),
        Duration::ZERO,
    );
    let (mut clone, _) = opened.unwrap();
    for input in [Input::Connected, Input::Presence(Vec::new())] {
        drop(clone.handle(input, Duration::ZERO).unwrap());
    }
    clone
}

#[test]
fn no_updates_lead_to_data_that_came_anew() {
    let mut clone = clone();
    for name in ["a", "b"] {
        let request = json!({"@id": name, "name": name});
        drop(clone.write(&request, Duration::ZERO).unwrap());
    }
    let view = clone.view().unwrap();
    let mut queue = Queue::open(&*view).unwrap();
    assert_eq!(past(&*view, 1, 10).unwrap().unwrap().len(), 1);
    let anew = clone.status().ticks;
    clone.note(queue.begin_anew(anew).unwrap()).unwrap();
    let view = clone.view().unwrap();
    assert!(past(&*view, anew - 1, 10).unwrap().is_none());
    assert!(past(&*view, anew, 10).unwrap().unwrap().is_empty());
    // It is noted, not just known.
    let queue = Queue::open(&*view).unwrap();
    assert_eq!(queue.record.forgotten, anew);
}
