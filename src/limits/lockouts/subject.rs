//! Whose failures are counted, and what becomes of that in the store.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::ids::Name;
use crate::limits::source::{Network, Source};

/// Who can be locked out.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) enum Subject {
    Source(Source),
    /// An IPv6 /48. An IPv4 /24 is no subject: its addresses belong to strangers.
    Network(Network),
    /// A name that was claimed; whether there is such an account makes no difference.
    Account(Name),
}

impl Subject {
    /// The key of its record in the store.
    pub(super) fn key(&self) -> String {
        match self {
            Self::Source(source) => format!("source {source}"),
            Self::Network(network) => format!("network {network}"),
            Self::Account(name) => format!("account {name}"),
        }
    }

    /// Reads [`Subject::key`]; `None` if it is not one.
    pub(super) fn parse(key: &[u8]) -> Option<Self> {
        let (kind, raw) = std::str::from_utf8(key).ok()?.split_once(' ')?;
        match kind {
            "source" => Source::parse(raw).ok().map(Self::Source),
            "network" => Network::parse(raw).ok().map(Self::Network),
            "account" => Name::parse(raw).ok().map(Self::Account),
            _ => None,
        }
    }
}

/// Who tried: a source, and the account it claimed to be, if any.
#[derive(Clone, Debug)]
pub(super) struct Who {
    pub(super) source: Source,
    pub(super) account: Option<Name>,
}

impl Who {
    pub(super) fn new(source: Source, account: Option<&Name>) -> Self {
        let account = account.cloned();
        Self { source, account }
    }

    /// Everybody to whom a failure counts.
    pub(super) fn subjects(&self) -> impl Iterator<Item = Subject> {
        places(self.source).chain(self.account.clone().map(Subject::Account))
    }
}

/// The source, and the network around it where that counts.
pub(super) fn places(source: Source) -> impl Iterator<Item = Subject> {
    let network = source.is_v6().then(|| Subject::Network(source.network()));
    std::iter::once(Subject::Source(source)).chain(network)
}

/// A lock, as the store keeps it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Record {
    /// When it began.
    pub(super) since: Timestamp,
    /// When it is over.
    pub(super) until: Timestamp,
    /// How many locks went before without a quiet day between.
    pub(super) level: u32,
}

impl Record {
    pub(super) fn to_bytes(self) -> Vec<u8> {
        // Three numbers always serialise; an empty record would be dropped at the next start.
        serde_json::to_vec(&self).unwrap_or_default()
    }

    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}
