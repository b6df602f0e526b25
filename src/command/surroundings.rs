//! What the process was started with, apart from its arguments.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use crate::config::Sources;
use crate::telemetry::Output;

/// The environment, handed in by `main`, which alone reads it.
#[derive(Clone, Debug, Default)]
pub struct Surroundings(Vec<(OsString, OsString)>);

impl Surroundings {
    /// Takes the environment's variables.
    pub fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        Self(variables.into_iter().collect())
    }

    fn get(&self, name: &str) -> Option<&OsStr> {
        let found = self.0.iter().find(|(variable, _)| variable == name);
        found
            .map(|(_, text)| text.as_os_str())
            .filter(|text| !text.is_empty())
    }

    /// Where a configuration comes from.
    pub(super) fn sources(&self, file: Option<PathBuf>) -> Sources {
        Sources {
            file,
            variables: self.0.clone(),
            credentials: self.get("CREDENTIALS_DIRECTORY").map(PathBuf::from),
            arguments: Vec::new(),
        }
    }

    /// Where log records go.
    pub(super) fn output(&self) -> Output {
        Output::detect(self.get("JOURNAL_STREAM").and_then(OsStr::to_str))
    }

    /// Where folders go that nobody needs afterwards.
    pub(super) fn temporary(&self) -> PathBuf {
        self.get("TMPDIR")
            .map_or_else(|| "/tmp".into(), PathBuf::from)
    }
}
