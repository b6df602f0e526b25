//! `meldgate domain`: what is done to subdomains while the gateway is stopped.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Subcommand;
use m_ld_engine::clone::{MeldClone, Plugins};
use m_ld_remotes::driver::{Handle, RunError};
use m_ld_remotes::remotes::Remotes;

use super::clone::{CloneFailure, Random, configuration::Configuration, trust};
use super::failure::Failure;
use super::surroundings::Surroundings;
use super::{CONFIG_FILE, clone};
use crate::app::Claimed;
use crate::clock::{Chance, Clock};
use crate::config::{Config, Loaded, Log, Purpose};
use crate::ids::{Invalid, Name};
use crate::telemetry;

#[derive(Debug, Subcommand)]
pub(super) enum Arguments {
    /// Takes a subdomain over from another gateway of the same domain, by joining it there
    Import(Import),
}

#[derive(clap::Args, Debug)]
pub(super) struct Import {
    /// The subdomain
    #[arg(value_name = "ACCOUNT/NAME")]
    subdomain: String,
    /// The other gateway's origin, https://…
    #[arg(long, value_name = "ORIGIN")]
    from: String,
    /// What to authenticate with there, in a file: {"user": …, "key": …} or {"jwt": …}
    #[arg(long, value_name = "FILE")]
    auth_file: Option<PathBuf>,
    /// Trust this certificate authority there instead of the system's (PEM; may be repeated)
    #[arg(long, value_name = "FILE")]
    ca_file: Vec<PathBuf>,
    /// How long the data may take to come, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    patience: u64,
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = CONFIG_FILE)]
    config: PathBuf,
}

/// Why a subdomain was not taken over.
#[derive(Debug, thiserror::Error)]
pub(super) enum ImportFailure {
    /// The data did not come in time.
    #[error("the data did not come in time: is another clone of the domain present there?")]
    Impatient,
    /// The clone closed by itself.
    #[error("the clone has closed")]
    Closed(#[source] Arc<RunError>),
}

pub(super) fn run(arguments: Arguments, surroundings: &Surroundings) -> Result<(), Failure> {
    let Arguments::Import(import) = arguments;
    let (account, name) = import
        .subdomain
        .split_once('/')
        .ok_or(Invalid::new("a subdomain", "ACCOUNT/NAME"))?;
    let (account, name) = (Name::parse(account)?, Name::parse(name)?);
    let file = Some(std::path::absolute(&import.config)?);
    let sources = surroundings.sources(file);
    let Loaded { config, .. } = Config::load(&Purpose::Serve, &sources)?;
    let log = Log {
        level: log::LevelFilter::Warn,
        access: false,
    };
    let _telemetry = telemetry::start(&log, surroundings.output(), &Clock::system());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("meldgate")
        .enable_all()
        .build()?;
    runtime.block_on(Box::pin(take_over(&import, &config, (&account, &name))))
}

async fn take_over(
    import: &Import,
    config: &Config,
    subdomain: (&Name, &Name),
) -> Result<(), Failure> {
    let (clock, chance) = (Clock::system(), Chance::system());
    let mut claimed = Claimed::open(config, subdomain, (&clock, &chance)).await?;
    let joined = join(import, &mut claimed, &chance).await;
    claimed.close().await?;
    joined
}

/// Joins the domain there with the gateway's own clone, and leaves once it has everything.
async fn join(import: &Import, claimed: &mut Claimed, chance: &Chance) -> Result<(), Failure> {
    let arguments = clone::Arguments {
        domain: Some(claimed.domain.clone()),
        uri: Some(import.from.clone()),
        auth_file: import.auth_file.clone(),
        ca_file: import.ca_file.clone(),
        ..clone::Arguments::default()
    };
    let configuration: Configuration = clone::configure(&arguments, chance)?;
    let tls = trust(&configuration, &import.ca_file)?;
    let wrong = |why: String| Failure::from(CloneFailure::Configuration(why));
    let context = configuration.context().map_err(wrong)?;
    let engine = configuration.engine(&context);
    let options = configuration.socket(tls).map_err(wrong)?;
    let remotes = Remotes::connect(&engine.clone_id, &engine.domain, options, Random::boxed());
    let Some(tables) = claimed.tables() else {
        return Ok(());
    };
    let open = Box::new(move |now| {
        MeldClone::open(tables, engine, Plugins::default(), Random::boxed(), now)
    });
    let handle = Handle::start(open, remotes, context)
        .await
        .map_err(ImportFailure::Closed)?;
    let complete = complete(&handle, Duration::from_secs(import.patience)).await;
    handle.close().await;
    handle.until_closed().await;
    complete
}

/// Waits until the clone has all that the others have.
async fn complete(handle: &Handle, patience: Duration) -> Result<(), Failure> {
    let mut state = handle.state();
    let complete = state.wait_for(|state| {
        let current = state.is_ready && state.status.online && !state.status.outdated;
        current && !state.status.silo || state.closed.is_some()
    });
    let state = tokio::time::timeout(patience, complete)
        .await
        .map_err(|_| ImportFailure::Impatient)?;
    match state.ok().and_then(|state| state.closed.clone()).flatten() {
        Some(why) => Err(ImportFailure::Closed(why).into()),
        None => Ok(()),
    }
}
