//! What a new configuration is put into force with.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::watch;

use super::base::Base;
use super::signals::no_signals;
use super::{AppError, Reread};
use crate::clock::{Chance, Clock};
use crate::config::{Config, Loaded};
use crate::listener::reload;
use crate::listener::{Certificates, Reloader, Tls};
use crate::telemetry::Telemetry;

/// What is needed to read the configuration again.
pub(super) struct Again {
    pub(super) files: Vec<PathBuf>,
    pub(super) reread: Reread,
    pub(super) telemetry: Telemetry,
}

pub(super) fn reloading(
    config: &Config,
    (tls, certificates): (Arc<Tls>, Certificates),
    again: Again,
    base: &Base,
    (clock, chance): (&Clock, &Chance),
    stop: watch::Receiver<bool>,
) -> Result<impl Future<Output = ()> + Send + use<>, AppError> {
    let (limits, lockouts) = (Arc::clone(&base.limits), Arc::clone(&base.lockouts));
    let started = Arc::new(config.clone());
    let Again {
        files,
        mut reread,
        telemetry,
    } = again;
    let read = move || {
        let Loaded { config, files, .. } = reread()?;
        let (limits, lockouts) = (Arc::clone(&limits), Arc::clone(&lockouts));
        let (telemetry, tls) = (telemetry.clone(), config.tls.clone());
        let started = Arc::clone(&started);
        let apply = Box::new(move || {
            limits.reload(&config.limits);
            lockouts.reload(&config.lockout);
            telemetry.reload(&config.log);
            tell_what_waits(&started.needs_restart(&config));
        });
        Ok(reload::Reread { tls, files, apply })
    };
    let reloader = Reloader::new(
        tls,
        certificates,
        config.tls.clone(),
        files,
        (clock.clone(), chance.clone()),
        read,
    );
    let reloading = reloader.run(stop).map_err(no_signals)?;
    Ok(async move {
        if let Err(error) = reloading.await {
            log::error!(target: "meldgate", error:err = error; "changes of files and SIGHUP are not seen any more");
        }
    })
}

/// Tells the operator what of a new configuration is not in force.
fn tell_what_waits(settings: &[&str]) {
    if !settings.is_empty() {
        let settings = settings.join(", ");
        log::warn!(target: "meldgate", settings = settings.as_str(); "changed settings wait for a restart");
    }
}
