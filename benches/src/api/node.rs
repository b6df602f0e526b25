//! The Node server of the same interface.

use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use crate::drive::Scratch;
use crate::drive::servers::Running;
use crate::failure::Result;
use crate::load::{Speaks, Target};
use crate::tls::Files;

const AUTHORIZATION: &str = "Basic YmVuY2g6Zm9vLmJhcjpiYXo=";

/// A server that runs.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) target: Target,
    _process: Running,
}

/// What it says when it can be reached.
#[derive(Debug, Deserialize)]
struct Ready {
    port: u16,
    pid: u32,
}

impl Node {
    /// Starts it with new data.
    pub(super) fn start(folder: &Path, files: &Files, scratch: &Scratch) -> Result<Self> {
        let data = scratch.path("node-api");
        std::fs::create_dir_all(&data)?;
        let mut command = Command::new("node");
        command
            .arg(folder.join("server.mjs"))
            .args([&files.chain, &files.key, &data])
            .arg(AUTHORIZATION)
            .env("NODE_ENV", "production");
        let mut process = Running::start(&mut command)?;
        let Ready { port, pid } = process.ready()?;
        let target = Target {
            port,
            pid,
            ca: files.ca.clone(),
            speaks: Speaks::CloneApi {
                authorization: AUTHORIZATION.to_owned(),
                domains: "/api/v1/domain/bench/d".to_owned(),
            },
        };
        Ok(Self {
            target,
            _process: process,
        })
    }
}
