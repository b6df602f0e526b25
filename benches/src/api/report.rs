//! Results: a JSON line for each round, then the medians with their ratios and goals; a table for people on standard
//! error.

use serde_json::json;

use super::Measured;
use crate::failure::Result;

/// All that was measured so far.
#[derive(Debug, Default)]
pub(super) struct Report(Vec<(&'static str, Measured)>);

/// What this project wants to reach, on two processors that the load generator shares.
enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

/// By how the name of a value begins, and its unit.
const GOALS: [(&str, &str, Goal); 5] = [
    ("reads", "a second", Goal::AtLeast(20_000.0)),
    ("writes", "a second", Goal::AtLeast(5_000.0)),
    ("server's share of join", "of its time", Goal::AtMost(0.1)),
    (
        "hosting: memory of an open one",
        "bytes",
        Goal::AtMost(200_000.0),
    ),
    ("hosting: start with 2000", "s", Goal::AtMost(2.0)),
];

impl Goal {
    fn is_met(&self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= *least,
            Self::AtMost(most) => value <= *most,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::AtLeast(least) => format!("at least {least}"),
            Self::AtMost(most) => format!("at most {most}"),
        }
    }
}

impl Report {
    /// Takes what was measured, and prints it.
    pub(super) fn note(&mut self, round: u32, server: &'static str, measured: Vec<Measured>) {
        for Measured { what, unit, value } in &measured {
            println!(
                "{}",
                json!({"round": round, "case": what, "server": server, "unit": unit, "value": value})
            );
        }
        self.0.extend(measured.into_iter().map(|one| (server, one)));
    }

    /// Prints medians, ratios and goals.
    #[expect(clippy::print_stderr, reason = "the table is for whoever runs this")]
    pub(super) fn tell(&self) -> Result<()> {
        let mut cases: Vec<(&str, &'static str)> = Vec::new();
        for (_, Measured { what, unit, .. }) in &self.0 {
            if !cases.contains(&(what, unit)) {
                cases.push((what, unit));
            }
        }
        eprintln!("| case | unit | meldgate | node | ratio | goal |");
        eprintln!("|---|---|---|---|---|---|");
        for (what, unit) in cases {
            let of = |server| self.median((what, unit), server);
            let (ours, theirs) = (of("meldgate"), of("node"));
            let ratio = ours.zip(theirs).map(|(ours, theirs)| ours / theirs);
            let goal = GOALS
                .iter()
                .find(|(begins, of, _)| what.starts_with(begins) && *of == unit);
            let goal = goal
                .zip(ours)
                .map(|((_, _, goal), ours)| json!({"goal": goal.text(), "met": goal.is_met(ours)}));
            eprintln!(
                "| {what} | {unit} | {} | {} | {} | {} |",
                cell(ours),
                cell(theirs),
                cell(ratio),
                goal.as_ref()
                    .map_or_else(|| "–".into(), ToString::to_string),
            );
            let line = json!({
                "summary": what, "unit": unit, "meldgate": ours, "node": theirs, "ratio": ratio, "goal": goal
            });
            println!("{}", serde_json::to_string(&line)?);
        }
        Ok(())
    }

    fn median(&self, (what, unit): (&str, &str), server: &str) -> Option<f64> {
        let of_both =
            |(of, one): &&(&str, Measured)| *of == server && one.what == what && one.unit == unit;
        let found = self.0.iter().filter(of_both);
        let mut values: Vec<f64> = found.map(|(_, one)| one.value).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    }
}

fn cell(value: Option<f64>) -> String {
    match value {
        None => "–".into(),
        Some(value) if value.abs() < 100.0 => format!("{value:.3}"),
        Some(value) => format!("{value:.0}"),
    }
}
