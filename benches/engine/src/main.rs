//! Measures the native engine beside the JavaScript one: same machine, same run, same data.
//!
//! `run` makes a plan, has each engine do it in a process of its own, one after the other, and reports in JSON
//! lines: what each case took, then the ratios. `docs/performance.md` says what is measured and how.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what this says is its result"
)]

mod data;
mod measure;
mod native;
mod relay;
mod report;
mod sizes;

use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use serde_json::Value as Json;

/// The result of any step of a measurement.
type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["run", js] => run(Path::new(js)),
        ["native", plan] => read(plan).and_then(|plan| native::run(&plan)),
        _ => Err("usage: meldgate-engine-bench run FOLDER-OF-THE-JS-ENGINE".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn read(path: &str) -> Result<Json> {
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}

/// Runs both engines, and compares.
fn run(js: &Path) -> Result<()> {
    let path = std::env::temp_dir().join(format!("engine-bench-{}.json", std::process::id()));
    fs::write(&path, data::plan().to_string())?;
    let compared = both(js, &path);
    fs::remove_file(&path)?;
    report::compare(&compared?);
    Ok(())
}

fn both(js: &Path, plan: &PathBuf) -> Result<Vec<Json>> {
    let mut native = Command::new(std::env::current_exe()?);
    native.arg("native").arg(plan);
    let mut node = Command::new("node");
    node.arg("--expose-gc").arg(js.join("engine.mjs")).arg(plan);
    let mut lines = follow(native)?;
    lines.extend(follow(node)?);
    Ok(lines)
}

/// Runs a process to its end, passes on what it says, and keeps it.
fn follow(mut command: Command) -> Result<Vec<Json>> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let output = child.stdout.take().ok_or("no standard output")?;
    let mut lines = Vec::new();
    for line in BufReader::new(output).lines() {
        let line = line?;
        println!("{line}");
        lines.push(serde_json::from_str(&line)?);
    }
    let ended = child.wait()?;
    if !ended.success() {
        return Err(format!("{} ended: {ended}", command.get_program().display()).into());
    }
    Ok(lines)
}
