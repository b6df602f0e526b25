//! What something costs: time on the wall, processor time of all threads, memory.

use std::fs;
use std::time::Instant;

use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value as Json, json};

use crate::Result;

/// Runs something, says what it took for each of `count`, and gives its result.
pub(crate) fn measure<T>(what: Json, count: usize, run: impl FnOnce() -> Result<T>) -> Result<T> {
    let before = processor_time();
    let began = Instant::now();
    let result = run()?;
    let wall = began.elapsed().as_secs_f64() * 1e6;
    let cpu = processor_time() - before;
    #[expect(clippy::cast_precision_loss, reason = "counts are small")]
    let count_of = count as f64;
    say(
        what,
        &json!({ "count": count, "cpu_us": cpu / count_of, "wall_us": wall / count_of }),
    );
    Ok(result)
}

/// Prints what was measured.
pub(crate) fn say(mut what: Json, more: &Json) {
    let parts = what.as_object_mut().zip(more.as_object());
    if let Some((what, more)) = parts {
        what.insert("engine".to_owned(), json!("native"));
        what.extend(more.clone());
    }
    println!("{what}");
}

/// Microseconds that all threads of this process have run.
fn processor_time() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    #[expect(clippy::cast_precision_loss, reason = "nanoseconds of days fit")]
    let (seconds, nanoseconds) = (time.tv_sec as f64, time.tv_nsec as f64);
    seconds * 1e6 + nanoseconds / 1e3
}

/// Bytes of memory that this process has resident.
pub(crate) fn resident() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.ok_or("no VmRSS")?.trim().trim_end_matches("kB");
    Ok(kilobytes.trim().parse::<u64>()? * 1024)
}
