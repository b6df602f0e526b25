//! The one logger of the process.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;

use log::{Level, LevelFilter, Log, Metadata, Record};
use systemd_journal_logger::JournalLog;

use super::line::Line;
use crate::clock::Clock;
use crate::config;

/// Where records go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Output {
    /// Lines on stderr.
    Text,
    /// The journal, each key-value a field; lines on stderr whenever it does not take one.
    Journal,
}

impl Output {
    /// The journal if stderr is connected to it, as the service manager says in `JOURNAL_STREAM`.
    pub fn detect(journal_stream: Option<&str>) -> Self {
        let stderr = fs::metadata("/proc/self/fd/2");
        let is_journal = |metadata: fs::Metadata| {
            journal_stream == Some(format!("{}:{}", metadata.dev(), metadata.ino()).as_str())
        };
        if stderr.is_ok_and(is_journal) {
            Self::Journal
        } else {
            Self::Text
        }
    }
}

/// Starts logging for the process, at the level of `log`. A second start changes the level only.
pub fn start(log: &config::Log, output: Output, clock: &Clock) -> Telemetry {
    let journal = match output {
        Output::Journal => journal(),
        Output::Text => None,
    };
    let logger = Logger::new(clock.clone(), journal, Sink::stderr());
    // Fails only if there is a logger: this one, for no library installs one.
    drop(log::set_boxed_logger(Box::new(logger)));
    let telemetry = Telemetry(());
    telemetry.reload(log);
    telemetry
}

fn journal() -> Option<JournalLog> {
    // Fails where the journal's socket cannot be reached, as in a container.
    let journal = JournalLog::empty().ok()?;
    Some(journal.with_syslog_identifier("meldgate".into()))
}

/// Logging that was started.
#[derive(Clone, Debug)]
pub struct Telemetry(());

impl Telemetry {
    /// Takes a new configuration over.
    pub fn reload(&self, log: &config::Log) {
        log::set_max_level(log.level);
    }

    /// The level that is in force.
    pub fn level(&self) -> LevelFilter {
        log::max_level()
    }
}

type Write = dyn Fn(&str) -> io::Result<()> + Send + Sync;

/// Takes whole lines.
pub(super) struct Sink(Box<Write>);

impl Sink {
    pub(super) fn new(write: impl Fn(&str) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self(Box::new(write))
    }

    fn stderr() -> Self {
        // One write for each line, so that lines of several threads do not mix.
        Self::new(|line| io::stderr().lock().write_all(line.as_bytes()))
    }
}

/// Formats records and hands them on.
pub(super) struct Logger {
    clock: Clock,
    journal: Option<JournalLog>,
    sink: Sink,
}

impl Logger {
    pub(super) fn new(clock: Clock, journal: Option<JournalLog>, sink: Sink) -> Self {
        Self {
            clock,
            journal,
            sink,
        }
    }

    /// The journal's MESSAGE carries the key-values as well, because that is all a reader sees of a record
    /// who does not ask for its fields.
    fn to_journal(&self, record: &Record<'_>) -> bool {
        let line = Line::bare(record);
        self.journal.as_ref().is_some_and(|journal| {
            let message = format_args!("{}", line.as_str());
            let record = record.to_builder().args(message).build();
            journal.journal_send(&record).is_ok()
        })
    }
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level() && is_heard(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) || self.to_journal(record) {
            return;
        }
        let line = Line::full(record, self.clock.now());
        // A log that cannot be written is no reason to stop serving.
        drop((self.sink.0)(line.as_str()));
    }

    fn flush(&self) {}
}

/// Whether who speaks is one of us, or has something to warn of.
fn is_heard(metadata: &Metadata<'_>) -> bool {
    let root = metadata.target().split("::").next();
    let ours = matches!(root, Some("meldgate" | "m_ld_engine"));
    ours || metadata.level() <= Level::Warn
}
