//! Builds every room in order, runs them, and stops them in reverse. The only place that knows all rooms.

mod base;
mod claim;
mod error;
mod manager;
mod reloading;
mod serving;
mod signals;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;

pub use self::claim::Claimed;
pub use self::error::AppError;

use self::base::Base;
use self::manager::{tell_manager, watchdog};
use self::reloading::Again;
use self::serving::Serving;
use self::signals::Signals;
use crate::clock::{Chance, Clock};
use crate::config::{Config, Loaded};
use crate::listener::bind::Passed;
use crate::listener::reload::ReadError;
use crate::listener::{self, certificates, development};
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
    /// Sockets that the service manager opened for the gateway.
    pub passed: Passed,
    /// Logging, to be told of a new level.
    pub telemetry: Telemetry,
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub chance: Chance,
}

/// Reads the configuration again.
pub type Reread = Box<dyn FnMut() -> Result<Loaded, ReadError> + Send>;

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

/// How long a start waits for the gateway's own domain. The first after an upgrade has to write it.
const OWN_PATIENCE: Duration = Duration::from_secs(10);

/// Runs a gateway until SIGTERM or SIGINT, then lets requests under way finish.
///
/// # Errors
/// If it could not start: see [`AppError`].
pub async fn run(config: Config, options: Options) -> Result<(), AppError> {
    let Options {
        ready: on_ready,
        reread,
        files,
        host,
        passed,
        telemetry,
        clock,
        chance,
    } = options;
    let stop = watch::Sender::new(false);
    let mut signals = Signals::listen()?;
    development::renew_all(&config.tls.certificates, clock.now(), &chance);
    let certificates = certificates::load(&config.tls, clock.now())?;
    let bound = listener::bind(&config.listen, passed)?;
    let ready = ready(&config, host.as_deref(), &bound);
    let base = Base::open(&config, &ready.origin, &clock, &chance).await?;
    let again = Again {
        files,
        reread,
        telemetry,
    };
    let serving = Serving::start(
        &config,
        (certificates, bound, again),
        &ready,
        &base,
        (&clock, &chance),
        &stop,
    )?;
    if tokio::time::timeout(OWN_PATIENCE, base.domains.own_lives())
        .await
        .is_err()
    {
        log::warn!(target: "meldgate", "the gateway's own domain takes its time: it serves, and is ready once that is there");
    }
    base.ready.store(true, Ordering::SeqCst);
    on_ready(ready);
    tell_manager(&[sd_notify::NotifyState::Ready]);
    let watchdog = watchdog(base.store.clone());

    let signal = signals.wait().await;
    log::info!(target: "meldgate", signal; "stopping: requests under way may finish");
    tell_manager(&[sd_notify::NotifyState::Stopping]);
    base.ready.store(false, Ordering::SeqCst);
    // No clone can join a room any more, so that who waited for one would wait for the end.
    base.domains.open_no_more();
    serving
        .stop(&stop, config.http.drain_timeout, &mut signals)
        .await;
    if let Some(watchdog) = watchdog {
        watchdog.abort();
    }
    base.close().await
}

fn ready(config: &Config, host: Option<&str>, bound: &listener::Sockets) -> Ready {
    let https: Vec<_> = bound
        .https
        .iter()
        .filter_map(|socket| socket.local_addr().ok())
        .collect();
    let origin = config.gateway.origin.clone().unwrap_or_else(|| {
        let host = host.unwrap_or(config.gateway.domain.as_str());
        match https.first().map_or(443, SocketAddr::port) {
            443 => format!("https://{host}"),
            port => format!("https://{host}:{port}"),
        }
    });
    Ready { origin, https }
}
