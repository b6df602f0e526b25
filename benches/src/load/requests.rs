//! Requests of the Clone API: small reads and small writes on connections that are kept alive, each with its credential.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::relay::{fraction, percentiles};
use super::{Asking, Outcome, Pace, Requests, Speaks, Target};
use crate::failure::{Failure, Result};
use crate::http::{Connection, escaped, request};
use crate::process::Stopwatch;
use crate::tls;

/// What all connections count together.
#[derive(Debug, Default)]
struct Tally {
    answered: AtomicU64,
    measuring: AtomicBool,
    latencies: std::sync::Mutex<Vec<u32>>,
}

/// One connection's requests.
#[derive(Debug)]
struct Asker {
    connection: Connection,
    work: Requests,
    path: String,
    authorization: String,
    /// Its place among the connections, and how many requests it has made.
    number: usize,
    made: usize,
}

/// Measures answers.
pub(super) async fn measure(target: &Target, work: Requests) -> Result<Outcome> {
    let tally = Arc::new(Tally::default());
    let mut tasks = JoinSet::new();
    for number in 0..work.connections {
        let asker = Asker::connect(target, work, number).await?;
        tasks.spawn(asker.run(Arc::clone(&tally)));
    }
    tokio::select! {
        outcome = window(target, work, &tally) => outcome,
        Some(ended) = tasks.join_next() => Err(ended?.err().unwrap_or_else(|| Failure::new("a client ended"))),
    }
}

async fn window(target: &Target, work: Requests, tally: &Tally) -> Result<Outcome> {
    tokio::time::sleep(Duration::from_secs(work.warm_up)).await;
    let watch = Stopwatch::start(target.pid)?;
    let before = tally.answered.load(Ordering::Relaxed);
    tally.measuring.store(true, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(work.seconds)).await;
    let (spent, answered) = (watch.look()?, tally.answered.load(Ordering::Relaxed));
    let mut latencies = std::mem::take(
        &mut *tally
            .latencies
            .lock()
            .map_err(|_| Failure::new("a client panicked"))?,
    );
    latencies.sort_unstable();
    let mut outcome = Outcome::new(answered - before, spent);
    outcome.latency = percentiles(&latencies);
    Ok(outcome)
}

impl Asker {
    async fn connect(target: &Target, work: Requests, number: usize) -> Result<Self> {
        let Speaks::CloneApi {
            authorization,
            domains,
        } = &target.speaks
        else {
            return Err(Failure::new("the server has no Clone API"));
        };
        let config = tls::client(&target.ca, tls::Groups::X25519, false)?;
        Ok(Self {
            connection: Connection::open(target.port, &config).await?,
            work,
            path: format!("{domains}{}", number % work.domains),
            authorization: authorization.clone(),
            number,
            made: 0,
        })
    }

    /// Asks until the server hangs up, or answers with anything but what was asked for.
    async fn run(mut self, tally: Arc<Tally>) -> Result<()> {
        let mut interval = match self.work.pace {
            Pace::Window(_) => None,
            Pace::Rate(rate) => {
                let period = Duration::from_secs_f64(1.0 / rate);
                let phase = period.mul_f64(fraction(self.number, self.work.connections));
                let first = tokio::time::Instant::now() + phase;
                let mut interval = tokio::time::interval_at(first, period);
                interval.set_missed_tick_behavior(MissedTickBehavior::Burst);
                Some(interval)
            }
        };
        loop {
            let began = match &mut interval {
                // What is late was due before: its wait counts
                Some(interval) => interval.tick().await.into_std(),
                None => Instant::now(),
            };
            self.ask().await?;
            tally.answered.fetch_add(1, Ordering::Relaxed);
            if tally.measuring.load(Ordering::Relaxed) {
                let took = u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX);
                let mut latencies = tally
                    .latencies
                    .lock()
                    .map_err(|_| Failure::new("a client panicked"))?;
                latencies.push(took);
            }
        }
    }

    async fn ask(&mut self) -> Result<()> {
        let number = self.made * self.work.connections + self.number;
        self.made += 1;
        let path = format!("{}/state", self.path);
        let (request, id) = match self.work.asking {
            Asking::Read => {
                let id = subject(number % self.work.subjects);
                let query = escaped(&json!({"@describe": id}).to_string());
                let path = format!("{path}?q={query}");
                (request("GET", &path, &self.authorization, ""), id)
            }
            Asking::Write => {
                let id = format!("w{}-{number}", std::process::id());
                let body = json!({"@id": id, "name": "Fred"}).to_string();
                (request("POST", &path, &self.authorization, &body), id)
            }
        };
        let answer = self.connection.exchange(&request).await?;
        let named = answer.body.windows(id.len()).any(|at| at == id.as_bytes());
        if answer.status == 200 && named {
            return Ok(());
        }
        let body = String::from_utf8_lossy(&answer.body);
        Err(Failure::new(format!("{} {body}", answer.status)))
    }
}

/// The name of one of the subjects that are there to be read.
pub(crate) fn subject(number: usize) -> String {
    format!("subject-{number}")
}
