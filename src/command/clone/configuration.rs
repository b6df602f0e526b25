//! A clone's configuration in the form that `@m-ld/m-ld` takes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use m_ld_engine::clone::{Config, JournalConfig};
use m_ld_engine::constraint::Configured;
use m_ld_engine::context::{Context, domain_base};
use m_ld_engine::rdf::Iri;
use m_ld_remotes::socket::{Address, Backoff, Options};
use serde::Deserialize;
use serde_json::Value;

use super::Arguments;
use super::security::Plugin;
use crate::clock::Chance;

/// What a configuration says. What else is in it is for other engines.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::command) struct Configuration {
    #[serde(rename = "@id")]
    id: Option<String>,
    #[serde(rename = "@domain")]
    domain: Option<String>,
    #[serde(rename = "@context", default)]
    context: Value,
    #[serde(default)]
    genesis: bool,
    network_timeout: Option<u64>,
    max_operation_size: Option<usize>,
    #[serde(default)]
    journal: Journal,
    principal: Option<Principal>,
    /// What guards the domain, if anything does.
    pub(super) transport_security: Option<Plugin>,
    #[serde(default)]
    constraints: Vec<Constraint>,
    #[serde(default)]
    text: Vec<String>,
    #[serde(default)]
    io: Io,
}

/// A rule of the domain. All its clones must have the same.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "@type", rename_all = "kebab-case")]
enum Constraint {
    /// A property has one value.
    SingleValued { property: String },
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Journal {
    admin_debounce: Option<u64>,
    max_entry_footprint: Option<usize>,
}

#[derive(Clone, Debug, Deserialize)]
struct Principal {
    #[serde(rename = "@id")]
    id: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Io {
    uri: Option<String>,
    #[serde(default)]
    opts: IoOptions,
}

#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct IoOptions {
    #[serde(default)]
    auth: Value,
    #[serde(default)]
    query: BTreeMap<String, String>,
    path: Option<String>,
    timeout: Option<u64>,
    reconnection_delay: Option<u64>,
    reconnection_delay_max: Option<u64>,
    randomization_factor: Option<f64>,
    transports: Option<Vec<String>>,
}

impl std::fmt::Debug for IoOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // What it authenticates with is not for the log.
        f.debug_struct("IoOptions").finish_non_exhaustive()
    }
}

