//! `meldgate dev`: a whole gateway with nothing to prepare.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::failure::Failure;
use super::surroundings::Surroundings;
use super::{folder, keys, serve};
use crate::app::{Options, Ready};
use crate::clock::{Chance, Clock};
use crate::config::{Config, Loaded, Purpose, Sources, guard};
use crate::ids::Name;
use crate::listener::bind::Passed;
use crate::listener::development;
use crate::telemetry;

/// Whose key the root key of a development gateway is.
const ROOT_ACCOUNT: &str = "root";

#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    /// Print one line of JSON on stdout when the gateway serves
    #[arg(long)]
    json: bool,
    /// The folder for keys, certificates and data [default: one that is removed at the end]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The address to listen to; port 0 lets the system choose [default: 127.0.0.1:8443]
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
    /// The domain under which subdomains are named [default: gw.local]
    #[arg(long, value_name = "NAME")]
    domain: Option<String>,
    /// A configuration file to lay over the development defaults
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Runs a gateway until it is told to stop.
pub(super) fn run(arguments: &Arguments, surroundings: &Surroundings) -> Result<(), Failure> {
    let (clock, chance) = (Clock::system(), Chance::system());
    let data = Data::prepare(arguments.data.as_deref(), surroundings, &chance)?;
    let mut kit = Kit {
        sources: sources(arguments, surroundings)?,
        folder: data.path().to_owned(),
        clock: clock.clone(),
        chance: chance.clone(),
    };
    let (loaded, ca_file) = kit.load()?;
    let telemetry = telemetry::start(&loaded.config.log, surroundings.output(), &clock);
    serve::log_notes(&loaded.notes);
    let (told, json) = (Told::new(&loaded.config, ca_file, &data), arguments.json);
    let options = Options {
        ready: Box::new(move |ready| told.tell(&ready, json)),
        host: Some(host(&loaded.config)),
        passed: Passed::default(),
        reread: Box::new(move || Ok(kit.load()?.0)),
        files: loaded.files,
        telemetry,
        clock,
        chance,
    };
    serve::block_on(loaded.config, options)
}

fn sources(arguments: &Arguments, surroundings: &Surroundings) -> Result<Sources, Failure> {
    let file = arguments.config.as_deref().map(std::path::absolute);
    let mut sources = surroundings.sources(file.transpose()?);
    if let Some(listen) = arguments.listen {
        let argument = ("listen", "https", "--listen", listen.to_string());
        sources.arguments.push(argument);
    }
    if let Some(domain) = arguments.domain.clone() {
        let argument = ("gateway", "domain", "--domain", domain);
        sources.arguments.push(argument);
    }
    Ok(sources)
}

/// The folder with everything that a development gateway keeps.
#[derive(Debug)]
enum Data {
    Kept(PathBuf),
    Passing(folder::Temporary),
}

impl Data {
    fn prepare(
        named: Option<&Path>,
        surroundings: &Surroundings,
        chance: &Chance,
    ) -> Result<Self, Failure> {
        let Some(named) = named else {
            let parent = std::path::absolute(surroundings.temporary())?;
            return folder::Temporary::new(&parent, chance).map(Self::Passing);
        };
        let path = std::path::absolute(named)?;
        folder::private(&path)?;
        Ok(Self::Kept(path))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Passing(folder) => folder.path(),
        }
    }
}

/// Makes a configuration whole.
struct Kit {
    sources: Sources,
    folder: PathBuf,
    clock: Clock,
    chance: Chance,
}

impl Kit {
    /// Loads the configuration and makes what it lacks: root key, master key, certificates. With the
    /// authority to trust, if the certificates were made here.
    fn load(&mut self) -> Result<(Loaded, Option<PathBuf>), Failure> {
        let purpose = Purpose::Development(self.folder.clone());
        let mut loaded = Config::load(&purpose, &self.sources)?;
        let gateway = &mut loaded.config.gateway;
        keys::master(&gateway.master_key_file, &self.chance)?;
        if gateway.root_key.is_none() {
            let account = Name::parse(ROOT_ACCOUNT)?;
            let (key, _) = keys::root(&self.folder.join("root.key"), &account, &self.chance)?;
            gateway.root_key = Some(key);
        }
        let ca_file = self.certificates(&mut loaded.config)?;
        Ok((loaded, ca_file))
    }

