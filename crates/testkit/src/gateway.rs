//! `meldgate dev` as a child process.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::{Folder, Https, Reply};

/// A gateway that runs until it is dropped, or the test's process ends, however that ends.
#[derive(Debug)]
pub struct Gateway {
    guardian: Child,
    child: Child,
    /// What it said when it served.
    pub ready: Ready,
    /// Client configuration that trusts it.
    pub tls: Arc<rustls::ClientConfig>,
    log: Arc<Mutex<String>>,
    /// Its data, if nobody else sees to that.
    folder: Option<Folder>,
}

/// The line that `meldgate dev --json` prints when it serves.
#[derive(Clone, Debug)]
pub struct Ready {
    /// What clients call it.
    pub origin: String,
    /// The host name of its domains.
    pub domain: String,
    /// The root account's name.
    pub root_account: String,
    /// The root account's key.
    pub root_key: String,
    /// The certificate to trust.
    pub ca_file: PathBuf,
    /// The process.
    pub pid: u32,
}

impl Gateway {
    /// Starts `binary` with its data in `folder` and the configuration file, if any.
    pub fn start(binary: &str, folder: &Path, config: Option<&Path>) -> Self {
        Self::spawn(binary, folder, config).unwrap_or_else(|(_, said)| panic!("{said}"))
    }

    /// Starts `binary` with a configuration of this text and everything else new.
    pub fn fresh(binary: &str, config: &str) -> Self {
        let folder = Folder::new();
        let mut gateway = Self::on(binary, &folder, config);
        gateway.guardian.kill().unwrap();
        drop(gateway.guardian.wait());
        gateway.guardian = guard(gateway.ready.pid, Some(folder.path()));
        gateway.folder = Some(folder);
        gateway
    }

    /// Starts `binary` with a configuration of this text and the data of those that ran in `folder` before.
    pub fn on(binary: &str, folder: &Folder, config: &str) -> Self {
        let config = folder.write("gateway.toml", config);
        Self::start(binary, &folder.path().join("data"), Some(&config))
    }

    /// Starts `binary` where it has to refuse. Gives its exit code and what it said.
    pub fn refused(binary: &str, folder: &Folder, config: &str) -> (Option<i32>, String) {
        let config = folder.write("gateway.toml", config);
        match Self::spawn(binary, &folder.path().join("data"), Some(&config)) {
            Ok(gateway) => panic!("it serves {}", gateway.ready.origin),
            Err(refusal) => refusal,
        }
    }

    fn spawn(
        binary: &str,
        folder: &Path,
        config: Option<&Path>,
    ) -> Result<Self, (Option<i32>, String)> {
        let mut arguments: Vec<&OsStr> = ["dev", "--json", "--listen", "127.0.0.1:0", "--data"]
            .map(OsStr::new)
            .into();
        arguments.push(folder.as_os_str());
        if let Some(config) = config {
            arguments.extend([OsStr::new("--config"), config.as_os_str()]);
        }
        let mut child = Command::new(binary)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{binary}: {error}"));
        let guardian = guard(child.id(), None);
        let log = collect(child.stderr.take().unwrap());
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let read = stdout.read_line(&mut line);
        let Some(ready) = read.ok().and_then(|_| Ready::parse(&line)) else {
            return Err(end_of(child, guardian, &log, &line));
        };
        let tls = trusting(&ready.ca_file, &[]);
        Ok(Self {
            guardian,
            child,
            ready,
            tls,
            log: log.text,
            folder: None,
        })
    }