impl Configuration {
    pub(in crate::command) fn parse(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    /// Authenticates with what a file says.
    pub(in crate::command) fn authenticate(&mut self, text: &str) -> Result<(), String> {
        // What is wrong in it must not be told: it is secret.
        let auth = serde_json::from_str(text)
            .map_err(|_| "the credential's file is no JSON".to_owned())?;
        self.io.opts.auth = auth;
        Ok(())
    }

    /// Lays arguments over it. Gives it an id if there is none.
    pub(in crate::command) fn overlay(&mut self, arguments: &Arguments, chance: &Chance) {
        let new_id = || chance.text(25, b"0123456789abcdefghijklmnopqrstuvwxyz");
        let id = arguments.id.clone().or(self.id.take());
        self.id = Some(id.unwrap_or_else(new_id));
        let over = |argument: &Option<String>, own: &mut Option<String>| {
            if argument.is_some() {
                own.clone_from(argument);
            }
        };
        over(&arguments.domain, &mut self.domain);
        over(&arguments.uri, &mut self.io.uri);
        if let Some(id) = arguments.principal.clone() {
            self.principal = Some(Principal { id });
        }
        self.genesis |= arguments.genesis;
        self.network_timeout = arguments.network_timeout.or(self.network_timeout);
        self.max_operation_size = arguments.max_operation_size.or(self.max_operation_size);
    }

    /// Whether all is there that a clone needs, and is possible.
    pub(in crate::command) fn check(&self) -> Result<(), String> {
        let missing = |what: &str| Err(format!("{what} is missing"));
        if self.domain.as_ref().is_none_or(String::is_empty) {
            return missing("@domain (or --domain)");
        }
        if self.io.uri.is_none() {
            return missing("io.uri (or --uri)");
        }
        let transports = self.io.opts.transports.as_ref();
        if transports.is_some_and(|names| names.iter().all(|name| name != "websocket")) {
            return Err("io.opts.transports has no websocket, and no other is spoken".to_owned());
        }
        self.principal()?;
        self.address().map(drop)
    }

    pub(in crate::command) fn is_secure(&self) -> bool {
        self.address().is_ok_and(|address| address.is_secure())
    }

    fn address(&self) -> Result<Address, String> {
        let wrong = |error: &dyn std::fmt::Display| format!("io.uri: {error}");
        let uri = self.io.uri.as_deref().unwrap_or_default();
        let address = Address::parse(uri).map_err(|error| wrong(&error))?;
        match &self.io.opts.path {
            None => Ok(address),
            Some(path) => address.with_path(path).map_err(|error| wrong(&error)),
        }
    }

    /// The base of the domain.
    pub(super) fn base(&self) -> Iri {
        domain_base(self.domain.as_deref().unwrap_or_default())
    }

    /// Who is responsible for what the clone writes: relative to the base of the domain, as all identities.
    pub(super) fn principal(&self) -> Result<Option<Iri>, String> {
        let Some(Principal { id }) = &self.principal else {
            return Ok(None);
        };
        let names = Context::new(&self.base(), &Value::Null).map_err(|error| error.to_string())?;
        let principal = names.expand_id(id);
        principal
            .ok_or_else(|| format!("principal.@id: {id} is no IRI"))
            .map(Some)
    }

    /// The context of what the application says.
    pub(in crate::command) fn context(&self) -> Result<Context, String> {
        Context::new(&self.base(), &self.context).map_err(|error| format!("@context: {error}"))
    }

    /// The rules of the domain.
    fn rules(&self, context: &Context) -> Configured {
        let named = |property: &String| context.expand_vocab(property);
        let constraints = self.constraints.iter();
        let single = constraints.map(|Constraint::SingleValued { property }| property);
        Configured {
            text: self.text.iter().filter_map(named).collect(),
            single_valued: single.filter_map(named).collect(),
            ..Configured::default()
        }
    }

    /// For the engine.
    pub(in crate::command) fn engine(&self, context: &Context) -> Config {
        let usual = Config::new(
            self.domain.clone().unwrap_or_default(),
            self.id.clone().unwrap_or_default(),
        );
        let journal = JournalConfig::default();
        Config {
            genesis: self.genesis,
            rules: self.rules(context),
            // Whether it is one has been checked.
            principal: self.principal().ok().flatten(),
            network_timeout: millis(self.network_timeout, usual.network_timeout),
            max_operation_size: self.max_operation_size.unwrap_or(usual.max_operation_size),
            context: self.context.clone(),
            journal: JournalConfig {
                admin_debounce: millis(self.journal.admin_debounce, journal.admin_debounce),
                max_entry_footprint: self
                    .journal
                    .max_entry_footprint
                    .unwrap_or(journal.max_entry_footprint),
                ..journal
            },
            ..usual
        }
    }

    /// For the connection.
    pub(in crate::command) fn socket(
        &self,
        tls: Option<Arc<rustls::ClientConfig>>,
    ) -> Result<Options, String> {
        let usual = Options::new(self.address()?);
        let opts = &self.io.opts;
        Ok(Options {
            query: opts.query.clone().into_iter().collect(),
            auth: opts.auth.clone(),
            tls,
            connect_timeout: millis(opts.timeout, usual.connect_timeout),
            ack_timeout: millis(self.network_timeout, usual.ack_timeout),
            backoff: self.backoff(),
            // The gateway's word for "later".
            passing_refusals: vec!["TooManyRequests".to_owned()],
            ..usual
        })
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a percentage between 0 and 100"
    )]
    fn backoff(&self) -> Backoff {
        let (opts, usual) = (&self.io.opts, Backoff::default());
        let percent = opts
            .randomization_factor
            .map(|factor| (factor * 100.0).clamp(0.0, 100.0) as u8);
        Backoff {
            first: millis(opts.reconnection_delay, usual.first),
            longest: millis(opts.reconnection_delay_max, usual.longest),
            jitter_percent: percent.unwrap_or(usual.jitter_percent),
        }
    }
}

fn millis(number: Option<u64>, usual: Duration) -> Duration {
    number.map_or(usual, Duration::from_millis)
}
