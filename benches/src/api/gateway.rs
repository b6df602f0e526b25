//! The gateway under load, and an account whose key requests carry.

use std::path::Path;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::drive::gateway::{self, Ready};
use crate::drive::servers::Running;
use crate::failure::{Failure, Result};
use crate::http::{Connection, request};
use crate::load::{Speaks, Target};
use crate::process;
use crate::tls::{self, Groups};

const ACCOUNT: &str = "bench";

/// A gateway that runs, and the account.
#[derive(Debug)]
pub(super) struct Gateway {
    process: Running,
    ready: Ready,
    key: String,
    /// How long it took until it served.
    pub(super) started: Duration,
    /// Processor time of that.
    pub(super) starting: Duration,
}

impl Gateway {
    /// Starts it with its data in `folder`, and mints a key.
    pub(super) fn start(binary: &Path, folder: &Path, more: &[(&str, &str)]) -> Result<Self> {
        let began = Instant::now();
        let (process, ready) = gateway::start_with(binary, folder, more)?;
        let (started, starting) = (began.elapsed(), process::processor_time(ready.pid)?);
        let mut gateway = Self {
            process,
            ready,
            key: String::new(),
            started,
            starting,
        };
        gateway.key = crate::runtime(0)?.block_on(gateway.mint())?;
        Ok(gateway)
    }

    async fn mint(&self) -> Result<String> {
        let path = format!("/api/v1/user/{ACCOUNT}/key");
        let root = self.ready.authorization();
        let minted: Value = self
            .connect()
            .await?
            .ask(("POST", &path), &root, "")
            .await?;
        let key = minted["auth"]["key"].as_str();
        key.map(str::to_owned)
            .ok_or_else(|| Failure::new("no key was minted"))
    }

    /// A connection to it.
    pub(super) async fn connect(&self) -> Result<Connection> {
        let config = tls::client(&self.ready.ca_file, Groups::X25519, false)?;
        Connection::open(self.ready.port()?, &config).await
    }

    /// What lets the account's requests in.
    pub(super) fn authorization(&self) -> String {
        let login = BASE64_STANDARD.encode(format!("{ACCOUNT}:{}", self.key));
        format!("Basic {login}")
    }

    /// The path of a subdomain.
    pub(super) fn path(name: &str) -> String {
        format!("/api/v1/domain/{ACCOUNT}/{name}")
    }

    /// Where requests go.
    pub(super) fn target(&self) -> Result<Target> {
        Ok(Target {
            port: self.ready.port()?,
            pid: self.ready.pid,
            ca: self.ready.ca_file.clone(),
            speaks: Speaks::CloneApi {
                authorization: self.authorization(),
                domains: Self::path("d"),
            },
        })
    }

    /// What a clone is started with to join a subdomain, which is made if it is not there.
    pub(super) async fn configuration(&self, name: &str) -> Result<Value> {
        let mut connection = self.connect().await?;
        let path = Self::path(name);
        let authorization = self.authorization();
        let asked = connection.ask(("PUT", &path), &authorization, "{}");
        let mut configuration = asked.await?;
        configuration["io"]["opts"]["auth"] = json!({"user": ACCOUNT, "key": self.key});
        Ok(configuration)
    }

    /// What clients trust.
    pub(super) fn ca(&self) -> &Path {
        &self.ready.ca_file
    }

    /// Its process.
    pub(super) fn pid(&self) -> u32 {
        self.ready.pid
    }

    /// Bytes of memory that it has resident.
    pub(super) fn resident(&self) -> Result<u64> {
        process::resident(self.ready.pid)
    }

    /// Kills it, as a crash would.
    pub(super) fn kill(self) -> Result<()> {
        self.process.kill()
    }
}

impl Connection {
    /// One request that has to be done; its answer, which is JSON.
    pub(super) async fn ask(
        &mut self,
        (method, path): (&str, &str),
        authorization: &str,
        body: &str,
    ) -> Result<Value> {
        let request = request(method, path, authorization, body);
        let answer = self.exchange(&request).await?;
        if !(200..300).contains(&answer.status) {
            let body = String::from_utf8_lossy(&answer.body);
            let failure = format!("{method} {path}: {} {body}", answer.status);
            return Err(Failure::new(failure));
        }
        Ok(serde_json::from_slice(&answer.body)?)
    }
}