    /// The port on the loopback interface.
    pub fn port(&self) -> u16 {
        self.ready
            .origin
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok())
            .unwrap()
    }

    /// All that it has logged so far.
    pub fn log(&self) -> String {
        self.log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Waits until it has logged something.
    pub async fn logged(&self, what: &str) -> String {
        crate::soon(what, async {
            loop {
                let log = self.log();
                if let Some(line) = log.lines().find(|line| line.contains(what)) {
                    return line.to_owned();
                }
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        })
        .await
    }

    /// Opens a connection of its own for requests.
    pub async fn https(&self) -> Https {
        Https::connect(self.port(), &self.tls).await
    }

    /// Opens a connection from another address of the loopback interface, `127.x.y.z`: another source.
    pub async fn https_from(&self, address: [u8; 4]) -> Https {
        let connecting = Https::try_connect_from(address.into(), self.port(), &self.tls);
        connecting.await.unwrap()
    }

    /// The folder that a [`fresh`](Self::fresh) one keeps its things in.
    pub fn folder(&self) -> &Folder {
        self.folder.as_ref().unwrap()
    }

    /// One request on a connection of its own, with the root key.
    pub async fn as_root(&self, method: &str, path: &str, body: Option<&str>) -> Reply {
        let authorization = crate::https::basic(&self.ready.root_account, &self.ready.root_key);
        self.https()
            .await
            .json(method, path, Some(&authorization), body)
            .await
    }

    /// Mints a key for an account, which is created if there is none. Gives the whole key.
    pub async fn mint(&self, account: &str) -> String {
        let reply = self
            .as_root("POST", &format!("/api/v1/user/{account}/key"), None)
            .await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.value()["auth"]["key"].as_str().unwrap().to_owned()
    }

    /// Adds details to an account: `{"naming": "uuid", …}`.
    pub async fn allow(&self, account: &str, details: &str) {
        let body = format!(r#"{{"@insert":{details}}}"#);
        let reply = self
            .as_root("PATCH", &format!("/api/v1/user/{account}"), Some(&body))
            .await;
        assert_eq!(reply.status, 204, "{reply:?}");
    }

    /// Sends it a signal by name, such as `HUP`.
    pub fn signal(&self, name: &str) {
        let done = Command::new("kill")
            .args([&format!("-{name}"), &self.child.id().to_string()])
            .status();
        assert!(done.is_ok_and(|status| status.success()));
    }

    /// Ends it by SIGTERM and waits for it. Gives its exit code.
    pub async fn stop(mut self) -> Option<i32> {
        self.signal("TERM");
        self.ended().await
    }

    /// Waits for it to end by itself, as after a signal. Gives its exit code.
    pub async fn end(mut self) -> Option<i32> {
        self.ended().await
    }

    /// Waits until it has logged something so many times.
    pub async fn logged_times(&self, what: &str, times: usize) {
        crate::soon(what, async {
            while self.log().matches(what).count() < times {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        })
        .await;
    }

    /// Kills it without warning, and waits until it is gone.
    pub async fn kill(mut self) {
        self.child.kill().unwrap();
        self.ended().await;
    }

    async fn ended(&mut self) -> Option<i32> {
        crate::soon("the gateway's end", async {
            loop {
                if let Ok(Some(status)) = self.child.try_wait() {
                    return status.code();
                }
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        })
        .await
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        drop(self.guardian.kill());
        drop(self.guardian.wait());
        drop(self.child.kill());
        drop(self.child.wait());
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<_> = log.lines().rev().take(40).collect();
            drop(std::io::Write::write_all(
                &mut std::io::stderr(),
                format!(
                    "the gateway's log ends with:\n{}\n",
                    tail.into_iter().rev().collect::<Vec<_>>().join("\n")
                )
                .as_bytes(),
            ));
        }
    }
}

impl Ready {
    fn parse(line: &str) -> Option<Self> {
        let value: serde_json::Value = serde_json::from_str(line).ok()?;
        let text = |name: &str| value[name].as_str().map(str::to_owned);
        Some(Self {
            origin: text("origin")?,
            domain: text("domain")?,
            root_account: text("root_account")?,
            root_key: text("root_key")?,
            ca_file: text("ca_file")?.into(),
            pid: u32::try_from(value["pid"].as_u64()?).ok()?,
        })
    }
}

/// A client's TLS that trusts one authority.
pub(crate) fn trusting(ca_file: &Path, alpn: &[&[u8]]) -> Arc<rustls::ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(ca_file).unwrap())
        .unwrap();
    let mut config = rustls::ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    Arc::new(config)
}

/// What a process said on stderr.
struct Said {
    text: Arc<Mutex<String>>,
    reader: std::thread::JoinHandle<()>,
}

fn collect(stderr: std::process::ChildStderr) -> Said {
    let text = Arc::new(Mutex::new(String::new()));
    let writer = Arc::clone(&text);
    let reader = std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines() {
            let Ok(line) = line else { return };
            let mut log = writer.lock().unwrap_or_else(PoisonError::into_inner);
            log.push_str(&line);
            log.push('\n');
        }
    });
    Said { text, reader }
}

/// Kills a process once ours has ended: the system then closes what the guardian reads from. Statics are never
/// dropped, and neither is anything in a test that is killed.
fn guard(pid: u32, remove: Option<&Path>) -> Child {
    const SCRIPT: &str = r#"read -r _; kill -KILL "$1"; [ -z "$2" ] || rm -rf -- "$2""#;
    Command::new("sh")
        .args(["-c", SCRIPT, "guardian", &pid.to_string()])
        .arg(remove.map_or(OsStr::new(""), Path::as_os_str))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("sh: {error}"))
}

/// Ends a process that did not say that it serves. Gives its exit code and all that it said.
fn end_of(mut child: Child, mut guardian: Child, log: &Said, line: &str) -> (Option<i32>, String) {
    drop(guardian.kill());
    drop(guardian.wait());
    if !line.is_empty() {
        drop(child.kill()); // it goes on, and will not say what we wait for
    }
    let code = child.wait().ok().and_then(|status| status.code());
    while !log.reader.is_finished() {
        std::thread::yield_now();
    }
    let said = log.text.lock().unwrap_or_else(PoisonError::into_inner);
    (code, format!("no ready line but {line:?}; it said: {said}"))
}
