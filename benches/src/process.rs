//! What a process costs, from `/proc` (Linux).

use std::fs;
use std::time::{Duration, Instant};

use crate::failure::{Failure, Result};

/// The kernel tells processor time to programs in hundredths of a second, on every architecture.
const TICK: Duration = Duration::from_millis(10);

/// Measures time: that on the wall, and that of the processors for a server and for this process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch {
    server: u32,
    began: Instant,
    before: [Duration; 2],
}

/// Seconds between the start of a stopwatch and a look at it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spent {
    /// On the wall.
    pub(crate) wall: f64,
    /// Of processors, by the server.
    pub(crate) server: f64,
    /// Of processors, by this process.
    pub(crate) own: f64,
}

impl Stopwatch {
    /// Begins now.
    pub(crate) fn start(server: u32) -> Result<Self> {
        Ok(Self {
            server,
            began: Instant::now(),
            before: times(server)?,
        })
    }

    /// What was spent until now.
    pub(crate) fn look(&self) -> Result<Spent> {
        let [server, own] = times(self.server)?;
        let since = |now: Duration, before: Duration| now.saturating_sub(before).as_secs_f64();
        Ok(Spent {
            wall: self.began.elapsed().as_secs_f64(),
            server: since(server, self.before[0]),
            own: since(own, self.before[1]),
        })
    }
}

fn times(server: u32) -> Result<[Duration; 2]> {
    Ok([processor_time(server)?, processor_time(std::process::id())?])
}

/// Processor time that a process and its children have used, all threads, user and system.
pub(crate) fn processor_time(pid: u32) -> Result<Duration> {
    let mut sum = one(pid)?;
    for child in children(pid) {
        sum += one(child)?;
    }
    Ok(sum)
}

/// Bytes of memory that a process has resident.
pub(crate) fn resident(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| {
        line.trim()
            .trim_end_matches("kB")
            .trim()
            .parse::<u64>()
            .ok()
    });
    kilobytes
        .map(|kilobytes| kilobytes * 1024)
        .ok_or_else(|| Failure::new("no VmRSS"))
}

fn one(pid: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name, in brackets, may have anything in it: fields are counted from behind it
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let ticks = [11, 12].map(|at| fields.get(at).and_then(|field| field.parse::<u32>().ok()));
    match ticks {
        [Some(user), Some(system)] => Ok(TICK * (user + system)),
        [..] => Err(Failure::new(format!("no times of process {pid}"))),
    }
}

fn children(pid: u32) -> Vec<u32> {
    let read = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    read.split_whitespace()
        .filter_map(|child| child.parse().ok())
        .collect()
}
