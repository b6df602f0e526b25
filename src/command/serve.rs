//! `meldgate serve`.

use std::path::PathBuf;

use super::NO_FILE;
use super::failure::Failure;
use super::surroundings::Surroundings;
use crate::app::{self, AppError, Options, Ready};
use crate::clock::{Chance, Clock};
use crate::config::{Config, Loaded, Note, Purpose};
use crate::listener::bind::Passed;
use crate::telemetry;

/// Runs the gateway until it is told to stop.
pub(super) fn run(file: Option<PathBuf>, surroundings: &Surroundings) -> Result<(), Failure> {
    // Before there are threads: it clears variables of the environment.
    let passed = Passed::from_environment().map_err(AppError::from)?;
    let no_file = file.is_none();
    let sources = surroundings.sources(file);
    let clock = Clock::system();
    let Loaded {
        config,
        notes,
        files,
    } = Config::load(&Purpose::Serve, &sources)?;
    let telemetry = telemetry::start(&config.log, surroundings.output(), &clock);
    if no_file {
        log::warn!(target: "meldgate::config", "{NO_FILE}");
    }
    log_notes(&notes);
    let options = Options {
        ready: Box::new(|ready| log_ready(&ready)),
        reread: Box::new(move || Ok(Config::load(&Purpose::Serve, &sources)?)),
        files,
        host: None,
        passed,
        telemetry,
        clock,
        chance: Chance::system(),
    };
    block_on(config, options)
}

/// Runs the rooms on all processors.
pub(super) fn block_on(config: Config, options: Options) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_name("meldgate")
        .enable_all()
        .build()?;
    Ok(runtime.block_on(Box::pin(app::run(config, options)))?)
}

/// Logs what an operator should know of a configuration.
pub(super) fn log_notes(notes: &[Note]) {
    for note in notes {
        log::warn!(target: "meldgate::config", note:% = note; "configuration");
    }
}

pub(super) fn log_ready(ready: &Ready) {
    let addresses: Vec<String> = ready.https.iter().map(ToString::to_string).collect();
    log::info!(
        target: "meldgate::app",
        origin = ready.origin.as_str(), listening = addresses.join(",").as_str(),
        version = env!("CARGO_PKG_VERSION");
        "serving"
    );
}
