//! What is kept beside a clone's data.

use std::time::Duration;

use m_ld_engine::chance::Chance;
use m_ld_engine::clone::{Config, MeldClone, Notes, Plugins};
use m_ld_engine::store::{MemoryStore, Table};
use serde_json::{Value, json};

struct Counter(u8);

impl Chance for Counter {
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            self.0 = self.0.wrapping_mul(5).wrapping_add(37);
            *byte = self.0;
        }
    }
}

fn clone(keep_updates: bool) -> MeldClone {
    let mut config = Config::new("test.example.org", "here");
    config.genesis = true;
    config.keep_updates = keep_updates;
    let store = Box::new(MemoryStore::new());
    let opened = MeldClone::open(
        store,
        config,
        Plugins::default(),
        Box::new(Counter(1)),
        Duration::ZERO,
    );
    opened.unwrap().0
}

fn kept(clone: &MeldClone, table: Table) -> Vec<(Vec<u8>, Vec<u8>)> {
    let view = clone.view().unwrap();
    let entries = view.scan(table, &[]).map(Result::unwrap);
    entries.map(|(key, value)| (key, value.to_vec())).collect()
}

#[test]
fn an_update_is_kept_with_the_transaction_that_it_is_about() {
    for keep in [true, false] {
        let mut clone = clone(keep);
        let fred = json!({"@id": "fred", "name": "Fred"});
        let (written, effects) = clone.write(&fred, Duration::ZERO).unwrap();
        clone.release(effects).unwrap();
        let kept = kept(&clone, Table::Updates);
        if !keep {
            assert_eq!(kept, []);
            continue;
        }
        let [(tick, text)] = &kept[..] else {
            panic!("{kept:?}");
        };
        assert_eq!(*tick, written.ticks.to_be_bytes());
        let update: Value = serde_json::from_slice(text).unwrap();
        assert_eq!(update["@insert"], json!([fred]));
        assert_eq!(update["@ticks"], written.ticks);
    }
}

#[test]
fn nothing_is_kept_of_a_write_that_does_nothing() {
    let mut clone = clone(true);
    let nobody = json!({"@delete": {"@id": "nobody", "name": "?name"}});
    let (_, effects) = clone.write(&nobody, Duration::ZERO).unwrap();
    clone.release(effects).unwrap();
    assert_eq!(kept(&clone, Table::Updates), []);
}

#[test]
fn notes_are_kept_and_removed_and_updates_forgotten() {
    let mut clone = clone(true);
    let (written, effects) = clone
        .write(&json!({"@id": "fred", "name": "Fred"}), Duration::ZERO)
        .unwrap();
    clone.release(effects).unwrap();
    let mut notes = Notes::default();
    assert!(notes.is_empty());
    notes.put(*b"one", *b"1");
    notes.put(*b"two", *b"2");
    notes.forget_update(written.ticks);
    clone.note(notes).unwrap();
    assert_eq!(kept(&clone, Table::Updates), []);
    let mut notes = Notes::default();
    notes.remove(*b"one");
    clone.note(notes).unwrap();
    let left = (b"two".to_vec(), b"2".to_vec());
    assert_eq!(kept(&clone, Table::Notes), [left]);
    clone.sync().unwrap();
}
