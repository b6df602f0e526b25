//! The `meldgate` command: one file for each verb.
//!
//! Answers go to stdout, all else to stderr. Exit codes: see [`code`].

mod check;
mod clone;
mod dev;
mod domain;
mod failure;
mod folder;
mod init;
mod keys;
mod renew;
mod serve;
mod surroundings;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Parser;

pub use failure::code;
pub use surroundings::Surroundings;

use failure::Failure;

/// Where `meldgate` looks for its configuration.
const CONFIG_FILE: &str = "/etc/meldgate/meldgate.toml";

/// A TLS gateway for live-shared m-ld domains.
#[derive(Debug, Parser)]
#[command(name = "meldgate", version, disable_help_subcommand = true, after_help = code::HELP)]
enum Verb {
    /// Runs the gateway in production
    Serve(ConfigArgument),
    /// Runs a whole gateway for development, with keys and certificates of its own
    Dev(dev::Arguments),
    /// Makes the keys and folders that a gateway needs; never overwrites
    Init(init::Arguments),
    /// Says whether the gateway would start, without starting it
    Check(ConfigArgument),
    /// Runs one clone of a domain, driven by lines of JSON on stdin
    Clone(clone::Arguments),
    /// Does something to a subdomain while the gateway is stopped
    #[command(subcommand)]
    Domain(domain::Arguments),
    /// Renews certificates of the gateway's own authority that end soon
    Renew(renew::Arguments),
}

#[derive(clap::Args, Debug)]
struct ConfigArgument {
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = CONFIG_FILE)]
    config: PathBuf,
}

/// What is said when there is no configuration file and none was named.
const NO_FILE: &str = "there is no /etc/meldgate/meldgate.toml: only the environment is read";

impl ConfigArgument {
    /// The file, unless it is the usual one and not there: then the environment may say everything.
    fn file(self) -> io::Result<Option<PathBuf>> {
        let file = std::path::absolute(self.config)?;
        let absent = file == Path::new(CONFIG_FILE) && !file.exists();
        Ok((!absent).then_some(file))
    }
}

/// Runs the command and returns its exit code; what it says of itself goes to `out` and `err`.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    surroundings: &Surroundings,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> u8 {
    let result = match Verb::try_parse_from(arguments) {
        Ok(verb) => act(verb, surroundings, out, err),
        Err(error) => Err(Failure::Usage(error)),
    };
    match result {
        Ok(()) => code::SUCCESS,
        Err(failure) => failure.tell(out, err),
    }
}

fn act(
    verb: Verb,
    surroundings: &Surroundings,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), Failure> {
    match verb {
        Verb::Serve(argument) => serve::run(argument.file()?, surroundings),
        Verb::Dev(arguments) => dev::run(&arguments, surroundings),
        Verb::Init(arguments) => init::run(&arguments, surroundings, out, err),
        Verb::Check(argument) => check::run(argument.file()?, surroundings, out, err),
        Verb::Clone(arguments) => clone::run(arguments, surroundings),
        Verb::Domain(arguments) => domain::run(arguments, surroundings),
        Verb::Renew(arguments) => renew::run(arguments, surroundings, err),
    }
}
