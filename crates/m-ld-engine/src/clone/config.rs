//! What a clone is told when it is opened.

use std::time::Duration;

use crate::constraint::Configured;
use crate::pattern;
use crate::rdf::Iri;
use crate::wire::Limits;

/// The configuration of a clone.
#[derive(Clone, Debug)]
pub struct Config {
    /// The domain.
    pub domain: String,
    /// The id of this clone, unique in the domain.
    pub clone_id: String,
    /// Whether this clone begins the domain, if it has no data yet.
    pub genesis: bool,
    /// Whether this clone stays where somebody else has begun the domain too: it has nothing to do with them, and
    /// others can join it. Without this it closes.
    pub steadfast: bool,
    /// Who is responsible for what this clone writes.
    pub principal: Option<Iri>,
    /// Rules for the data, beside those that the data declares.
    pub rules: Configured,
    /// How long others are waited for.
    pub network_timeout: Duration,
    /// The greatest operation that is sent, in bytes (m-ld protocol, section 4.9).
    pub max_operation_size: usize,
    /// Whether updates are kept, each with the transaction that it is about, until they are
    /// [forgotten](super::Notes::forget_update).
    pub keep_updates: bool,
    /// How the journal is tended.
    pub journal: JournalConfig,
    /// The context of reads, writes and notifications that bring none of their own.
    pub context: serde_json::Value,
    /// How much a write may ask for.
    pub patterns: pattern::Limits,
    /// How much of a message is looked at that comes unasked.
    pub limits: Limits,
    /// How much is looked at of what another clone serves because this one has asked: a datum of a
    /// snapshot, an operation of a rev-up. It can be far more, since other engines make one operation
    /// of many.
    pub served_limits: Limits,
    /// How many operations, and how many bytes of them, wait for others at most. What is over is
    /// recovered from other clones.
    pub max_waiting: (usize, usize),
    /// How many requests of others are served at a time.
    pub max_serving: usize,
}

impl Config {
    /// A configuration with default values but for what has none.
    pub fn new(domain: impl Into<String>, clone_id: impl Into<String>) -> Self {
        Self {
            domain: domain.into(),
            clone_id: clone_id.into(),
            genesis: false,
            steadfast: false,
            principal: None,
            rules: Configured::default(),
            network_timeout: Duration::from_secs(5),
            max_operation_size: usize::MAX,
            keep_updates: false,
            journal: JournalConfig::default(),
            context: serde_json::Value::Null,
            patterns: pattern::Limits::default(),
            limits: Limits::default(),
            served_limits: Limits::served(),
            max_waiting: (10_000, 16 << 20),
            max_serving: 16,
        }
    }
}

/// How the journal is tended.
#[derive(Clone, Debug)]
pub struct JournalConfig {
    /// How long the clone is quiet before its journal is tended.
    pub admin_debounce: Duration,
    /// The greatest operation that fusing makes, in bytes; zero to fuse nothing.
    pub max_entry_footprint: usize,
    /// How many entries are kept at least. Who needs older ones takes a snapshot.
    pub keep: usize,
    /// Whether nobody else writes in the domain, nor serves it: then entries go though no other clone has seen them.
    /// Without this, what only this clone may have is kept.
    pub sole: bool,
}

impl Default for JournalConfig {
    /// One second, ten kilobytes, and everything, as one clone among others.
    fn default() -> Self {
        Self {
            admin_debounce: Duration::from_secs(1),
            max_entry_footprint: 10_000,
            keep: usize::MAX,
            sole: false,
        }
    }
}
