//! Sections as written to a checked [`Config`].

use std::path::Path;

use super::defaults::Defaults;
use super::error::{Note, Problem};
use super::guard;
use super::layers::{Key, Layers};
use super::load::{Purpose, Sections};
use super::secrets::Vault;
use super::written::Written;
use super::{Config, Gateway, Tls, file, origin, ranges, smtp};
use crate::ids::GatewayDomain;

/// Where checks leave what they find.
pub(super) struct Checks<'a> {
    layers: &'a Layers,
    problems: &'a mut Vec<Problem>,
    notes: &'a mut Vec<Note>,
}

impl<'a> Checks<'a> {
    pub(super) fn new(
        layers: &'a Layers,
        problems: &'a mut Vec<Problem>,
        notes: &'a mut Vec<Note>,
    ) -> Self {
        Self {
            layers,
            problems,
            notes,
        }
    }

    /// Says what is wrong with a key's value.
    pub(super) fn wrong(&mut self, key: Key, wrong: impl Into<String>) {
        self.problems.push(Problem::Value {
            origin: self.layers.origin(key),
            key,
            wrong: wrong.into(),
        });
    }

    /// Says what is wrong with a key's value unless `right`.
    pub(super) fn require(&mut self, right: bool, key: Key, wrong: &str) {
        if !right {
            self.wrong(key, wrong);
        }
    }

    /// Says that a key is needed, unless its value was given and refused before.
    pub(super) fn missing(&mut self, key: Key, wanted: &'static str) {
        if self.layers.given(key).is_none() {
            self.problems.push(Problem::Missing { key, wanted });
        }
    }

    pub(super) fn note(&mut self, text: impl Into<String>) {
        self.notes.push(Note::new(text));
    }

    pub(super) fn take<T: Default>(&mut self, result: Result<T, Problem>) -> T {
        result.unwrap_or_else(|problem| {
            self.problems.push(problem);
            T::default()
        })
    }
}

/// Checks everything; `None` if not even a wrong configuration can be made of it.
pub(super) fn config(
    sections: Sections,
    purpose: &Purpose,
    vault: &Vault<'_>,
    checks: &mut Checks<'_>,
) -> Option<Config> {
    let mut defaults = match purpose {
        Purpose::Serve => Defaults::serve(),
        Purpose::Development(folder) => Defaults::development(folder),
    };
    sections.listen.lay_over(&mut defaults.listen);
    sections.tls.lay_over(&mut defaults.tls);
    sections.http.lay_over(&mut defaults.http);
    sections.sockets.lay_over(&mut defaults.sockets);
    sections.limits.lay_over(&mut defaults.limits);
    sections.lockout.lay_over(&mut defaults.lockout);
    sections.accounts.lay_over(&mut defaults.accounts);
    sections.domains.lay_over(&mut defaults.domains);
    sections.webhooks.lay_over(&mut defaults.webhooks);
    sections.log.lay_over(&mut defaults.log);
    certificates(&mut defaults.tls, purpose, vault, checks);
    let smtp = smtp::check(sections.smtp, purpose, vault, checks);
    let config = Config {
        gateway: gateway(sections.gateway, &defaults, purpose, vault, checks)?,
        listen: defaults.listen,
        tls: defaults.tls,
        http: defaults.http,
        sockets: defaults.sockets,
        limits: defaults.limits,
        lockout: defaults.lockout,
        accounts: defaults.accounts,
        domains: defaults.domains,
        webhooks: defaults.webhooks,
        smtp,
        log: defaults.log,
    };
    ranges::check(&config, checks);
    Some(config)
}

fn gateway(
    written: file::Gateway,
    defaults: &Defaults,
    purpose: &Purpose,
    vault: &Vault<'_>,
    checks: &mut Checks<'_>,
) -> Option<Gateway> {
    let state_dir = written
        .state_dir
        .map_or_else(|| defaults.state_dir.clone(), Written::value);
    let named = written.root_key_file.map(Written::value);
    // One that is named or given and cannot be used is told by itself.
    let found = vault.root_key(named, &defaults.root_key_file);
    let no_root_key = matches!(found, Ok(None));
    let root_key = checks.take(found);
    let root_pair = checks.take(vault.root_pair(
        written.root_public_file.map(Written::value),
        written.root_private_file.map(Written::value),
    ));
    let named = written.master_key_file.map(Written::value);
    let master = vault.master_key(named, &defaults.master_key_file);
    if *purpose == Purpose::Serve {
        if master.path.exists() {
            checks.take(guard::verify(&master.path, master.kind));
        } else {
            not_made("master-key-file", &master.path, checks);
        }
        if no_root_key {
            not_made("root-key-file", &defaults.root_key_file, checks);
        }
        apart(&master.path, &state_dir, checks);
    }
    let origin = written.origin.and_then(|text| {
        let read = origin::parse(&text.value());
        read.map_err(|wrong| checks.wrong(Key::new("gateway", "origin"), wrong))
            .ok()
    });
    let domain = domain(written.domain.map(Written::value), defaults, checks)?;
    Some(Gateway {
        domain,
        origin,
        state_dir,
        root_key,
        root_pair,
        master_key_file: master.path,
    })
}

fn not_made(name: &'static str, path: &Path, checks: &mut Checks<'_>) {
    let there = path.display();
    let wrong = format!("is {there}, which is not there: run `meldgate init` to make it");
    checks.wrong(Key::new("gateway", name), wrong);
}

/// Who gets hold of the state must not have its key with it.
fn apart(master: &Path, state: &Path, checks: &mut Checks<'_>) {
    checks.require(
        !master.starts_with(state),
        Key::new("gateway", "master-key-file"),
        "must not be in gateway.state-dir: a copy of the state would hold its own key",
    );
}

fn domain(
    written: Option<GatewayDomain>,
    defaults: &Defaults,
    checks: &mut Checks<'_>,
) -> Option<GatewayDomain> {
    let domain = written.or_else(|| defaults.domain.clone());
    match &domain {
        Some(domain) if !clones_accept(domain) => checks.note(format!(
            "m-ld clones refuse domains below {domain}: their last label must be 2 to 6 letters"
        )),
        Some(_) => {}
        None => checks.missing(
            Key::new("gateway", "domain"),
            "set it to the gateway's host name, such as \"gw.example.org\"",
        ),
    }
    domain
}

/// Whether a name below the domain fits the JavaScript engine's pattern of a domain,
/// `^[a-z0-9_]+([\-.][a-z0-9_]+)*\.[a-z]{2,6}$`.
fn clones_accept(domain: &GatewayDomain) -> bool {
    let text = domain.as_str();
    let last = text.rsplit('.').next().unwrap_or(text);
    (2..=6).contains(&last.len())
        && last.bytes().all(|b| b.is_ascii_lowercase())
        && !text.contains("--")
}

fn certificates(tls: &mut Tls, purpose: &Purpose, vault: &Vault<'_>, checks: &mut Checks<'_>) {
    if tls.certificates.is_empty() {
        tls.certificates.extend(vault.certificate());
    }
    if tls.certificates.is_empty() && *purpose == Purpose::Serve {
        checks.missing(
            Key::new("tls", "certificates"),
            "name at least one [[tls.certificates]] with `certificate` and `key`",
        );
    }
}
