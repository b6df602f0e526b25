//! The direction of the rooms, held by reading the sources.
//!
//! edges → middle → base, and any of them → engine; never back. The tables below are the rule; what a file
//! *says* is judged on its paths (`crate::store::Tree`, `use crate::{ids, clock}`, `axum::Router`), so comments
//! and strings may mention anything.

use std::fs;
use std::path::Path;

use Layer::{Base, Edge, Middle, Top};

mod paths;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Layer {
    /// Builds and runs the rooms: may name every room.
    Top,
    /// Speaks to the world: may name middle and base, never another edge.
    Edge,
    /// Knows what the gateway is about: may name base and the siblings listed with it.
    Middle,
    /// What the others stand on: may name base alone.
    Base,
}

/// Every room: its layer, and the rooms of the same layer that it may name besides (base: all of them may).
#[rustfmt::skip]
const ROOMS: &[(&str, Layer, &[&str])] = &[
    ("lib",       Top,    &[]),
    ("main",      Top,    &["command"]),
    ("command",   Top,    &["app"]),
    ("app",       Top,    &[]),
    ("http",      Edge,   &[]),
    ("sockets",   Edge,   &[]),
    ("website",   Edge,   &[]),
    ("accounts",  Middle, &["notify"]),
    ("domains",   Middle, &["accounts", "notify"]),
    ("notify",    Middle, &[]),
    ("listener",  Base,   &[]),
    ("limits",    Base,   &[]),
    ("store",     Base,   &[]),
    ("config",    Base,   &[]),
    ("telemetry", Base,   &[]),
    ("ids",       Base,   &[]),
    ("secret",    Base,   &[]),
    ("clock",     Base,   &[]),
];

/// Paths that only the files under some prefixes may name, with the sentence a developer will read.
#[rustfmt::skip]
const RESERVED: &[(&[&str], &[&str], &str)] = &[
    (&["sled"],
     &["src/store", "crates/m-ld-engine/src/store"],
     "the store is behind src/store, so that another backend is one adapter away"),
    (&["SystemTime::now", "UNIX_EPOCH::elapsed", "std::time::Instant::now"],
     &["src/clock.rs"],
     "take a `Clock`, so that tests can drive the time"),
    // A timer's own time, which tests can pause.
    (&["Instant::now"],
     &["src/clock.rs", "src/http", "src/sockets", "src/listener"],
     "take a `Clock`, so that tests can drive the time"),
    (&["rand", "getrandom", "fastrand", "OsRng"],
     &["src/clock.rs"],
     "take a `Chance`, so that tests can seed it"),
    // RSA of that library takes no other source.
    (&["aws_lc_rs::rand"],
     &["src/clock.rs", "src/accounts/pair.rs", "crates/m-ld-engine/src/security/acl/keys"],
     "take a `Chance`, so that tests can seed it"),
    (&["axum", "tower", "tower_service"],
     &["src/http", "src/sockets", "src/website", "src/app", "src/main.rs", "src/command"],
     "only edges know the web framework"),
    // What webhooks are sent with.
    (&["hyper", "hyper_util", "http", "http_body", "http_body_util"],
     &["src/http", "src/sockets", "src/website", "src/app", "src/main.rs", "src/command", "src/notify/webhook"],
     "only edges know the web framework"),
    (&["engineioxide", "socketioxide", "socketioxide_core", "socketioxide_parser_common"],
     &["src/sockets", "src/app"],
     "Socket.io is behind src/sockets"),
    (&["lettre"],
     &["src/notify"],
     "mail is behind src/notify"),
];

/// One source file: its path from the root of the project, and its text.
type Source = (String, String);

/// What breaks the rules, one sentence each.
fn complaints(sources: &[Source]) -> Vec<String> {
    sources
        .iter()
        .flat_map(|(file, text)| {
            let named = paths::named(text);
            let rooms = complaints_about_rooms(file, &named);
            rooms
                .into_iter()
                .chain(complaints_about_reserved(file, &named))
                .collect::<Vec<_>>()
        })
        .collect()
}

fn complaints_about_rooms(file: &str, named: &[paths::Named]) -> Vec<String> {
    let (room, depth) = place(file);
    let Some((_, layer, siblings)) = row(room) else {
        return vec![format!(
            "{file}: `{room}` is in no layer: add it to ROOMS in tests/layering.rs"
        )];
    };
    named
        .iter()
        .filter_map(|path| Some((path, path.room(depth)?)))
        .filter_map(|(path, other)| {
            let (_, theirs, _) = row(other)?;
            let allowed = other == room || siblings.contains(&other) || may_name(*layer, *theirs);
            (!allowed).then(|| {
                format!(
                    "{file}:{}: {layer:?} room `{room}` names {theirs:?} room `{other}`",
                    path.line
                )
            })
        })
        .collect()
}

fn may_name(from: Layer, to: Layer) -> bool {
    match from {
        Top => to != Top,
        Edge => matches!(to, Middle | Base),
        Middle | Base => to == Base,
    }
}

fn complaints_about_reserved(file: &str, named: &[paths::Named]) -> Vec<String> {
    let here = |places: &[&str]| {
        places.iter().any(|place| {
            file.strip_prefix(place)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '.']))
        })
    };
    let mut found = Vec::new();
    for (words, _, why) in RESERVED.iter().filter(|(_, places, _)| !here(places)) {
        for path in named {
            if let Some(word) = words.iter().find(|word| path.says(word)) {
                found.push(format!("{file}:{}: names `{word}`: {why}", path.line));
            }
        }
    }
    found
}

fn row(room: &str) -> Option<&'static (&'static str, Layer, &'static [&'static str])> {
    ROOMS.iter().find(|(name, ..)| *name == room)
}

