//! How much of anything one peer may have: rates, connections, and lockouts for those who guess.
//!
//! [`Limits`] counts what everybody may do, only not too often; [`Lockouts`] counts who is wrong.
//!
//! # What holds when a table is full
//! Memory is bounded whatever the number of sources or names. What then happens to a key the table does
//! not know depends on what the limit guards:
//! - Rates of ordinary requests, connects and messages *forget* the key that was used longest ago. A
//!   flood of sources must not close the service to everybody else, and a forgotten key gains one burst.
//! - Rates of activations, and the failure counts of [`Lockouts`], *refuse* until an entry has run out:
//!   there, a fresh budget is worth having, and bringing many keys must not buy one.
//! - A proven credential is never refused for a full table: see [`Lockouts::proof`].
//!
//! # Sources
//! RFC 9110 section 10.2.3 (`Retry-After`), RFC 6585 section 4 (429), and the draft on `RateLimit` fields
//! for HTTP (draft-ietf-httpapi-ratelimit-headers), whose terms [`Allowance`] uses.

mod connections;
mod digest;
mod lockouts;
mod rates;
mod source;
mod table;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

pub use connections::{ConnectionSlot, TooMany};
pub use lockouts::{Denied, Guess, Lockouts};
pub use rates::SocketBudget;
pub use source::{Network, Source};

use crate::clock::Clock;
use crate::config::{self, Rate};
use crate::ids::Name;
use connections::Connections;
use digest::{Digest, Digests};
use rates::{Keyed, WhenFull};

/// Which rate is spent. Where a class has no rate of its own, it is counted as a request.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Class {
    /// An HTTP request: per source, per account.
    Requests,
    /// A request for an activation: per source, and per mail address as text.
    Activations,
    /// A key minted: per account.
    Mints,
    /// A socket's connect: per source, per account.
    Connects,
    /// A socket's message: per account. One socket's own rate is [`Limits::socket_messages`].
    Messages,
}

/// What is left of a budget, in the terms of the `RateLimit` fields.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Allowance {
    /// How many in each `window`, and how many at once.
    pub limit: u32,
    /// How many at once from now on.
    pub remaining: u32,
    /// How long an empty budget takes to fill.
    pub window: Duration,
}

/// A budget is empty, or somebody is locked out.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("too many; try again in {} s", self.retry_after_secs())]
pub struct Refused {
    /// The wait after which one more passes, exactly.
    pub retry_after: Duration,
    /// How many in each `window`.
    pub limit: u32,
    /// How many are left: none.
    pub remaining: u32,
    /// How long an empty budget takes to fill.
    pub window: Duration,
}

impl Refused {
    /// The wait for `Retry-After`, in whole seconds: rounded up, so that who waits it out passes; at least 1.
    pub fn retry_after_secs(&self) -> u64 {
        let up = u64::from(self.retry_after.subsec_nanos() > 0);
        self.retry_after.as_secs().saturating_add(up).max(1)
    }
}

/// All rates, and the counts of connections and sessions.
///
/// IPv6 sources count by /64. Each rate per source also holds, [`config::Limits::sources_per_network`]
/// times as wide, for the IPv4 /24 or IPv6 /48 around the source.
#[derive(Debug)]
pub struct Limits {
    clock: Clock,
    digests: Digests,
    rates: ArcSwap<Rates>,
    connections: Arc<Connections>,
    sessions: Arc<Connections>,
}

impl Limits {
    /// Limits that nobody has used yet.
    pub fn new(config: &config::Limits, clock: &Clock) -> Self {
        Self {
            clock: clock.clone(),
            digests: Digests::new(),
            rates: ArcSwap::from_pointee(Rates::new(config, clock)),
            connections: Arc::new(Connections::new(
                config.connections,
                config.connections_per_source,
                config,
            )),
            sessions: Arc::new(Connections::new(
                config.sessions,
                config.sessions_per_source,
                config,
            )),
        }
    }

    /// Takes other amounts. A rate that stays the same keeps its counts; a changed one starts afresh.
    /// Connections and sessions that are open stay so, at what they were given.
    pub fn reload(&self, config: &config::Limits) {
        let changed = self.rates.load().changed(config, &self.clock);
        self.rates.store(Arc::new(changed));
        self.connections
            .reload(config.connections, config.connections_per_source, config);
        self.sessions
            .reload(config.sessions, config.sessions_per_source, config);
    }

    /// Takes one from the budgets of `source` and of the network around it.
    pub fn spend_source(&self, class: Class, source: Source) -> Result<Allowance, Refused> {
        let rates = self.rates.load();
        let rate = match class {
            Class::Activations => &rates.source_activations,
            Class::Connects => &rates.source_connects,
            Class::Requests | Class::Mints | Class::Messages => &rates.source_requests,
        };
        rate.spend(source)
    }

    /// Takes one from the budget of `account`. For proven accounts: a claimed name's budget would be
    /// anybody's to empty.
    pub fn spend_account(&self, class: Class, account: &Name) -> Result<Allowance, Refused> {
        let rates = self.rates.load();
        let rate = match class {
            Class::Mints => &rates.account_mints,
            Class::Connects => &rates.account_connects,
            Class::Messages => &rates.account_messages,
            Class::Requests | Class::Activations => &rates.account_requests,
        };
        rate.spend(&self.digests.of(account.as_str()))
    }

