//! The direction of the modules, held by reading the sources: clone → journal, dataset → operation →
//! clock, and never back. Comments and tests may name anything.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Every module with all that it may name, from the lowest up: none names one that comes later.
#[rustfmt::skip]
const MODULES: &[(&str, &[&str])] = &[
    ("chance",     &[]),
    ("rdf",        &[]),
    ("msgpack",    &[]),
    ("store",      &[]),
    ("number",     &["rdf"]),
    ("context",    &["rdf"]),
    ("change",     &["rdf", "msgpack"]),
    ("clock",      &["msgpack"]),
    ("wire",       &["msgpack", "clock"]),
    ("datatype",   &["rdf", "msgpack", "clock"]),
    ("operation",  &["rdf", "msgpack", "number", "context", "clock", "wire", "datatype"]),
    ("dataset",    &["chance", "rdf", "msgpack", "store", "clock"]),
    ("security",   &["chance", "rdf", "msgpack", "store", "context", "wire", "dataset"]),
    ("journal",    &["rdf", "msgpack", "store", "clock", "operation", "security"]),
    ("constraint", &["chance", "rdf", "msgpack", "store", "change", "datatype", "operation", "dataset"]),
    ("pattern",    &["rdf", "msgpack", "store", "number", "context", "change", "datatype", "dataset", "constraint"]),
    ("clone",      &["chance", "rdf", "msgpack", "store", "number", "context", "change", "clock", "wire", "datatype",
                     "operation", "dataset", "security", "journal", "constraint", "pattern"]),
];

/// What no module may name, but for those at the end, and why.
#[rustfmt::skip]
const NOT_OURS: &[(&[&str], &str, &[&str])] = &[
    (&["tokio", "async_std", "smol", "futures", "futures_util"],
     "the engine has no runtime: whoever drives it brings one", &[]),
    (&["Instant", "SystemTime", "chrono", "sleep"],
     "the engine is told the time", &[]),
    (&["rand", "getrandom", "fastrand", "OsRng"],
     "randomness comes from `chance`",
     // RSA of that library takes no source but its own.
     &["security/acl/keys.rs"]),
    (&["std::net", "std::process", "std::env"],
     "the engine touches nothing outside memory", &[]),
    (&["std::fs", "std::path", "std::thread", "sled::Db", "sled::Config"],
     "only the store on disk knows that there are files, and others who have them open", &["store/sled"]),
    (&["aws_lc_rs"],
     "cryptography is behind the feature `acl`", &["security/acl"]),
    (&["HashMap", "HashSet"],
     "their order is random, and could reach the wire", &[]),
];

/// The sources, without tests, by path below `src`.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found: Vec<PathBuf> = vec![root.clone()];
    let mut at = 0;
    while let Some(path) = found.get(at).cloned() {
        if path.is_dir() {
            found.extend(
                fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        }
        at += 1;
    }
    let mut files: Vec<_> = found
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| {
            let name = path.strip_prefix(&root).unwrap().display().to_string();
            (name, fs::read_to_string(&path).unwrap())
        })
        .filter(|(name, _)| !name.contains("test") && !name.ends_with("world.rs"))
        .collect();
    files.sort();
    files
}

/// The code of a file: without comments, and without a module of tests at its end.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    code.lines()
        .map(|line| line.split("//").next().unwrap())
        .collect::<Vec<_>>()
        .join("\n")
}

/// The modules of this crate that some code names, by `crate::module` or `crate::{module, …}`.
fn named(code: &str) -> BTreeSet<&str> {
    let word = |text: &'_ str| text.find(|c: char| !c.is_alphanumeric() && c != '_');
    let mut found = BTreeSet::new();
    for after in code.split("crate::").skip(1) {
        let grouped = after
            .strip_prefix('{')
            .and_then(|group| group.split(';').next());
        let parts: Vec<&str> = match grouped {
            Some(group) => group.split([',', '{']).collect(),
            None => vec![after],
        };
        for part in parts.into_iter().map(str::trim_start) {
            found.insert(&part[..word(part).unwrap_or(part.len())]);
        }
    }
    found.retain(|name| row(name).is_some());
    found
}

fn row(module: &str) -> Option<(usize, &'static [&'static str])> {
    let at = MODULES.iter().position(|(name, _)| *name == module)?;
    Some((at, MODULES[at].1))
}

fn module(file: &str) -> &str {
    file.split(['/', '.']).next().unwrap()
}

/// Whether code says a word, or a path, as such: not as a part of a longer one.
fn says(code: &str, word: &str) -> bool {
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        // A field or a method of that name is another thing.
        !before.is_some_and(|c| in_word(c) || c == '.') && !after.is_some_and(in_word)
    })
}

#[test]
fn no_module_names_what_is_above_it() {
    let mut complaints = Vec::new();
    let mut used: BTreeSet<(&str, String)> = BTreeSet::new();
    let sources = sources();
    for (file, text) in &sources {
        let name = module(file);
        // These two are above all: one lists the modules, one tries them for the fuzzers.
        if name == "lib" || name == "fuzzing" {
            continue;
        }
        let Some((_, allowed)) = row(name) else {
            complaints.push(format!("{file}: `{name}` has no row in tests/layering.rs"));
            continue;
        };
        let code = code(text);
        for other in named(&code) {
            if other == name {
                continue;
            }
            used.insert((name, other.to_owned()));
            if !allowed.contains(&other) {
                complaints.push(format!("{file}: `{name}` may not name `{other}`"));
            }
        }
    }
    for (name, allowed) in MODULES {
        for other in *allowed {
            if !used.contains(&(*name, (*other).to_owned())) {
                complaints.push(format!(
                    "`{name}` may name `{other}`, and does not: strike it"
                ));
            }
        }
    }
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn the_table_has_one_direction() {
    for (at, (name, allowed)) in MODULES.iter().enumerate() {
        for other in *allowed {
            let (below, _) = row(other).unwrap();
            assert!(below < at, "`{name}` is not above `{other}`");
        }
    }
}

#[test]
fn no_module_names_time_sockets_threads_or_a_runtime() {
    let mut complaints = Vec::new();
    for (file, text) in &sources() {
        let code = code(text);
        for (words, why, places) in NOT_OURS {
            if places.iter().any(|place| file.starts_with(place)) {
                continue;
            }
            let said = words.iter().filter(|word| says(&code, word));
            complaints.extend(said.map(|word| format!("{file}: names `{word}`: {why}")));
        }
    }
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn what_breaks_the_rules_is_seen() {
    let text = "use crate::{clock::Tid, wire::{judge}};\n// crate::clone\nfn a() { crate::pattern::get() }";
    let code = code(text);
    assert_eq!(named(&code), BTreeSet::from(["clock", "pattern", "wire"]));
    assert!(says("use tokio::time;", "tokio"));
    assert!(says("std::time::Instant::now()", "Instant"));
    assert!(!says("strand.rand()", "rand"));
}
