//! The servers that are compared, each a process that ends with its value.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::cases::Case;
use super::{Options, gateway};
use crate::failure::{Failure, Result};
use crate::load::{Speaks, Target};
use crate::tls::Files;

const STARTING: Duration = Duration::from_secs(30);
const ENDING: Duration = Duration::from_secs(10);
/// The domain suffix with servers that know no accounts.
const ANY_SUFFIX: &str = ".bench.example.org";

/// A folder that is removed in the end.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf, AtomicU32);

impl Scratch {
    pub(crate) fn new() -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("meldgate-bench-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        Ok(Self(folder, AtomicU32::new(0)))
    }

    /// A path in it that nothing has had yet.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0
            .join(format!("{name}-{}", self.1.fetch_add(1, Ordering::Relaxed)))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is in the temporary folder and does no harm
        drop(fs::remove_dir_all(&self.0));
    }
}

/// A child that is told to end, and made to.
#[derive(Debug)]
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        Ok(Self(
            child.map_err(|error| Failure::from(error).during(&name))?,
        ))
    }

    /// The first line of its standard output, as JSON.
    pub(crate) fn ready<T: for<'de> Deserialize<'de>>(&mut self) -> Result<T> {
        let stdout = self
            .0
            .stdout
            .as_mut()
            .ok_or_else(|| Failure::new("no standard output"))?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        serde_json::from_str(&line).map_err(|error| Failure::from(error).during("the ready line"))
    }

    pub(super) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Ends it at once, as a crash would.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(
            Command::new("kill")
                .arg("-TERM")
                .arg(self.0.id().to_string())
                .status(),
        );
        let end = Instant::now() + ENDING;
        while matches!(self.0.try_wait(), Ok(None)) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(20));
        }
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A server under load.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) name: &'static str,
    pub(super) target: Target,
    files: Files,
    _process: Running,
}

/// What a relay says when it can be reached.
#[derive(Debug, Deserialize)]
struct Ready {
    port: u16,
    pid: u32,
}

/// The server whose certificate all others take: the gateway, or else the bare relay.
pub(super) fn first(options: &Options, scratch: &Scratch) -> Result<(Server, Files)> {
    let server = match &options.gateway {
        Some(binary) => gateway(binary, scratch)?,
        None => bare(Files::make(&scratch.path("tls"))?)?,
    };
    let files = server.files.clone();
    Ok((server, files))
}

/// The other servers that take part.
pub(super) fn others(
    options: &Options,
    scratch: &Scratch,
    files: &Files,
    handshakes: bool,
) -> Result<Vec<Server>> {
    let mut servers = Vec::new();
    if options.gateway.is_some() {
        servers.push(bare(files.clone())?);
    }
    if let Some(folder) = &options.node_relay {
        servers.push(node(folder, files.clone())?);
    }
    if let Some(binary) = options.nginx.as_ref().filter(|_| handshakes) {
        servers.push(nginx(binary, scratch, files.clone())?);
    }
    Ok(servers)
}

impl Server {
    /// Whether it can do this.
    pub(super) fn takes_part(&self, case: &Case) -> bool {
        match self.name {
            "nginx" => case.handshakes,
            // Node gives no new ticket with a resumed session, so there is nothing to resume next
            "node" => !case.handshakes,
            _ => true,
        }
    }

    /// A new process of the same server.
    pub(super) fn again(&self, options: &Options, scratch: &Scratch) -> Result<Self> {
        match (self.name, &options.gateway, &options.node_relay) {
            ("meldgate", Some(binary), _) => gateway(binary, scratch),
            ("node", _, Some(folder)) => node(folder, self.files.clone()),
            _ => bare(self.files.clone()),
        }
    }
}

fn gateway(binary: &Path, scratch: &Scratch) -> Result<Server> {
    let (process, ready) = gateway::start(binary, &scratch.path("gateway"))?;
    let files = Files::beside(&ready.ca_file)?;
    let speaks = Speaks::SocketIo {
        suffix: gateway::account(&ready)?,
    };
    let target = Target {
        port: ready.port()?,
        pid: ready.pid,
        ca: files.ca.clone(),
        speaks,
    };
    Ok(Server {
        name: "meldgate",
        target,
        files,
        _process: process,
    })
}

fn bare(files: Files) -> Result<Server> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg("bare")
        .arg("--chain")
        .arg(&files.chain)
        .arg("--key")
        .arg(&files.key);
    relay("bare", &mut command, files, Speaks::Frames)
}

fn node(folder: &Path, files: Files) -> Result<Server> {
    let mut command = Command::new("node");
    command
        .arg(folder.join("relay.mjs"))
        .arg(&files.chain)
        .arg(&files.key)
        .env("NODE_ENV", "production");
    relay(
        "node",
        &mut command,
        files,
        Speaks::SocketIo {
            suffix: ANY_SUFFIX.into(),
        },
    )
}

fn relay(
    name: &'static str,
    command: &mut Command,
    files: Files,
    speaks: Speaks,
) -> Result<Server> {
    let mut process = Running::start(command)?;
    let Ready { port, pid } = process.ready()?;
    let target = Target {
        port,
        pid,
        ca: files.ca.clone(),
        speaks,
    };
    Ok(Server {
        name,
        target,
        files,
        _process: process,
    })
}

fn nginx(binary: &Path, scratch: &Scratch, files: Files) -> Result<Server> {
    let folder = scratch.path("nginx");
    fs::create_dir_all(&folder)?;
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let config = include_str!("../../nginx.conf")
        .replace("@port@", &port.to_string())
        .replace("@folder@", &folder.to_string_lossy())
        .replace("@chain@", &files.chain.to_string_lossy())
        .replace("@key@", &files.key.to_string_lossy());
    let file = folder.join("nginx.conf");
    fs::write(&file, config)?;
    let process = Running::start(
        Command::new(binary)
            .arg("-p")
            .arg(&folder)
            .arg("-c")
            .arg(&file),
    )?;
    let end = Instant::now() + STARTING;
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if Instant::now() > end {
            return Err(Failure::new("nginx cannot be reached"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let target = Target {
        port,
        pid: process.id(),
        ca: files.ca.clone(),
        speaks: Speaks::Frames,
    };
    Ok(Server {
        name: "nginx",
        target,
        files,
        _process: process,
    })
}
