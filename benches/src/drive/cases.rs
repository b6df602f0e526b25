//! What is measured.

use std::time::Duration;

use crate::load::{Pace, Relay, Work};
use crate::message::Shape;
use crate::tls::Groups;

/// One thing to measure of each server.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) work: Work,
    /// How a result is read.
    pub(super) measure: Measure,
    /// About how long it takes, at most.
    pub(super) takes: Duration,
    /// Whether each server is a new process for it.
    pub(super) afresh: bool,
    /// Whether it is about handshakes, in which nginx takes part and the relays of the same library do not.
    pub(super) handshakes: bool,
}

/// How a result is read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Measure {
    /// Deliveries or handshakes for one processor second of the server: more is better.
    PerCpuSecond,
    /// The 99th percentile of the latency: less is better.
    P99,
    /// Bytes of memory for each connection: less is better.
    BytesEach,
}

/// Sizes of messages: as they are, and as JavaScript clones compress all above 1024 bytes.
const SHAPES: [(&str, Shape); 3] = [
    (
        "300 B",
        Shape {
            size: 300,
            gzip: false,
        },
    ),
    (
        "4 kB",
        Shape {
            size: 4096,
            gzip: false,
        },
    ),
    (
        "4 kB gzip",
        Shape {
            size: 4096,
            gzip: true,
        },
    ),
];
const WARM_UP: u64 = 3;
const SETTLE: u64 = 10;
const HANDSHAKE_THREADS: usize = 4;

/// Rooms, their members and senders.
struct Layout {
    name: &'static str,
    rooms: usize,
    members: usize,
    senders: usize,
    window: u32,
    rate: f64,
}

const LAYOUTS: [Layout; 2] = [
    Layout {
        name: "pairs",
        rooms: 50,
        members: 2,
        senders: 2,
        window: 4,
        rate: 10.0,
    },
    Layout {
        name: "fan-out",
        rooms: 1,
        members: 51,
        senders: 1,
        window: 16,
        rate: 40.0,
    },
];

/// Everything there is to measure.
pub(super) fn all(seconds: u64, connections: usize) -> Vec<Case> {
    let mut cases = Vec::new();
    for layout in &LAYOUTS {
        for (size, shape) in SHAPES {
            cases.push(layout.case(size, shape, Pace::Window(layout.window), seconds));
            cases.push(layout.case(size, shape, Pace::Rate(layout.rate), seconds));
        }
    }
    for (kind, groups, resume) in [
        ("full, X25519", Groups::X25519, false),
        ("full, X25519MLKEM768 offered", Groups::Hybrid, false),
        ("resumed, X25519", Groups::X25519, true),
    ] {
        cases.push(Case {
            name: format!("handshakes {kind}"),
            work: Work::Handshakes {
                groups,
                resume,
                threads: HANDSHAKE_THREADS,
                seconds,
            },
            measure: Measure::PerCpuSecond,
            takes: Duration::from_secs(seconds),
            afresh: false,
            handshakes: true,
        });
    }
    cases.push(Case {
        name: format!("memory of {connections} idle connections"),
        work: Work::Idle {
            connections,
            settle: SETTLE,
        },
        measure: Measure::BytesEach,
        takes: Duration::from_secs(2 * SETTLE + 60),
        afresh: true,
        handshakes: false,
    });
    cases
}

impl Layout {
    fn case(&self, size: &str, shape: Shape, pace: Pace, seconds: u64) -> Case {
        let (how, measure) = match pace {
            Pace::Window(_) => ("throughput", Measure::PerCpuSecond),
            Pace::Rate(_) => ("latency", Measure::P99),
        };
        let relay = Relay {
            rooms: self.rooms,
            members: self.members,
            senders: self.senders,
            shape,
            pace,
            warm_up: WARM_UP,
            seconds,
        };
        Case {
            name: format!("{how} {} {size}", self.name),
            work: Work::Relay(relay),
            measure,
            takes: Duration::from_secs(WARM_UP + seconds),
            afresh: false,
            handshakes: false,
        }
    }
}