    fn certificates(&self, config: &mut Config) -> Result<Option<PathBuf>, Failure> {
        if !config.tls.certificates.is_empty() {
            return Ok(None);
        }
        let folder = self.folder.join("tls");
        let (domain, extra) = (&config.gateway.domain, names(config));
        let made = development::ensure(&folder, domain, &extra, &self.clock, &self.chance)?;
        config.tls.certificates = vec![made.leaf];
        Ok(Some(made.ca_file))
    }
}

/// What clients may call the gateway besides this machine and the domain.
fn names(config: &Config) -> Vec<String> {
    let addresses = config.listen.https.iter().map(SocketAddr::ip);
    let mut names: Vec<String> = addresses
        .filter(|address| !address.is_unspecified())
        .map(|address| address.to_string())
        .collect();
    let origin = config.gateway.origin.as_deref();
    let host = origin.and_then(|origin| origin.strip_prefix("https://"));
    names.extend(host.map(|authority| {
        let host = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => host,
            _ => authority,
        };
        host.trim_matches(['[', ']']).to_owned()
    }));
    names
}

/// What stands in the origin: a name that this machine finds itself by, for nobody resolves the domain.
fn host(config: &Config) -> String {
    match config.listen.https.first().map(SocketAddr::ip) {
        Some(address) if !(address.is_loopback() || address.is_unspecified()) => match address {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        },
        _ => "localhost".into(),
    }
}

/// What a developer is told when the gateway serves.
#[derive(Debug)]
struct Told {
    domain: String,
    root_account: String,
    root_key: crate::secret::KeySecret,
    ca_file: Option<PathBuf>,
    data: PathBuf,
    passing: bool,
}

/// The ready line of `--json`. The root key is in it because that is what a test or a script needs first.
#[derive(Serialize)]
struct ReadyLine<'a> {
    origin: &'a str,
    domain: &'a str,
    root_account: &'a str,
    root_key: &'a str,
    ca_file: Option<&'a Path>,
    pid: u32,
}

impl Told {
    fn new(config: &Config, ca_file: Option<PathBuf>, data: &Data) -> Self {
        let key = config.gateway.root_key.as_ref();
        let key = key
            .map(crate::secret::AccountKey::expose)
            .unwrap_or_default();
        Self {
            domain: config.gateway.domain.to_string(),
            root_account: keys::root_account(config).to_owned(),
            root_key: crate::secret::KeySecret::new(key),
            ca_file,
            data: data.path().to_owned(),
            passing: matches!(data, Data::Passing(_)),
        }
    }

    fn tell(&self, ready: &Ready, json: bool) {
        let text = if json {
            self.json(ready)
        } else {
            self.text(ready)
        };
        let mut out = io::stdout().lock();
        // Whoever does not listen wants a gateway all the same.
        drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
        serve::log_ready(ready);
    }

    fn json(&self, ready: &Ready) -> String {
        let line = ReadyLine {
            origin: &ready.origin,
            domain: &self.domain,
            root_account: &self.root_account,
            root_key: self.root_key.expose(),
            ca_file: self.ca_file.as_deref(),
            pid: std::process::id(),
        };
        // Fails only for a path that is not UTF-8; the line then says nothing, which nobody can mistake.
        let text = serde_json::to_string(&line).unwrap_or_default();
        text + "\n"
    }

    fn text(&self, ready: &Ready) -> String {
        let mut text = format!("meldgate serves {} for development\n\n", ready.origin);
        let mut row = |what: &str, it: &str| {
            // Writing to a string does not fail.
            writeln!(text, "  {what:<13} {it}").unwrap_or_default();
        };
        row("domain", &self.domain);
        row("root account", &self.root_account);
        row("root key", self.root_key.expose());
        let after = if self.passing {
            " (removed at the end; keep one with --data DIR)"
        } else {
            ""
        };
        row("data", &format!("{}{after}", self.data.display()));
        let mut trust = String::new();
        if let Some(ca_file) = &self.ca_file {
            row("authority", &ca_file.display().to_string());
            trust = format!("--cacert {} ", guard::quoted(ca_file));
        }
        row(
            "try",
            &format!("curl {trust}{}/api/v1/context", ready.origin),
        );
        text
    }
}

#[cfg(test)]
mod tests;
