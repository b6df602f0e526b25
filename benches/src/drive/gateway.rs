//! The gateway under load, and an account in it.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustls::{ClientConnection, StreamOwned};
use serde::Deserialize;

use super::servers::Running;
use crate::failure::{Failure, Result};
use crate::tls::{self, Groups};

const ACCOUNT: &str = "bench";
const PATIENCE: Duration = Duration::from_secs(30);

/// Limits that one source with thousands of clients would meet. All else is as it comes.
const RAISED: [(&str, &str); 8] = [
    ("MELDGATE_LIMITS__CONNECTIONS", "20000"),
    ("MELDGATE_LIMITS__CONNECTIONS_PER_SOURCE", "20000"),
    ("MELDGATE_LIMITS__REQUESTS_PER_SOURCE", "1000000 per 1s"),
    ("MELDGATE_LIMITS__CONNECTS_PER_SOURCE", "1000000 per 1s"),
    ("MELDGATE_LIMITS__CONNECTS_PER_ACCOUNT", "1000000 per 1s"),
    ("MELDGATE_LIMITS__MESSAGES_PER_SOCKET", "1000000 per 1s"),
    ("MELDGATE_LIMITS__MESSAGES_PER_ACCOUNT", "10000000 per 1s"),
    ("MELDGATE_LOG__LEVEL", "warn"),
];

/// The line that the gateway prints when it serves.
#[derive(Debug, Deserialize)]
pub(crate) struct Ready {
    origin: String,
    domain: String,
    root_account: String,
    root_key: String,
    pub(crate) ca_file: PathBuf,
    pub(crate) pid: u32,
}

impl Ready {
    pub(crate) fn port(&self) -> Result<u16> {
        let port = self.origin.rsplit(':').next().unwrap_or_default();
        Ok(port.trim_end_matches('/').parse()?)
    }

    /// The header that lets requests in as root.
    pub(crate) fn authorization(&self) -> String {
        let login = BASE64_STANDARD.encode(format!("{}:{}", self.root_account, self.root_key));
        format!("Basic {login}")
    }
}

/// Starts it with its data in `folder`.
pub(super) fn start(binary: &Path, folder: &Path) -> Result<(Running, Ready)> {
    start_with(binary, folder, &[])
}

/// The same with more of the configuration, as variables of the environment.
pub(crate) fn start_with(
    binary: &Path,
    folder: &Path,
    more: &[(&str, &str)],
) -> Result<(Running, Ready)> {
    let mut command = Command::new(binary);
    command
        .args(["dev", "--json", "--listen", "127.0.0.1:0", "--data"])
        .arg(folder)
        .envs(RAISED)
        .envs(more.iter().copied());
    command.stderr(Stdio::null());
    let mut running = Running::start(&mut command)?;
    let ready = running.ready()?;
    Ok((running, ready))
}

/// Makes an account whose UUID subdomains are open to everybody; gives the end of their names.
pub(super) fn account(ready: &Ready) -> Result<String> {
    request(ready, "POST", &format!("/api/v1/user/{ACCOUNT}/key"), "")?;
    let open = r#"{"@insert":{"naming":"uuid","remotesAuth":"anon"}}"#;
    request(ready, "PATCH", &format!("/api/v1/user/{ACCOUNT}"), open)?;
    Ok(format!(".{ACCOUNT}.{}", ready.domain))
}

/// One request as root; fails unless it is done.
fn request(ready: &Ready, method: &str, path: &str, body: &str) -> Result<()> {
    let tcp = TcpStream::connect(("127.0.0.1", ready.port()?))?;
    tcp.set_read_timeout(Some(PATIENCE))?;
    let config = tls::client(&ready.ca_file, Groups::Hybrid, false)?;
    let mut stream = StreamOwned::new(ClientConnection::new(config, tls::name()?)?, tcp);
    let authorization = ready.authorization();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: {authorization}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        tls::NAME,
        body.len(),
    )?;
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(error) if error.kind() != ErrorKind::UnexpectedEof => return Err(error.into()),
        Ok(_) | Err(_) => {}
    }
    let status = String::from_utf8_lossy(&answer)
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned();
    match status.split(' ').nth(1) {
        Some(code) if code.starts_with('2') => Ok(()),
        _ => Err(Failure::new(format!("{method} {path}: {status}"))),
    }
}
