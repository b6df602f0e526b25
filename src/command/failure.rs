//! How a command fails, and what its caller is told.

use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;

use super::clone::CloneFailure;
use super::domain::ImportFailure;
use crate::app::AppError;
use crate::config::{ConfigError, Problem};
use crate::ids::Invalid;
use crate::listener::CertificateError;
use crate::listener::development::DevelopmentError;
use crate::store::StoreError;

/// What a command's exit code means.
pub mod code {
    /// It did what it was asked to; also when whoever read its output had enough.
    pub const SUCCESS: u8 = 0;
    /// It failed on the way.
    pub const FAILED: u8 = 1;
    /// Its arguments are not right.
    pub const USAGE: u8 = 2;
    /// It would have to replace what cannot be made again (`EX_CANTCREAT` of sysexits.h).
    pub const KEPT: u8 = 73;
    /// The configuration, or a file that it names, cannot be used (`EX_CONFIG` of sysexits.h). Trying again
    /// without a change is of no use.
    pub const CONFIG: u8 = 78;

    /// The codes, for `--help`.
    pub(in crate::command) const HELP: &str = "\
Exit codes:
  0   done
  1   failed on the way
  2   the arguments are not right
  73  refused to replace what cannot be made again
  78  the configuration, or a file that it names, cannot be used";
}

/// Why a command did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// Wrong arguments, or a request for help, which is no failure.
    #[error(transparent)]
    Usage(clap::Error),
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Faults that were told already.
    #[error("{0} faults")]
    Faults(usize),
    /// Something is there that is not replaced.
    #[error("{} {why}", path.display())]
    Kept { path: PathBuf, why: String },
    /// A key cannot be made.
    #[error("cannot make a key")]
    Key(#[from] Invalid),
    /// The store's key cannot be made or read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Certificates cannot be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// Development certificates cannot be made.
    #[error(transparent)]
    Development(#[from] DevelopmentError),
    /// The gateway could not start or go on.
    #[error(transparent)]
    App(#[from] AppError),
    /// A clone did not run to the end that was asked for.
    #[error(transparent)]
    Clone(#[from] CloneFailure),
    /// A subdomain was not taken over.
    #[error(transparent)]
    Import(#[from] ImportFailure),
    /// A file or folder cannot be made.
    #[error("cannot make {}", path.display())]
    File { path: PathBuf, source: io::Error },
    /// Something else that the system refused: most often, that output be written.
    #[error("cannot go on")]
    Io(#[from] io::Error),
}

impl Failure {
    pub(super) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }

    /// Tells the caller, and returns the exit code. That nobody listens is no failure.
    pub(super) fn tell(&self, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
        let told = match (self, self.code()) {
            (Self::Usage(help), code::SUCCESS) => write!(out, "{help}"),
            (Self::Usage(error), _) => write!(err, "{error}"),
            (Self::Faults(_), _) | (_, code::SUCCESS) => Ok(()),
            (failure, _) => writeln!(err, "error: {}", chain(failure)),
        };
        match told {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => code::FAILED,
            Ok(()) | Err(_) => self.code(),
        }
    }

    fn code(&self) -> u8 {
        match self {
            Self::Usage(error) if error.use_stderr() => code::USAGE,
            Self::Usage(_) => code::SUCCESS,
            Self::Config(_)
            | Self::Faults(_)
            | Self::Certificate(_)
            | Self::Clone(CloneFailure::Configuration(_) | CloneFailure::Authority { .. })
            | Self::Store(StoreError::KeyFile { .. }) => code::CONFIG,
            Self::Kept { .. } => code::KEPT,
            Self::Io(error) if error.kind() == io::ErrorKind::BrokenPipe => code::SUCCESS,
            Self::Key(_)
            | Self::Store(_)
            | Self::Development(_)
            | Self::Clone(CloneFailure::Closed(_))
            | Self::Import(_)
            | Self::App(_)
            | Self::File { .. }
            | Self::Io(_) => code::FAILED,
        }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Config(problem.into())
    }
}

/// An error and what led to it, each said once.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.ends_with(&said) {
            text.push_str(": caused by ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    text
}
