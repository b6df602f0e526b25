//! Starts the servers, lets the load generator at them in turn, and reports.
//!
//! Rounds are interleaved: in each, every server does the same work before the next work begins, so that a
//! machine that is busier for a while is so for all of them.

mod cases;
pub(crate) mod gateway;
mod report;
pub(crate) mod servers;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use cases::Case;
use report::Report;
pub(crate) use servers::Scratch;
use servers::Server;

use crate::failure::{Failure, Result};
use crate::load::{Outcome, Plan, Target, Work};

/// What any load may take beyond the time it is told to measure.
const GRACE: Duration = Duration::from_mins(1);

/// What to measure, and with what.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The gateway's release binary; without it the others are measured alone
    #[arg(long)]
    gateway: Option<PathBuf>,
    /// The folder of the Node relay, its packages installed; without it the others are measured alone
    #[arg(long)]
    node_relay: Option<PathBuf>,
    /// nginx, for handshakes
    #[arg(long)]
    nginx: Option<PathBuf>,
    /// How often everything is measured; medians are reported
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Idle connections whose memory is measured
    #[arg(long, default_value_t = 2000)]
    connections: usize,
    /// Only cases whose name has this in it
    #[arg(long)]
    only: Option<String>,
}

/// Measures everything.
pub(crate) fn run(options: &Options) -> Result<()> {
    let scratch = Scratch::new()?;
    let cases: Vec<Case> = cases::all(options.seconds, options.connections)
        .into_iter()
        .filter(|case| {
            options
                .only
                .as_ref()
                .is_none_or(|only| case.name.contains(only.as_str()))
        })
        .collect();
    let mut report = Report::default();
    let (first, files) = servers::first(options, &scratch)?;
    let mut servers = vec![first];
    servers.extend(servers::others(
        options,
        &scratch,
        &files,
        cases.iter().any(|case| case.handshakes),
    )?);
    for round in 1..=options.rounds {
        for case in &cases {
            for server in servers.iter().filter(|server| server.takes_part(case)) {
                report.note(
                    round,
                    case,
                    server.name,
                    measure(options, &scratch, server, case)?,
                );
            }
        }
    }
    report.tell()
}

/// Lets the load generator at one server, a new one if the case wants that.
fn measure(options: &Options, scratch: &Scratch, server: &Server, case: &Case) -> Result<Outcome> {
    let what = format!("{} of {}", case.name, server.name);
    if case.afresh {
        let fresh = server.again(options, scratch)?;
        return load(&fresh.target, case.work, case.takes).map_err(|failure| failure.during(&what));
    }
    load(&server.target, case.work, case.takes).map_err(|failure| failure.during(&what))
}

/// Lets the load generator at a server; `takes` is about how long that takes, at most.
pub(crate) fn load(target: &Target, work: Work, takes: Duration) -> Result<Outcome> {
    let plan = serde_json::to_string(&Plan {
        target: target.clone(),
        work,
    })?;
    let mut child = Command::new(std::env::current_exe()?)
        .args(["load", &plan])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let end = Instant::now() + GRACE + takes;
    while child.try_wait()?.is_none() {
        if Instant::now() > end {
            child.kill()?;
            child.wait()?;
            return Err(Failure::new("the load generator did not end"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = child.wait_with_output()?;
    if output.status.success() {
        Ok(serde_json::from_slice(&output.stdout)?)
    } else {
        Err(Failure::new("the load generator failed"))
    }
}
