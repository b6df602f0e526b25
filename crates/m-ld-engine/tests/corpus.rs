//! Replays what the fuzz targets began with and what they found.

use std::fs;
use std::path::{Path, PathBuf};

use m_ld_engine::fuzzing;

use crate::net::Seeded;

/// Every file of a target, in the corpus and among the crashes.
fn inputs(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    ["corpus", "crashes"]
        .iter()
        .filter_map(|folder| fs::read_dir(fuzz.join(folder).join(target)).ok())
        .flatten()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect()
}

fn replay(target: &str, run: fn(&[u8])) {
    let inputs = inputs(target);
    assert!(inputs.len() > 1, "no corpus for {target}");
    for (path, bytes) in inputs {
        println!("{}", path.display());
        run(&bytes);
    }
}

#[test]
fn msgpack_holds_for_every_input_that_was_found() {
    replay("msgpack", fuzzing::msgpack);
}

#[test]
fn clocks_hold_for_every_input_that_was_found() {
    replay("clock", fuzzing::clock);
}

#[test]
fn patterns_hold_for_every_input_that_was_found() {
    replay("pattern", fuzzing::pattern);
}

#[test]
fn operations_hold_for_every_input_that_was_found() {
    replay("operation", fuzzing::operation);
}

#[test]
fn triples_hold_for_every_input_that_was_found() {
    replay("triples", fuzzing::triples);
    replay("operation", fuzzing::triples);
}

#[test]
fn snapshots_hold_for_every_input_that_was_found() {
    replay("snapshot", fuzzing::snapshot);
}

#[test]
fn control_messages_hold_for_every_input_that_was_found() {
    replay("control", fuzzing::control);
}

#[test]
fn contexts_hold_for_every_input_that_was_found() {
    replay("context", fuzzing::context);
}

#[test]
fn fusions_hold_for_every_input_that_was_found() {
    replay("fusion", fuzzing::fusion);
}

#[test]
fn texts_hold_for_every_input_that_was_found() {
    replay("text", fuzzing::text);
}

#[test]
fn clones_hold_for_every_script_that_was_found() {
    replay("machine", fuzzing::machine);
}

/// `SCRIPTS=…` for more of them, `SCRIPT=…` to see one again.
#[test]
fn clones_hold_for_scripts_at_random() {
    let told = |name| std::env::var(name).ok().map(|told| told.parse().unwrap());
    let seeds = match told("SCRIPT") {
        Some(seed) => seed..seed + 1,
        None => 0..told("SCRIPTS").unwrap_or(60),
    };
    for seed in seeds {
        let mut seeded = Seeded(seed);
        let length = 20 + seeded.below(600);
        // Choices are small numbers. Whatever else is read takes any.
        let mut byte = || {
            let end = if seeded.percent(60) { 16 } else { 256 };
            seeded.below(end)
        };
        let script: Vec<_> = (0..length).map(|_| u8::try_from(byte()).unwrap()).collect();
        let result = std::panic::catch_unwind(|| fuzzing::machine(&script));
        assert!(result.is_ok(), "to see it again: SCRIPT={seed}");
    }
}

#[cfg(feature = "acl")]
#[test]
fn security_holds_for_every_input_that_was_found() {
    replay("acl", fuzzing::acl);
}
