//! The public gateway's environment variables, `M_LD_GATEWAY_…`.
//!
//! Sources: the API page of the gateway (`docs/api.md`), "Command line and configuration".

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use toml::Value;

use super::error::{Note, Problem};
use super::layers::{Key, Layers, Origin};
use crate::secret::KeySecret;

/// What that gateway takes by value, and this one otherwise only from files.
#[derive(Clone, Debug, Default)]
pub(super) struct Secrets {
    pub(super) root_key: Option<(KeySecret, Origin)>,
    pub(super) root_public: Option<KeySecret>,
    pub(super) root_private: Option<KeySecret>,
    pub(super) smtp_password: Option<KeySecret>,
}

/// Lays the variables over `layers`; `variables` holds only those of the public gateway.
pub(super) fn lay(
    variables: &[(String, String)],
    layers: &mut Layers,
    problems: &mut Vec<Problem>,
    notes: &mut Vec<Note>,
) -> Secrets {
    let mut reader = Reader {
        layers,
        problems,
        notes,
        secrets: Secrets::default(),
        host: None,
        port: None,
    };
    for (name, text) in variables {
        reader.one(name, text.trim());
    }
    reader.address();
    reader.secrets
}

struct Reader<'a> {
    layers: &'a mut Layers,
    problems: &'a mut Vec<Problem>,
    notes: &'a mut Vec<Note>,
    secrets: Secrets,
    host: Option<IpAddr>,
    port: Option<u16>,
}

impl Reader<'_> {
    fn one(&mut self, name: &str, text: &str) {
        let origin = Origin::Variable(name.into());
        let secret = || Some(KeySecret::new(text));
        match name.strip_prefix("M_LD_GATEWAY_").unwrap_or(name) {
            "GATEWAY" => self.gateway(text, &origin),
            "AUTH__KEY" => self.secrets.root_key = secret().map(|key| (key, origin)),
            "KEY__PUBLIC" => self.secrets.root_public = secret(),
            "KEY__PRIVATE" => self.secrets.root_private = secret(),
            "KEY__TYPE" if text == "rsa" => {}
            "KEY__TYPE" => self.wrong(origin, "must be `rsa`, the only type of key pair there is"),
            "DATA_PATH" => self.set(Key::new("gateway", "state-dir"), text, &origin),
            "ADDRESS__HOST" => self.host(text, origin),
            "ADDRESS__PORT" => match text.parse() {
                Ok(port) => self.port = Some(port),
                Err(_) => self.wrong(origin, "must be a port, 0 to 65535"),
            },
            "SMTP__HOST" => self.set(Key::new("smtp", "host"), text, &origin),
            "SMTP__FROM" => self.set(Key::new("smtp", "from"), text, &origin),
            "SMTP__AUTH__USER" => self.set(Key::new("smtp", "user"), text, &origin),
            "SMTP__AUTH__PASS" => self.secrets.smtp_password = secret(),
            "GENESIS" => self.note(name, "the gateway itself knows whether its domain is new"),
            _ => self.note(name, "it means nothing to this gateway"),
        }
    }

    fn set(&mut self, key: Key, text: &str, origin: &Origin) {
        self.layers
            .lay(key, Value::String(text.into()), origin.clone());
    }

    fn wrong(&mut self, origin: Origin, wrong: &str) {
        self.problems.push(Problem::Variable {
            origin,
            wrong: wrong.into(),
        });
    }

    fn note(&mut self, name: &str, why: &str) {
        let name = name.escape_debug();
        self.notes
            .push(Note::new(format!("{name} is ignored: {why}")));
    }

    /// Either a domain, or an origin whose host is the domain.
    fn gateway(&mut self, text: &str, origin: &Origin) {
        let domain = Key::new("gateway", "domain");
        let Some((_, rest)) = text.split_once("://") else {
            return self.set(domain, text, origin);
        };
        let host = rest.split(['/', ':']).next().unwrap_or_default();
        self.set(domain, host, origin);
        self.set(Key::new("gateway", "origin"), text, origin);
    }

    fn host(&mut self, text: &str, origin: Origin) {
        match text {
            "localhost" => self.host = Some(IpAddr::from([127, 0, 0, 1])),
            _ => match text.parse() {
                Ok(address) => self.host = Some(address),
                Err(_) => self.wrong(origin, "must be an IP address or `localhost`"),
            },
        }
    }

    /// Host and port make one address, whichever of them was given.
    fn address(&mut self) {
        let (name, host, port) = match (self.host, self.port) {
            (None, None) => return,
            (Some(host), port) => ("M_LD_GATEWAY_ADDRESS__HOST", host, port.unwrap_or(443)),
            (None, Some(port)) => (
                "M_LD_GATEWAY_ADDRESS__PORT",
                IpAddr::V6(Ipv6Addr::UNSPECIFIED),
                port,
            ),
        };
        let address = SocketAddr::new(host, port).to_string();
        self.set(
            Key::new("listen", "https"),
            &address,
            &Origin::Variable(name.into()),
        );
    }
}
