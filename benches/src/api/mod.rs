//! Measures what the gateway's own clones cost: the Clone API beside a Node server of the same interface on the
//! JavaScript engine, joining, and many subdomains.

mod cases;
mod gateway;
mod hosting;
mod join;
mod node;
mod report;

use std::path::PathBuf;

use self::cases::Case;
use self::gateway::Gateway;
use self::node::Node;
use self::report::Report;
use crate::drive::{Scratch, load};
use crate::failure::Result;
use crate::load::Target;
use crate::tls::Files;

/// What to measure, and with what.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The gateway's release binary
    #[arg(long)]
    gateway: PathBuf,
    /// The folder of the Node programs, their packages installed; without it there is nothing to compare with, and
    /// nobody joins
    #[arg(long)]
    node_api: Option<PathBuf>,
    /// How often everything is measured; medians are reported
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Connections that requests come on
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Subdomains that are there when the gateway starts
    #[arg(long, default_value_t = 2000)]
    domains: usize,
    /// Subdomains that are opened, of those
    #[arg(long, default_value_t = 1000)]
    open: usize,
    /// Subjects in subdomains that are joined
    #[arg(long, value_delimiter = ',', default_value = "1000,10000,50000")]
    subjects: Vec<usize>,
    /// Only cases whose name has this in it
    #[arg(long)]
    only: Option<String>,
}

impl Options {
    fn wants(&self, name: &str) -> bool {
        let only = self.only.as_ref();
        only.is_none_or(|only| name.contains(only.as_str()))
    }
}

/// One value of a measurement.
#[derive(Clone, Debug)]
struct Measured {
    what: String,
    unit: &'static str,
    value: f64,
}

impl Measured {
    fn new(what: impl Into<String>, unit: &'static str, value: f64) -> Self {
        Self {
            what: what.into(),
            unit,
            value,
        }
    }
}

/// Measures everything.
pub(crate) fn run(options: &Options) -> Result<()> {
    let scratch = Scratch::new()?;
    let mut report = Report::default();
    let cases = cases::all(options.seconds, options.connections);
    let cases: Vec<Case> = cases
        .into_iter()
        .filter(|case| options.wants(case.name))
        .collect();
    if !cases.is_empty() {
        requests(options, (&cases, &scratch), &mut report)?;
    }
    let joins = options.node_api.as_ref().filter(|_| options.wants("join"));
    if let Some(folder) = joins {
        join::measure(options, folder, &scratch, &mut report)?;
    }
    if options.wants("hosting") {
        for round in 1..=options.rounds {
            report.note(round, "meldgate", hosting::measure(options, &scratch)?);
        }
    }
    report.tell()
}

/// Requests of all servers, interleaved.
fn requests(
    options: &Options,
    (cases, scratch): (&[Case], &Scratch),
    report: &mut Report,
) -> Result<()> {
    let gateway = Gateway::start(&options.gateway, &scratch.path("gateway"), &[])?;
    let mut servers: Vec<(&'static str, Target)> = vec![("meldgate", gateway.target()?)];
    let files = Files::beside(gateway.ca())?;
    let node = options.node_api.as_ref();
    let node = node.map(|folder| Node::start(folder, &files, scratch));
    let node = node.transpose()?;
    servers.extend(node.iter().map(|node| ("node", node.target.clone())));
    for (_, target) in &servers {
        crate::runtime(0)?.block_on(cases::fill(target))?;
    }
    for round in 1..=options.rounds {
        for case in cases {
            for (name, target) in &servers {
                let outcome = load(target, case.work, case.takes);
                let outcome = outcome.map_err(|failure| {
                    let what = format!("{} of {name}", case.name);
                    failure.during(&what)
                })?;
                report.note(round, name, case.measured(&outcome));
            }
        }
    }
    Ok(())
}