    /// Takes one from the budget of a text that is not a name, such as a mail address. Texts are compared
    /// as they are: bring them to one form before. Every class has the same rate, and its own budget.
    pub fn spend_text(&self, class: Class, text: &str) -> Result<Allowance, Refused> {
        self.rates
            .load()
            .texts
            .spend(&self.digests.of((class, text)))
    }

    /// A budget for the messages of one socket.
    pub fn socket_messages(&self) -> SocketBudget {
        SocketBudget::new(self.rates.load().per_socket, &self.clock)
    }

    /// Takes a connection slot, which is free again when the returned value is dropped.
    pub fn connect(&self, source: Source) -> Result<ConnectionSlot, TooMany> {
        self.connections.take(source)
    }

    /// Takes a slot for a Socket.io session, which is free again when the returned value is dropped.
    pub fn open_session(&self, source: Source) -> Result<ConnectionSlot, TooMany> {
        self.sessions.take(source)
    }

    /// How many connections are open.
    pub fn connections(&self) -> usize {
        self.connections.open()
    }

    /// How many sources, accounts and texts are remembered, in all tables.
    pub fn remembered(&self) -> usize {
        self.rates.load().len()
    }
}

#[derive(Debug)]
struct Rates {
    per_socket: Rate,
    source_requests: Sources,
    source_activations: Sources,
    source_connects: Sources,
    account_requests: Arc<Keyed<Digest>>,
    account_mints: Arc<Keyed<Digest>>,
    account_connects: Arc<Keyed<Digest>>,
    account_messages: Arc<Keyed<Digest>>,
    texts: Arc<Keyed<Digest>>,
}

impl Rates {
    fn new(config: &config::Limits, clock: &Clock) -> Self {
        let size = config.table_size;
        let source = |rate, full| Sources::new(rate, config, full, clock);
        let account = |rate| Arc::new(Keyed::new(rate, size, WhenFull::Forget, clock));
        let text = |rate| Arc::new(Keyed::new(rate, size, WhenFull::Refuse, clock));
        Self {
            per_socket: config.messages_per_socket,
            source_requests: source(config.requests_per_source, WhenFull::Forget),
            source_activations: source(config.activations_per_source, WhenFull::Refuse),
            source_connects: source(config.connects_per_source, WhenFull::Forget),
            account_requests: account(config.requests_per_account),
            account_mints: account(config.mints_per_account),
            account_connects: account(config.connects_per_account),
            account_messages: account(config.messages_per_account),
            texts: text(config.activations_per_address),
        }
    }

    fn changed(&self, config: &config::Limits, clock: &Clock) -> Self {
        let size = config.table_size;
        let source = |held: &Sources, rate| held.changed(rate, config, clock);
        let other = |held: &Arc<Keyed<Digest>>, rate| held.changed(rate, size, clock);
        Self {
            per_socket: config.messages_per_socket,
            source_requests: source(&self.source_requests, config.requests_per_source),
            source_activations: source(&self.source_activations, config.activations_per_source),
            source_connects: source(&self.source_connects, config.connects_per_source),
            account_requests: other(&self.account_requests, config.requests_per_account),
            account_mints: other(&self.account_mints, config.mints_per_account),
            account_connects: other(&self.account_connects, config.connects_per_account),
            account_messages: other(&self.account_messages, config.messages_per_account),
            texts: other(&self.texts, config.activations_per_address),
        }
    }

    fn len(&self) -> usize {
        let sources = [
            &self.source_requests,
            &self.source_activations,
            &self.source_connects,
        ];
        let others = [
            &self.account_requests,
            &self.account_mints,
            &self.account_connects,
            &self.account_messages,
            &self.texts,
        ];
        let others = others.map(|rate| rate.len()).iter().sum::<usize>();
        sources.map(Sources::len).iter().sum::<usize>() + others
    }
}

/// One rate per source, with the wider one of the network around it.
#[derive(Debug)]
struct Sources {
    near: Arc<Keyed<Source>>,
    wide: Arc<Keyed<Network>>,
}

impl Sources {
    fn new(rate: Rate, config: &config::Limits, full: WhenFull, clock: &Clock) -> Self {
        let (size, wide) = (config.table_size, widened(rate, config.sources_per_network));
        Self {
            near: Arc::new(Keyed::new(rate, size, full, clock)),
            wide: Arc::new(Keyed::new(wide, size, full, clock)),
        }
    }

    fn changed(&self, rate: Rate, config: &config::Limits, clock: &Clock) -> Self {
        let (size, wide) = (config.table_size, widened(rate, config.sources_per_network));
        Self {
            near: self.near.changed(rate, size, clock),
            wide: self.wide.changed(wide, size, clock),
        }
    }

    /// The source first: what it is refused, it does not take from its neighbours.
    fn spend(&self, source: Source) -> Result<Allowance, Refused> {
        let near = self.near.spend(&source)?;
        let wide = self.wide.spend(&source.network())?;
        Ok(if wide.remaining < near.remaining {
            wide
        } else {
            near
        })
    }

    fn len(&self) -> usize {
        self.near.len() + self.wide.len()
    }
}

fn widened(rate: Rate, sources: u32) -> Rate {
    Rate {
        burst: rate.burst.saturating_mul(sources.max(1)),
        period: rate.period,
    }
}
