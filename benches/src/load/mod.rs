//! The load generator: a process of its own, so that its cost is not the server's.

mod client;
mod flow;
mod handshakes;
mod idle;
mod relay;
mod requests;

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(crate) use requests::subject;

use crate::failure::Result;
use crate::message::Shape;
use crate::process::Spent;
use crate::tls::Groups;

/// What is to be done to which server.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Plan {
    /// Where it is.
    pub(crate) target: Target,
    /// What is to be done.
    pub(crate) work: Work,
}

/// A server that runs.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Target {
    /// Its port on the loopback interface.
    pub(crate) port: u16,
    /// Its process, whose children count as well.
    pub(crate) pid: u32,
    /// What clients trust.
    pub(crate) ca: PathBuf,
    /// What it speaks over WebSocket.
    pub(crate) speaks: Speaks,
}

/// What goes over a WebSocket.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) enum Speaks {
    /// Socket.IO 5 over Engine.IO 4, in domains that end so.
    SocketIo {
        /// `.≪account≫.≪domain≫`
        suffix: String,
    },
    /// The same frames, without a handshake; the path is the room.
    Frames,
    /// The Clone API over HTTP, and no WebSocket.
    CloneApi {
        /// The header that lets requests in.
        authorization: String,
        /// The path of a subdomain, but for the number at its end.
        domains: String,
    },
}

/// Something to measure.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) enum Work {
    /// Operations from senders to the others in their rooms.
    Relay(Relay),
    /// Requests of the Clone API.
    Requests(Requests),
    /// Connections that are only there.
    Idle {
        /// How many.
        connections: usize,
        /// How long the server may settle, in seconds.
        settle: u64,
    },
    /// TLS handshakes, one after the other in each thread.
    Handshakes {
        /// What the clients offer.
        groups: Groups,
        /// Whether they resume a session.
        resume: bool,
        /// How many at once.
        threads: usize,
        /// How long it is measured, in seconds.
        seconds: u64,
    },
}

/// Operations from senders to the others in their rooms.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Relay {
    /// How many rooms.
    pub(crate) rooms: usize,
    /// Clones in each room.
    pub(crate) members: usize,
    /// Those of them that send: all of two, or the first.
    pub(crate) senders: usize,
    /// The messages.
    pub(crate) shape: Shape,
    /// How fast.
    pub(crate) pace: Pace,
    /// How long it runs before it is measured, in seconds.
    pub(crate) warm_up: u64,
    /// How long it is measured, in seconds.
    pub(crate) seconds: u64,
}

/// Requests of the Clone API, one after the other on each connection.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Requests {
    /// What is asked.
    pub(crate) asking: Asking,
    /// How many connections.
    pub(crate) connections: usize,
    /// Subdomains that they are spread over.
    pub(crate) domains: usize,
    /// Subjects in each subdomain.
    pub(crate) subjects: usize,
    /// How fast; whatever the window, a connection has one request under way.
    pub(crate) pace: Pace,
    /// How long it runs before it is measured, in seconds.
    pub(crate) warm_up: u64,
    /// How long it is measured, in seconds.
    pub(crate) seconds: u64,
}

/// What is asked of the Clone API.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) enum Asking {
    /// One subject, by its id.
    Read,
    /// To add one subject of one property.
    Write,
}

/// How fast each sender sends.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) enum Pace {
    /// As fast as it goes, with so many operations that have not reached everybody.
    Window(u32),
    /// So many in a second, whatever becomes of them.
    Rate(f64),
}

/// What was measured.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Outcome {
    /// Deliveries, connections or handshakes.
    pub(crate) count: u64,
    /// How long it was measured, in seconds.
    pub(crate) seconds: f64,
    /// Processor seconds of the server.
    pub(crate) server_cpu: f64,
    /// Processor seconds of the generator, which has one thread for relays.
    pub(crate) load_cpu: f64,
    /// From the sender's socket to the receiver's program, in microseconds; for a fixed rate only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) latency: Option<Latency>,
    /// Bytes of resident memory per connection; for idle connections only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bytes_each: Option<f64>,
}

/// Microseconds.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Latency {
    /// The median.
    pub(crate) p50: u32,
    /// 99 of 100 are no longer.
    pub(crate) p99: u32,
    /// The longest.
    pub(crate) max: u32,
}

impl Outcome {
    fn new(count: u64, spent: Spent) -> Self {
        Self {
            count,
            seconds: spent.wall,
            server_cpu: spent.server,
            load_cpu: spent.own,
            ..Self::default()
        }
    }
}

/// Does what `plan` says and prints the outcome as JSON.
pub(crate) fn run(plan: &str) -> Result<()> {
    let Plan { target, work } = serde_json::from_str(plan)?;
    let outcome = match work {
        Work::Relay(work) => crate::runtime(0)?.block_on(relay::measure(&target, work))?,
        Work::Requests(work) => crate::runtime(0)?.block_on(requests::measure(&target, work))?,
        Work::Idle {
            connections,
            settle,
        } => crate::runtime(0)?.block_on(idle::measure(
            &target,
            connections,
            Duration::from_secs(settle),
        ))?,
        Work::Handshakes {
            groups,
            resume,
            threads,
            seconds,
        } => handshakes::measure(
            &target,
            groups,
            resume,
            threads,
            Duration::from_secs(seconds),
        )?,
    };
    println!("{}", serde_json::to_string(&outcome)?);
    Ok(())
}
