//! Measures the daemon beside a Node relay, a bare relay and nginx: same machine, same run, same load.
//!
//! One program with several roles, each a process of its own: `run` and `api` start servers and load and report,
//! `load` is the load generator, `bare` the bare relay. `docs/performance.md` says what is measured and how.
#![expect(
    clippy::print_stdout,
    reason = "what these processes say on standard output is their result"
)]

mod api;
mod bare;
mod drive;
mod failure;
mod http;
mod load;
mod message;
mod process;
mod tls;

use clap::{Parser, Subcommand};

use failure::Result;

#[derive(Debug, Parser)]
#[command(
    name = "meldgate-bench",
    about = "Measures the whole daemon beside other servers"
)]
struct Arguments {
    #[command(subcommand)]
    role: Role,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// Starts servers and load, and reports in JSON lines
    Run(drive::Options),
    /// The same of the gateway's own clones: the Clone API, joining, many subdomains
    Api(api::Options),
    /// Loads one server; what is to be done comes as JSON
    Load {
        /// The plan, as JSON
        plan: String,
    },
    /// Relays frames between the members of a room, and does nothing else
    Bare(bare::Options),
}

fn main() -> std::process::ExitCode {
    let done = match Arguments::parse().role {
        Role::Run(options) => drive::run(&options),
        Role::Api(options) => api::run(&options),
        Role::Load { plan } => load::run(&plan),
        Role::Bare(options) => bare::run(&options),
    };
    match done {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(failure) => {
            failure.tell();
            std::process::ExitCode::FAILURE
        }
    }
}

/// A runtime with as many workers as asked for; 0: the current thread.
fn runtime(workers: usize) -> Result<tokio::runtime::Runtime> {
    let mut builder = match workers {
        0 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    if workers > 0 {
        builder.worker_threads(workers);
    }
    Ok(builder.enable_all().build()?)
}
