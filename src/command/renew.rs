//! `meldgate renew`: renews certificates that the gateway's own authority made.
//!
//! The gateway does so by itself where it can read the authority's key. As installed it cannot: the key is root's
//! alone, so that whoever takes over the gateway can vouch for nobody else, and systemd runs this as root.

use std::io::Write;
use std::path::PathBuf;

use super::failure::Failure;
use super::surroundings::Surroundings;
use super::{CONFIG_FILE, ConfigArgument};
use crate::clock::{Chance, Clock};
use crate::config::Config;
use crate::listener::development::{self, Due};

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = CONFIG_FILE)]
    config: PathBuf,
    /// Renew them whenever they end
    #[arg(long)]
    now: bool,
}

/// Renews what is due, and says what that was.
pub(super) fn run(
    arguments: Arguments,
    surroundings: &Surroundings,
    err: &mut dyn Write,
) -> Result<(), Failure> {
    let Arguments { config, now } = arguments;
    let file = ConfigArgument { config }.file()?;
    let places = Config::places(&surroundings.sources(file))?;
    let due = if now { Due::Now } else { Due::InTime };
    let (time, chance) = (Clock::system().now(), Chance::system());
    for files in &places.certificates {
        if development::renew(files, due, time, &chance)? {
            writeln!(err, "renewed {}", files.certificate.display())?;
        }
    }
    Ok(())
}
