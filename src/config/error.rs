//! What can be wrong with a configuration, and how the operator is told.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::layers::{Key, Origin};

/// A configuration that cannot be used; the operator must change it. Names every fault that was found, not
/// only the first.
#[derive(Debug)]
pub struct ConfigError(Vec<Problem>);

impl ConfigError {
    /// `Ok(value)` if there is no problem.
    pub(super) fn unless_none<T>(problems: Vec<Problem>, value: Option<T>) -> Result<T, Self> {
        match value {
            Some(value) if problems.is_empty() => Ok(value),
            _ => Err(Self(problems)),
        }
    }

    /// Every fault, in the order in which it was found.
    pub fn problems(&self) -> &[Problem] {
        &self.0
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [only] => only.fmt(f),
            all => {
                write!(f, "{} faults in the configuration", all.len())?;
                all.iter()
                    .try_for_each(|problem| write!(f, "\n  {problem}"))
            }
        }
    }
}

impl std::error::Error for ConfigError {}

impl From<Problem> for ConfigError {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

/// One fault of a configuration, with its place and what would be right.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The file is not TOML.
    #[error("{origin}not TOML: {message}")]
    Syntax {
        /// Where.
        origin: Origin,
        /// What the parser says.
        message: String,
    },
    /// There is no such key, section or variable.
    #[error("{origin}unknown {kind} `{name}`: {hint}")]
    Unknown {
        /// Where.
        origin: Origin,
        /// Whether it would be a key, a section or a variable.
        kind: &'static str,
        /// What was written.
        name: String,
        /// The nearest right one, or all there are.
        hint: String,
    },
    /// A key's value is not one that it can have.
    #[error("{origin}`{key}` {wrong}")]
    Value {
        /// Where.
        origin: Origin,
        /// Which key.
        key: Key,
        /// What is wrong with it and what would be right.
        wrong: String,
    },
    /// A variable of another gateway has a value that cannot be taken over.
    #[error("{origin}{wrong}")]
    Variable {
        /// Which variable.
        origin: Origin,
        /// What is wrong with it and what would be right.
        wrong: String,
    },
    /// A key that is needed has no value.
    #[error("`{key}` is missing: {wanted}")]
    Missing {
        /// Which key.
        key: Key,
        /// What to set.
        wanted: &'static str,
    },
    /// Others could change the file, or read what is secret in it.
    #[error("{} can be {danger}: run `{fix}`", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Who can do what to it.
        danger: &'static str,
        /// The command that mends it.
        fix: String,
    },
    /// A file cannot be read.
    #[error("{} cannot be read: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// A file's content is not what it should be.
    #[error("{} {wrong}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it and what would be right.
        wrong: String,
    },
}

impl Problem {
    pub(super) fn unreadable(path: &Path, cause: io::Error) -> Self {
        Self::Unreadable {
            path: path.into(),
            cause,
        }
    }

    pub(super) fn content(path: &Path, wrong: impl Into<String>) -> Self {
        Self::Content {
            path: path.into(),
            wrong: wrong.into(),
        }
    }
}

/// What the operator should know about a configuration that can be used.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Note(String);

impl Note {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
