//! `meldgate clone`: one clone of a domain, driven by lines of JSON.
//!
//! What is asked for comes in on stdin, a request for each line; what is answered and what happens goes out on stdout,
//! a line each. docs/clone.md has the forms.

pub(super) mod configuration;
mod converse;
mod lines;
mod security;
#[cfg(test)]
mod tests;
mod trace;

use std::io::{BufRead as _, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use m_ld_engine::chance;
use m_ld_engine::clone::{MeldClone, Plugins};
use m_ld_engine::store::{MemoryStore, SledStore, Store};
use m_ld_remotes::driver::{Handle, RunError};
use m_ld_remotes::remotes::Remotes;
use m_ld_remotes::socket;

use self::configuration::Configuration;
use super::failure::Failure;
use super::folder;
use super::surroundings::Surroundings;
use crate::clock::{Chance, Clock};
use crate::config::Log;
use crate::telemetry;

/// Longest line, and longest configuration.
const LINE_LIMIT: u64 = 16 << 20;

#[derive(clap::Args, Debug, Default)]
pub(super) struct Arguments {
    /// The clone's configuration as JSON, as `@m-ld/m-ld` takes it; `-` for the first line of stdin
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// The clone's id, unique in the domain [default: a new one]
    #[arg(long, value_name = "ID")]
    pub(super) id: Option<String>,
    /// The domain's name
    #[arg(long, value_name = "NAME")]
    pub(super) domain: Option<String>,
    /// Begin the domain, if there is no data yet
    #[arg(long)]
    pub(super) genesis: bool,
    /// The gateway's origin, https://…
    #[arg(long, value_name = "ORIGIN")]
    pub(super) uri: Option<String>,
    /// What to authenticate with, in a file: {"user": …, "key": …} or {"jwt": …}
    #[arg(long, value_name = "FILE")]
    pub(super) auth_file: Option<PathBuf>,
    /// The IRI of who is responsible for what the clone writes
    #[arg(long, value_name = "IRI")]
    pub(super) principal: Option<String>,
    /// The principal's private RSA key (PEM): sign, verify and decrypt by what the domain's data has registered
    #[arg(long, value_name = "FILE")]
    pub(super) key_file: Option<PathBuf>,
    /// How long to wait for other clones, in milliseconds [default: 5000]
    #[arg(long, value_name = "MS")]
    pub(super) network_timeout: Option<u64>,
    /// The largest operation to send, in bytes
    #[arg(long, value_name = "BYTES")]
    pub(super) max_operation_size: Option<usize>,
    /// Trust this certificate authority instead of the system's (PEM; may be repeated)
    #[arg(long, value_name = "FILE")]
    pub(super) ca_file: Vec<PathBuf>,
    /// The folder for the clone's data [default: memory, which ends with the command]
    #[arg(long, value_name = "DIR")]
    pub(super) data: Option<PathBuf>,
    /// Append all that passes between this clone and others to a file, to find a fault: it has the domain's data
    #[arg(long, value_name = "FILE")]
    pub(super) trace: Option<PathBuf>,
}

/// Why a clone did not run to the end that was asked for.
#[derive(Debug, thiserror::Error)]
pub(super) enum CloneFailure {
    /// The configuration cannot be used.
    #[error("the clone's configuration: {0}")]
    Configuration(String),
    /// A certificate authority cannot be used.
    #[error("{}: {why}", path.display())]
    Authority { path: PathBuf, why: String },
    /// The clone has closed by itself.
    #[error("the clone has closed")]
    Closed(#[source] Arc<RunError>),
}

/// Runs a clone until stdin ends or the command is told to stop.
pub(super) fn run(arguments: Arguments, surroundings: &Surroundings) -> Result<(), Failure> {
    let log = Log {
        level: log::LevelFilter::Warn,
        access: false,
    };
    let _telemetry = telemetry::start(&log, surroundings.output(), &Clock::system());
    let configuration = configure(&arguments, &Chance::system())?;
    let tls = trust(&configuration, &arguments.ca_file)?;
    let plugins = security::plugins(&configuration, arguments.key_file.as_deref())?;
    if let Some(data) = &arguments.data {
        folder::private(data)?;
    }
    let trace = arguments
        .trace
        .as_deref()
        .map(trace::File::open)
        .transpose()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("meldgate")
        .enable_all()
        .build()?;
    let result = runtime.block_on(Box::pin(async {
        let data = arguments.data;
        let handle = start(configuration, tls, data, plugins, trace).await?;
        converse::until_told_to_stop(&handle).await
    }));
    // Whoever reads stdin cannot be interrupted.
    runtime.shutdown_background();
    Ok(result?)
}

/// The configuration with the arguments laid over it.
pub(super) fn configure(arguments: &Arguments, chance: &Chance) -> Result<Configuration, Failure> {
    let wrong = |why: String| CloneFailure::Configuration(why);
    let text = match arguments.config.as_deref() {
        None => "{}".to_owned(),
        Some(stdin) if stdin == Path::new("-") => {
            let mut line = String::new();
            std::io::stdin()
                .lock()
                .take(LINE_LIMIT)
                .read_line(&mut line)?;
            line
        }
        Some(file) => std::fs::read_to_string(file).map_err(Failure::file(file))?,
    };
    let mut configuration = Configuration::parse(&text).map_err(wrong)?;
    if let Some(file) = &arguments.auth_file {
        let text = std::fs::read_to_string(file).map_err(Failure::file(file))?;
        configuration.authenticate(&text).map_err(wrong)?;
    }
    configuration.overlay(arguments, chance);
    configuration.check().map_err(wrong)?;
    Ok(configuration)
}

/// Whom to trust, if there is TLS.
pub(super) fn trust(
    configuration: &Configuration,
    files: &[PathBuf],
) -> Result<Option<Arc<rustls::ClientConfig>>, Failure> {
    if !configuration.is_secure() {
        return Ok(None);
    }
    let config = if files.is_empty() {
        socket::trust_system().map_err(|error| error.to_string())
    } else {
        socket::trust_files(files).map_err(|error| error.to_string())
    };
    let path = files.first().cloned().unwrap_or_default();
    Ok(Some(
        config.map_err(|why| CloneFailure::Authority { path, why })?,
    ))
}

async fn start(
    configuration: Configuration,
    tls: Option<Arc<rustls::ClientConfig>>,
    data: Option<PathBuf>,
    plugins: Plugins,
    trace: Option<trace::File>,
) -> Result<Handle, CloneFailure> {
    let wrong = |why: String| CloneFailure::Configuration(why);
    let context = configuration.context().map_err(wrong)?;
    let config = configuration.engine(&context);
    let options = configuration.socket(tls).map_err(wrong)?;
    let remotes = Remotes::connect(&config.clone_id, &config.domain, options, Random::boxed());
    let remotes = match trace {
        Some(mut file) => remotes.traced(move |line| file.append(line)),
        None => remotes,
    };
    let engine_chance = Random::boxed();
    let open = Box::new(move |now| {
        let store: Box<dyn Store> = match data {
            Some(folder) => Box::new(SledStore::in_folder(&folder)?),
            None => Box::new(MemoryStore::new()),
        };
        MeldClone::open(store, config, plugins, engine_chance, now)
    });
    Handle::start(open, remotes, context)
        .await
        .map_err(CloneFailure::Closed)
}

/// The system's chance, for the engine.
pub(super) struct Random(Chance);

impl Random {
    pub(super) fn boxed() -> Box<Self> {
        Box::new(Self(Chance::system()))
    }
}

impl chance::Chance for Random {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }
}
