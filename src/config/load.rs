//! File, environment and arguments to a checked [`Config`].

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use toml::Value;

use super::check::{self, Checks};
use super::defaults::Defaults;
use super::error::{ConfigError, Note, Problem};
use super::guard::{self, Kind};
use super::layers::{Layers, Origin};
use super::legacy;
use super::secrets::Vault;
use super::written::Written;
use super::{CertificateFiles, Config, environment, file, schema, text};
use crate::ids::GatewayDomain;

/// What a configuration is for, which decides its defaults and how strict its checks are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Purpose {
    /// `meldgate serve`.
    Serve,
    /// `meldgate dev` with its data in this folder, an absolute path.
    Development(PathBuf),
}

/// Where a configuration comes from. Keep it to load again.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The TOML file, if there is one.
    pub file: Option<PathBuf>,
    /// The environment's variables; those of others are passed over.
    pub variables: Vec<(OsString, OsString)>,
    /// The service manager's folder of credentials.
    pub credentials: Option<PathBuf>,
    /// Keys that were set by an argument: section, key, the argument's name, its text. They lie over all.
    pub arguments: Vec<(&'static str, &'static str, &'static str, String)>,
}

/// A configuration that can be used, with what its operator should know.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What was ignored, and what will not work.
    pub notes: Vec<Note>,
    /// The files that it was read from, certificates apart: to be watched for changes.
    pub files: Vec<PathBuf>,
}

/// Where things are, for commands that make them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Places {
    /// The gateway's domain, if it is set.
    pub domain: Option<GatewayDomain>,
    /// The daemon's folder.
    pub state_dir: PathBuf,
    /// The root account's key.
    pub root_key_file: PathBuf,
    /// The key that seals the store.
    pub master_key_file: PathBuf,
    /// The certificates that are named.
    pub certificates: Vec<CertificateFiles>,
}

impl Config {
    /// Reads and checks everything: defaults, under the file, under the public gateway's variables, under
    /// `MELDGATE_` variables, under arguments. Key files are read and certificates are not.
    pub fn load(purpose: &Purpose, sources: &Sources) -> Result<Loaded, ConfigError> {
        let mut gathered = Gathered::from(sources);
        let sections = gathered.sections();
        let Gathered {
            layers,
            secrets,
            mut problems,
            mut notes,
        } = gathered;
        let vault = Vault::new(&layers, secrets, sources.credentials.as_deref());
        let mut checks = Checks::new(&layers, &mut problems, &mut notes);
        let config = check::config(sections, purpose, &vault, &mut checks);
        let config = ConfigError::unless_none(problems, config)?;
        let files = sources.file.iter().cloned().chain(vault.seen()).collect();
        Ok(Loaded {
            config,
            notes,
            files,
        })
    }

    /// The places of a configuration that need not be complete yet.
    pub fn places(sources: &Sources) -> Result<Places, ConfigError> {
        let mut gathered = Gathered::from(sources);
        let Sections { gateway, tls, .. } = gathered.sections();
        let defaults = Defaults::serve();
        let path =
            |written: Option<Written<PathBuf>>, default| written.map_or(default, Written::value);
        let places = Places {
            domain: gateway.domain.map(Written::value),
            state_dir: path(gateway.state_dir, defaults.state_dir),
            root_key_file: path(gateway.root_key_file, defaults.root_key_file),
            master_key_file: path(gateway.master_key_file, defaults.master_key_file),
            certificates: tls
                .certificates
                .map(file::Certificates::value)
                .unwrap_or_default(),
        };
        ConfigError::unless_none(gathered.problems, Some(places))
    }

    /// The development defaults as a configuration, without certificates and root key: for tests and tools
    /// that bring their own.
    pub fn development(
        folder: &Path,
        domain: &GatewayDomain,
        listen: SocketAddr,
    ) -> Result<Self, ConfigError> {
        let sources = Sources {
            arguments: vec![
                ("gateway", "domain", "--domain", domain.to_string()),
                ("listen", "https", "--listen", listen.to_string()),
            ],
            ..Sources::default()
        };
        Self::load(&Purpose::Development(folder.into()), &sources).map(|loaded| loaded.config)
    }
}

/// All that was said, before it is judged.
#[derive(Default)]
struct Gathered {
    layers: Layers,
    secrets: legacy::Secrets,
    problems: Vec<Problem>,
    notes: Vec<Note>,
}

impl From<&Sources> for Gathered {
    fn from(sources: &Sources) -> Self {
        let mut all = Self::default();
        if let Some(path) = &sources.file {
            match guard::read(path, Kind::Configuration) {
                Ok(text) => text::lay(path, &text, &mut all.layers, &mut all.problems),
                Err(problem) => all.problems.push(problem),
            }
        }
        all.secrets = environment::lay(
            &sources.variables,
            &mut all.layers,
            &mut all.problems,
            &mut all.notes,
        );
        for (section, name, argument, text) in &sources.arguments {
            let (value, origin) = (Value::String(text.clone()), Origin::Argument(argument));
            if let Some(key) = schema::find(section, name) {
                all.layers.lay(key, value, origin);
            }
        }
        all
    }
}

/// Every section as it was written.
pub(super) struct Sections {
    pub(super) gateway: file::Gateway,
    pub(super) listen: file::Listen,
    pub(super) tls: file::Tls,
    pub(super) http: file::Http,
    pub(super) sockets: file::Sockets,
    pub(super) limits: file::Limits,
    pub(super) lockout: file::Lockout,
    pub(super) accounts: file::Accounts,
    pub(super) domains: file::Domains,
    pub(super) webhooks: file::Webhooks,
    pub(super) smtp: file::Smtp,
    pub(super) log: file::Log,
}

impl Gathered {
    fn sections(&mut self) -> Sections {
        let (layers, problems) = (&self.layers, &mut self.problems);
        Sections {
            gateway: layers.section("gateway", problems),
            listen: layers.section("listen", problems),
            tls: layers.section("tls", problems),
            http: layers.section("http", problems),
            sockets: layers.section("sockets", problems),
            limits: layers.section("limits", problems),
            lockout: layers.section("lockout", problems),
            accounts: layers.section("accounts", problems),
            domains: layers.section("domains", problems),
            webhooks: layers.section("webhooks", problems),
            smtp: layers.section("smtp", problems),
            log: layers.section("log", problems),
        }
    }
}
