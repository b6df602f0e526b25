//! SECURITY.md speaks the truth about its tests: what it names is there.

use std::fs;
use std::path::Path;

/// A test that a promise names: its file, and for Rust its function.
type Named<'a> = (&'a str, Option<&'a str>);

/// The promises of the table, each with the tests that it names.
fn promises(text: &str) -> Vec<(&str, Vec<Named<'_>>)> {
    let rows = text.lines().filter(|line| line.starts_with('|')).skip(2);
    rows.filter_map(|row| {
        let (promise, tests) = row.trim_matches('|').split_once('|')?;
        Some((promise.trim(), named(tests)))
    })
    .collect()
}

/// What stands in backticks: a file, or a function of the file before it.
fn named(cell: &str) -> Vec<Named<'_>> {
    let (mut file, mut found) = ("", Vec::new());
    for word in cell.split('`').skip(1).step_by(2) {
        if word.contains('/') {
            file = word;
            found.push((file, None));
        } else {
            found.push((file, Some(word)));
        }
    }
    found
}

/// What is wrong with what a promise names.
fn faults(
    promise: &str,
    tests: &[Named<'_>],
    read: impl Fn(&str) -> Option<String>,
) -> Vec<String> {
    let mut faults: Vec<String> = tests
        .iter()
        .filter_map(|&(file, function)| match (read(file), function) {
            (None, _) => Some(format!("{promise}: there is no file {file}")),
            (Some(text), Some(function)) if !has_test(&text, function) => {
                Some(format!("{promise}: {file} has no test {function}"))
            }
            (Some(_), Some(_)) => None,
            (Some(_), None) => {
                let is_rust = Path::new(file).extension().is_some_and(|end| end == "rs");
                let told = tests
                    .iter()
                    .any(|&(other, name)| other == file && name.is_some());
                (is_rust && !told)
                    .then(|| format!("{promise}: {file} is named without a test in it"))
            }
        })
        .collect();
    if tests.is_empty() {
        faults.push(format!("{promise}: nothing tests it"));
    }
    faults
}

/// Whether a function of this name is there, with the attribute of a test above it.
fn has_test(text: &str, function: &str) -> bool {
    let is_it = |line: &str| {
        let rest = line.trim_start().trim_start_matches("async ");
        rest.strip_prefix("fn ")
            .and_then(|rest| rest.strip_prefix(function))
            .is_some_and(|rest| rest.starts_with('('))
    };
    let lines: Vec<_> = text.lines().collect();
    lines.iter().enumerate().any(|(at, line)| {
        let above = lines[..at].iter().rev();
        let mut attributes = above.take_while(|line| {
            let line = line.trim_start();
            line.starts_with("#[") || line.starts_with("//")
        });
        is_it(line) && attributes.any(|line| line.contains("test"))
    })
}

fn from_the_project(file: &str) -> Option<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    path.is_file().then(|| fs::read_to_string(path).unwrap())
}

#[test]
fn every_promise_names_tests_that_are_there() {
    let text = from_the_project("SECURITY.md").unwrap();
    let promises = promises(&text);
    assert!(promises.len() >= 20, "the promises were not found");
    let faults: Vec<_> = promises
        .iter()
        .flat_map(|(promise, tests)| faults(promise, tests, from_the_project))
        .collect();
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn what_is_not_there_is_told() {
    let table = "| promise | tested by |\n|---|---|\n";
    let read = |file: &str| {
        let text = "#[test]\nfn holds() {}\nfn helper() {}\n#[tokio::test]\n/// Says.\nasync fn too() {}\n";
        (file == "tests/a.rs" || file == "scripts/a").then(|| text.to_owned())
    };
    for (cell, told) in [
        ("`tests/a.rs`: `holds`, `too`; `scripts/a`", 0),
        ("`tests/a.rs`: `hold`", 1),
        ("`tests/a.rs`: `helper`", 1),
        ("`tests/b.rs`: `holds`", 2),
        ("`tests/a.rs`", 1),
        ("trust us", 1),
    ] {
        let text = format!("{table}| It holds | {cell} |\n");
        let found = promises(&text);
        let [(promise, tests)] = &found[..] else {
            panic!("{found:?}");
        };
        assert_eq!(faults(promise, tests, read).len(), told, "{cell}");
    }
}
