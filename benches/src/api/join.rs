//! A fresh JavaScript clone joins from the gateway: how long that takes, and how much of it is the gateway's work.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::cases::described;
use super::gateway::Gateway;
use super::report::Report;
use super::{Measured, Options};
use crate::drive::Scratch;
use crate::failure::{Failure, Result};
use crate::load::subject;
use crate::process::Stopwatch;

/// Subjects that are written at once.
const TOGETHER: usize = 500;
/// How long a clone may take.
const PATIENCE: Duration = Duration::from_mins(10);

/// What a clone tells of its joining, in milliseconds.
#[derive(Debug, Deserialize)]
struct Joined {
    wall: f64,
    cpu: f64,
}

/// Measures joins of all sizes.
pub(super) fn measure(
    options: &Options,
    folder: &Path,
    scratch: &Scratch,
    report: &mut Report,
) -> Result<()> {
    let gateway = Gateway::start(&options.gateway, &scratch.path("gateway"), &[])?;
    for &subjects in &options.subjects {
        let name = format!("of{subjects}");
        let configuration = crate::runtime(0)?.block_on(fill(&gateway, &name, subjects))?;
        for round in 1..=options.rounds {
            let measured = join(&gateway, folder, &configuration, subjects)?;
            report.note(round, "meldgate", measured);
        }
    }
    Ok(())
}

async fn fill(gateway: &Gateway, name: &str, subjects: usize) -> Result<Value> {
    let configuration = gateway.configuration(name).await?;
    let mut connection = gateway.connect().await?;
    let authorization = gateway.authorization();
    let path = format!("{}/state", Gateway::path(name));
    for some in (0..subjects).collect::<Vec<_>>().chunks(TOGETHER) {
        let body = json!(some.iter().map(|it| described(*it)).collect::<Vec<_>>()).to_string();
        let ask = connection.ask(("POST", &path), &authorization, &body);
        ask.await?;
    }
    Ok(configuration)
}

fn join(
    gateway: &Gateway,
    folder: &Path,
    configuration: &Value,
    subjects: usize,
) -> Result<Vec<Measured>> {
    let mut clone = Joining::start(gateway, folder, configuration, subjects)?;
    let _ready: Value = clone.line()?;
    let watch = Stopwatch::start(gateway.pid())?;
    clone.begin()?;
    let joined: Joined = clone.line()?;
    let spent = watch.look()?;
    let name = format!("join of {subjects} subjects");
    let share = spent.server / (joined.wall / 1000.0);
    // What the machine's other users take is in neither
    let beside = spent.server / (joined.cpu / 1000.0);
    Ok(vec![
        Measured::new(name.clone(), "ms", joined.wall),
        Measured::new(
            format!("{name}: the clone's processor time"),
            "ms",
            joined.cpu,
        ),
        Measured::new(
            format!("{name}: the server's processor time"),
            "ms",
            spent.server * 1000.0,
        ),
        Measured::new(format!("server's share of {name}"), "of its time", share),
        Measured::new(
            format!("server's share of {name}"),
            "of the clone's processor time",
            beside,
        ),
    ])
}

/// A clone that joins. It ends with its value.
struct Joining {
    process: Child,
    lines: mpsc::Receiver<String>,
}

impl Joining {
    fn start(
        gateway: &Gateway,
        folder: &Path,
        configuration: &Value,
        subjects: usize,
    ) -> Result<Self> {
        let mut process = Command::new("node")
            .arg(folder.join("join.mjs"))
            .arg(configuration.to_string())
            .args([subject(0), subject(subjects - 1)])
            .env("NODE_EXTRA_CA_CERTS", gateway.ca())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let lines = process.stdout.take().map(lines);
        let lines = lines.ok_or_else(|| Failure::new("no standard output"))?;
        Ok(Self { process, lines })
    }

    fn begin(&mut self) -> Result<()> {
        let input = self.process.stdin.as_mut();
        let input = input.ok_or_else(|| Failure::new("no standard input"))?;
        Ok(input.write_all(b"\n")?)
    }

    /// What it says next.
    fn line<T: for<'de> Deserialize<'de>>(&mut self) -> Result<T> {
        let line = self.lines.recv_timeout(PATIENCE);
        let line = line.map_err(|_| Failure::new("the clone did not join"))?;
        Ok(serde_json::from_str(&line)?)
    }
}

fn lines(output: ChildStdout) -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        let read = BufReader::new(output)
            .lines()
            .map_while(std::result::Result::ok);
        for line in read {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

impl Drop for Joining {
    fn drop(&mut self) {
        // One that has ended already cannot be killed
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
