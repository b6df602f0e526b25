//! Requests that are measured, of every server.

use std::time::Duration;

use serde_json::{Value, json};

use super::Measured;
use crate::failure::{Failure, Result};
use crate::http::{Connection, request};
use crate::load::{Asking, Outcome, Pace, Requests, Speaks, Target, Work, subject};
use crate::tls::{self, Groups};

/// Subdomains that requests are spread over, and subjects in each.
const DOMAINS: usize = 16;
const SUBJECTS: usize = 500;
/// Subjects that are written at once.
const TOGETHER: usize = 100;
const WARM_UP: u64 = 2;
/// Requests a second of all connections, where it is latency that is measured.
const READS: f64 = 2000.0;
const WRITES: f64 = 500.0;

/// One thing to measure of each server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) work: Work,
    /// About how long it takes, at most.
    pub(super) takes: Duration,
    loaded: bool,
}

/// Everything there is to ask.
pub(super) fn all(seconds: u64, connections: usize) -> Vec<Case> {
    let case = |name, asking, pace| {
        let requests = Requests {
            asking,
            connections,
            domains: DOMAINS,
            subjects: SUBJECTS,
            pace,
            warm_up: WARM_UP,
            seconds,
        };
        Case {
            name,
            work: Work::Requests(requests),
            takes: Duration::from_secs(WARM_UP + seconds),
            loaded: matches!(pace, Pace::Window(_)),
        }
    };
    let each = |rate: f64| Pace::Rate(rate / connections_as_f64(connections));
    vec![
        case("reads", Asking::Read, Pace::Window(1)),
        case("writes", Asking::Write, Pace::Window(1)),
        case("reads at 2,000 a second", Asking::Read, each(READS)),
        case("writes at 500 a second", Asking::Write, each(WRITES)),
    ]
}

impl Case {
    /// What its outcome says.
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    pub(super) fn measured(&self, outcome: &Outcome) -> Vec<Measured> {
        let name = self.name;
        let count = outcome.count as f64;
        let mut measured = Vec::new();
        if self.loaded {
            let per_cpu = format!("{name} for each processor second of the server");
            measured.push(Measured::new(name, "a second", count / outcome.seconds));
            measured.push(Measured::new(per_cpu, "each", count / outcome.server_cpu));
            let generator = outcome.load_cpu / outcome.seconds;
            let of_generator = format!("{name}: generator's processors");
            measured.push(Measured::new(of_generator, "busy", generator));
        }
        if let Some(latency) = outcome.latency {
            for (which, value) in [("p50", latency.p50), ("p99", latency.p99)] {
                let what = format!("{name}, {which}");
                measured.push(Measured::new(what, "µs", f64::from(value)));
            }
        }
        measured
    }
}

/// Makes the subdomains, with the subjects that are read.
pub(super) async fn fill(target: &Target) -> Result<()> {
    let Speaks::CloneApi {
        authorization,
        domains,
    } = &target.speaks
    else {
        return Err(Failure::new("the server has no Clone API"));
    };
    let config = tls::client(&target.ca, Groups::X25519, false)?;
    let mut connection = Connection::open(target.port, &config).await?;
    for number in 0..DOMAINS {
        let path = format!("{domains}{number}");
        let mut ask = async |method, path: &str, body: &str| {
            let request = request(method, path, authorization, body);
            match connection.exchange(&request).await? {
                answer if answer.status == 200 => Ok(()),
                answer => Err(Failure::new(format!("{method} {path}: {}", answer.status))),
            }
        };
        ask("PUT", &path, "{}").await?;
        for some in (0..SUBJECTS).collect::<Vec<_>>().chunks(TOGETHER) {
            let subjects: Vec<Value> = some.iter().map(|number| described(*number)).collect();
            let body = Value::Array(subjects).to_string();
            ask("POST", &format!("{path}/state"), &body).await?;
        }
    }
    Ok(())
}

/// A subject of three properties.
pub(super) fn described(number: usize) -> Value {
    json!({
        "@id": subject(number),
        "name": format!("Flintstone, the {number}th of that name"),
        "height": number % 200,
        "knows": {"@id": subject(number / 2)},
    })
}

#[expect(clippy::cast_precision_loss, reason = "a few hundred")]
fn connections_as_f64(connections: usize) -> f64 {
    connections as f64
}