/// The room of `src/room.rs` or `src/room/…`, and how deep below the root of the crate its module is.
fn place(file: &str) -> (&str, usize) {
    let module = file
        .trim_start_matches("src/")
        .trim_end_matches(".rs")
        .trim_end_matches("/mod");
    (
        module.split('/').next().unwrap_or(module),
        module.split('/').count(),
    )
}

/// All Rust files under a folder, sorted.
fn sources(folder: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut waiting, mut found) = (vec![root.join(folder)], Vec::new());
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
        {
            if entry.is_dir() {
                waiting.push(entry);
            } else if entry.extension().is_some_and(|extension| extension == "rs") {
                let name = entry
                    .strip_prefix(root)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .replace('\\', "/");
                found.push((name, fs::read_to_string(&entry).unwrap()));
            }
        }
    }
    found.sort();
    found
}

fn judged(file: &str, text: &str) -> Vec<String> {
    complaints(&[(file.to_owned(), text.to_owned())])
}

#[test]
fn rooms_only_name_what_their_layer_allows() {
    let sources = sources("src");
    assert!(sources.len() > 5, "the sources were not found");
    let complaints = complaints(&sources);
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn the_engine_reads_no_clock_and_makes_no_chance() {
    let engine = sources("crates/m-ld-engine/src");
    let complaints: Vec<_> = engine
        .iter()
        .flat_map(|(file, text)| complaints_about_reserved(file, &paths::named(text)))
        .collect();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn each_module_of_the_integration_tests_is_listed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let main = fs::read_to_string(root.join("main.rs")).unwrap();
    for entry in fs::read_dir(&root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
    {
        let is_module = entry.join("mod.rs").exists()
            || entry.extension().is_some_and(|extension| extension == "rs");
        let name = entry.file_stem().unwrap().to_str().unwrap();
        let listed = main
            .lines()
            .any(|line| line.trim_start_matches("pub ").trim() == format!("mod {name};"));
        // A folder beside a file of the same name holds that module's own modules.
        assert!(
            name == "main" || !is_module || listed,
            "tests/main.rs does not list `mod {name};`"
        );
    }
}

#[test]
fn a_middle_room_that_names_the_web_framework_is_told() {
    for text in [
        "use axum::Router;",
        "fn f() -> ::http::StatusCode { todo!() }",
        "use {axum::body, std::io};",
    ] {
        assert_eq!(judged("src/accounts/mod.rs", text).len(), 1, "{text}");
        assert_eq!(
            judged("src/http/mod.rs", text),
            Vec::<String>::new(),
            "{text}"
        );
    }
}

#[test]
fn an_edge_that_names_another_is_told() {
    for text in [
        "use crate::sockets;",
        "use crate::{ids::Name, sockets::Relay};",
        "fn f() { crate::sockets::run() }",
    ] {
        let told = judged("src/http/routes.rs", text);
        assert_eq!(
            told,
            ["src/http/routes.rs:1: Edge room `http` names Edge room `sockets`"],
            "{text}"
        );
    }
    assert_eq!(judged("src/http/mod.rs", "\nuse super::website;").len(), 1);
    assert_eq!(
        judged("src/http/api/keys.rs", "use super::super::super::website;").len(),
        1
    );
}

#[test]
fn a_base_room_that_names_the_middle_is_told() {
    assert_eq!(
        judged("src/limits/mod.rs", "use crate::accounts::Accounts;").len(),
        1
    );
    assert_eq!(judged("src/ids.rs", "use crate::domains;").len(), 1);
    assert_eq!(
        judged("src/limits/mod.rs", "use crate::store::Store;"),
        Vec::<String>::new()
    );
}

#[test]
fn a_middle_room_names_only_the_siblings_listed_with_it() {
    assert_eq!(
        judged("src/accounts/mod.rs", "use crate::notify::Notifier;"),
        Vec::<String>::new()
    );
    assert_eq!(
        judged("src/notify/mod.rs", "use crate::accounts::Accounts;").len(),
        1
    );
}

#[test]
fn sled_time_and_chance_have_one_place_each() {
    assert_eq!(judged("src/limits/mod.rs", "use sled::Db;").len(), 1);
    assert_eq!(
        judged("src/store/disk.rs", "use sled::Db;"),
        Vec::<String>::new()
    );
    assert_eq!(
        judged("src/storefront.rs", "use sled::Db;").len(),
        2,
        "no room of this name, and not the store"
    );
    assert_eq!(
        judged("src/http/mod.rs", "let now = std::time::Instant::now();").len(),
        1
    );
    assert_eq!(
        judged("src/limits/mod.rs", "let now = Instant::now();").len(),
        1
    );
    assert_eq!(
        judged("src/http/mod.rs", "use std::time::Instant;"),
        Vec::<String>::new()
    );
    assert_eq!(
        judged("src/accounts/mod.rs", "let id: u64 = rand::random();").len(),
        1
    );
    assert_eq!(
        judged("src/clock.rs", "let t = SystemTime::now(); use rand::Rng;"),
        Vec::<String>::new()
    );
}

#[test]
fn comments_strings_and_local_names_are_not_paths() {
    let text = r##"
        //! Nothing of axum::Router here, nor crate::http.
        /* use axum::Router; /* nested */ use sled::Db; */
        const A: &str = "axum::Router \" sled::Db";
        const B: &str = r#"crate::http" sled::Db"#;
        fn quote<'a>(c: char) -> bool { c == '"' || c == '\'' || c == 'a' } // use sled::Db;
        mod http { pub(super) fn rand() {} }
    "##;
    assert_eq!(judged("src/accounts/mod.rs", text), Vec::<String>::new());
}

#[test]
fn a_room_without_a_layer_is_told() {
    assert_eq!(judged("src/kitchen/sink.rs", "").len(), 1);
}
