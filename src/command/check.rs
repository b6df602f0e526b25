//! `meldgate check`: whether the gateway would start.

use std::error::Error;
use std::io::Write;
use std::path::PathBuf;

use super::NO_FILE;
use super::failure::{Failure, chain};
use super::surroundings::Surroundings;
use crate::clock::Clock;
use crate::config::guard::{self, Kind};
use crate::config::{Config, Loaded, Purpose};
use crate::listener::certificates;
use crate::notify::Webhooks;
use crate::store::MasterKey;

/// Loads everything and starts nothing.
pub(super) fn run(
    file: Option<PathBuf>,
    surroundings: &Surroundings,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), Failure> {
    if file.is_none() {
        writeln!(err, "note: {NO_FILE}")?;
    }
    let Loaded { config, notes, .. } = Config::load(&Purpose::Serve, &surroundings.sources(file))?;
    for note in notes {
        writeln!(err, "note: {note}")?;
    }
    let mut faults = Faults { err, count: 0 };
    faults.note(MasterKey::read(&config.gateway.master_key_file))?;
    faults.certificates(&config)?;
    faults.files(&config)?;
    match faults.count {
        0 => Ok(writeln!(out, "ok: {}", config.gateway.domain)?),
        count => Err(Failure::Faults(count)),
    }
}

struct Faults<'a> {
    err: &'a mut dyn Write,
    count: usize,
}

impl Faults<'_> {
    fn note<T, E: Error>(&mut self, result: Result<T, E>) -> Result<Option<T>, Failure> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) => {
                self.count += 1;
                writeln!(self.err, "error: {}", chain(&error))?;
                Ok(None)
            }
        }
    }

    fn certificates(&mut self, config: &Config) -> Result<(), Failure> {
        let now = Clock::system().now();
        let loaded = self.note(certificates::load(&config.tls, now))?;
        for warning in loaded.iter().flat_map(|all| all.warnings(now)) {
            writeln!(self.err, "note: {warning}")?;
        }
        Ok(())
    }

    fn files(&mut self, config: &Config) -> Result<(), Failure> {
        let smtp = config.smtp.as_ref();
        if let Some(ca_file) = smtp.and_then(|smtp| smtp.ca_file.as_deref()) {
            self.note(guard::read(ca_file, Kind::Configuration))?;
        }
        if let Some(ca_file) = config.webhooks.ca_file.as_deref() {
            self.note(guard::read(ca_file, Kind::Configuration))?;
            self.note(Webhooks::new(&config.webhooks, &Clock::system()))?;
        }
        let state = &config.gateway.state_dir;
        if state.exists() && !state.is_dir() {
            self.count += 1;
            writeln!(self.err, "error: {} is no folder", state.display())?;
        }
        Ok(())
    }
}
