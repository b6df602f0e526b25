//! Environment variables to layers.
//!
//! `MELDGATE_≪SECTION≫__≪KEY≫` sets a key: `MELDGATE_HTTP__BODY_LIMIT` sets `http.body-limit`. Its text is
//! read as the file's string would be; text between `[` and `]` is read as a TOML array. Every variable that
//! begins with `MELDGATE_` must be such a key: tests and scripts use other names for what is theirs.
//!
//! `M_LD_GATEWAY_≪NAME≫` are the public gateway's variables, so that a deployment of it moves over as it is.
//! They lie over the file and under `MELDGATE_…`. One that means nothing here is told and ignored, because
//! that gateway takes many more.

use std::ffi::{OsStr, OsString};

use toml::Value;

use super::error::{Note, Problem};
use super::layers::{Key, Layers, Origin};
use super::{legacy, schema};

/// What the variables of this daemon begin with.
pub(super) const OURS: &str = "MELDGATE_";
/// What the variables of the public gateway begin with.
const PUBLIC: &str = "M_LD_GATEWAY_";

/// Lays the environment over `layers`, and returns what has no key of its own.
pub(super) fn lay(
    variables: &[(OsString, OsString)],
    layers: &mut Layers,
    problems: &mut Vec<Problem>,
    notes: &mut Vec<Note>,
) -> legacy::Secrets {
    let secrets = legacy::lay(&named(variables, PUBLIC, problems), layers, problems, notes);
    for (name, text) in named(variables, OURS, problems) {
        match schema::keys().find(|key| variable(*key) == name) {
            Some(key) => lay_one(key, &name, &text, layers, problems),
            None => problems.push(unknown(&name)),
        }
    }
    secrets
}

/// The name of the variable that sets `key`.
pub(super) fn variable(key: Key) -> String {
    let upper = |text: &str| text.to_ascii_uppercase().replace('-', "_");
    format!("{OURS}{}__{}", upper(key.section), upper(key.name))
}

/// The variables that begin with `prefix` and have a value, by name. An empty one is as good as none: that
/// is how container set-ups leave one out.
fn named(
    variables: &[(OsString, OsString)],
    prefix: &str,
    problems: &mut Vec<Problem>,
) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (name, text) in variables {
        let name = name.to_string_lossy();
        if !name.starts_with(prefix) || text.is_empty() {
            continue;
        }
        match OsStr::to_str(text) {
            Some(text) => found.push((name.into_owned(), text.to_owned())),
            None => problems.push(Problem::Variable {
                origin: Origin::Variable(name.into_owned()),
                wrong: "must be UTF-8 text".into(),
            }),
        }
    }
    found.sort();
    found
}

fn lay_one(key: Key, name: &str, text: &str, layers: &mut Layers, problems: &mut Vec<Problem>) {
    let origin = Origin::Variable(name.into());
    match read(text) {
        Some(value) => layers.lay(key, value, origin),
        None => problems.push(Problem::Value {
            origin,
            key,
            wrong: "is not a TOML array, though it stands between brackets".into(),
        }),
    }
}

fn read(text: &str) -> Option<Value> {
    let text = text.trim();
    if !(text.starts_with('[') && text.ends_with(']')) {
        return Some(Value::String(text.into()));
    }
    let mut table: toml::Table = format!("value = {text}").parse().ok()?;
    table.remove("value").filter(|_| table.is_empty())
}

fn unknown(name: &str) -> Problem {
    let all: Vec<String> = schema::keys().map(variable).collect();
    let hint = match schema::nearest(name, all.iter().map(String::as_str)) {
        Some(right) => format!("did you mean `{right}`?"),
        None => {
            format!(
                "variables that begin with {OURS} are {OURS}≪SECTION≫__≪KEY≫, by the file's sections and keys"
            )
        }
    };
    Problem::Unknown {
        origin: Origin::Default,
        kind: "variable",
        name: name.escape_debug().to_string(),
        hint,
    }
}
