//! Results: a JSON line for each, then the medians with their ratios; a table for people on standard error.

use serde_json::json;

use super::cases::{Case, Measure};
use crate::failure::Result;
use crate::load::Outcome;

/// All that was measured so far.
#[derive(Debug, Default)]
pub(super) struct Report(Vec<Record>);

#[derive(Debug)]
struct Record {
    case: String,
    measure: Measure,
    server: &'static str,
    value: f64,
}

/// A goal: how the gateway compares with another server.
struct Goal {
    case: &'static str,
    other: &'static str,
    at_least: f64,
}

/// What this project wants to reach, as how many times better than another server the gateway is.
const GOALS: [Goal; 6] = [
    Goal {
        case: "throughput pairs",
        other: "node",
        at_least: 5.0,
    },
    Goal {
        case: "throughput fan-out",
        other: "node",
        at_least: 3.5,
    },
    Goal {
        case: "throughput",
        other: "bare",
        at_least: 1.0 / 1.3,
    },
    Goal {
        case: "latency",
        other: "node",
        at_least: 3.0,
    },
    Goal {
        case: "handshakes full",
        other: "nginx",
        at_least: 1.4,
    },
    Goal {
        case: "memory",
        other: "30 kB",
        at_least: 1.0,
    },
];
const MOST_BYTES_EACH: f64 = 30_000.0;

impl Report {
    /// Takes a result and prints it.
    pub(super) fn note(&mut self, round: u32, case: &Case, server: &'static str, outcome: Outcome) {
        println!(
            "{}",
            json!({ "round": round, "case": case.name, "server": server, "outcome": outcome })
        );
        if let Some(value) = value(case.measure, &outcome) {
            self.0.push(Record {
                case: case.name.clone(),
                measure: case.measure,
                server,
                value,
            });
        }
    }

    /// Prints medians and ratios.
    #[expect(clippy::print_stderr, reason = "the table is for whoever runs this")]
    pub(super) fn tell(&self) -> Result<()> {
        let mut cases: Vec<(&str, Measure)> = Vec::new();
        for record in &self.0 {
            if !cases.iter().any(|(name, _)| *name == record.case) {
                cases.push((&record.case, record.measure));
            }
        }
        eprintln!(
            "| case | unit | meldgate | node | bare | nginx | better than node | than bare | than nginx |"
        );
        eprintln!("|---|---|---|---|---|---|---|---|---|");
        for (case, measure) in cases {
            let of = |server| self.median(case, server);
            let better = |server| match (of("meldgate"), of(server)) {
                (Some(ours), Some(theirs)) => Some(measure.better(ours, theirs)),
                (..) => None,
            };
            eprintln!(
                "| {case} | {} | {} | {} | {} | {} | {} | {} | {} |",
                measure.unit(),
                cell(of("meldgate"), 0),
                cell(of("node"), 0),
                cell(of("bare"), 0),
                cell(of("nginx"), 0),
                cell(better("node"), 2),
                cell(better("bare"), 2),
                cell(better("nginx"), 2),
            );
            println!("{}", self.summary(case, measure)?);
        }
        Ok(())
    }

    fn summary(&self, case: &str, measure: Measure) -> Result<String> {
        let mut line = json!({ "summary": case, "unit": measure.unit() });
        let mut goals = Vec::new();
        for server in ["meldgate", "node", "bare", "nginx"] {
            line[server] = json!(self.median(case, server));
        }
        if let Some(ours) = self.median(case, "meldgate") {
            for other in ["node", "bare", "nginx", "30 kB"] {
                let theirs = if other == "30 kB" {
                    Some(MOST_BYTES_EACH)
                } else {
                    self.median(case, other)
                };
                let Some(theirs) = theirs else { continue };
                let ratio = measure.better(ours, theirs);
                if other != "30 kB" {
                    line[format!("better_than_{other}")] = json!(ratio);
                }
                goals.extend(GOALS.iter().filter(|goal| goal.other == other && case.starts_with(goal.case)).map(
                    |goal| json!({ "against": other, "at_least": goal.at_least, "reached": ratio, "met": ratio >= goal.at_least }),
                ));
            }
        }
        line["goals"] = json!(goals);
        Ok(serde_json::to_string(&line)?)
    }

    fn median(&self, case: &str, server: &str) -> Option<f64> {
        let of_both = |record: &&Record| record.case == case && record.server == server;
        let mut values: Vec<f64> = self
            .0
            .iter()
            .filter(of_both)
            .map(|record| record.value)
            .collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    }
}

impl Measure {
    fn unit(self) -> &'static str {
        match self {
            Self::PerCpuSecond => "per server CPU second",
            Self::P99 => "µs, p99",
            Self::BytesEach => "bytes each",
        }
    }

    /// How many times better the first value is.
    fn better(self, ours: f64, theirs: f64) -> f64 {
        match self {
            Self::PerCpuSecond => ours / theirs,
            Self::P99 | Self::BytesEach => theirs / ours,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn value(measure: Measure, outcome: &Outcome) -> Option<f64> {
    match measure {
        Measure::PerCpuSecond => Some(outcome.count as f64 / outcome.server_cpu),
        Measure::P99 => outcome.latency.map(|latency| f64::from(latency.p99)),
        Measure::BytesEach => outcome.bytes_each,
    }
}

fn cell(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "–".into(), |value| format!("{value:.digits$}"))
}
