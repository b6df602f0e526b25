//! Connections that are there and present, and do nothing.

use std::time::Duration;

use tokio::task::JoinSet;

use super::client::{self, Client};
use super::{Outcome, Target};
use crate::failure::Result;
use crate::process::{Stopwatch, resident};

/// Clones in each domain.
const TOGETHER: usize = 2;
/// Connections that come first and go again, so that what a server makes once is not counted.
const FIRST: usize = 64;

/// Measures resident memory.
pub(super) async fn measure(
    target: &Target,
    connections: usize,
    settle: Duration,
) -> Result<Outcome> {
    let mut first = open(target, FIRST, 0).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    first.abort_all();
    drop(first);
    tokio::time::sleep(settle / 2).await;
    let (memory, watch) = (resident(target.pid)?, Stopwatch::start(target.pid)?);
    let open = open(target, connections, FIRST).await?;
    tokio::time::sleep(settle).await;
    let grown = resident(target.pid)?.saturating_sub(memory);
    let mut outcome = Outcome::new(u64::try_from(open.len())?, watch.look()?);
    outcome.bytes_each = Some(each(grown, open.len()));
    Ok(outcome)
}

async fn open(target: &Target, connections: usize, from_room: usize) -> Result<JoinSet<()>> {
    let rooms: Vec<String> = (0..connections)
        .map(|i| client::room(from_room + i / TOGETHER))
        .collect();
    let mut open = JoinSet::new();
    for client in client::connect_all(target, &rooms).await? {
        open.spawn(stay(client));
    }
    Ok(open)
}

/// Answers pings.
async fn stay(mut client: Client) {
    while client.operation().await.is_some() {}
}

#[expect(clippy::cast_precision_loss, reason = "far less than 2^52 bytes")]
fn each(bytes: u64, count: usize) -> f64 {
    bytes as f64 / count as f64
}
