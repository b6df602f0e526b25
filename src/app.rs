//! Builds every room in order, runs them, stops them in reverse; alone knows all rooms.

use std::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::clock::{Chance, Clock};
use crate::config::{Config, Loaded};
use crate::telemetry::Telemetry;

/// What running a gateway needs beside its configuration.
pub struct Options {
    /// Called once the gateway serves.
    pub ready: Box<dyn FnOnce(Ready) + Send>,
    /// Reads the configuration again, to be checked as a whole before anything of it is put into force.
    pub reread: Reread,
    /// The files that the configuration was read from.
    pub files: Vec<PathBuf>,
    /// The host in the origin when the configuration names no origin; `None`: the gateway's domain.
    pub host: Option<String>,
    /// Logging, to be told of a new level.
    pub telemetry: Telemetry,
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub chance: Chance,
}

/// Reads the configuration again.
pub type Reread = Box<dyn FnMut() -> Result<Loaded, Box<dyn Error + Send + Sync>> + Send>;

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("files", &self.files)
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

/// Where a gateway that serves can be reached.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ready {
    /// What clients call it.
    pub origin: String,
    /// The addresses that it listens to, with the ports that the system chose.
    pub https: Vec<SocketAddr>,
}

/// Why a gateway could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The rooms are not joined up.
    #[error("this build has no gateway in it")]
    Absent,
}

/// Runs a gateway until it is told to stop.
pub async fn run(config: Config, options: Options) -> Result<(), AppError> {
    drop((config, options));
    std::future::ready(Err(AppError::Absent)).await
}
