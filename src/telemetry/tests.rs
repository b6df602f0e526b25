use std::io;
use std::sync::{Arc, Mutex};

use log::kv::Value;
use log::{Level, Log as _, Record};
use proptest::prelude::*;

use super::logger::{Logger, Output, Sink};
use super::*;
use crate::clock::{Clock, Timestamp};

fn full(message: &str, pairs: &[(&str, Value<'_>)]) -> String {
    // 2026-01-31T12:00:00.250Z
    let now = Timestamp::from_millis(1_769_860_800_250);
    let args = format_args!("{message}");
    let record = Record::builder()
        .level(Level::Info)
        .target("meldgate::listener")
        .key_values(&pairs)
        .args(args)
        .build();
    Line::full(&record, now).as_str().to_owned()
}

#[test]
fn a_line_has_time_level_room_message_and_values() {
    let pairs = [
        ("source", Value::from("192.0.2.1")),
        ("count", Value::from(3)),
        ("why", Value::from("a \"bad\" key")),
        ("nothing", Value::from("")),
    ];
    assert_eq!(
        full("peer refused", &pairs),
        "2026-01-31T12:00:00.250Z INFO  listener: peer refused source=192.0.2.1 count=3 \
         why=\"a \\\"bad\\\" key\" nothing=\"\"\n"
    );
}

#[test]
fn a_hostile_value_cannot_forge_a_line() {
    let forged =
        "x\n2026-01-31T12:00:00.250Z INFO  accounts: root is in\r\u{1b}[2J\u{202e}\u{2028}\0";
    let line = full(forged, &[("name", Value::from(forged))]);
    assert_eq!(line.lines().count(), 1);
    let body = line.strip_suffix('\n').unwrap();
    for c in ['\n', '\r', '\u{1b}', '\u{202e}', '\u{2028}', '\0'] {
        assert!(!body.contains(c), "{c:?} in {body}");
    }
}

#[test]
fn a_value_cannot_pass_for_another_key() {
    let line = full("refused", &[("name", Value::from("x root=true"))]);
    assert!(line.ends_with("refused name=\"x root=true\"\n"), "{line}");
}

#[test]
fn a_line_is_bounded() {
    let long = "y".repeat(100_000);
    let pairs: Vec<(&str, Value<'_>)> = (0..100)
        .map(|_| ("k", Value::from(long.as_str())))
        .collect();
    let line = full(&long, &pairs);
    assert!(line.len() < 12_000, "{}", line.len());
    assert!(line.contains('…'));
}

#[test]
fn an_error_is_told_with_its_causes() {
    #[derive(Debug, thiserror::Error)]
    #[error("store failed")]
    struct Outer(#[source] io::Error);
    let error = Outer(io::Error::other("disk is gone"));
    let line = full("not saved", &[("err", Value::from_dyn_error(&error))]);
    assert!(
        line.contains("err=\"store failed: caused by disk is gone\""),
        "{line}"
    );
}

/// A logger whose lines can be looked at.
fn logger() -> (Logger, Arc<Mutex<Vec<String>>>) {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&lines);
    let sink = Sink::new(move |line| {
        sink.lock().unwrap().push(line.to_owned());
        Ok(())
    });
    let (clock, _hand) = Clock::manual(Timestamp::from_millis(0));
    (Logger::new(clock, None, sink), lines)
}

#[test]
fn the_level_changes_at_reload_and_libraries_are_heard_only_when_they_warn() {
    // One test for all that reads the process-wide level.
    let (logger, lines) = logger();
    let say = |level, target| {
        let before = lines.lock().unwrap().len();
        logger.log(&Record::builder().level(level).target(target).build());
        lines.lock().unwrap().len() > before
    };
    let clock = Clock::manual(Timestamp::from_millis(0)).0;
    let mut log = crate::config::Log {
        level: log::LevelFilter::Trace,
        access: true,
    };
    let telemetry = start(&log, Output::Text, &clock);
    assert!(say(Level::Trace, "meldgate::http"));
    assert!(say(Level::Trace, "m_ld_engine::wire"));
    assert!(say(Level::Warn, "hyper::proto"));
    assert!(!say(Level::Info, "lettre::transport"));
    assert!(!say(Level::Info, "meldgate_impostor"));
    log.level = log::LevelFilter::Error;
    telemetry.reload(&log);
    assert!(!say(Level::Warn, "meldgate::http"));
    assert!(say(Level::Error, "hyper::proto"));
    assert_eq!(telemetry.level(), log::LevelFilter::Error);
    assert!(
        lines
            .lock()
            .unwrap()
            .iter()
            .all(|line| line.ends_with('\n'))
    );
}

#[test]
fn the_journal_is_used_only_when_stderr_is_connected_to_it() {
    assert_eq!(Output::detect(None), Output::Text);
    assert_eq!(Output::detect(Some("0:0")), Output::Text);
    let stderr = std::fs::metadata("/proc/self/fd/2").unwrap();
    let (device, inode) = {
        use std::os::unix::fs::MetadataExt as _;
        (stderr.dev(), stderr.ino())
    };
    assert_eq!(
        Output::detect(Some(&format!("{device}:{inode}"))),
        Output::Journal
    );
}

#[test]
fn a_sink_that_fails_stops_nothing() {
    let clock = Clock::manual(Timestamp::from_millis(0)).0;
    let logger = Logger::new(
        clock,
        None,
        Sink::new(|_| Err(io::ErrorKind::BrokenPipe.into())),
    );
    logger.log(
        &Record::builder()
            .level(Level::Error)
            .target("meldgate")
            .build(),
    );
}

proptest! {
    #[test]
    fn a_record_is_one_line_of_bounded_length(message in any::<String>(), value in any::<String>()) {
        let line = full(&message, &[("value", Value::from(value.as_str()))]);
        prop_assert_eq!(line.matches('\n').count(), 1);
        prop_assert!(line.ends_with('\n'));
        prop_assert!(!line.trim_end_matches('\n').contains(char::is_control));
    }
}
