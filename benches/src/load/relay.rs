//! Operations through a relay.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;

use super::client::{self, Client};
use super::flow::Flow;
use super::{Latency, Outcome, Pace, Relay, Target};
use crate::failure::{Failure, Result};
use crate::message::Template;
use crate::process::Stopwatch;

/// How long presence may go around before anything is sent.
const GATHERING: Duration = Duration::from_millis(500);

/// What all receivers count together.
#[derive(Debug, Default)]
struct Tally {
    deliveries: AtomicU64,
    measuring: AtomicBool,
    latencies: std::sync::Mutex<Vec<u32>>,
}

/// Measures deliveries.
pub(super) async fn measure(target: &Target, work: Relay) -> Result<Outcome> {
    let rooms: Vec<String> = (0..work.rooms)
        .flat_map(|room| (0..work.members).map(move |_| client::room(room)))
        .collect();
    let clients = client::connect_all(target, &rooms).await?;
    tokio::time::sleep(GATHERING).await;
    let tally = Arc::new(Tally::default());
    let mut tasks = JoinSet::new();
    start(clients, work, &tally, &mut tasks)?;
    tokio::select! {
        outcome = window(target, work, &tally) => outcome,
        Some(ended) = tasks.join_next() => Err(ended?.err().unwrap_or_else(|| Failure::new("a client was cut off"))),
    }
}

/// Sets receivers and senders going.
fn start(
    clients: Vec<Client>,
    work: Relay,
    tally: &Arc<Tally>,
    tasks: &mut JoinSet<Result<()>>,
) -> Result<()> {
    let template = Template::new(work.shape)?;
    let receivers = u32::try_from(work.members - 1)?;
    let flows: Vec<Arc<Flow>> = (0..work.rooms * work.senders)
        .map(|_| Arc::new(Flow::new(template.clone(), work.pace, receivers)))
        .collect();
    for (number, client) in clients.into_iter().enumerate() {
        let (room, member) = (number / work.members, number % work.members);
        // Of two senders each hears the other; the rest hear the first
        let heard = if member == 0 { work.senders - 1 } else { 0 };
        if member < work.senders {
            let (flow, outgoing) = (
                Arc::clone(&flows[room * work.senders + member]),
                client.outgoing(),
            );
            let phase = fraction(room * work.senders + member, flows.len());
            tasks.spawn(async move { flow.send(outgoing, phase).await });
        }
        tasks.spawn(receive(
            client,
            Arc::clone(&flows[room * work.senders + heard]),
            Arc::clone(tally),
            work.pace,
        ));
    }
    Ok(())
}

async fn receive(mut client: Client, flow: Arc<Flow>, tally: Arc<Tally>, pace: Pace) -> Result<()> {
    let timed = matches!(pace, Pace::Rate(_));
    while let Some(message) = client.operation().await {
        let took = flow
            .arrived(&message)
            .ok_or_else(|| Failure::new("something else was delivered"))?;
        tally.deliveries.fetch_add(1, Ordering::Relaxed);
        if timed && tally.measuring.load(Ordering::Relaxed) {
            tally
                .latencies
                .lock()
                .map_err(|_| Failure::new("a receiver panicked"))?
                .push(took);
        }
    }
    Err(Failure::new("the server cut a client off"))
}

async fn window(target: &Target, work: Relay, tally: &Tally) -> Result<Outcome> {
    tokio::time::sleep(Duration::from_secs(work.warm_up)).await;
    let (watch, counted) = (
        Stopwatch::start(target.pid)?,
        tally.deliveries.load(Ordering::Relaxed),
    );
    tally.measuring.store(true, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(work.seconds)).await;
    let (spent, deliveries) = (watch.look()?, tally.deliveries.load(Ordering::Relaxed));
    let mut latencies = std::mem::take(
        &mut *tally
            .latencies
            .lock()
            .map_err(|_| Failure::new("a receiver panicked"))?,
    );
    latencies.sort_unstable();
    let mut outcome = Outcome::new(deliveries - counted, spent);
    outcome.latency = percentiles(&latencies);
    Ok(outcome)
}

/// The latencies that are told, of sorted ones; none of none.
pub(super) fn percentiles(sorted: &[u32]) -> Option<Latency> {
    let at = |hundredths: usize| {
        sorted
            .get((sorted.len() * hundredths / 100).min(sorted.len().wrapping_sub(1)))
            .copied()
    };
    Some(Latency {
        p50: at(50)?,
        p99: at(99)?,
        max: at(100)?,
    })
}

#[expect(clippy::cast_precision_loss, reason = "a few hundred senders")]
pub(super) fn fraction(nth: usize, of: usize) -> f64 {
    nth as f64 / of as f64
}
