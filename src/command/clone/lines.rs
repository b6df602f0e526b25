//! Lines of JSON on the standard streams.
//!
//! Both streams block, so each has a thread of its own, with a short queue to it.

use std::io::{self, BufRead, Read as _, Write as _};

use serde_json::Value;
use tokio::sync::mpsc;

use super::LINE_LIMIT;

/// Lines that wait.
const QUEUE: usize = 64;

/// A line of stdin that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unreadable(&'static str);

/// Reads stdin, a line at a time, until it ends.
pub(super) fn read() -> mpsc::Receiver<Result<Value, Unreadable>> {
    let (lines, read) = mpsc::channel(QUEUE);
    std::thread::spawn(move || {
        let mut stdin = io::stdin().lock();
        while let Some(line) = line(&mut stdin) {
            if lines.blocking_send(line).is_err() {
                return;
            }
        }
    });
    read
}

/// The next line that is not empty; `None` at the end.
fn line(input: &mut impl BufRead) -> Option<Result<Value, Unreadable>> {
    loop {
        let mut line = Vec::new();
        let mut limited = input.by_ref().take(LINE_LIMIT);
        let length = limited.read_until(b'\n', &mut line).ok()?;
        if length == 0 {
            return None;
        }
        if limited.limit() == 0 && line.last() != Some(&b'\n') {
            // The rest of it must not be taken for lines of its own.
            input.skip_until(b'\n').ok()?;
            return Some(Err(Unreadable("a line beyond the limit")));
        }
        if !line.trim_ascii().is_empty() {
            let value = serde_json::from_slice(&line);
            return Some(value.map_err(|_| Unreadable("a line that is no JSON")));
        }
    }
}

/// Writes lines to stdout. Whoever sends waits while nobody takes them.
pub(super) fn write() -> (mpsc::Sender<Value>, tokio::sync::oneshot::Receiver<()>) {
    let (lines, mut written) = mpsc::channel::<Value>(QUEUE);
    let (done, is_done) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut stdout = io::stdout().lock();
        while let Some(line) = written.blocking_recv() {
            let told = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
            if told.is_err() {
                // Nobody listens any more; those who send find out by themselves.
                break;
            }
        }
        drop(done);
    });
    (lines, is_done)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lines_are_read_one_by_one_and_what_is_none_is_told() {
        let text = "{\"id\":1}\n\n  \nnonsense\n\"last\"";
        let mut input = io::Cursor::new(text);
        let mut next = || line(&mut input).map(Result::ok);
        assert_eq!(next(), Some(Some(json!({"id": 1}))));
        assert_eq!(next(), Some(None));
        assert_eq!(next(), Some(Some(json!("last"))));
        assert_eq!(next(), None);
    }

    #[test]
    fn a_line_beyond_the_limit_is_passed_over_whole() {
        let length = usize::try_from(LINE_LIMIT).unwrap() + 10;
        let text = format!("\"{}\"\n1\n", "x".repeat(length));
        let mut input = io::Cursor::new(text);
        assert!(line(&mut input).unwrap().is_err());
        assert_eq!(line(&mut input).unwrap().unwrap(), json!(1));
    }
}
