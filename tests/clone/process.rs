//! `meldgate clone` as a child process.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use serde_json::Value;
use testkit::{Gateway, PATIENCE};

/// A clone that runs until it is dropped.
pub(super) struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<Value>,
    ids: u64,
}

impl Process {
    /// Starts a clone with its configuration on stdin.
    pub(super) fn start(gateway: &Gateway, configuration: &Value, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_meldgate"))
            .args(["clone", "--config", "-", "--ca-file"])
            .arg(&gateway.ready.ca_file)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (heard, lines) = channel();
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let line = serde_json::from_str(&line).unwrap_or(Value::String(line));
                if heard.send(line).is_err() {
                    return;
                }
            }
        });
        let mut process = Self {
            child,
            stdin,
            lines,
            ids: 1000,
        };
        process.say(configuration);
        process
    }

    /// Waits until it takes requests.
    pub(super) fn started(&mut self) {
        self.hear(|line| line.get("started").is_some());
    }

    /// Waits until it takes requests, and others can join from it.
    pub(super) fn is_there(&mut self) {
        self.hear(|line| line["status"]["online"] == true);
    }

    /// Says a line.
    pub(super) fn say(&mut self, line: &Value) {
        self.say_text(&line.to_string());
    }

    pub(super) fn say_text(&mut self, line: &str) {
        // It may have ended; whoever waits for an answer finds out.
        writeln!(self.stdin.as_mut().unwrap(), "{line}").ok();
    }

    /// Makes a request, and gives the answer.
    pub(super) fn ask(&mut self, mut request: Value) -> Value {
        self.ids += 1;
        let id = Value::from(self.ids);
        request["id"] = id.clone();
        self.say(&request);
        self.hear(|line| line["id"] == id)
    }

    /// Waits for a line.
    pub(super) fn hear(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) if wanted(&line) => return line,
                Ok(_) => {}
                Err(error) => panic!("{error}: {}", self.complaint()),
            }
        }
    }

    pub(super) fn signal(&self, name: &str) {
        let done = Command::new("kill")
            .args([&format!("-{name}"), &self.child.id().to_string()])
            .status();
        assert!(done.unwrap().success());
    }

    pub(super) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ends its input, and waits for its end.
    pub(super) fn end(&mut self) -> Option<i32> {
        self.stdin = None;
        self.exited()
    }

    /// Waits for its end.
    pub(super) fn exited(&mut self) -> Option<i32> {
        // It ends its output then.
        while self.lines.recv_timeout(PATIENCE).is_ok() {}
        self.child.wait().unwrap().code()
    }

    /// What it said on stderr, once it has ended.
    pub(super) fn complaint(&mut self) -> String {
        self.child.kill().ok();
        let mut said = String::new();
        let stderr = self.child.stderr.as_mut().unwrap();
        stderr.read_to_string(&mut said).unwrap();
        said
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
