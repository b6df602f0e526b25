//! What a clone needs to join a subdomain, in the form that `@m-ld/m-ld` takes.

use serde::Serialize;

use crate::config;
use crate::ids::Name;

/// What stands where the key belongs, which only its owner has.
const KEY_PLACEHOLDER: &str = "≪your-auth-key≫";

/// A clone's configuration.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Configuration {
    /// The m-ld domain name.
    #[serde(rename = "@domain")]
    pub domain: String,
    /// Whether the clone is the first; not said if the gateway cannot know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub genesis: Option<bool>,
    /// Where and how to connect.
    pub io: Io,
    /// How long clones wait for each other, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_timeout: Option<u64>,
    /// Bytes of an operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_operation_size: Option<usize>,
    /// What the clone logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_level: Option<String>,
}

/// The Socket.io connection.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Io {
    /// The gateway's origin, with a slash.
    pub uri: String,
    /// Options of the Socket.io client.
    pub opts: IoOptions,
}

/// Options of the Socket.io client.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct IoOptions {
    /// What to authenticate with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
}

/// What to authenticate with.
#[derive(Clone, Eq, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Auth {
    /// A token that was made for this configuration.
    Token {
        /// The token.
        jwt: String,
    },
    /// The account's key, to be filled in.
    Key {
        /// The account.
        user: String,
        /// A placeholder.
        key: &'static str,
    },
}

impl Auth {
    pub(super) fn key_of(account: &Name) -> Self {
        Self::Key {
            user: account.to_string(),
            key: KEY_PLACEHOLDER,
        }
    }
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Token { .. } => "Token(…)",
            Self::Key { .. } => "Key(…)",
        })
    }
}

/// What the operator has every clone told.
#[derive(Clone, Debug)]
pub(super) struct Echoes {
    network_timeout: Option<u64>,
    max_operation_size: Option<usize>,
    log_level: Option<String>,
}

impl Echoes {
    pub(super) fn new(sockets: &config::Sockets) -> Self {
        let millis =
            |wait: std::time::Duration| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        Self {
            network_timeout: sockets.network_timeout.map(millis),
            max_operation_size: sockets.max_operation_size,
            log_level: sockets.log_level.clone(),
        }
    }

    pub(super) fn configuration(
        &self,
        domain: String,
        genesis: Option<bool>,
        io: Io,
    ) -> Configuration {
        Configuration {
            domain,
            genesis,
            io,
            network_timeout: self.network_timeout,
            max_operation_size: self.max_operation_size,
            log_level: self.log_level.clone(),
        }
    }
}
