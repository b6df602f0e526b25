//! Many subdomains: starting with them on the disk, opening one, and the memory of those that are open and idle.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use serde_json::json;

use super::cases::described;
use super::gateway::Gateway;
use super::{Measured, Options};
use crate::drive::Scratch;
use crate::failure::{Failure, Result};
use crate::http::{Connection, escaped, request};
use crate::load::subject;

/// So that none is closed while they are counted. All else is as it comes.
const KEPT: [(&str, &str); 2] = [
    ("MELDGATE_DOMAINS__OPEN_CLONES", "10000"),
    ("MELDGATE_DOMAINS__IDLE_TIMEOUT", "1h"),
];
/// Subjects in each.
const SUBJECTS: usize = 10;
/// Connections that they are made on.
const AT_ONCE: usize = 16;
/// Those that are opened before anything is counted.
const FIRST: usize = 64;
const SETTLE: Duration = Duration::from_secs(5);

/// Measures all of it.
pub(super) fn measure(options: &Options, scratch: &Scratch) -> Result<Vec<Measured>> {
    let folder = scratch.path("hosting");
    let domains = options.domains;
    if options.open + FIRST > domains {
        return Err(Failure::new(
            "more subdomains are to be opened than there are",
        ));
    }
    let start = || Gateway::start(&options.gateway, &folder, &KEPT);
    let empty = start()?;
    crate::runtime(0)?.block_on(fill(&empty, domains))?;
    let mut measured = started("none", &empty);
    empty.kill()?;
    let killed = start()?;
    measured.extend(started(&format!("{domains} after a kill"), &killed));
    drop(killed);
    let gateway = start()?;
    measured.extend(started(&format!("{domains}"), &gateway));
    let files = files(&folder, domains)?;
    measured.push(Measured::new("hosting: files of each", "bytes", files));
    let opened = crate::runtime(0)?.block_on(open(&gateway, options.open))?;
    measured.extend(opened);
    Ok(measured)
}

/// How long a start took, and what it cost.
fn started(what: &str, gateway: &Gateway) -> Vec<Measured> {
    let name = format!("hosting: start with {what}");
    let cpu = format!("{name}, processor time");
    vec![
        Measured::new(name, "s", gateway.started.as_secs_f64()),
        Measured::new(cpu, "s", gateway.starting.as_secs_f64()),
    ]
}

fn name(number: usize) -> String {
    format!("hosted{number}")
}

/// Makes so many subdomains.
async fn fill(gateway: &Gateway, domains: usize) -> Result<()> {
    let authorization = gateway.authorization();
    let body = json!((0..SUBJECTS).map(described).collect::<Vec<_>>()).to_string();
    let making = (0..AT_ONCE).map(async |first| {
        let mut connection = gateway.connect().await?;
        for number in (first..domains).step_by(AT_ONCE) {
            let path = Gateway::path(&name(number));
            connection.ask(("PUT", &path), &authorization, "{}").await?;
            let state = format!("{path}/state");
            connection
                .ask(("POST", &state), &authorization, &body)
                .await?;
        }
        Ok::<_, Failure>(())
    });
    try_join_all(making).await?;
    Ok(())
}

/// Opens subdomains by reading them, one after the other.
async fn open(gateway: &Gateway, count: usize) -> Result<Vec<Measured>> {
    let mut connection = gateway.connect().await?;
    let authorization = gateway.authorization();
    let query = escaped(&json!({"@describe": subject(1)}).to_string());
    let mut times = Vec::new();
    let mut again = Vec::new();
    let mut before = 0;
    for number in 0..FIRST + count {
        if number == FIRST {
            tokio::time::sleep(SETTLE).await;
            before = gateway.resident()?;
        }
        let path = format!("{}/state?q={query}", Gateway::path(&name(number)));
        let request = request("GET", &path, &authorization, "");
        let first = timed(&mut connection, &request).await?;
        let second = timed(&mut connection, &request).await?;
        if number >= FIRST {
            times.push(first);
            again.push(second);
        }
    }
    tokio::time::sleep(SETTLE).await;
    let grown = gateway.resident()?.saturating_sub(before);
    let mut measured = vec![Measured::new(
        "hosting: memory of an open one",
        "bytes",
        each(grown, count)?,
    )];
    for (what, mut times) in [("opening one", times), ("reading one that is open", again)] {
        times.sort_unstable();
        for (which, hundredths) in [("p50", 50), ("p99", 99)] {
            let at = times.len() * hundredths / 100;
            let time = times.get(at).copied().unwrap_or_default();
            let what = format!("hosting: {what}, {which}");
            measured.push(Measured::new(what, "µs", time.as_secs_f64() * 1e6));
        }
    }
    Ok(measured)
}

async fn timed(connection: &mut Connection, request: &[u8]) -> Result<Duration> {
    let began = Instant::now();
    let answer = connection.exchange(request).await?;
    let took = began.elapsed();
    if answer.status != 200 || answer.body.is_empty() {
        return Err(Failure::new(format!("a read: {}", answer.status)));
    }
    Ok(took)
}

fn each(bytes: u64, count: usize) -> Result<f64> {
    Ok(u32::try_from(bytes / u64::try_from(count.max(1))?)?.into())
}

/// Bytes of the store's files, for each subdomain.
fn files(folder: &Path, domains: usize) -> Result<f64> {
    let mut bytes = 0;
    let mut folders: Vec<PathBuf> = vec![folder.join("store")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let about = entry.metadata()?;
            if about.is_dir() {
                folders.push(entry.path());
            } else {
                bytes += about.len();
            }
        }
    }
    each(bytes, domains)
}
