//! Layers of values, the later over the earlier, each with the place that it came from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::error::Problem;

/// A key of the configuration. Only those of the file types exist.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Key {
    pub(super) section: &'static str,
    pub(super) name: &'static str,
}

impl Key {
    pub(super) const fn new(section: &'static str, name: &'static str) -> Self {
        Self { section, name }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.section, self.name)
    }
}

/// Where a value came from. Shown, it is what stands before an error's text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Origin {
    /// The daemon itself.
    Default,
    /// A line of the configuration file, counted from 1.
    File {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
    },
    /// An environment variable.
    Variable(String),
    /// An argument of the command.
    Argument(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => Ok(()),
            Self::File { path, line } => write!(f, "{}:{line}: ", path.display()),
            Self::Variable(name) => write!(f, "{name}: "),
            Self::Argument(name) => write!(f, "{name}: "),
        }
    }
}

/// What was given for a key.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) value: Value,
    pub(super) origin: Origin,
}

/// The last value given for each key.
#[derive(Debug, Default)]
pub(super) struct Layers(BTreeMap<Key, Given>);

impl Layers {
    /// Lays a value over what was given for the key before.
    pub(super) fn lay(&mut self, key: Key, value: Value, origin: Origin) {
        self.0.insert(key, Given { value, origin });
    }

    /// What was given for the key.
    pub(super) fn given(&self, key: Key) -> Option<&Given> {
        self.0.get(&key)
    }

    /// Where the key's value comes from.
    pub(super) fn origin(&self, key: Key) -> Origin {
        self.given(key)
            .map_or(Origin::Default, |given| given.origin.clone())
    }

    /// Reads one section. Each value is tried alone first, so that every wrong one is told with its key and
    /// its place; the wrong ones are left out of what is returned.
    pub(super) fn section<T: DeserializeOwned + Default>(
        &self,
        section: &str,
        problems: &mut Vec<Problem>,
    ) -> T {
        let mut right = Table::new();
        for (key, given) in self.0.iter().filter(|(key, _)| key.section == section) {
            let alone = Table::from_iter([(key.name.to_owned(), given.value.clone())]);
            match T::deserialize(Value::Table(alone.clone())) {
                Ok(_) => right.extend(alone),
                Err(error) => problems.push(wrong(*key, given, &error)),
            }
        }
        T::deserialize(Value::Table(right)).unwrap_or_default()
    }
}

fn wrong(key: Key, given: &Given, error: &toml::de::Error) -> Problem {
    let message = error.message().trim_end();
    let wrong = if message.starts_with("is ") {
        message.to_owned()
    } else {
        format!("is wrong: {message}")
    };
    Problem::Value {
        origin: given.origin.clone(),
        key,
        wrong,
    }
}
